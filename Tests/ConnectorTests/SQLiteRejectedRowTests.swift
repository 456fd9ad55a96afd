import CSQLite
import MillraceCore
import SQLiteConnector
import Testing

/// Rows that a table refuses: all others are written, and each of them is told once.
struct SQLiteRejectedRowTests {
  private let tests = SQLiteSinkTests()
  private static let counts = SQLiteSinkTests.counts

  private func isolating(_ mode: OutputMode = .append, _ more: [String: String] = [:]) throws -> any RejectingSink
    & RowSink
  {
    let options = ["path": tests.folder.file("t.db"), "table": "t"].merging(more) { $1 }
    let sink = try #require(
      try SQLiteConnector().sink(options, Self.counts, mode).rowSink as? any RejectingSink & RowSink)
    sink.isolateRejectedRows()
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    return sink
  }

  /// Rows in which `bad` have a count that the table does not take.
  private static func rows(_ count: Int, bad: Set<Int>) -> [[Value]] {
    (0..<count).map { [.string("w\($0)"), .integer(bad.contains($0) ? -1 : Int64($0))] }
  }

  @Test(
    arguments: [
      [], [0], [1], [49, 50, 51], [63, 64, 65], [8190, 8191, 8192, 8193], [9999], Array(200..<300), Array(0..<10000),
    ] as [[Int]],
    [
      "CREATE TABLE t (word TEXT PRIMARY KEY, count INTEGER CHECK (count >= 0))",
      "CREATE TABLE t (word TEXT PRIMARY KEY, count INTEGER); CREATE TRIGGER g BEFORE INSERT ON t WHEN new.count < 0 BEGIN SELECT raise(ABORT, 'no debts'); END",
    ])
  func everyOtherRowIsWritten(bad: [Int], sql: String) throws {
    for statement in sql.split(separator: "; ", maxSplits: 1) { _ = tests.query(String(statement)) }
    let isTrigger = sql.contains("TRIGGER")
    for (batch, mode) in [OutputMode.append, .update].enumerated() {
      let sink = try isolating(mode)
      try sink.begin(batchID: Int64(batch))
      let rows = Self.rows(10_000, bad: Set(bad))
      for start in stride(from: 0, to: rows.count, by: 4000) {
        try sink.write(.of(Array(rows[start..<min(start + 4000, rows.count)]), schema: Self.counts))
      }
      let rejected = try sink.rejectedRows(batchID: Int64(batch))
      #expect(Set(rejected.map(\.record)) == Set(bad.map { #"{"word":"w\#($0)","count":-1}"# }))
      #expect(rejected.count == bad.count)
      let code = isTrigger ? "SQLITE_CONSTRAINT_TRIGGER" : "SQLITE_CONSTRAINT_CHECK"
      #expect(rejected.allSatisfy { $0.code == code && $0.message.contains(isTrigger ? "no debts" : "CHECK") })
      #expect(try sink.rejectedRows(batchID: Int64(batch)) == rejected)
      let token = try sink.commit(batchID: Int64(batch))
      #expect(token["rows"]?.int == Int64(10_000 - bad.count))
      #expect(
        tests.query("SELECT count(*), sum(count < 0) FROM t") == [
          ["\(10_000 - bad.count)", bad.count == 10_000 ? "NULL" : "0"]
        ])
      // After a crash the batch is not written again, and its rejected rows are asked for.
      try sink.close()
      let again = try isolating(mode)
      #expect(try again.recover(batchID: Int64(batch) - 1, token: nil) == Int64(batch))
      #expect(try again.rejectedRows(batchID: Int64(batch)) == rejected)
      try again.close()
    }
  }

  @Test(arguments: [
    ("word TEXT NOT NULL, count", "SQLITE_CONSTRAINT_NOTNULL", "word"),
    ("word, count UNIQUE", "SQLITE_CONSTRAINT_UNIQUE", "count"),
    ("word, count INTEGER PRIMARY KEY", "SQLITE_CONSTRAINT_PRIMARYKEY", "count"),
    ("word, count CHECK (count < 2)", "SQLITE_CONSTRAINT_CHECK", nil),
  ])
  func reasons(columns: String, code: String, column: String?) throws {
    _ = tests.query("CREATE TABLE t (\(columns))")
    let sink = try isolating()
    try sink.begin(batchID: 0)
    try sink.write(
      .of([[.string("a"), .integer(1)], [.null, .integer(1)], [.string("b"), .integer(3)]], schema: Self.counts))
    let rejected = try #require(try sink.rejectedRows(batchID: 0).first)
    #expect(rejected.code == code && rejected.column == column, "\(rejected)")
    _ = try sink.commit(batchID: 0)
  }

  @Test func nullKeys() throws {
    let sink = try isolating(.update, ["keys": "word"])
    try sink.run(0, [[.null, .integer(1)], [.string("a"), .integer(2)], [.null, .integer(3)]], Self.counts)
    #expect(try sink.rejectedRows(batchID: 0).map(\.record) == [#"{"count":1}"#, #"{"count":3}"#])
    #expect(try sink.rejectedRows(batchID: 0).allSatisfy { $0.code == "SINK_NULL_KEY" && $0.column == "word" })
    #expect(tests.query("SELECT * FROM t") == [["a", "2"]])
    // The next batch has none, and those of the last are gone.
    try sink.run(1, [[.string("b"), .integer(2)]], Self.counts)
    #expect(try sink.rejectedRows(batchID: 1).isEmpty)
    #expect(tests.query("SELECT count(*) FROM _millrace_rejected") == [["0"]])
    try sink.close()
  }

  /// A batch that is begun again forgets the rejected rows of the first attempt.
  @Test func begunAgain() throws {
    _ = tests.query("CREATE TABLE t (word TEXT, count INTEGER CHECK (count >= 0))")
    let sink = try isolating()
    try sink.begin(batchID: 0)
    try sink.write(.of(Self.rows(10, bad: [3, 4]), schema: Self.counts))
    try sink.run(0, Self.rows(10, bad: [5]), Self.counts)
    #expect(try sink.rejectedRows(batchID: 0).map(\.record) == [#"{"word":"w5","count":-1}"#])
    #expect(tests.query("SELECT count(*) FROM t") == [["9"]])
  }

  /// Without isolation the first bad row is the error, and nothing of the batch is there.
  @Test func otherwiseItIsAnError() throws {
    _ = tests.query("CREATE TABLE t (word TEXT, count INTEGER CHECK (count >= 0))")
    let sink = try tests.opened(.append)
    let error = message { try sink.run(0, Self.rows(10_000, bad: [7000, 9000]), Self.counts) }
    #expect(error.contains(#"[SINK_CONSTRAINT_VIOLATED] writing the row (word = "w7000", count = -1)"#), "\(error)")
    #expect(error.contains("onBadRecord"), "\(error)")
    try sink.close()
    #expect(tests.query("SELECT count(*) FROM t") == [["0"]])
  }

  @Test func aTriggerThatEndsTheTransaction() throws {
    _ = tests.query("CREATE TABLE t (word TEXT, count INTEGER)")
    _ = tests.query(
      "CREATE TRIGGER g BEFORE INSERT ON t WHEN new.count < 0 BEGIN SELECT raise(ROLLBACK, 'all is lost'); END")
    let sink = try isolating()
    let error = message { try sink.run(0, Self.rows(100, bad: [50]), Self.counts) }
    #expect(error.contains("all is lost"), "\(error)")
    try sink.close()
    #expect(tests.query("SELECT count(*) FROM t") == [["0"]])
  }
}
