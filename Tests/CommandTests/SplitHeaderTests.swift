import Testing

/// A file that is read in several batches has its header once, and its bad records lie where they lie in the file.
struct SplitHeaderTests {
  static func pipeline(_ policy: String) -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "numbers": { "format": "gzip-file", "options": { "path": "numbers.csv", "maxBytesPerTrigger": "40 B" },
                                "decode": { "format": "csv", "header": true }, "schema": "n INT", "onBadRecord": "\(policy)" } },
      "sinks": { "out": { "query": "SELECT n FROM numbers", "format": "text", "encode": { "format": "csv" }, "options": { "path": "out" } } },
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint" } } }
    """
  }

  @Test("Telegraf #4711: the header of a CSV file is left out once, not in each batch of it")
  func headerOnce() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.pipeline("fail"))
    sandbox.write("numbers.csv", "number\n" + (100..<160).map { "\($0)\n" }.joined())
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let lines = Sandbox.visibleFiles("\(sandbox.path)/out").flatMap { Sandbox.read($0).split(separator: "\n") }
    #expect(lines.map(String.init).sorted() == (100..<160).map { "\($0)" })
    #expect(outcome.error.contains("p batch 3: "), "one batch tests nothing: \(outcome.error)")
  }

  @Test func placesCountFromTheStartOfTheFile() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.pipeline("fail"))
    sandbox.write("numbers.csv", "number\n" + (100..<160).map { $0 == 150 ? "x50\n" : "\($0)\n" }.joined())
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 4)
    #expect(outcome.error.contains("numbers.csv@207: [MALFORMED_RECORD_IN_PARSING]"), "\(outcome.error)")
  }
}
