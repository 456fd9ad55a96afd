import CSQLite
import MillraceCore
import SQLiteConnector
import Testing

/// What becomes of rows in the table, and of the table itself.
struct SQLiteSinkModeTests {
  private let tests = SQLiteSinkTests()
  private static let counts = SQLiteSinkTests.counts

  /// Two batches, each in two writes.
  @Test(arguments: [
    ("append", OutputMode.append, "", [["a", "1"], ["b", "2"], ["a", "3"], ["a", "4"], ["c", "5"]]),
    ("upsert", .append, "word", [["a", "4"], ["b", "2"], ["c", "5"]]),
    ("upsert", .update, "word", [["a", "4"], ["b", "2"], ["c", "5"]]),
    ("upsert", .complete, "word", [["a", "4"], ["b", "2"], ["c", "5"]]),
    ("update", .append, "word", []), ("update", .update, "word", []),
    ("replace", .append, "", [["a", "4"], ["c", "5"]]), ("replace", .complete, "word", [["a", "4"], ["c", "5"]]),
    (
      "changelog", .append, "",
      [
        ["a", "1", "insert", "3"], ["b", "2", "insert", "3"], ["a", "3", "insert", "4"], ["a", "4", "insert", "4"],
        ["c", "5", "insert", "4"],
      ]
    ),
    (
      "changelog", .update, "word",
      [
        ["a", "1", "upsert", "3"], ["b", "2", "upsert", "3"], ["a", "3", "upsert", "4"], ["a", "4", "upsert", "4"],
        ["c", "5", "upsert", "4"],
      ]
    ),
    (
      "changelog", .complete, "",
      [
        ["a", "1", "replace", "3"], ["b", "2", "replace", "3"], ["a", "3", "replace", "4"], ["a", "4", "replace", "4"],
        ["c", "5", "replace", "4"],
      ]
    ),
  ])
  func modes(mode: String, outputMode: OutputMode, keys: String, expected: [[String]]) throws {
    let sink = try tests.opened(outputMode, ["mode": mode].merging(keys.isEmpty ? [:] : ["keys": keys]) { $1 })
    try sink.run(3, SQLiteSinkTests.rows(["a": 1, "b": 2]), Self.counts)
    try sink.begin(batchID: 4)
    if mode != "replace" { try sink.write(.of(SQLiteSinkTests.rows(["a": 3]), schema: Self.counts)) }
    try sink.write(.of(SQLiteSinkTests.rows(["a": 4, "c": 5]), schema: Self.counts))
    _ = try sink.commit(batchID: 4)
    try sink.close()
    #expect(tests.query("SELECT * FROM t") == expected)
  }

