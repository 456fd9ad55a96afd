import Glibc
import Testing

/// Tables of SQLite in pipelines: rows that a table refuses, and tables that change while a stream is joined with them.
@Suite(.serialized)
struct SQLiteTableTests {
  private static func shell(_ script: String, _ sandbox: Sandbox) async throws -> String {
    try await Oracle.shell(script, in: sandbox)
  }

  // MARK: Rows that are refused

  private static func refusing(_ policy: String) async throws -> Sandbox {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "numbers": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
        "sinks": { "table": { "query": "SELECT CAST(value AS INT) AS n FROM numbers", "format": "sqlite",
                              "options": { "path": "t.db", "table": "t" }, "onBadRecord": "\(policy)" } },
        \(policy == "deadLetter" ? #""deadLetter": { "format": "json", "options": { "path": "dead" } },"# : "")
        "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
      """)
    _ = try await shell(
      "mkdir in && seq 1 30 > in/a.txt && seq 31 60 > in/b.txt && seq 25 35 > in/c.txt && "
        + "sqlite3 t.db 'CREATE TABLE t (n INTEGER PRIMARY KEY CHECK (n % 10 <> 0))'", sandbox)
    return sandbox
  }

  /// 54 of 60 numbers are taken; refused are six tens and, of the last file, ten that are there and a ten again.
  private static let refused =
    [10, 20, 30].map { "\($0) SQLITE_CONSTRAINT_CHECK" } + [40, 50, 60].map { "\($0) SQLITE_CONSTRAINT_CHECK" }
    + (25...35).map { $0 == 30 ? "30 SQLITE_CONSTRAINT_CHECK" : "\($0) SQLITE_CONSTRAINT_PRIMARYKEY" }

  private static func check(_ sandbox: Sandbox, _ history: String) async throws {
    let rows = try await shell("sqlite3 t.db 'SELECT count(*), sum(n) FROM t'", sandbox)
    #expect(rows.trimmed == "54|\((1...60).reduce(0, +) - 210)", "\(history)")
    let dead = try await shell("cat dead/*.json", sandbox).split(separator: "\n").map { line in
      let number = line.firstRange(of: "\\\"n\\\":").map { line[$0.upperBound...].prefix { $0.isNumber } } ?? "?"
      let code = line.firstRange(of: "SQLITE_").map { line[$0.lowerBound...].prefix { $0 != "\"" } } ?? "?"
      return "\(number) \(code)"
    }
    #expect(dead.sorted() == refused.sorted(), "\(history)")
  }

  @Test func refusedRowsBecomeDeadLetters() async throws {
    let sandbox = try await Self.refusing("deadLetter")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    try await Self.check(sandbox, "no crash")
  }

  /// A kill at each step of the table's batch, and another in the recovery: each row is in the table or among the dead letters, once.
  @Test func refusedRowsComeOnceThroughCrashes() async throws {
    let recorded = try await Command.millrace(
      ["run", "p.json"], in: try await Self.refusing("deadLetter"))
    #expect(recorded.status == 0)
    let points = ["sqlite.begin", "sqlite.write", "sqlite.commit", "sqlite.committed", "log.commit.before-write"]
    for (index, point) in points.enumerated() {
      for pass in 1...2 {
        let sandbox = try await Self.refusing("deadLetter")
        let first = try await Command(
          ["run", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": "\(point):\(pass)"]
        ).outcome()
        #expect(first.status == -SIGKILL, "\(point):\(pass) \(first.error)")
        _ = try await Command(
          ["run", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": "*:\(4 + 3 * index + pass)"]
        ).outcome()
        let last = try await Command.millrace(["run", "p.json"], in: sandbox)
        #expect(last.status == 0, "\(last.error)")
        try await Self.check(sandbox, "\(point):\(pass)")
      }
    }
  }

  @Test func refusedRowsAreSkippedOrStopTheQuery() async throws {
    var sandbox = try await Self.refusing("skip")
    var outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try await Self.shell("sqlite3 t.db 'SELECT count(*) FROM t'", sandbox).trimmed == "54")
    sandbox = try await Self.refusing("fail")
    outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status != 0)
    #expect(outcome.error.contains("[SINK_CONSTRAINT_VIOLATED] writing the row (n = 10)"), "\(outcome.error)")
    #expect(try await Self.shell("sqlite3 t.db 'SELECT count(*) FROM t'", sandbox).trimmed == "0")
  }

  // MARK: Reload

  /// The table that is joined is the one that the batches before have written.
  @Test(arguments: [
    ("", "0 1 2"), (#", "reload": "eachBatch""#, "0 1 2"), (#", "reload": "never""#, "0 0 0"),
    (#", "reload": "1 hour""#, "0 0 0"), (#", "reload": "1 microsecond""#, "0 1 2"),
  ])
  func reload(key: String, expected: String) async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
        "tables": { "before": { "format": "sqlite", "options": { "path": "t.db", "query": "SELECT word, seen FROM t" }\(key) } },
        "sinks": { "table": { "query": "SELECT value AS word, n AS seen FROM lines CROSS JOIN (SELECT count(*) AS n FROM before)", "format": "sqlite",
                              "options": { "path": "t.db", "table": "t" } } },
        "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint" } } }
      """)
    _ = try await Self.shell(
      "mkdir in && for n in 1 2 3; do echo line $n > in/$n.txt; done && sqlite3 t.db 'CREATE TABLE t (word TEXT, seen INTEGER)'",
      sandbox)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let seen = try await Self.shell("sqlite3 t.db 'SELECT seen FROM t ORDER BY rowid'", sandbox)
    #expect(seen.split(separator: "\n").joined(separator: " ") == expected)
  }

  @Test(arguments: [("tables", "sometimes", "it takes never, eachBatch"), ("sources", "never", "reload")])
  func wrongReload(place: String, value: String, text: String) async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "text", "options": { "path": "in" }\(place == "sources" ? #", "reload": "\#(value)""# : "") } },
        "tables": { "other": { "format": "text", "options": { "path": "in" }\(place == "tables" ? #", "reload": "\#(value)""# : "") } },
        "sinks": { "out": { "query": "SELECT value FROM lines", "format": "text", "options": { "path": "out" } } },
        "trigger": { "availableNow": true } } } }
      """)
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(outcome.status != 0 && (outcome.output + outcome.error).contains(text), "\(outcome.output)\(outcome.error)")
  }
}

extension String {
  fileprivate var trimmed: String { String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
