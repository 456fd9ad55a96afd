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
    (["query": "SELECT w, at FROM t -- all", "incremental": "at", "tieBreaker": "w"], "acb", "de"),
    (
      ["query": " SELECT w, at FROM t; ", "incremental": "at", "maxRowsPerBatch": "1", "tieBreaker": "none"], "ac", "b"
    ),
    (["table": "v", "incremental": "at", "tieBreaker": "w"], "acb", "de"),
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
    (["query": "SELECT word FROM t", "incremental": "word"], "SOURCE_NO_TIE_BREAKER", "set 'tieBreaker' to columns"),
    (
      ["table": "t", "incremental": "word", "tieBreaker": "wrod"], "SOURCE_SCHEMA_MISMATCH", "did you mean 'word'?"
    ),
    (["table": "t", "tieBreaker": "word"], "OPTION_CONFLICT", "for an incremental column"),
    (["table": "t", "lag": "5 seconds"], "OPTION_CONFLICT", "for an incremental column"),
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

  /// What the sink wrote comes back, by the types that the table declares; nested values by a declared schema.
  @Test(arguments: [false, true])
  func readsWhatTheSinkWrote(isDeclared: Bool) throws {
    let flat = [
      StructField("k", .string), StructField("at", .timestamp), StructField("local", .timestampNTZ),
      StructField("m", .decimal(precision: 38, scale: 3)), StructField("ok", .boolean), StructField("day", .date),
      StructField("d", .double), StructField("n", .long), StructField("b", .binary),
    ]
    let nested = [
      StructField("small", .byte), StructField("f", .float), StructField("wait", .dayToSecond),
      StructField("age", .yearToMonth),
      StructField("list", .array(.decimal(precision: 5, scale: 2))), StructField("tags", .map(.string, .array(.long))),
      StructField(
        "s",
        .structure([
          StructField("x", .string), StructField("y", .binary), StructField("z", .date), StructField("t", .timestamp),
          StructField("w", .double),
        ])),
    ]
    var row: [Value] = [
      .string("a'\"\u{0}é"), .integer(1_704_067_200_000_001), .integer(-62_135_596_800_000_000),
      .decimal(Int128(10) &* 99_999_999_999_999_999_999_999), .boolean(true), .integer(-719_528), .double(0.1),
      .integer(.min), .binary([0, 255, 1]),
    ]
    var nulls: [Value] = [.string(String(repeating: "x", count: 100_000))] + Array(repeating: .null, count: 8)
    if isDeclared {
      row += [
        .integer(-128), .double(1.5), .integer(7_000_000), .integer(14), .array([.decimal(-125), .null]),
        .map([.init(.string("k\"\n"), .array([.integer(1), .null])), .init(.string(""), .array([]))]),
        .structure([
          .string("x\n\u{1}"), .binary([1, 2, 3, 250]), .integer(19782), .integer(1_704_067_200_500_000), .double(-0.5),
        ]),
      ]
      nulls += Array(repeating: .null, count: nested.count)
    }
    let schema = Schema(isDeclared ? flat + nested : flat)
    let sink = try SQLiteConnector().sink(["path": folder.file("t.db"), "table": "t"], schema).rowSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    try sink.run(0, [row, nulls, row], schema)
    let source = try source(["table": "t"], isDeclared ? schema : nil)
    #expect(source.schema == schema)
    try source.start(after: nil)
    #expect(try source.next(after: nil)?.rows == [row, nulls, row])
    try sink.close()
  }

  @Test(arguments: ["[1, x]", "", "{\"a\": [1]}"])
  func brokenJSON(text: String) throws {
    run("CREATE TABLE t (a); INSERT INTO t VALUES ('[1]'), ('\(text)')")
    let source = try source(["table": "t"], Schema([StructField("a", .array(.long))]))
    try source.start(after: nil)
    let error = message { _ = try source.next(after: nil) }
    #expect(
      error.contains(
        "[SOURCE_VALUE_MISMATCH] t in '\(folder.path)/t.db' has a value in column 'a' that is no ARRAY<BIGINT>"))
  }

  /// Another connection writes, and rolls back, between and inside the reads of a batch: each committed row comes once.
  @Test func whileAnotherWrites() throws {
    run("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER)")
    let insert = { (range: Range<Int>) in
      "INSERT INTO t VALUES \(range.map { "(\($0))" }.joined(separator: ","));"
    }
    let source = try source(["table": "t", "maxRowsPerBatch": "7000"])
    try source.start(after: nil)
    var seen: [Value] = []
    var offset: Offset?
    for round in 0..<6 {
      run("BEGIN; \(insert(round * 9000..<round * 9000 + 9000)) COMMIT")
      guard let plan = try source.plan(after: offset, limit: ReadLimit()) else { continue }
      for split in plan.splits {
        let reader = try source.open(split, columns: [0])
        while let batch = try reader.next() {
          seen += batch.rows().map { $0[0] }
          run("BEGIN; INSERT INTO t VALUES (-1); ROLLBACK")
        }
        reader.close()
      }
      offset = plan.end
    }
    while let more = try source.next(after: offset) {
      seen += more.rows.map { $0[0] }
      offset = more.end
    }
    #expect(seen == (0..<54000).map { .integer(Int64($0)) })
  }
}