  /// Only rows that are there change, by keys that are not in front, and columns of others stay.
  @Test(arguments: [3, 3000])
  func updatesOnly(count: Int) throws {
    _ = tests.query("CREATE TABLE t (note TEXT DEFAULT 'mine', count INTEGER, word TEXT PRIMARY KEY)")
    _ = tests.query(
      "WITH c(n) AS (SELECT 0 UNION ALL SELECT n + 2 FROM c WHERE n < \(count)) INSERT INTO t (word, count) SELECT 'w' || n, 0 FROM c"
    )
    let there = tests.query("SELECT count(*) FROM t")
    let sink = try tests.opened(.append, ["mode": "update"])
    try sink.run(0, (0..<count).map { [.string("w\($0)"), .integer(Int64($0) + 1)] }, Self.counts)
    try sink.close()
    #expect(tests.query("SELECT count(*) FROM t") == there)
    let even = (0..<count).filter { $0 % 2 == 0 }
    #expect(
      tests.query("SELECT sum(count), sum(note = 'mine') FROM t WHERE count > 0") == [
        ["\(even.reduce(0) { $0 + $1 + 1 })", "\(even.count)"]
      ])
  }

  @Test(arguments: [
    ("append", OutputMode.update, "OPTION_CONFLICT", "use mode upsert"),
    ("append", .complete, "OPTION_CONFLICT", "use mode replace"),
    ("replace", .update, "OPTION_CONFLICT", "use mode upsert"),
    ("upsert", .append, "SINK_KEYS_MISSING", "set the option 'keys'"),
    ("update", .append, "SINK_KEYS_MISSING", "set the option 'keys'"),
    ("merge", .append, "OPTION_OUT_OF_RANGE", "upsert"),
  ])
  func unfitModes(mode: String, outputMode: OutputMode, code: String, text: String) {
    let error = message { _ = try tests.opened(outputMode, ["mode": mode]) }
    #expect(error.contains("[\(code)]") && error.contains(text), "\(error)")
  }

  @Test func aChangelogHasColumnsOfItsOwn() {
    let schema = Schema([StructField("_Batch", .long)])
    let error = message { _ = try tests.opened(.append, ["mode": "changelog"], schema: schema) }
    #expect(error.contains("[COLUMN_ALREADY_EXISTS]"), "\(error)")
  }

  // MARK: Tables that change

  @Test func evolves() throws {
    var sink = try tests.opened(.update, ["keys": "word"])
    try sink.run(0, SQLiteSinkTests.rows(["a": 1]), Self.counts)
    try sink.close()
    let wider = Schema(
      Self.counts.fields + [StructField("last", .timestamp), StructField("share", .decimal(precision: 9, scale: 2))])
    let refused = message { _ = try tests.opened(.update, ["keys": "word"], schema: wider) }
    #expect(refused.contains("has no column 'last', 'share'") && refused.contains("set evolve to true"), "\(refused)")
    for batch in 1...2 as ClosedRange<Int64> {
      sink = try tests.opened(.update, ["keys": "word", "evolve": "true"], schema: wider)
      #expect(try sink.recover(batchID: batch - 1, token: nil) == batch - 1)
      try sink.run(batch, [[.string("b"), .integer(batch), .integer(0), .decimal(150)]], wider)
      try sink.close()
    }
    #expect(
      tests.query("SELECT * FROM t") == [["a", "1", "NULL", "NULL"], ["b", "2", "1970-01-01 00:00:00", "1.50"]])
    #expect(
      tests.query("SELECT group_concat(type) FROM pragma_table_info('t')") == [
        ["TEXT,INTEGER,TIMESTAMP TEXT,DECIMAL TEXT(9, 2)"]
      ])
    // A query that gives less again leaves the rest NULL.
    sink = try tests.opened(.update, ["keys": "word", "evolve": "true"])
    try sink.run(3, SQLiteSinkTests.rows(["c": 3]), Self.counts)
    try sink.close()
    #expect(tests.query("SELECT * FROM t WHERE word = 'c'") == [["c", "3", "NULL", "NULL"]])
  }

  @Test func aKeyCannotBeAdded() throws {
    _ = tests.query("CREATE TABLE t (count INTEGER)")
    let error = message { _ = try tests.opened(.update, ["keys": "word", "evolve": "true"]) }
    #expect(error.contains("[SINK_SCHEMA_MISMATCH]") && error.contains("a key cannot be added"), "\(error)")
    #expect(tests.query("SELECT name FROM pragma_table_info('t')") == [["count"]], "nothing has changed")
  }

  /// What a column of each declared type takes; what it would change is refused with both sides.
  @Test(arguments: [
    (
      "INTEGER", [DataType.long, .boolean, .decimal(precision: 18, scale: 0)],
      [DataType.string, .double, .timestamp, .array(.long)]
    ),
    (
      "TEXT", [.string, .date, .timestamp, .decimal(precision: 38, scale: 9), .map(.string, .long)],
      [.long, .double, .binary]
    ),
    ("REAL", [.double, .float, .integer], [.long, .string, .decimal(precision: 16, scale: 2)]),
    ("BLOB", [.binary, .string, .long], []), ("", [.string, .long, .double], []),
    (
      "NUMERIC", [.long, .double, .decimal(precision: 15, scale: 2)],
      [.string, .date, .decimal(precision: 16, scale: 2)]
    ),
    ("DATETIME", [.timestamp, .date, .long], [.string]), ("DATE TEXT", [.date], [.timestamp, .string, .long]),
    ("DECIMAL TEXT(9, 2)", [.decimal(precision: 30, scale: 4)], [.string, .date]),
    ("JSON TEXT", [.array(.long), .string], [.long]),
  ])
  func columnTypes(declared: String, taken: [DataType], refused: [DataType]) throws {
    _ = tests.query("CREATE TABLE t (word \(declared))")
    for type in taken {
      let error = message {
        _ = try tests.opened(.append, ["evolve": "true"], schema: Schema([StructField("word", type)]))
      }
      #expect(error == "none", "\(type)")
    }
    for type in refused {
      let error = message {
        _ = try tests.opened(.append, ["evolve": "true"], schema: Schema([StructField("word", type)]))
      }
      #expect(error.contains("[SINK_SCHEMA_MISMATCH]"), "\(type): \(error)")
      #expect(error.contains("word: table \(declared), query \(type.sql)"), "\(error)")
    }
  }

  @Test func pageSize() throws {
    let sink = try tests.opened(.append, ["pageSize": "32 KiB"])
    try sink.run(0, SQLiteSinkTests.rows(["a": 1]), Self.counts)
    try sink.close()
    #expect(tests.query("PRAGMA page_size") == [["32768"]])
    #expect(code { _ = try tests.opened(.append, ["pageSize": "5000"]) } == "OPTION_OUT_OF_RANGE")
  }
}
