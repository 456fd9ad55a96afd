import Testing

/// Records that cannot be decoded are counted where a user sees it.
struct BadRecordTests {
  static func file(_ policy: String) -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "numbers": { "format": "json", "options": { "path": "in/*.json", "maxFilesPerTrigger": 1 },
                                "schema": "n INT", "onBadRecord": "\(policy)" } },
      "sinks": { "out": { "query": "SELECT n FROM numbers", "format": "console" } },
      "trigger": { "availableNow": true } } } }
    """
  }

  static func run(_ policy: String, _ arguments: [String] = []) async throws -> Command.Outcome {
    let sandbox = Sandbox()
    sandbox.write("p.json", file(policy))
    _ = try await Oracle.shell(
      "mkdir in && printf '{\"n\":1}\\nnonsense\\n{\"n\":2}\\n{\"n\":\\n' > in/a.json && printf '{\"n\":3}\\n{\\n' > in/b.json",
      in: sandbox)
    return try await Command(["run", "p.json"] + arguments, in: sandbox).outcome(within: 30)
  }

  @Test(arguments: ["skip", "null"])
  func countedInTheClosingLine(policy: String) async throws {
    let outcome = try await Self.run(policy)
    let lines = outcome.error.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("p batch 0: ") && $0.hasSuffix(", 2 unreadable") }, "\(outcome.error)")
    #expect(lines.contains { $0.hasPrefix("p batch 1: ") && $0.hasSuffix(", 1 unreadable") }, "\(outcome.error)")
    #expect(lines.last?.hasSuffix(", 3 records unreadable") == true, "\(outcome.error)")
    #expect(outcome.output.contains("NULL") == (policy == "null"))
  }

  @Test func countedInTheProgressOfTheSource() async throws {
    let lines = try await Self.run("skip", ["--json"]).error.split(separator: "\n").filter { $0.contains("batchId") }
    #expect(lines.count == 2)
    #expect(lines.first?.contains(#""badRecords":"2""#) == true, "\(lines)")
    #expect(lines.last?.contains(#""badRecords":"1""#) == true, "\(lines)")
  }

  @Test func theFirstOneStopsTheQuery() async throws {
    let outcome = try await Self.run("fail")
    #expect(outcome.status == 4)
    #expect(outcome.error.contains("in/a.json@8: [MALFORMED_RECORD_IN_PARSING]"), "\(outcome.error)")
  }
}
