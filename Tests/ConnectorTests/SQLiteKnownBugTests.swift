import CSQLite
import Dispatch
import MillraceCore
import SQLiteConnector
import Testing

/// What users of other connectors for databases reported, by the number there.
struct SQLiteKnownBugTests {
  private let tests = SQLiteSourceTests()
  private var folder: ScratchFolder { tests.folder }
  private static let counts = Schema([StructField("word", .string), StructField("count", .long)])

  private func sink(_ more: [String: String] = [:], query: String = "q") throws -> any RowSink {
    let options = ["path": folder.file("t.db"), "table": "t"].merging(more) { $1 }
    let sink = try SQLiteConnector().sink(options, Self.counts).rowSink
    try sink.open(SinkContext(queryID: query, sinkName: "s"))
    return sink
  }

  private static func rows(_ range: Range<Int64>) -> [[Value]] { range.map { [.string("word \($0)"), .integer($0)] } }

  /// All rows that a source gives from an offset on, started anew for each batch.
  private func rest(_ options: [String: String], after: inout Offset?, _ environment: Environment = .live) throws
    -> String
  {
    var text = ""
    while true {
      let all = ["path": folder.file("t.db"), "table": "t"].merging(options) { $1 }
      let source = try SQLiteConnector().source(all, environment: environment).rowSource
      try source.start(after: after)
      guard let next = try source.next(after: after) else { return text }
      text += SQLiteSourceTests.words(next.rows)
      after = next.end
      source.close()
    }
  }

  @Test(
    "5 kafka-connect-jdbc #1015, #172: a row that is committed after one with a later key", arguments: ["id", "at"])
  func committedLate(column: String) throws {
    let clock = TestClock(1_704_067_260_000_000)
    var environment = Environment.live
    environment.clock = clock
    tests.run("CREATE TABLE t (w TEXT, id INTEGER, at TEXT)")
    tests.run("INSERT INTO t VALUES ('a', 1704067200, '2024-01-01 00:00:00'), ('c', 1704067255, '2024-01-01 00:00:55')")
    let options = ["incremental": column == "id" ? "id" : "at", "lag": "10 seconds"]
    var offset: Offset?
    #expect(try rest(options, after: &offset, environment) == "a", "the other is younger than the lag")
    tests.run("INSERT INTO t VALUES ('b', 1704067252, '2024-01-01 00:00:52.5')")
    #expect(try rest(options, after: &offset, environment) == "")
    clock.advance(20_000_000)
    #expect(try rest(options, after: &offset, environment) == "bc")
  }

  @Test(
    "5 kafka-connect-jdbc PR 1093: rows with one timestamp on both sides of a restart",
    arguments: [
      "CREATE TABLE t (w TEXT, at INTEGER)", "CREATE TABLE t (w TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID",
    ], [1, 2, 3])
  func equalTimestamps(table: String, size: Int) throws {
    tests.run("\(table); INSERT INTO t VALUES ('a', 1), ('b', 1), ('c', 1)")
    let options = ["incremental": "at", "maxRowsPerBatch": "\(size)"]
    var offset: Offset?
    #expect(try rest(options, after: &offset) == "abc")
    tests.run("INSERT INTO t VALUES ('d', 1), ('e', 2)")
    #expect(try rest(options, after: &offset) == "de")
    tests.run("INSERT INTO t VALUES ('f', 2)")
    #expect(try rest(options, after: &offset) == "f")
  }

  @Test(
    "5 'database is locked': a transaction that reads first and writes later does not wait for another writer")
  func waitsForTheOtherWriter() throws {
    // Used by one thread at a time: the other one only commits.
    let first = try sink(query: "first")
    try first.begin(batchID: 0)
    try first.write(.of(Self.rows(0..<10), schema: Self.counts))
    let second = try sink(["busyTimeout": "60 seconds"], query: "second")
    let committed = DispatchSemaphore(value: 0)
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(30)) {
      _ = try? first.commit(batchID: 0)
      committed.signal()
    }
    try second.run(0, Self.rows(10..<20), Self.counts)
    committed.wait()
    let source = try tests.source(["table": "t"])
    try source.start(after: nil)
    #expect(try source.next(after: nil)?.rows.count == 20)
  }

  @Test("5 opsqueue PR 85: the WAL grows without end behind a reader")
  func walBehindAReader() throws {
    let wal = { try PosixFileSystem().status(folder.file("t.db-wal"))?.size ?? 0 }
    let sink = try sink(["checkpointSize": "64 KiB"])
    try sink.run(0, Self.rows(0..<10), Self.counts)
    var reader: OpaquePointer?
    sqlite3_open(folder.file("t.db"), &reader)
    sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM t", nil, nil, nil)
    for batch in 1...8 { try sink.run(Int64(batch), Self.rows(0..<5000), Self.counts) }
    let grown = try wal()
    #expect(grown > 512 << 10, "a reader keeps the pages from going into the database")
    sqlite3_exec(reader, "COMMIT", nil, nil, nil)
    sqlite3_close(reader)
    for batch in 9...12 { try sink.run(Int64(batch), Self.rows(0..<100), Self.counts) }
    #expect(try wal() <= 256 << 10, "without one it is cut")
    try sink.close()
  }

  @Test("5 kafka-connect-jdbc: one bad row fails the batch that it is in")
  func oneBadRow() throws {
    tests.run("CREATE TABLE t (word TEXT NOT NULL UNIQUE, count INTEGER CHECK (count <> 7))")
    let sink = try sink()
    let rejecting = try #require(sink as? any RejectingSink)
    try sink.close()
    rejecting.isolateRejectedRows()
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    try sink.begin(batchID: 0)
    try sink.write(.of(Self.rows(0..<100), schema: Self.counts))
    #expect(try rejecting.rejectedRows(batchID: 0).map(\.record) == [#"{"word":"word 7","count":7}"#])
    _ = try sink.commit(batchID: 0)
    let source = try tests.source(["table": "t"])
    try source.start(after: nil)
    #expect(try source.next(after: nil)?.rows.count == 99)
  }
}
