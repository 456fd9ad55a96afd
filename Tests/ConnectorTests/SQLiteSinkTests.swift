import CSQLite
import MillraceCore
import SQLiteConnector
import Testing

struct SQLiteSinkTests {
  let folder = ScratchFolder()
  static let counts = Schema([StructField("word", .string), StructField("count", .long)])

  /// What the database answers, each cell as text, read by SQLite itself.
  func query(_ sql: String, _ name: String = "t.db") -> [[String]] {
    var handle: OpaquePointer?
    defer { sqlite3_close(handle) }
    guard sqlite3_open_v2(folder.file(name), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil) == SQLITE_OK
    else {
      return [["cannot open"]]
    }
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
      return [[String(cString: sqlite3_errmsg(handle))]]
    }
    var rows: [[String]] = []
    while sqlite3_step(statement) == SQLITE_ROW {
      rows.append(
        (0..<sqlite3_column_count(statement)).map { column in
          sqlite3_column_blob(statement, column).map {
            String(
              decoding: UnsafeRawBufferPointer(start: $0, count: Int(sqlite3_column_bytes(statement, column))),
              as: UTF8.self)
          } ?? (sqlite3_column_type(statement, column) == SQLITE_NULL ? "NULL" : "")
        })
    }
    return rows
  }

  func opened(
    _ mode: OutputMode, _ more: [String: String] = [:], schema: Schema = counts, query: String = "q",
    name: String = "out"
  ) throws -> any RowSink {
    let options = ["path": folder.file("t.db"), "table": "t"].merging(more) { $1 }
    let sink = try SQLiteConnector().sink(options, schema, mode, name: name).rowSink
    try sink.open(SinkContext(queryID: query, sinkName: name))
    return sink
  }

  static func rows(_ pairs: KeyValuePairs<String, Int64>) -> [[Value]] {
    pairs.map { [.string($0.key), .integer($0.value)] }
  }

  @Test(arguments: [
    (OutputMode.append, "", [["a", "1"], ["b", "2"], ["a", "3"], ["c", "4"]]),
    (.update, "word", [["a", "3"], ["b", "2"], ["c", "4"]]), (.complete, "word", [["a", "3"], ["c", "4"]]),
    (.complete, "", [["a", "3"], ["c", "4"]]),
  ])
  func modes(mode: OutputMode, keys: String, expected: [[String]]) throws {
    let sink = try opened(mode, keys.isEmpty ? [:] : ["keys": keys])
    #expect(try sink.recover(batchID: nil, token: nil) == nil)
    try sink.run(0, Self.rows(["a": 1, "b": 2]), Self.counts)
    try sink.run(1, Self.rows(["a": 3, "c": 4]), Self.counts)
    try sink.close()
    #expect(query("SELECT * FROM t") == expected)
    #expect(query("SELECT query, sink, batch, rows, target FROM _millrace_commits") == [["q", "out", "1", "2", "t"]])
  }

  /// Every number of rows around the size of a statement arrives whole and in order.
  @Test(arguments: [0, 1, 49, 50, 51, 99, 100, 101, 5000])
  func rowCounts(count: Int) throws {
    let sink = try opened(.append)
    try sink.run(0, (0..<count).map { [.string("w\($0)"), .integer(Int64($0))] }, Self.counts)
    try sink.close()
    #expect(
      query("SELECT count(*), coalesce(sum(count), 0), sum(word = 'w' || count AND count = rowid - 1) FROM t") == [
        [String(count), String(count * (count - 1) / 2), count == 0 ? "NULL" : String(count)]
      ])
  }

  /// Large batches are written in the order of the key: a later row with the same key must still win.
  @Test(arguments: [("user-", DataType.string), ("", .long)])
  func laterRowsWinInLargeBatches(prefix: String, type: DataType) throws {
    let schema = Schema([StructField("word", type), StructField("count", .long)])
    let sink = try opened(.update, ["keys": "word"], schema: schema)
    let rows = (0..<2000).map { row -> [Value] in
      let key = Int64(row * 7919 % 600) - 300
      return [type == .string ? .string("\(prefix)\(key)") : .integer(key), .integer(Int64(row))]
    }
    try sink.run(0, rows, schema)
    var last: [Value: Int64] = [:]
    for (index, row) in rows.enumerated() { last[row[0]] = Int64(index) }
    let total = last.values.reduce(0, +)
    #expect(query("SELECT count(*), sum(count) FROM t") == [["600", "\(total)"]])
    try sink.close()
  }

  @Test func types() throws {
    let type: [DataType] = [
      .boolean, .byte, .short, .integer, .long, .float, .double, .decimal(precision: 38, scale: 2), .string, .binary,
      .date,
      .timestamp, .timestampNTZ, .dayToSecond, .yearToMonth, .array(.long), .map(.string, .double),
      .structure([StructField("a", .string), StructField("b", .decimal(precision: 5, scale: 1))]), .void,
    ]
    let schema = Schema(type.enumerated().map { StructField("c\($0)", $1) })
    let row: [Value] = [
      .boolean(true), .integer(-128), .integer(-32768), .integer(Int64(Int32.min)), .integer(.max), .double(1.5),
      .double(0.1),
      .decimal(-5), .string("long enough to lie outside the view"), .binary([0, 255]), .integer(-1),
      .integer(1_704_067_200_000_001),
      .integer(-62_135_596_800_000_000), .integer(7), .integer(14), .array([.integer(1), .null]),
      .map([.init(.string("k\""), .double(.nan))]), .structure([.string("x\n\u{1}"), .decimal(15)]), .null,
    ]
    let sink = try opened(.append, schema: schema)
    try sink.run(0, [row, type.map { _ in .null }], schema)
    try sink.close()
    #expect(
      query("SELECT c0,c1,c2,c3,c4,c5,c6,c7,c8,hex(c9),c10,c11,c12,c13,c14,c15,c16,c17,c18 FROM t LIMIT 1") == [
        [
          "1", "-128", "-32768", "-2147483648", "9223372036854775807", "1.5", "0.1", "-0.05",
          "long enough to lie outside the view",
          "00FF", "1969-12-31", "2024-01-01 00:00:00.000001", "0001-01-01 00:00:00", "7", "14", "[1,null]",
          #"{"k\"":"NaN"}"#,
          #"{"a":"x\n\u0001","b":1.5}"#, "NULL",
        ]
      ])
    #expect(
      query("SELECT group_concat(type) FROM pragma_table_info('t')") == [
        [
          "BOOLEAN,INTEGER,INTEGER,INTEGER,INTEGER,REAL,REAL,DECIMAL TEXT(38, 2),TEXT,BLOB,DATE TEXT,TIMESTAMP TEXT,"
            + "TIMESTAMP_NTZ TEXT,INTEGER,INTEGER,JSON TEXT,JSON TEXT,JSON TEXT,TEXT"
        ]
      ])
    #expect(
      query("SELECT count(*) FROM t WHERE \(schema.names.map { "\($0) IS NULL" }.joined(separator: " AND "))") == [
        ["1"]
      ])
    #expect(query("SELECT strftime('%s', c11), date(c10, '+1 day') FROM t LIMIT 1") == [["1704067200", "1970-01-01"]])
  }

  /// Dates against SQLite's own calendar, over all of it.
  @Test func calendar() throws {
    let schema = Schema([StructField("d", .date), StructField("t", .timestamp), StructField("n", .long)])
    let days = Array(stride(from: Int64(-719_528), through: 2_932_896, by: 997)) + [-719_528, -1, 0, 11016, 2_932_896]
    let sink = try opened(.append, schema: schema)
    try sink.run(0, days.map { [.integer($0), .integer($0 * 86_400_000_000 + 86_399_000_000), .integer($0)] }, schema)
    try sink.close()
    #expect(query("SELECT count(*) FROM t WHERE d IS NOT date(n * 86400, 'unixepoch')") == [["0"]])
    #expect(query("SELECT count(*) FROM t WHERE t IS NOT datetime(n * 86400 + 86399, 'unixepoch')") == [["0"]])
    #expect(query("SELECT count(*) FROM t") == [[String(days.count)]])
  }

  /// Whatever step a crash follows, the successor finds whole batches only and learns which it holds.
  @Test(arguments: OutputMode.allCases, 0...4)
  func crashes(mode: OutputMode, steps: Int) throws {
    let expected: [[String]] = mode == .append ? [["a", "1"], ["a", "2"]] : [["a", "2"]]
    do {
      let sink = try opened(mode, mode == .update ? ["keys": "word"] : [:])
      try sink.run(0, Self.rows(["a": 1]), Self.counts)
      if steps > 0 { try sink.begin(batchID: 1) }
      if steps > 1 { try sink.write(.of(Self.rows(["a": 2]), schema: Self.counts)) }
      if steps > 2 { try sink.write(.of([], schema: Self.counts)) }
      if steps > 3 { _ = try sink.commit(batchID: 1) }
      // No close: the connection goes as it does with a killed process.
    }
    for attempt in 0...1 {
      let sink = try opened(mode)
      let held = try sink.recover(batchID: 0, token: nil)
      #expect(held == (steps > 3 || attempt > 0 ? 1 : 0))
      if held == 0 { try sink.run(1, Self.rows(["a": 2]), Self.counts) }
      try sink.close()
      #expect(query("SELECT * FROM t") == expected)
    }
  }

  /// Two sinks of a query in one database are committed together, in whatever order the engine calls them.
  @Test func sharedTransaction() throws {
    let a = try opened(.append, ["table": "a"], name: "a")
    let b = try opened(.append, ["table": "b"], name: "b")
    try a.begin(batchID: 0)
    try b.begin(batchID: 0)
    try a.write(.of(Self.rows(["x": 1]), schema: Self.counts))
    try b.write(.of(Self.rows(["y": 2]), schema: Self.counts))
    _ = try a.commit(batchID: 0)
    #expect(query("SELECT count(*) FROM a") == [["0"]])
    _ = try b.commit(batchID: 0)
    #expect(query("SELECT a.word, b.word FROM a, b") == [["x", "y"]])
    try a.run(1, Self.rows(["x": 3]), Self.counts)
    try b.begin(batchID: 1)
    try b.write(.of(Self.rows(["y": 4]), schema: Self.counts))
    try a.close()
    try b.close()
    #expect(query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [["2", "1"]])
  }

  @Test func batchThatIsBegunAgain() throws {
    let sink = try opened(.append)
    try sink.begin(batchID: 0)
    try sink.write(.of(Self.rows(["lost": 1]), schema: Self.counts))
    try sink.run(0, Self.rows(["kept": 1]), Self.counts)
    #expect(query("SELECT * FROM t") == [["kept", "1"]])
  }

  @Test func otherDatabaseThanTheCheckpointKnows() throws {
    let sink = try opened(.append)
    try sink.run(4, Self.rows(["a": 1]), Self.counts)
    #expect(code { _ = try sink.recover(batchID: 5, token: nil) } == "SINK_BEHIND_CHECKPOINT")
    #expect(code { _ = try sink.recover(batchID: 2, token: nil) } == "SINK_AHEAD_OF_CHECKPOINT")
    #expect(try sink.recover(batchID: 3, token: nil) == 4)
    #expect(try sink.recover(batchID: 4, token: nil) == 4)
  }

  @Test func anotherWriter() throws {
    let first = try opened(.append, query: "first")
    let second = try opened(.append, ["busyTimeout": "20 ms"], query: "second")
    try first.begin(batchID: 0)
    do {
      try second.begin(batchID: 0)
      Issue.record("two writers at once")
    } catch let error as MillraceError {
      #expect(error.code == "SINK_BUSY")
      #expect(error.isRetryable)
      #expect(error.message.contains(folder.path) && error.message.contains("table 't'"))
    }
    _ = try first.commit(batchID: 0)
    try second.run(0, Self.rows(["a": 1]), Self.counts)
  }

  /// Names and values that would be SQL if they were not quoted and bound.
  @Test func hostileNames() throws {
    let schema = Schema([
      StructField("a\"; DROP TABLE t; --", .string), StructField("select", .string), StructField("日本", .string),
    ])
    let sink = try opened(.update, ["table": "x'\"\\; --", "keys": "SELECT"], schema: schema)
    let text = "'); DROP TABLE t; --\u{0}behind"
    try sink.run(0, [[.string(text), .string(""), .string("👍🏽")]], schema)
    try sink.run(1, [[.string(text), .string(""), .string("é")]], schema)
    try sink.close()
    #expect(query("SELECT * FROM \"x'\"\"\\; --\"") == [[text, "", "é"]])
    #expect(query("SELECT name FROM pragma_table_info('x''\"\\; --')").flatMap(\.self) == schema.names)
  }

  @Test func existingTable() throws {
    _ = query("CREATE TABLE t (Word TEXT PRIMARY KEY, count INT, note TEXT DEFAULT 'old')")
    _ = query("INSERT INTO t VALUES ('a', 1, 'mine')")
    let sink = try opened(.update)
    try sink.run(0, Self.rows(["a": 5, "b": 6]), Self.counts)
    try sink.close()
    #expect(query("SELECT * FROM t") == [["a", "5", "mine"], ["b", "6", "old"]])
  }

  @Test(arguments: [
    (
      "CREATE TABLE t (word TEXT, cuont INT)", "", OutputMode.append, "SINK_SCHEMA_MISMATCH",
      "'count': did you mean 'cuont'?"
    ),
    ("CREATE TABLE t (word, count, must NOT NULL)", "", .append, "SINK_SCHEMA_MISMATCH", "no column 'must'"),
    ("CREATE TABLE t (word, count)", "", .update, "SINK_KEYS_MISSING", "has no primary key"),
    ("CREATE TABLE t (word, count)", "word", .update, "SINK_KEYS_MISSING", "CREATE UNIQUE INDEX"),
    ("CREATE TABLE other (a)", "", .update, "SINK_KEYS_MISSING", "set the option 'keys'"),
    ("CREATE TABLE tt (a)", "never", .append, "SINK_TABLE_NOT_FOUND", "did you mean 'tt'?"),
    (
      "CREATE VIEW t AS SELECT 1 AS word, 2 AS count", "", .append, "SINK_FAILED",
      "cannot modify t because it is a view"
    ),
  ])
  func unfitTables(sql: String, keys: String, mode: OutputMode, code: String, text: String) throws {
    folder.file("t.db").withCString { path in
      var handle: OpaquePointer?
      sqlite3_open(path, &handle)
      sqlite3_exec(handle, sql, nil, nil, nil)
      sqlite3_close(handle)
    }
    let error = message {
      _ = try opened(mode, keys == "never" ? ["createTable": "false"] : keys.isEmpty ? [:] : ["keys": keys])
    }
    #expect(error.contains("[\(code)]"), "\(error)")
    #expect(error.contains(text), "\(error)")
  }

  @Test func badRows() throws {
    let sink = try opened(.append, ["keys": "word"])
    let twice = (0..<60).map { index in [Value.string("w\(index % 59)"), .integer(Int64(index))] }
    let error = message { try sink.run(0, twice, Self.counts) }
    #expect(
      error.contains(
        "[SINK_CONSTRAINT_VIOLATED] writing the row (word = \"w0\", count = 59) to '\(folder.path)/t.db', table 't'"))
    #expect(error.contains("hint: a row with this key is there already"))
    let update = try opened(.update, ["keys": "word"], name: "second")
    #expect(code { try update.run(0, [[.null, .integer(1)]], Self.counts) } == "SINK_NULL_KEY")
  }

  @Test(arguments: [
    (["path": "p"], "OPTION_MISSING"), (["path": "", "table": "t"], "OPTION_OUT_OF_RANGE"),
    (["path": ":memory:", "table": "t"], "OPTION_OUT_OF_RANGE"),
    (["path": "p", "table": "t", "key": "a"], "OPTION_UNKNOWN"),
    (["path": "p", "table": "t", "keys": "wrod"], "SINK_KEY_NOT_FOUND"),
    (["path": "p", "table": "t", "keys": "word,WORD"], "OPTION_OUT_OF_RANGE"),
    (["path": "p", "table": "t", "synchronous": "SOMETIMES"], "OPTION_OUT_OF_RANGE"),
    (["path": "p", "table": "t", "busyTimeout": "soon"], "OPTION_WRONG_TYPE"),
    (["path": "p", "table": "_millrace_commits"], "SQLITE_NAME"), (["path": "p", "table": "SQLITE_x"], "SQLITE_NAME"),
    (["path": "p", "table": "a\u{0}b"], "SQLITE_NAME"),
  ])
  func wrongOptions(options: [String: String], expected: String) {
    #expect(code { _ = try SQLiteConnector().sink(options, Self.counts) } == expected)
  }

  @Test(arguments: [
    ([("a", DataType.long), ("A", .long)], "COLUMN_ALREADY_EXISTS"), ([("", .long)], "SQLITE_NAME"),
    ([("i", .calendarInterval)], "SINK_UNSUPPORTED_TYPE"), ([], "SINK_SCHEMA_MISMATCH"),
  ])
  func wrongColumns(columns: [(String, DataType)], expected: String) {
    let schema = Schema(columns.map { StructField($0.0, $0.1) })
    #expect(code { _ = try SQLiteConnector().sink(["path": "p", "table": "t"], schema) } == expected)
  }

  @Test func filesThatAreNoDatabase() throws {
    try folder.write(String(repeating: "plain text, no database. ", count: 100), to: "t.db")
    #expect(code { _ = try opened(.append) } == "SINK_NOT_A_DATABASE")
    #expect(code { _ = try opened(.append, ["path": folder.path]) } == "SINK_CANNOT_OPEN")
    let nested = try opened(.append, ["path": folder.file("a/b/c.db")])
    try nested.run(0, [], Self.counts)
    #expect(query("SELECT count(*) FROM t", "a/b/c.db") == [["0"]])
  }
}
