import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Testing

/// `DataFrame.write`, `toTable`, pivots, parameters of statements, and what is not ANSI.
struct WriterTests {
  private static func rows(_ frame: DataFrame) async throws -> [String] {
    try await frame.collect().map(\.description)
  }

  // MARK: Writing

  @Test(arguments: ["json", "csv", "text"])
  func writesFiles(format: String) async throws {
    let spark = SparkSession()
    let folder = try TemporaryDirectory()
    let frame = try await spark.sql("SELECT * FROM VALUES ('a'), ('b') AS t(value)")
    let path = "\(folder.path)/out"
    try await frame.write.format(format).save(path)
    let error = await #expect(throws: MillraceError.self) { try await frame.write.format(format).save(path) }
    #expect(error?.code == "PATH_ALREADY_EXISTS")
    try await frame.write.format(format).mode("ignore").save(path)
    try await frame.write.format(format).mode("append").save(path)
    let read = await spark.read.format(format).schema("value STRING").load(path)
    #expect(try await Self.rows(read.orderBy("value")) == ["[a]", "[a]", "[b]", "[b]"])
    try await read.limit(1).write.format(format).mode(.overwrite).save(path)
    #expect(try await read.count() == 1)
  }

  @Test func writesTables() async throws {
    let spark = SparkSession()
    let folder = try TemporaryDirectory()
    let frame = try await spark.range(3)
    let sqlite = frame.write.format("sqlite").option("path", "\(folder.path)/x.db").option("table", "t")
    let error = await #expect(throws: MillraceError.self) { try await sqlite.save() }
    #expect(error?.code == "UNSUPPORTED_SAVE_MODE")
    try await sqlite.mode("append").save()
    try await sqlite.mode("append").save()
    let read = await spark.read.format("sqlite").option("path", "\(folder.path)/x.db").option("table", "t").load()
    #expect(try await read.count() == 6)
    try await frame.write.saveAsTable("numbers")
    let again = await #expect(throws: MillraceError.self) { try await frame.write.saveAsTable("numbers") }
    #expect(again?.code == "TABLE_OR_VIEW_ALREADY_EXISTS")
    try await frame.write.mode("append").saveAsTable("numbers")
    try await frame.limit(1).write.insertInto("numbers")
    #expect(try await Self.rows(spark.sql("SELECT count(*), sum(id) FROM numbers")) == ["[7,6]"])
    let mode = await #expect(throws: MillraceError.self) { try await frame.write.mode("replace").save("x") }
    #expect(mode?.code == "INVALID_SAVE_MODE")
  }

  @Test func streamsIntoATable() async throws {
    let bench = StreamBench()
    let (input, frame) = try await bench.stream("rows", [StructField("n", .long)])
    let query = try await frame.writeStream.toTable("kept")
    input.addData([[.integer(1)], [.integer(2)]])
    try await query.processAllAvailable()
    try await query.stop()
    #expect(bench.table("kept") == ["[1]", "[2]"])
    #expect(query.name == "kept")
  }

  // MARK: Pivot

