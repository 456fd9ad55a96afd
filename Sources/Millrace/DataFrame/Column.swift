import MillraceColumnar
public import MillraceSQL

/// An expression of the DataFrame API. Nothing is resolved until a DataFrame uses it.
public struct Column: Sendable {
  let expression: SQLExpression

  /// Wraps an expression.
  public init(_ expression: SQLExpression) { self.expression = expression }

  /// A column by name; dots lead into tables and structs.
  public init(_ name: String) {
    if name == "*" {
      expression = SQLExpression(.star(qualifier: [], except: []))
    } else {
      expression = SQLExpression(.column((try? SQLParser.parseNameParts(name)) ?? [name]))
    }
  }

  private func binary(_ op: BinaryOperator, _ other: Column) -> Column {
    Column(SQLExpression(.binary(op, expression, other.expression)))
  }

  /// The column under another name.
  public func alias(_ names: String...) -> Column { Column(SQLExpression(.alias(expression.unaliased, names))) }
  /// The column under another name.
  public func `as`(_ name: String) -> Column { alias(name) }
  /// Sorts ascending, NULLs first.
  public func asc() -> Column { self }
  /// Marks the column to be sorted descending, NULLs last.
  public func desc() -> SortColumn { SortColumn(SortItem(expression, isAscending: false)) }
  /// Converts to a type written in SQL, for instance `"BIGINT"`.
  public func cast(_ type: String) -> Column { Column("CAST", expression, type) }
  private init(_ keyword: String, _ operand: SQLExpression, _ type: String) {
    if let parsed = try? SQLParser.parseDataType(type) {
      expression = SQLExpression(.cast(operand, parsed, isTry: false))
    } else {
      // An unknown type is reported when the column is used.
      expression = SQLExpression(.call(FunctionCall(["cast to \(type)"], [FunctionCall.Argument(operand)])))
    }
  }
  /// Whether the value is NULL.
  public func isNull() -> Column { Column(SQLExpression(.isNull(expression, isNegated: false))) }
  /// Whether the value is not NULL.
  public func isNotNull() -> Column { Column(SQLExpression(.isNull(expression, isNegated: true))) }
  /// Whether the value is one of `values`.
  public func isin(_ values: any ColumnConvertible...) -> Column {
    Column(SQLExpression(.inList(expression, values.map { $0.column.expression })))
  }
  /// Whether the value lies between two others, both included.
  public func between(_ low: any ColumnConvertible, _ high: any ColumnConvertible) -> Column {
    Column(SQLExpression(.between(expression, low: low.column.expression, high: high.column.expression)))
  }
  /// Equality for which NULL equals NULL.
  public func eqNullSafe(_ other: any ColumnConvertible) -> Column { binary(.nullSafeEqual, other.column) }
  /// SQL LIKE.
  public func like(_ pattern: String) -> Column { match(.like, pattern) }
  /// SQL ILIKE.
  public func ilike(_ pattern: String) -> Column { match(.ilike, pattern) }
  /// Whether a regular expression is found in the text.
  public func rlike(_ pattern: String) -> Column { match(.rlike, pattern) }
  private func match(_ op: SQLExpression.LikePredicate.Operator, _ pattern: String) -> Column {
    Column(SQLExpression(.like(SQLExpression.LikePredicate(op, expression, [lit(pattern).expression]))))
  }
  /// Whether the text contains another.
  public func contains(_ other: any ColumnConvertible) -> Column { call("contains", self, other.column) }
  /// Whether the text begins with another.
  public func startsWith(_ other: any ColumnConvertible) -> Column { call("startswith", self, other.column) }
  /// Whether the text ends with another.
  public func endsWith(_ other: any ColumnConvertible) -> Column { call("endswith", self, other.column) }
  /// Part of the text, counted from 1.
  public func substr(_ start: Int, _ length: Int) -> Column { call("substring", self, lit(start), lit(length)) }
  /// An array element (from 0) or the value of a map key.
  public func getItem(_ key: any ColumnConvertible) -> Column {
    Column(SQLExpression(.element(expression, index: key.column.expression)))
  }
  /// A field of a struct.
  public func getField(_ name: String) -> Column { Column(SQLExpression(.field(expression, name: name))) }

  /// Equal; NULL if either is.
  public static func == (left: Column, right: any ColumnConvertible) -> Column { left.binary(.equal, right.column) }
  /// Not equal; NULL if either is.
  public static func != (left: Column, right: any ColumnConvertible) -> Column { !(left == right) }
  /// Less.
  public static func < (left: Column, right: any ColumnConvertible) -> Column { left.binary(.less, right.column) }
  /// Less or equal.
  public static func <= (left: Column, right: any ColumnConvertible) -> Column {
    left.binary(.lessOrEqual, right.column)
  }
  /// Greater.
  public static func > (left: Column, right: any ColumnConvertible) -> Column { left.binary(.greater, right.column) }
  /// Greater or equal.
  public static func >= (left: Column, right: any ColumnConvertible) -> Column {
    left.binary(.greaterOrEqual, right.column)
  }
  /// Both.
  public static func && (left: Column, right: Column) -> Column { left.binary(.and, right) }
  /// Either.
  public static func || (left: Column, right: Column) -> Column { left.binary(.or, right) }
  /// Not.
  public static prefix func ! (operand: Column) -> Column { Column(SQLExpression(.unary(.not, operand.expression))) }
  /// Negated.
  public static prefix func - (operand: Column) -> Column { Column(SQLExpression(.unary(.minus, operand.expression))) }
  /// Sum.
  public static func + (left: Column, right: any ColumnConvertible) -> Column { left.binary(.add, right.column) }
  /// Difference.
  public static func - (left: Column, right: any ColumnConvertible) -> Column { left.binary(.subtract, right.column) }
  /// Product.
  public static func * (left: Column, right: any ColumnConvertible) -> Column { left.binary(.multiply, right.column) }
  /// Quotient.
  public static func / (left: Column, right: any ColumnConvertible) -> Column { left.binary(.divide, right.column) }
  /// Remainder.
  public static func % (left: Column, right: any ColumnConvertible) -> Column { left.binary(.remainder, right.column) }
}

/// A sort key with its direction.
public struct SortColumn: Sendable {
  let item: SortItem
  init(_ item: SortItem) { self.item = item }
}

/// What can stand where a column is expected: a column or a constant.
public protocol ColumnConvertible {
  /// The column.
  var column: Column { get }
}

extension Column: ColumnConvertible {
  /// Itself.
  public var column: Column { self }
}
extension String: ColumnConvertible {
  /// The text as a constant.
  public var column: Column { lit(self) }
}
extension Int: ColumnConvertible {
  /// The number as a constant.
  public var column: Column { lit(self) }
}
extension Double: ColumnConvertible {
  /// The number as a constant.
  public var column: Column { lit(self) }
}
extension Bool: ColumnConvertible {
  /// The truth value as a constant.
  public var column: Column { lit(self) }
}

func call(_ name: String, _ arguments: Column...) -> Column {
  Column(SQLExpression(.call(FunctionCall([name], arguments.map { FunctionCall.Argument($0.expression) }))))
}
