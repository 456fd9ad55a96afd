import Testing

/// Records of several lines through the whole program.
struct MultilineTests {
  static func file(_ format: String, _ options: String, more: String = "") -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "numbers": { "format": "\(format)", "options": { "path": "in/a.log", \(options) }, "decode": "json",
                                "schema": "n INT", "onBadRecord": "deadLetter" } },
      "sinks": { "out": { "query": "SELECT n FROM numbers", "format": "text", "encode": { "format": "csv" }, "options": { "path": "out" } } },
      "deadLetter": { "format": "json", "options": { "path": "rejected" } }, \(more)
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
    """
  }

  static let grouping = #""multiline": { "continuation": "^[ }]" }"#

  @Test("a record has the place of its first line", arguments: ["rotating-file", "gzip-file"])
  func places(format: String) async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(format, Self.grouping))
    sandbox.write("in/a.log", "{\n \"n\": 1\n}\nbad\n more\n{\"n\":\n 2}\n{\"n\": 3}\nworse\n")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(DeadLetterTests.out(sandbox) == ["1", "2", "3"])
    let letters = try await DeadLetterTests.list(sandbox)
    try #require(letters.count == 2, "\(letters)")
    #expect(letters[0].contains(#""offset":12,"line":4,"#) && letters[0].contains(#""record":"bad\n more""#))
    #expect(letters[1].contains(#""offset":41,"line":9,"#), "\(letters[1])")
  }

  @Test("a dead letter of several lines is one record when it is read again") func replayed() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file("rotating-file", Self.grouping))
    sandbox.write("in/a.log", "{\"n\": 1}\n{\"n\":\n \"two\"}\n{\"n\": 3}\n")
    #expect(try await Command.millrace(["run", "p.json"], in: sandbox).status == 0)
    #expect(DeadLetterTests.out(sandbox) == ["1", "3"])
    sandbox.write(
      "p.json",
      Self.file("rotating-file", Self.grouping).replacing("n INT", with: "n STRING").replacing(
        "SELECT n", with: "SELECT n AS m"))
    let replay = try await Command.millrace(["dlq", "replay", "p.json"], in: sandbox)
    #expect(replay.status == 0, "\(replay.error)")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(DeadLetterTests.out(sandbox) == ["1", "3", "two"])
  }

  @Test(
    "a long line becomes what onLongRecord says, and is counted", arguments: ["skip", "truncate", "deadLetter", "fail"])
  func longLines(policy: String) async throws {
    let sandbox = Sandbox()
    let options = #""maxRecordBytes": 100, "onLongRecord": "\#(policy)""#
    sandbox.write("p.json", Self.file("rotating-file", options))
    sandbox.write("in/a.log", "{\"n\": 1}\n{\"n\": 2}\(String(repeating: " ", count: 500))\n{\"n\": 3}\n")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    if policy == "fail" {
      #expect(outcome.status != 0 && outcome.error.contains("RECORD_TOO_LARGE"), "\(outcome.error)")
      #expect(outcome.error.contains("in/a.log@9"), "\(outcome.error)")
      return
    }
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("1 record"), "\(outcome.error)")
    #expect(DeadLetterTests.out(sandbox) == (policy == "truncate" ? ["1", "2", "3"] : ["1", "3"]))
    let letters = try await DeadLetterTests.list(sandbox)
    #expect(letters.count == (policy == "deadLetter" ? 1 : 0))
    if let letter = letters.first { #expect(letter.contains(#""offset":9,"#) && letter.contains(#""length":508"#)) }
  }

  @Test("what does not fit together is said before anything is read") func conflicts() async throws {
    let sandbox = Sandbox()
    sandbox.write("in/a.log", "{}\n")
    for (options, complaint) in [
      (#""multiline": { "preset": "java", "start": "^a" }"#, "both say where records begin"),
      (#""multiline": { "timeout": "1 second" }"#, "nothing says which lines make a record"),
      (#""multiline": { "strat": "^a" }"#, "did you mean 'multiline.start'?"),
      (#""encoding": "utf8""#, "did you mean 'utf-8'?"),
    ] {
      sandbox.write("p.json", Self.file("rotating-file", options))
      let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
      #expect(outcome.status != 0 && (outcome.output + outcome.error).contains(complaint), "\(outcome)")
    }
    let letters = Self.file("rotating-file", #""onLongRecord": "deadLetter""#)
    sandbox.write("p.json", letters.replacing(#""onBadRecord": "deadLetter""#, with: #""onBadRecord": "skip""#))
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect((outcome.output + outcome.error).contains("set onBadRecord to deadLetter, too"), "\(outcome)")
    sandbox.write("p.json", Self.file("gzip-file", #""orderBy": "event-time", \#(Self.grouping)"#))
    let merged = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(merged.status != 0)
  }
}
