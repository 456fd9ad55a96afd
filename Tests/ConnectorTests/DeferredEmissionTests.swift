import CSQLite
import MemoryConnector
import Millrace
import MillraceCore
import MillraceFormats
import SQLiteConnector
import Testing

/// Which queries' rows may wait while more input does, and that the table is the same in the end.
struct DeferredEmissionTests {
  /// Stands still, so that rows wait as long as there is input.
  final class StillClock: Clock {
    func now() -> Int64 { 1_700_000_000_000_000 }
    func monotonicNanoseconds() -> Int64 { 1_000_000 }
    func sleep(microseconds: Int64) {}
  }

  static let batches = 6

  /// A query and whether its rows wait.
  struct Case: CustomTestStringConvertible, Sendable {
    var sql: String
    var mode = OutputMode.update
    var options: [String: String]
    var waits: Bool
    var store = "memory"
    var badRecords: BadRecordPolicy?
    /// Run on the database before.
    var setup = ""
    var testDescription: String { "\(mode) \(sql) \(options) \(store) \(setup)" }
  }

  static let byWord = "SELECT word, count(*) AS n, max(v) AS most FROM words GROUP BY word"
  static let byTwo = "SELECT word, v % 2 AS odd, sum(v) AS total FROM words GROUP BY word, v % 2"
  static let cases: [Case] = [
    Case(sql: byWord, options: ["keys": "word"], waits: true),
    Case(
      sql: "SELECT n * 2 AS twice, upper(w) AS u, w FROM (SELECT word AS w, count(*) AS n FROM words GROUP BY word)",
      options: ["keys": "w"], waits: true),
    Case(sql: "SELECT DISTINCT word FROM words", options: ["keys": "word"], waits: true),
    Case(sql: byTwo, options: ["keys": "word,odd"], waits: true),
    Case(
      sql: byWord, options: [:], waits: true,
      setup: "CREATE TABLE t (word TEXT PRIMARY KEY, n INTEGER, most INTEGER)"),
    Case(sql: byWord, mode: .complete, options: [:], waits: true),
    Case(
      sql: "SELECT word, n FROM (\(byWord)) WHERE n > 3 ORDER BY n DESC, word LIMIT 4", mode: .complete, options: [:],
      waits: true),
    Case(sql: byWord, mode: .complete, options: [:], waits: true, store: "sqlite"),
    // A group that leaves the result would not have come out at all.
    Case(sql: "\(byWord) HAVING count(*) < 5", options: ["keys": "word"], waits: false),
    Case(sql: "SELECT *, current_timestamp() AS at FROM (\(byWord))", options: ["keys": "word"], waits: false),
    // Rows of several groups would meet.
    Case(sql: byTwo, options: ["keys": "word"], waits: false),
    // Each state of a group has a row of its own.
    Case(sql: byWord, options: ["keys": "word,n"], waits: false),
    Case(sql: byWord, options: ["mode": "changelog"], waits: false),
    Case(sql: byWord, mode: .complete, options: ["mode": "upsert", "keys": "word"], waits: false),
    Case(sql: byWord, mode: .complete, options: ["mode": "changelog"], waits: false),
    Case(sql: byWord, options: ["keys": "word"], waits: false, store: "sqlite"),
    Case(sql: byWord, options: ["keys": "word"], waits: false, badRecords: .skip),
    Case(sql: "SELECT word, v FROM words", mode: .append, options: [:], waits: false),
    // Groups go when the watermark passes them.
    Case(
      sql: "SELECT window.start AS s, window, count(*) AS n FROM timed GROUP BY window(t, '2 seconds')",
      options: ["keys": "s"], waits: false),
    Case(
      sql: byWord, options: ["keys": "word"], waits: false,
      setup: """
        CREATE TABLE t (word TEXT PRIMARY KEY, n INTEGER, most INTEGER);
        CREATE TABLE history (word TEXT, n INTEGER);
        CREATE TRIGGER watch AFTER UPDATE ON t BEGIN INSERT INTO history VALUES (new.word, new.n); END
        """),
  ]

  static func execute(_ path: String, _ sql: String) {
    var handle: OpaquePointer?
    defer { sqlite3_close(handle) }
    guard sqlite3_open(path, &handle) == SQLITE_OK else { return }
    sqlite3_exec(handle, sql, nil, nil, nil)
  }

  /// The rows of a table as texts.
  static func rows(_ path: String) -> [String] {
    var handle: OpaquePointer?
    defer { sqlite3_close(handle) }
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, nil) == SQLITE_OK,
      sqlite3_prepare_v2(handle, "SELECT * FROM t", -1, &statement, nil) == SQLITE_OK
    else { return ["no table"] }
    var rows: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW {
      rows.append(
        (0..<sqlite3_column_count(statement)).map { column in
          sqlite3_column_text(statement, column).map { String(cString: $0) } ?? "NULL"
        }.joined(separator: " "))
    }
    return rows.sorted()
  }

  /// Runs a query over six batches and gives the table and how many batches were left out.
  static func run(_ given: Case, maxEmitDelay: Int64?) async throws -> (rows: [String], postponed: Int) {
    let folder = ScratchFolder()
    if !given.setup.isEmpty { execute(folder.file("t.db"), given.setup) }
    let hub = MemoryHub()
    let schema = Schema([StructField("word", .string), StructField("v", .long), StructField("t", .timestamp)])
    let words = try hub.stream("words", schema: schema)
    let spark = SparkSession(
      connectors: [MemoryConnector(hub), SQLiteConnector()],
      environment: Environment(files: PosixFileSystem(), clock: StillClock()), workers: 2)
    for (name, delay) in [("words", nil), ("timed", "1 second")] as [(String, String?)] {
      let frame = await spark.readStream.format("memory").option("stream", "words").load()
      try await (delay.map { frame.withWatermark("t", $0) } ?? frame).createOrReplaceTempView(name)
    }
    for row in 0..<Int64(batches * 10) {
      words.addData([[.string("w\(row * row % 13)"), .integer(row % 7), .integer(row * 400_000)]])
    }
    var options = StreamingOptions()
    options.trigger = .availableNow
    options.limit = ReadLimit(rows: 10)
    options.checkpointLocation = folder.file("checkpoint")
    options.stateStore = StateStoreChoice(given.store)
    if let maxEmitDelay { options.maxEmitDelay = maxEmitDelay }
    var sink = StreamingSink(
      name: "out", query: try await spark.sql(given.sql).analyzed(), outputMode: given.mode, format: "sqlite",
      options: ["path": folder.file("t.db"), "table": "t"].merging(given.options) { $1 })
    sink.badRecords = given.badRecords
    let query = try spark.start([sink], options)
    try await query.awaitTermination()
    let progress = query.recentProgress.filter { $0.inputRows > 0 }
    #expect(progress.count == batches)
    #expect(progress.allSatisfy { !$0.sinks[0].isPostponed || $0.sinks[0].outputRows == 0 })
    return (rows(folder.file("t.db")), progress.count { $0.sinks[0].isPostponed })
  }

  @Test(arguments: cases) func theTableIsTheSame(given: Case) async throws {
    let each = try await Self.run(given, maxEmitDelay: 0)
    let late = try await Self.run(given, maxEmitDelay: nil)
    #expect(each.postponed == 0 && late.postponed == (given.waits ? Self.batches - 1 : 0))
    #expect(each.rows == late.rows && each.rows.count > 1)
  }
}
