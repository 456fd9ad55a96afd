import MillraceColumnar
import MillraceSQL

/// A column by name.
public func col(_ name: String) -> Column { Column(name) }

/// A column by name.
public func column(_ name: String) -> Column { Column(name) }

/// A text constant.
public func lit(_ value: String) -> Column { Column(SQLExpression(.literal(.string(value), .string))) }

/// A whole-number constant: INT where it fits, else BIGINT.
public func lit(_ value: Int) -> Column {
  Column(SQLExpression(.literal(.integer(Int64(value)), Int32(exactly: value) == nil ? .long : .integer)))
}

/// A DOUBLE constant.
public func lit(_ value: Double) -> Column { Column(SQLExpression(.literal(.double(value), .double))) }

/// A BOOLEAN constant.
public func lit(_ value: Bool) -> Column { Column(SQLExpression(.literal(.boolean(value), .boolean))) }

/// An expression in SQL. A text that does not parse is reported when the column is used.
public func expr(_ sql: String) -> Column {
  if let parsed = try? SQLParser.parseExpression(sql) { return Column(parsed) }
  return Column(SQLExpression(.call(FunctionCall(["unparsable: \(sql)"], []))))
}

/// Any function by name, also one registered with the session.
public func callFunction(_ name: String, _ arguments: Column...) -> Column {
  Column(SQLExpression(.call(FunctionCall([name], arguments.map { FunctionCall.Argument($0.expression) }))))
}

/// Number of rows in which the column is not NULL; of all rows for `col("*")`.
public func count(_ column: Column) -> Column { call("count", column) }
/// Number of different values.
public func countDistinct(_ columns: Column...) -> Column {
  Column(
    SQLExpression(
      .call(FunctionCall(["count"], columns.map { FunctionCall.Argument($0.expression) }, isDistinct: true))))
}
/// Sum.
public func sum(_ column: Column) -> Column { call("sum", column) }
/// Mean.
public func avg(_ column: Column) -> Column { call("avg", column) }
/// Mean.
public func mean(_ column: Column) -> Column { call("avg", column) }
/// Smallest value.
public func min(_ column: Column) -> Column { call("min", column) }
/// Largest value.
public func max(_ column: Column) -> Column { call("max", column) }
/// One row per element of an array, or per entry of a map.
public func explode(_ column: Column) -> Column { call("explode", column) }
/// The parts of a text between matches of a regular expression.
public func split(_ column: Column, _ pattern: String) -> Column { call("split", column, lit(pattern)) }
/// Tumbling windows over event time.
public func window(_ time: Column, _ duration: String) -> Column { call("window", time, lit(duration)) }
/// Sliding windows over event time.
public func window(_ time: Column, _ duration: String, _ slide: String) -> Column {
  call("window", time, lit(duration), lit(slide))
}
/// The first group of a regular expression's first match; empty without one.
public func regexpExtract(_ column: Column, _ pattern: String, _ group: Int) -> Column {
  call("regexp_extract", column, lit(pattern), lit(group))
}
/// Text to timestamp by a pattern.
public func toTimestamp(_ column: Column, _ format: String) -> Column { call("to_timestamp", column, lit(format)) }
/// The first value that is not NULL.
public func coalesce(_ columns: Column...) -> Column {
  Column(SQLExpression(.call(FunctionCall(["coalesce"], columns.map { FunctionCall.Argument($0.expression) }))))
}
/// Lower case.
public func lower(_ column: Column) -> Column { call("lower", column) }
/// Upper case.
public func upper(_ column: Column) -> Column { call("upper", column) }
/// The text without blanks at its ends.
public func trim(_ column: Column) -> Column { call("trim", column) }
/// Number of characters.
public func length(_ column: Column) -> Column { call("length", column) }

/// A CASE: the value where the condition holds; go on with `when` and `otherwise`.
public func when(_ condition: Column, _ value: any ColumnConvertible) -> CaseColumn {
  CaseColumn([SQLExpression.CaseBranch(condition.expression, value.column.expression)])
}

/// A CASE in the making; a column by itself with NULL where nothing holds.
public struct CaseColumn: ColumnConvertible, Sendable {
  private let branches: [SQLExpression.CaseBranch]
  init(_ branches: [SQLExpression.CaseBranch]) { self.branches = branches }

  /// One more condition.
  public func when(_ condition: Column, _ value: any ColumnConvertible) -> CaseColumn {
    CaseColumn(branches + [SQLExpression.CaseBranch(condition.expression, value.column.expression)])
  }

  /// The value where no condition holds.
  public func otherwise(_ value: any ColumnConvertible) -> Column {
    Column(SQLExpression(.caseWhen(operand: nil, branches: branches, otherwise: value.column.expression)))
  }

  /// The CASE without ELSE.
  public var column: Column { Column(SQLExpression(.caseWhen(operand: nil, branches: branches, otherwise: nil))) }
}
