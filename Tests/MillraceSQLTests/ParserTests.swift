import MillraceColumnar
import MillraceSQL
import Testing

@Suite struct ParserTests {
  /// Grouping shows in the print, which puts every operator in parentheses.
  @Test(arguments: [
    ("1 + 2 * 3", "(1 + (2 * 3))"), ("a - b - c", "((a - b) - c)"), ("1 + 2 || 'x'", "((1 + 2) || 'x')"),
    ("-a * b", "((- a) * b)"), ("- 1", "-1"), ("a -1", "(a - 1)"), ("a & b | c ^ d", "((a & b) | (c ^ d))"),
    ("a << 1 + 2", "(a << (1 + 2))"), ("a = b = c", "((a = b) = c)"), ("NOT a = b", "(NOT (a = b))"),
    ("a = b IS NULL", "((a = b) IS NULL)"), ("a OR b AND c", "(a OR (b AND c))"), ("NOT a AND b", "((NOT a) AND b)"),
    ("a AND b AND c", "((a AND b) AND c)"), ("a AND b AND c AND d", "((a AND b) AND (c AND d))"),
    ("a BETWEEN 1 AND 2 AND b", "((a BETWEEN 1 AND 2) AND b)"), ("a != b", "(NOT (a = b))"),
    ("a IS NOT TRUE", "(NOT (a <=> true))"), ("a IS DISTINCT FROM b", "(NOT (a <=> b))"),
    ("a NOT LIKE 'x' OR b", "((NOT (a LIKE 'x')) OR b)"), ("-a::int", "(- CAST(a AS INT))"),
    ("-1::string", "CAST(-1 AS STRING)"),
    ("7 DIV -2", "(7 div -2)"), ("a.b[0].c", "a.b[0].c"), ("x AS y", "x AS y"),
    ("CASE WHEN a THEN b END x", "CASE WHEN a THEN b END AS x"),
  ])
  func precedence(_ sql: String, _ expected: String) throws {
    #expect(SQLUnparser.unparse(try SQLParser.parseExpression(sql)) == expected)
  }

  @Test(
    arguments: [
      ("1", .integer(1), .integer), ("-2147483648", .integer(-2_147_483_648), .integer),
      ("2147483648", .integer(2_147_483_648), .long),
      ("9223372036854775808", .decimal(9_223_372_036_854_775_808), .decimal(precision: 19, scale: 0)),
      ("5S", .integer(5), .short),
      ("1.5", .decimal(15), .decimal(precision: 2, scale: 1)), (".05", .decimal(5), .decimal(precision: 2, scale: 2)),
      ("1.50BD", .decimal(150), .decimal(precision: 3, scale: 2)), ("1e2", .double(100), .double),
      ("1.5F", .double(1.5), .float),
      ("'a' 'b'", .string("ab"), .string), ("'a\\nb\\'c''d'", .string("a\nb'c'd"), .string),
      ("r'\\d'", .string("\\d"), .string),
      ("'\\%\\d'", .string("\\%d"), .string), ("X'616'", .binary([6, 0x16]), .binary), ("NULL", .null, .void),
      ("INTERVAL 10 SECONDS", .integer(10_000_000), .dayTimeInterval(from: .second, to: .second)),
      ("INTERVAL '1 day -2 hours'", .integer(79_200_000_000), .dayTimeInterval(from: .day, to: .hour)),
      ("INTERVAL '-1-2' YEAR TO MONTH", .integer(-14), .yearMonthInterval(from: .year, to: .month)),
      ("INTERVAL '1 02:03:04.5' DAY TO SECOND", .integer(93_784_500_000), .dayTimeInterval(from: .day, to: .second)),
    ] as [(String, Value, DataType)])
  func literals(_ sql: String, _ value: Value, _ type: DataType) throws {
    #expect(try SQLParser.parseExpression(sql).kind == .literal(value, type))
  }

  @Test(
    arguments: [
      ("int", .integer),
      ("STRUCT<a: INT, b ARRAY<STRING>>", .structure([.init("a", .integer), .init("b", .array(.string))])),
      ("MAP<STRING,ARRAY<MAP<INT,ARRAY<DATE>>>>", .map(.string, .array(.map(.integer, .array(.date))))),
      ("DECIMAL", .userDecimal),
      ("NUMERIC(5)", .decimal(precision: 5, scale: 0)), ("dec(10, 2)", .decimal(precision: 10, scale: 2)),
      ("STRUCT<>", .structure([])),
      ("INTERVAL DAY TO SECOND", .dayToSecond), ("INTERVAL YEAR", .yearMonthInterval(from: .year, to: .year)),
      ("CHAR(3)", .string),
      ("STRUCT<`a b`: BIGINT NOT NULL COMMENT 'x'>", .structure([.init("a b", .long, isNullable: false)])),
      ("TIMESTAMP_LTZ", .timestamp),
    ] as [(String, DataType)])
  func types(_ sql: String, _ type: DataType) throws {
    #expect(try SQLParser.parseDataType(sql) == type)
  }

