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

  /// A case: what is wrong, and the file.
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var file: String

    init(_ name: String, _ file: String) {
      testDescription = name
      self.file = file
    }
  }

  static let cases: [Case] = [
    Case("a misspelt option", file(source: #""format": "gzip-file", "options": { "pat": "logs/*.gz" }"#)),
    Case("a missing file", file(source: #""format": "gzip-file", "options": { "path": "nowhere/a.gz" }"#)),
    Case(
      "a schema that nothing heeds", file(source: #""format": "rate", "schema": "a INT""#)),
    Case("bad records of a source that decodes nothing", file(source: #""format": "rate", "onBadRecord": "skip""#)),
    Case(
      "a table without an end",
      file(
        more: #"""
          , "tables": { "t": { "format": "socket", "options": { "host": "127.0.0.1", "port": 9 }, "schema": "a INT" },
                        "u": { "format": "socket", "options": { "host": "127.0.0.1", "port": 9 } } }
          """#)),
    Case("an unknown column", file(query: "SELECT vlaue FROM lines")),
    Case(
      "an unknown column behind escapes",
      file(query: #"SELECT \"\u00fc\" AS b,\n  '\u0061\ud83d\ude00ü', length(vlaue)\nFROM lines"#)),
    Case(
      "an unknown function in a view",
      file(query: "SELECT n FROM v", more: #", "views": { "v": "SELECT lenght(value) AS n FROM lines" }"#)),
    Case("an argument of a wrong type", file(query: "SELECT value, 1 + array(1) AS n FROM lines WHERE value > ''")),
    Case("an unknown table", file(query: "SELECT value FROM line")),
    Case(
      "a sink that cannot meet the demand", file(sink: #""format": "console""#, more: #", "delivery": "exactly-once""#)),
    Case(
      "an output mode that the query cannot have",
      file(query: "SELECT value, count(*) AS n FROM lines GROUP BY value")),
    Case(
      "update mode without keys",
      file(
        query: "SELECT value, count(*) AS n FROM lines GROUP BY value",
        sink: #""outputMode": "update", "format": "sqlite", "options": { "path": "out/t.db", "table": "t" }"#)),
    Case("a truncated file", file(source: #""format": "gzip-file", "options": { "path": "cut.gz" }"#)),
    Case(
      "a port nobody listens on", file(source: #""format": "socket", "options": { "host": "127.0.0.1", "port": 9 }"#)),
  ]

  /// `MILLRACE_UPDATE_GOLDEN=1` writes what is said now to `Tests/Golden/wrong-input`.
  @Test(arguments: cases)
  func message(one: Case) async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", one.file)
    _ = try await Oracle.shell(
      "mkdir logs && cp \"$1\" logs/a.gz && head -c 20000 \"$1\" > cut.gz", Oracle.logs([10]), in: sandbox)
    let outcome = try await Command(["run", "p.json"], in: sandbox).outcome(within: 30)
    try expectGolden("wrong-input/\(one.testDescription)", one.file, outcome)
  }

  static let queries = [
    "an unknown column": "SELECT vlaue FROM range(3)",
    "an unknown column of a table": "SELECT id,\n       t.nmae\nFROM range(3) AS t",
    "an unknown function": "SELECT id, 1 + lenght('ü' || id) FROM range(3)",
    "an unknown table function": "SELECT * FROM rang(3)",
    "an unknown table": "SELECT id FROM range(3) WHERE id IN (SELECT id FROM nowhere)",
    "wrong types": "SELECT id FROM range(3) WHERE id + array(1) > 2",
    "wrong syntax": "SELECT id FORM range(3)",
  ]

  @Test(arguments: queries.keys.sorted())
  func query(name: String) async throws {
    let query = Self.queries[name, default: ""]
    let outcome = try await Command.millrace(["sql", query])
    try expectGolden("wrong-sql/\(name)", "", outcome, command: "sql '\(query)'")
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
    var second = try await Command(["run", "p.json"], in: sandbox).outcome(within: 30)
    #expect(second.error.contains(" \(first.process)"))
    second.error = second.error.split(separator: " \(first.process)", omittingEmptySubsequences: false).joined(
      separator: " NUMBER")
    try expectGolden("wrong-input/a checkpoint in use", running, second)
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
    try expectGolden("wrong-input/a changed query on an old checkpoint", Sandbox.read("\(sandbox.path)/p.json"), second)
  }

  /// Compares all that was said, lines about batches excepted, with a file of `Tests/Golden`.
  private func expectGolden(_ name: String, _ file: String, _ outcome: Command.Outcome, command: String = "run p.json")
    throws
  {
    let lines = outcome.error.split(separator: "\n", omittingEmptySubsequences: false).filter {
      !$0.hasPrefix("p batch ") && !($0.hasPrefix("p: ") && $0.contains(" rows in"))
    }
    let said =
      "\(file.isEmpty ? "" : file + "\n\n")$ millrace \(command)\n\(lines.joined(separator: "\n"))exit status \(outcome.status)\n"
    let path = "\(Sandbox.root)/Tests/Golden/\(name.split(separator: " ").joined(separator: "-")).txt"
    if getenv("MILLRACE_UPDATE_GOLDEN") == nil {
      #expect(said == Sandbox.read(path))
    } else {
      Sandbox.write(said, to: path)
    }
  }
}
