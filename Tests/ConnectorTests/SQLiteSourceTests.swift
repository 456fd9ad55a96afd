import CSQLite
import MillraceCore
import SQLiteConnector
import Testing

struct SQLiteSourceTests {
  let folder = ScratchFolder()

  func run(_ sql: String) {
    var handle: OpaquePointer?
    sqlite3_open(folder.file("t.db"), &handle)
    var text: UnsafeMutablePointer<CChar>?
    if sqlite3_exec(handle, sql, nil, nil, &text) != SQLITE_OK {
      Issue.record("\(text.map { String(cString: $0) } ?? "?")")
    }
    sqlite3_free(text)
    sqlite3_close(handle)
  }

  func source(_ options: [String: String], _ schema: Schema? = nil) throws -> any RowSource {
    try SQLiteConnector().source(["path": folder.file("t.db")].merging(options) { $1 }, schema: schema).rowSource
  }

  static func words(_ rows: [[Value]]) -> String {
    rows.map { row in if case .string(let text) = row[0] { text } else { "?" } }.joined()
  }

  /// Rows that come while the source runs, with a restart after each batch; both bounds of every range are fixed.
  @Test(arguments: [
    (["table": "t"], "abc", "de"), (["table": "t", "incremental": "rowid", "maxRowsPerBatch": "2"], "ab", "cd"),
    (["table": "t", "incremental": "at"], "acb", "de"),
    (["table": "t", "incremental": "at", "maxRowsPerBatch": "1"], "a", "c"),
    (["query": "SELECT w, at FROM t -- all", "incremental": "at"], "acb", "de"),
    (["query": " SELECT w, at FROM t; ", "incremental": "at", "maxRowsPerBatch": "1"], "ac", "b"),
    (["table": "v", "incremental": "at"], "acb", "de"),
  ])
  func incremental(options: [String: String], first: String, second: String) throws {
    run(
      "CREATE TABLE t (w TEXT, at INT); CREATE VIEW v AS SELECT * FROM t; INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 1)"
    )
    let source = try source(options)
    try source.start(after: nil)
    #expect(source.schema.ddl == "w STRING, at BIGINT")
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    run("INSERT INTO t VALUES ('d', 3), ('e', 4)")
    #expect(try Self.words(source.rows(of: plan)) == first)
    #expect(try Self.words(source.rows(of: plan)) == first)
    source.close()

    let restarted = try self.source(options)
    try restarted.start(after: plan.end)
    #expect(try Self.words(restarted.rows(of: plan)) == first)
    var offset = try restarted.offset(after: nil, plan: SourcePlan(splits: plan.splits), results: [SplitResult()])
    #expect(offset == plan.end)
    let next = try #require(try restarted.next(after: offset))
    #expect(Self.words(next.rows) == second)
    offset = next.end
    while let more = try restarted.next(after: offset) { offset = more.end }
    #expect(try restarted.plan(after: offset, limit: ReadLimit()) == nil)
    run("INSERT INTO t VALUES ('f', 4 + 1)")
    #expect(try restarted.next(after: offset).map { Self.words($0.rows) } == "f")
  }

  @Test func frozen() throws {
    run("CREATE TABLE t (w TEXT); INSERT INTO t VALUES ('a'), ('b'), ('c')")
    let source = try source(["table": "t", "maxRowsPerBatch": "2"])
    try source.start(after: nil)
    try source.freeze()
    run("INSERT INTO t VALUES ('d')")
    let first = try #require(try source.next(after: nil))
    let second = try #require(try source.next(after: first.end))
    #expect(Self.words(first.rows) + "|" + Self.words(second.rows) == "ab|c")
    #expect(try source.plan(after: second.end, limit: ReadLimit()) == nil)
    run("DELETE FROM t")
    let empty = try self.source(["table": "t"])
    try empty.start(after: nil)
    try empty.freeze()
    run("INSERT INTO t VALUES ('x')")
    #expect(try empty.plan(after: nil, limit: ReadLimit()) == nil)
  }

  /// A static table is read once, whatever it is.
  @Test(arguments: [["table": "t", "incremental": "none"], ["query": "SELECT * FROM t"]])
  func snapshot(options: [String: String]) throws {
    run("CREATE TABLE t (w TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('b'), ('a')")
    let source = try source(options)
    try source.start(after: nil)
    let all = try #require(try source.next(after: nil))
    #expect(Self.words(all.rows) == "ab")
    #expect(try source.plan(after: all.end, limit: ReadLimit()) == nil)
  }

