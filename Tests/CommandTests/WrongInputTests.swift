import Glibc
import Testing

/// What a user sees when something is wrong: each message names the thing, the place where there is one, and what to do.
struct WrongInputTests {
  /// A pipeline from gzip logs to SQLite whose parts a test replaces.
  static func file(
    source: String = #""format": "gzip-file", "options": { "path": "logs/*.gz" }"#,
    query: String = "SELECT value FROM lines",
    sink: String = #""format": "sqlite", "options": { "path": "out/t.db", "table": "t" }"#, more: String = ""
  ) -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "lines": { \(source) } },
      "sinks": { "out": { "query": "\(query)", \(sink) } },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint"\(more) } } }
    """
  }

  /// A case: what is wrong, the file, the exit status, and texts that standard error must hold.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var file: String
    var status: Int32
    var texts: [String]

    init(_ name: String, _ file: String, _ status: Int32, _ texts: [String]) {
      testDescription = name
      self.file = file
      self.status = status
      self.texts = texts
    }
  }

  static let cases: [Case] = [
    Case(
      "a misspelt option", file(source: #""format": "gzip-file", "options": { "pat": "logs/*.gz" }"#), 3,
      ["p.json:2:", "[OPTION_UNKNOWN] pipelines.p.sources.lines.options.pat:", "did you mean 'path'?"]),
    Case(
      "a missing file", file(source: #""format": "gzip-file", "options": { "path": "nowhere/a.gz" }"#), 3,
      ["[PATH_NOT_FOUND] no file matches 'nowhere/a.gz'"]),
    Case(
      "an unknown column", file(query: "SELECT vlaue FROM lines"), 3,
      ["p.json:3:", "[UNRESOLVED_COLUMN", "pipelines.p.sinks.out.query:", "vlaue", "value"]),
    Case(
      "an unknown table", file(query: "SELECT value FROM line"), 3,
      ["p.json:3:", "[TABLE_OR_VIEW_NOT_FOUND] pipelines.p.sinks.out.query:", "line"]),
    Case(
      "a sink that cannot meet the demand", file(sink: #""format": "console""#, more: #", "delivery": "exactly-once""#),
      3,
      ["p.json:4:", "[DELIVERY_NOT_MET] pipelines.p.delivery:", "the pipeline demands exactly-once", "'out'"]),
    Case(
      "an output mode that the query cannot have",
      file(query: "SELECT value, count(*) AS n FROM lines GROUP BY value"), 3,
      ["p.json:3:", "[STREAMING_OUTPUT_MODE", "append"]),
    Case(
      "a truncated file", file(source: #""format": "gzip-file", "options": { "path": "cut.gz" }"#), 4,
      ["cut.gz", "GZIP"]),
  ]

  @Test(arguments: cases)
  func message(one: Case) async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", one.file)
    _ = try await Oracle.shell(
      "mkdir logs && cp \"$1\" logs/a.gz && head -c 20000 \"$1\" > cut.gz", Oracle.logs([10]), in: sandbox)
    let outcome = try await Command(["run", "p.json"], in: sandbox).outcome(within: 30)
    #expect(outcome.status == one.status, "\(outcome.error)")
    for text in one.texts { #expect(outcome.error.contains(text), "\(text) is missing in:\n\(outcome.error)") }
  }

  @Test func aCheckpointInUse() async throws {
    let sandbox = Sandbox()
    let text = Self.file(more: #", "trigger": {"#)
    let running = text.split(separator: "\"trigger\": { \"availableNow\": true }, ").joined().split(
      separator: ", \"trigger\": {"
    ).joined()
    sandbox.write("p.json", running)
    _ = try await Oracle.shell("mkdir logs && cp \"$1\" logs/a.gz", Oracle.logs([10]), in: sandbox)
    let first = try Command(["run", "p.json"], in: sandbox)
    for _ in 0..<1000 where !first.errorSoFar.contains("batch 0") { try await Task.sleep(for: .milliseconds(10)) }
    let second = try await Command(["run", "p.json"], in: sandbox).outcome(within: 30)
    #expect(second.status == 3)
    #expect(
      second.error.contains("[CHECKPOINT_IN_USE] the checkpoint 'out/checkpoint' is in use by process \(first.process)")
    )
    first.signal(SIGTERM)
    let ended = try await first.outcome(within: 30)
    #expect(ended.status == 0, "SIGTERM drains and exits with 0: \(ended.error)")
  }

  @Test func aChangedQueryOnAnOldCheckpoint() async throws {
    let sandbox = Sandbox()
    let update =
      #""outputMode": "update", "format": "sqlite", "options": { "path": "out/t.db", "table": "t", "keys": ["k"] }"#
    _ = try await Oracle.shell("mkdir logs && cp \"$1\" logs/a.gz", Oracle.logs([10]), in: sandbox)
    sandbox.write(
      "p.json",
      Self.file(query: "SELECT length(value) AS k, count(*) AS n FROM lines GROUP BY length(value)", sink: update))
    let first = try await Command(["run", "p.json"], in: sandbox).outcome()
    #expect(first.status == 0, "\(first.error)")
    sandbox.write(
      "p.json",
      Self.file(
        query: "SELECT substr(value, 1, 2) AS k, count(*) AS n FROM lines GROUP BY substr(value, 1, 2)", sink: update))
    let second = try await Command(["run", "p.json"], in: sandbox).outcome()
    #expect(second.status == 3)
    for text in ["[STATE_SCHEMA_INCOMPATIBLE]", "checkpoint:", "query:", "new checkpoint location"] {
      #expect(second.error.contains(text), "\(second.error)")
    }
  }
}