  @Test func schemas() throws {
    let schema = try SQLParser.parseSchema(
      "word STRING, n: BIGINT NOT NULL COMMENT 'x', `a b` DATE DEFAULT current_date()")
    #expect(schema == Schema([.init("word", .string), .init("n", .long, isNullable: false), .init("a b", .date)]))
    #expect(try SQLParser.parseTypeOrSchema("ARRAY<INT>") == .array(.integer))
    #expect(try SQLParser.parseTypeOrSchema("a INT") == .structure([.init("a", .integer)]))
    #expect(
      try SQLParser.parseInterval("interval 1 month -2 days 3.5 seconds")
        == .init(months: 1, days: -2, microseconds: 3_500_000))
  }

  /// Names of output columns, as Spark answers them.
  @Test(arguments: [
    ("id + 1", "(id + 1)"), ("upper('x')", "upper(x)"), ("count(*)", "count(1)"),
    ("COUNT(DISTINCT a)", "count(DISTINCT a)"),
    ("count(*) OVER ()", "count(1) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"), ("-id", "(- id)"),
    ("CASE WHEN id > 1 THEN 1 END", "CASE WHEN (id > 1) THEN 1 END"), ("CAST(id AS STRING)", "id"),
    ("NOT flag", "(NOT flag)"),
    ("id IN (1, 2)", "(id IN (1, 2))"), ("id BETWEEN 1 AND 2", "between(id, 1, 2)"),
    ("CAST(a + 1 AS INT)", "CAST((a + 1) AS INT)"),
    ("a[0]", "a[0]"), ("m['k']", "m[k]"), ("st.x", "x"), ("a || b", "concat(a, b)"), ("1L", "1"),
    ("a <> 1.5", "(NOT (a = 1.5))"),
    ("current_date", "current_date()"), ("user", "user"), ("sum(a) FILTER (WHERE b)", "sum(a) FILTER (WHERE b)"),
    ("a IS NULL", "(a IS NULL)"),
    ("transform(a, x -> x + 1)", "transform(a, lambdafunction((namedlambdavariable() + 1), namedlambdavariable()))"),
    (
      "row_number() OVER (PARTITION BY a ORDER BY b)",
      "row_number() OVER (PARTITION BY a ORDER BY b ASC NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    ),
    ("ts + INTERVAL 1 HOUR", "ts + INTERVAL '01' HOUR"), ("x AS y", "y"),
    ("trim(BOTH 'a' FROM s)", "TRIM(BOTH a FROM s)"), ("extract(YEAR FROM ts)", "extract(YEAR FROM ts)"),
  ])
  func prettyNames(_ sql: String, _ name: String) throws {
    #expect(SQLUnparser.prettyName(try SQLParser.parseExpression(sql)) == name)
  }

  @Test func statements() throws {
    let query = try SQLParser.parseQuery("SELECT 1")
    #expect(try SQLParser.parseStatement("EXPLAIN FORMATTED SELECT 1;") == .explain(.formatted, .query(query)))
    #expect(try SQLParser.parseStatement("EXPLAIN ANALYZE SELECT 1") == .explain(.analyze, .query(query)))
    let view = Statement.CreateView(["v"], replaces: true, columns: ["a", "b"], source: .query(query))
    #expect(
      try SQLParser.parseStatement("CREATE OR REPLACE TEMP VIEW v (a, b COMMENT 'x') AS SELECT 1") == .createView(view))
    let file = Statement.CreateView(
      ["f"],
      source: .format(
        "csv", schema: Schema([.init("a", .integer)]), options: [.init("path", "x"), .init("header", "true")]))
    #expect(
      try SQLParser.parseStatement("CREATE TEMPORARY VIEW f (a INT) USING csv OPTIONS (path 'x', 'header' = true)")
        == .createView(file))
    #expect(try SQLParser.parseStatement("DESCRIBE SELECT 1") == .describeQuery(query))
    #expect(try SQLParser.parseStatement("DESC EXTENDED t") == .describeTable(["t"], isExtended: true))
    #expect(try SQLParser.parseStatement("DESCRIBE FUNCTION upper") == .describeFunction(["upper"], isExtended: false))
    #expect(try SQLParser.parseStatement("SHOW TABLES LIKE 'a*'") == .show(.init(.tables, pattern: "a*")))
    #expect(try SQLParser.parseStatement("SHOW COLUMNS IN t") == .show(.init(.columns, in: ["t"])))
    #expect(try SQLParser.parseStatement("SET spark.sql.x = a b, c") == .set(key: "spark.sql.x", value: "a b, c"))
    #expect(try SQLParser.parseStatement("DROP VIEW IF EXISTS v") == .dropView(["v"], ifExists: true))
  }

  @Test func rangesPointAtTheText() throws {
    let sql = "SELECT a,\n  upper(bé) AS n FROM t"
    guard case .select(let select) = try SQLParser.parseQuery(sql).body else { return #expect(Bool(false)) }
    let range = select.projection[1].unaliased.range
    let slice = Array(sql.utf8)[Int(range.start)..<Int(range.end)]
    #expect(String(decoding: slice, as: UTF8.self) == "upper(bé)")
    #expect(SourceLocation(offset: Int(range.start), in: sql) == SourceLocation(line: 2, column: 3))
  }
}