  @Test func largeRangesAreCutForWorkers() throws {
    run(
      "CREATE TABLE t (n INTEGER); WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 40000) INSERT INTO t SELECT n FROM c"
    )
    let source = try source(["table": "t"])
    try source.start(after: nil)
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit(parallelism: 4)))
    #expect(plan.splits.count == 4)
    let numbers = try source.rows(of: plan).map { $0[0] }
    #expect(numbers == (1...40000).map { .integer($0) })
    let reader = try source.open(plan.splits[1], columns: [])
    #expect(try reader.next()?.rowCount == 8192)
    reader.close()
  }

  @Test func types() throws {
    run(
      """
      CREATE TABLE t (i INTEGER, v VARCHAR(9), d DOUBLE, b BLOB, ok BOOLEAN, day DATE, at DATETIME, m DECIMAL(8,2), x, n NUMERIC);
      INSERT INTO t VALUES (5, 'é', 1.5, x'00ff', 1, '2024-02-29', '2024-01-01 00:00:00.5', '12.345', 7, 2),
        ('6', 8, 2, 'text', 'false', '1969-12-31T10:00', 1704067200, 3, x'61', '1e3'),
        (7.0, '', '3.5', x'', 0, '2024-1-2', 2440588.5, -0.005, 'a' || char(0) || 'b', 1.5),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
      """)
    let source = try source(["table": "t"])
    #expect(
      source.schema.ddl
        == "i BIGINT, v STRING, d DOUBLE, b BINARY, ok BOOLEAN, day DATE, at TIMESTAMP, m DECIMAL(8,2), x STRING, n DOUBLE"
    )
    try source.start(after: nil)
    let rows = try #require(try source.next(after: nil)).rows
    #expect(
      rows[0] == [
        .integer(5), .string("é"), .double(1.5), .binary([0, 255]), .boolean(true), .integer(19782),
        .integer(1_704_067_200_500_000),
        .decimal(1235), .string("7"), .double(2),
      ])
    #expect(
      rows[1] == [
        .integer(6), .string("8"), .double(2), .binary(Array("text".utf8)), .boolean(false), .integer(-1),
        .integer(1_704_067_200_000_000), .decimal(300), .string("a"), .double(1000),
      ])
    #expect(
      rows[2] == [
        .integer(7), .string(""), .double(3.5), .binary([]), .boolean(false), .integer(19724), .integer(86_400_000_000),
        .decimal(-1),
        .string("a\u{0}b"), .double(1.5),
      ])
    #expect(rows[3] == Array(repeating: .null, count: 10))
  }

  @Test func declaredColumns() throws {
    run("CREATE TABLE t (a, B TEXT); INSERT INTO t VALUES ('1', '2'), ('x', '2')")
    let source = try source(["table": "t"], Schema([StructField("b", .short), StructField("a", .long)]))
    try source.start(after: nil)
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit(rows: 1)))
    #expect(try source.rows(of: plan) == [[.integer(2), .integer(1)]])
    let error = message { _ = try source.next(after: plan.end) }
    #expect(
      error.contains("[SOURCE_VALUE_MISMATCH] t in '\(folder.path)/t.db' has 'x' in column 'a', which is no BIGINT"))
  }

  @Test(arguments: [
    (["table": "tt"], "SOURCE_TABLE_NOT_FOUND", "did you mean 't'?"),
    (["table": "nothing"], "SOURCE_TABLE_NOT_FOUND", "tables are: t, k"),
    (["table": "k"], "SOURCE_NO_ROWID", "set 'incremental' to a column"),
    (["table": "t", "incremental": "wrod"], "SOURCE_SCHEMA_MISMATCH", "did you mean 'word'?"),
    (["query": "SELECT wrod FROM t"], "SOURCE_FAILED", "no such column: wrod"),
    (["query": "SELECT 1; DROP TABLE t"], "SOURCE_FAILED", "syntax error"),
    (["query": "SELECT \"wrod\" FROM t"], "SOURCE_FAILED", "no such column: wrod"),
    (["table": "t", "query": "SELECT 1"], "OPTION_CONFLICT", "not both"),
    (["query": "SELECT 1", "incremental": "rowid"], "OPTION_CONFLICT", "no rowid"),
    ([:], "OPTION_MISSING", "'table' or 'query'"),
    (["table": "t", "path": "/nowhere/x.db"], "SOURCE_CANNOT_OPEN", "check that the path exists"),
    (["table": "t", "incremental": "word"], "SOURCE_OFFSET", "'incremental' was changed"),
  ])
  func errors(options: [String: String], code: String, text: String) throws {
    run("CREATE TABLE t (word TEXT); INSERT INTO t VALUES ('a'); CREATE TABLE k (a PRIMARY KEY) WITHOUT ROWID")
    let error = message {
      let source = try source(options)
      try source.start(after: nil)
      _ = try source.plan(
        after: Offset(.dictionary(["version": .int(1), "after": .array([.int(1)])])), limit: ReadLimit())
    }
    #expect(error.contains("[\(code)]"), "\(error)")
    #expect(error.contains(text), "\(error)")
  }

  /// What the sink wrote comes back, also by the sink's own types.
  @Test func readsWhatTheSinkWrote() throws {
    let schema = Schema([
      StructField("k", .string), StructField("at", .timestamp), StructField("m", .decimal(precision: 10, scale: 3)),
      StructField("ok", .boolean), StructField("day", .date), StructField("d", .double),
    ])
    let rows: [[Value]] = [
      [
        .string("a'\"\u{0}"), .integer(1_704_067_200_000_001), .decimal(-1), .boolean(true), .integer(-719_528),
        .double(0.1),
      ],
      [.string(String(repeating: "x", count: 100_000)), .null, .null, .null, .null, .null],
    ]
    let sink = try SQLiteConnector().sink(["path": folder.file("t.db"), "table": "t"], schema).rowSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    try sink.run(0, rows, schema)
    let source = try source(["table": "t"], schema)
    try source.start(after: nil)
    #expect(try source.next(after: nil)?.rows == rows)
    try sink.close()
  }
}