  @Test func pivotsWithGroups() async throws {
    let spark = SparkSession()
    let sales = try await spark.sql(
      "SELECT * FROM VALUES (2020, 'a', 1), (2020, 'b', 2), (2021, 'a', 3), (2021, 'a', 4) AS t(year, item, n)")
    let named = sales.groupBy("year").pivot("item", ["b", "a", "c"]).sum("n").orderBy("year")
    #expect(try named.columns == ["year", "b", "a", "c"])
    #expect(try await Self.rows(named) == ["[2020,2,1,null]", "[2021,null,7,null]"])
    let found = try await sales.groupBy("year").pivot("item").agg("sum(n) AS s", "count(*) AS c").orderBy("year")
    #expect(try found.columns == ["year", "a_s", "a_c", "b_s", "b_c"])
    #expect(try await Self.rows(found) == ["[2020,1,1,2,1]", "[2021,7,2,null,0]"])
    let error = await #expect(throws: MillraceError.self) {
      try await sales.rollup("year").pivot("item", ["a"]).count().collect()
    }
    #expect(error?.code == "UNSUPPORTED_GROUPING")
  }

  // MARK: Parameters

  @Test func parametersStandForValues() async throws {
    let spark = SparkSession()
    #expect(try await Self.rows(spark.sql("SELECT ? + 1, ?, ? IS NULL", 5, "it's", nil)) == ["[6,it's,true]"])
    let named = try await spark.sql(
      "SELECT id FROM range(10) WHERE id > :least AND id < :Most LIMIT :n", args: ["least": 2, "most": 8, "n": 2])
    #expect(try await Self.rows(named) == ["[3]", "[4]"])
    let column = try await spark.sql(
      "SELECT CAST(:days + 1 AS STRING)", args: ["days": expr("DATE'2026-01-01'")])
    #expect(try await Self.rows(column) == ["[2026-01-02]"])
    let missing = await #expect(throws: MillraceError.self) { try await spark.sql("SELECT ? + ?", 1).collect() }
    #expect(missing?.code == "UNBOUND_SQL_PARAMETER")
    let wrong = await #expect(throws: MillraceError.self) { _ = try await spark.sql("SELECT ?", 1..<2) }
    #expect(wrong?.code == "INVALID_SQL_ARG")
  }

  @Test func starsStandInCalls() async throws {
    let spark = SparkSession()
    let frame = try await spark.sql("SELECT struct(*) AS s FROM VALUES (1, 'x') AS t(a, b)")
    #expect(try await Self.rows(frame.select("s.a", "s.b")) == ["[1,x]"])
  }

  // MARK: Not ANSI

  /// What Spark 4.3 gives with spark.sql.ansi.enabled=false.
  @Test(arguments: [
    ("1 / 0", "null"), ("1 % 0", "null"), ("1 DIV 0", "null"), ("1.0 / 0", "null"),
    ("2147483647 + 1", "-2147483648"), ("-2147483648 - 1", "2147483647"), ("2147483647 * 2", "-2"),
    ("9223372036854775807L + 1L", "-9223372036854775808"),
    ("CAST('abc' AS INT)", "null"), ("CAST('1.9' AS INT)", "1"), ("CAST('x' AS DATE)", "null"),
    ("CAST(300 AS TINYINT)", "44"), ("CAST(3000000000L AS INT)", "-1294967296"),
    ("CAST(1e20D AS INT)", "2147483647"), ("CAST(double('NaN') AS INT)", "0"), ("CAST(300.7D AS TINYINT)", "44"),
    ("CAST(123.456BD AS DECIMAL(4, 2))", "null"), ("array(1, 2)[5]", "null"), ("element_at(array(1, 2), 5)", "null"),
    ("-(CAST(-2147483648 AS INT))", "-2147483648"), ("pmod(5, 0)", "null"),
  ])
  func whatIsNotANSI(expression: String, expected: String) async throws {
    let spark = SparkSession()
    try spark.set("spark.sql.ansi.enabled", "false")
    #expect(try await Self.rows(spark.sql("SELECT \(expression)")) == ["[\(expected)]"], "\(expression)")
  }

  /// Types and values of Spark 4.3 with spark.sql.ansi.enabled=false: a string makes doubles of arithmetic, and the lowest integer keeps
  /// its sign.
  @Test(arguments: [
    ("abs(-2147483648)", "int,-2147483648"), ("abs(CAST(-128 AS TINYINT))", "tinyint,-128"),
    ("abs(CAST(-32768 AS SMALLINT))", "smallint,-32768"),
    ("abs(CAST(-9223372036854775808 AS BIGINT))", "bigint,-9223372036854775808"), ("abs(-5)", "int,5"),
    ("abs('-3')", "double,3.0"), ("abs('x')", "double,null"), ("'1' + 1", "double,2.0"), ("1 + '1'", "double,2.0"),
    ("'1.5' + 1", "double,2.5"), ("'a' + 1", "double,null"), ("'1' + '2'", "double,3.0"), ("'1' - 2L", "double,-1.0"),
    ("'3' * CAST(2 AS DECIMAL(10, 2))", "double,6.0"), ("'6' / 2", "double,3.0"), ("6 / '4'", "double,1.5"),
    ("'7' % 4", "double,3.0"), ("7 % '4'", "double,3.0"), ("pmod('-7', 3)", "double,2.0"), ("-'3'", "double,-3.0"),
    ("-'x'", "double,null"), ("'1' + NULL", "double,null"), ("'1' + CAST(1 AS FLOAT)", "double,2.0"),
    ("'2' * 3.5", "double,7.0"), ("try_add('1', 1)", "double,2.0"), ("try_divide('4', 2)", "double,2.0"),
    ("'a' = 1", "boolean,null"), ("'1' > 1", "boolean,false"), ("'1.0' = 1", "boolean,true"),
  ])
  func stringsWithoutANSI(expression: String, expected: String) async throws {
    let spark = SparkSession()
    try spark.set("spark.sql.ansi.enabled", "false")
    let found = try await Self.rows(spark.sql("SELECT typeof(\(expression)), \(expression)"))
    #expect(found == ["[\(expected)]"], "\(expression)")
  }

  @Test(arguments: ["'7' DIV 2", "7 DIV '2'", "'1' + true"])
  func stringsWithoutANSIAreRefused(expression: String) async throws {
    let spark = SparkSession()
    try spark.set("spark.sql.ansi.enabled", "false")
    let error = await #expect(throws: MillraceError.self) { try await spark.sql("SELECT \(expression)").collect() }
    #expect(error?.code == "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES")
  }

  @Test func ansiFails() async throws {
    let spark = SparkSession()
    for expression in ["1 / 0", "CAST('abc' AS INT)", "2147483647 + 1"] {
      await #expect(throws: MillraceError.self) { try await spark.sql("SELECT \(expression)").collect() }
    }
  }
}
