import Testing

/// `millrace create` and `millrace fmt`.
struct DraftTests {
  static let sources = ["socket", "gzip-file", "rotating-file", "sqlite", "rate", "memory", "text", "json", "csv"]
  static let sinks = ["socket", "gzip-file", "rotating-file", "sqlite", "console", "memory", "text", "json", "csv"]

  /// What is printed is a pipeline file that validates, laid out as fmt does, for each source, decoder and sink.
  @Test func everyDraftValidates() async throws {
    let decoders = ["json", "csv", "combined", "syslog", "logfmt", "docker", "regex", "grok"]
    let words =
      Self.sources.map { "\($0)/sql/console" } + Self.sinks.map { "\($0 == "text" ? "text" : "gzip-file")/sql/\($0)" }
      + decoders.map { "rotating-file/\($0)/gzip-file" }
    let sandbox = Sandbox()
    let files = try await withThrowingTaskGroup(of: String.self) { group in
      for (number, word) in words.enumerated() {
        group.addTask {
          let draft = try await Command.millrace(["create", word], in: sandbox)
          #expect(draft.status == 0, "\(word): \(draft.error)")
          sandbox.write("\(number).json", draft.output)
          let outcome = try await Command.millrace(["validate", "\(number).json"], in: sandbox)
          #expect(outcome.status == 0, "\(word): \(outcome.error)\n\(draft.output)")
          return "\(number).json"
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let check = try await Command.millrace(["fmt", "--check"] + files, in: sandbox)
    #expect(check.status == 0 && check.output.isEmpty, "\(check.output)")
  }

  @Test func aDraftTellsOfAllOptions() async throws {
    let draft = try await Command.millrace(["create", "gzip-file/csv/sqlite", "--name", "sales"])
    for text in [
      #""sales": {"#, #""path": "logs/access.log.*.gz","#, #"// "maxFilesPerTrigger":"#, #""decode": "csv","#,
      #""schema": "id BIGINT"#, #"// "journalMode":"#,
      #""checkpointLocation": "out/checkpoints/sales""#,
    ] { #expect(draft.output.contains(text), "\(text) is not in\n\(draft.output)") }
  }

  static let wrong: [(String, String)] = [
    ("socket/sqlite", "[CREATE_WORDS]"), ("sockt/sql/console", "did you mean 'socket'?"),
    ("console/sql/console", "[PIPELINE_WRONG_KIND]"),
    ("socket/combind/console", "did you mean 'combined'?"), ("sqlite/json/console", "[DECODE_NOT_APPLICABLE]"),
    ("socket/sql/rate", "[PIPELINE_WRONG_KIND]"),
  ]

  @Test(arguments: wrong)
  func wrongWordsAreRefused(words: String, said: String) async throws {
    let outcome = try await Command.millrace(["create", words])
    #expect(outcome.status == 3 && outcome.error.contains(said), "\(outcome.error)")
  }

  @Test func filesAreLaidOutInPlace() async throws {
    let sandbox = Sandbox()
    sandbox.write("a.json", "{\"version\":1,\n\n\n// why\n\"pipelines\":{}}")
    sandbox.write("b.json", "{ \"version\": 1 }\n")
    let check = try await Command.millrace(["fmt", "--check", "a.json", "b.json"], in: sandbox)
    #expect(check.status == 1 && check.output == "a.json\n")
    #expect(Sandbox.read("\(sandbox.path)/a.json").hasPrefix("{\"version\":1"))
    let fmt = try await Command.millrace(["fmt", "a.json", "b.json"], in: sandbox)
    #expect(fmt.status == 0 && fmt.output == "a.json\n")
    #expect(
      Sandbox.read("\(sandbox.path)/a.json")
        == "{ \"version\": 1,\n\n  // why\n  \"pipelines\": {}\n}\n".replacing("{ \"v", with: "{\n  \"v"))
    sandbox.write("c.json", "{ \"version\" 1 }")
    let broken = try await Command.millrace(["fmt", "c.json"], in: sandbox)
    #expect(broken.status == 3 && broken.error.hasPrefix("c.json:1:13: [PIPELINE_SYNTAX]"))
  }

  /// The files that come with the project.
  @Test func theExampleIsLaidOut() async throws {
    let check = try await Command.millrace(["fmt", "--check", "\(Sandbox.root)/connectors.json"])
    #expect(check.status == 0, "run: millrace fmt connectors.json")
  }

  @Test func theExamplesTestsPass() async throws {
    let outcome = try await Command.millrace(["test", "\(Sandbox.root)/connectors.json"])
    #expect(
      outcome.status == 0 && outcome.output.hasSuffix("2 tests: 2 passed, 0 failed\n"),
      "\(outcome.output)\(outcome.error)")
  }
}
