public import MillraceColumnar

/// Reads Spark SQL text into syntax trees. Names, functions and types of columns stay unresolved.
///
/// ```swift
/// let query = try SQLParser.parseQuery("SELECT word, count(*) AS n FROM words GROUP BY word")
/// let schema = try SQLParser.parseSchema("word STRING, n BIGINT NOT NULL")
/// ```
public enum SQLParser {
  /// Reads one statement; semicolons may follow it.
  public static func parseStatement(_ sql: String) throws(SQLParseError) -> Statement {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.statement() }
  }

  /// Reads one statement in which `parameters` stand for `:name` and `?`. One without a value stays in the tree.
  public static func parseStatement(_ sql: String, parameters: SQLParameters) throws(SQLParseError) -> Statement {
    try Parser.run(sql, parameters: parameters) { parser throws(Parser.Failed) in try parser.statement() }
  }

  /// Reads one query; semicolons may follow it.
  public static func parseQuery(_ sql: String) throws(SQLParseError) -> Query {
    try Parser.run(sql) { parser throws(Parser.Failed) in
      let query = try parser.query()
      try parser.endOfStatement()
      return query
    }
  }

  /// The names that a query reads from, each once, in the order in which they first come: tables, views and common table expressions.
  public static func relationNames(_ sql: String) throws(SQLParseError) -> [[String]] {
    var seen: Set<[String]> = []
    return try Parser.run(sql) { parser throws(Parser.Failed) in
      _ = try parser.query()
      try parser.endOfStatement()
      return parser.relationNames
    }.filter { seen.insert($0).inserted }
  }

  /// Reads one expression, with an alias if it has one.
  public static func parseExpression(_ sql: String) throws(SQLParseError) -> SQLExpression {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.namedExpression() }
  }

  /// Reads expressions separated by commas, each with an alias if it has one.
  public static func parseExpressionList(_ sql: String) throws(SQLParseError) -> [SQLExpression] {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.namedExpressionList() }
  }

  /// Reads sort keys: `a DESC NULLS LAST, b`.
  public static func parseSortItems(_ sql: String) throws(SQLParseError) -> [SortItem] {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.sortItems() }
  }

  /// Reads a name with its parts, such as `` a.`b c` ``.
  public static func parseNameParts(_ sql: String) throws(SQLParseError) -> [String] {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.nameParts() }
  }

  /// Reads a type such as `STRUCT<a: INT, b: ARRAY<STRING>>`.
  public static func parseDataType(_ sql: String) throws(SQLParseError) -> DataType {
    try Parser.run(sql) { parser throws(Parser.Failed) in try parser.dataType() }
  }

  /// Reads columns such as `word STRING, n BIGINT NOT NULL COMMENT 'x'`. Comments and defaults are left out.
  public static func parseSchema(_ sql: String) throws(SQLParseError) -> Schema {
    try Parser.run(sql) { parser throws(Parser.Failed) in Schema(try parser.schemaFields()) }
  }

  /// Reads a type, or columns as the struct of them: what `from_json` and its like take as a schema.
  public static func parseTypeOrSchema(_ sql: String) throws(SQLParseError) -> DataType {
    if let type = try? parseDataType(sql) { return type }
    do {
      return .structure(try parseSchema(sql).fields)
    } catch {
      // As in Spark, one word is a type that does not exist, and more are columns that are written wrongly.
      let isWord = !sql.isEmpty && sql.utf8.allSatisfy { $0 != 0x20 && $0 != UInt8(ascii: "<") }
      var failure = error
      failure.code = isWord ? "UNSUPPORTED_DATATYPE" : sql.isEmpty ? "PARSE_EMPTY_STATEMENT" : "PARSE_SYNTAX_ERROR"
      throw failure
    }
  }

  /// Reads a text such as `10 seconds` or `interval 1 day -2 hours`: a watermark's delay, the length of a window.
  public static func parseInterval(_ text: String) throws(SQLParseError) -> CalendarInterval {
    do {
      var builder = IntervalBuilder()
      try builder.add(text: text)
      return try builder.calendarInterval()
    } catch {
      throw SQLParseError(
        "CANNOT_PARSE_INTERVAL", "'\(text)' is no interval", hint: "write a number and a unit, such as '10 seconds'",
        at: 0, in: text)
    }
  }
}
