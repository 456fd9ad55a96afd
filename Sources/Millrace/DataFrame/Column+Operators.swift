import MillraceSQL

// Operators of columns with columns and, on either side, with constants.

extension Column {
  /// Equal; NULL if either is.
  public static func == (left: Column, right: any ColumnConvertible) -> Column { left.binary(.equal, right.column) }
  /// Equal; NULL if either is.
  public static func == (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.equal, right) }
  /// Not equal; NULL if either is.
  public static func != (left: Column, right: any ColumnConvertible) -> Column { !(left == right) }
  /// Not equal; NULL if either is.
  public static func != (left: some ColumnLiteral, right: Column) -> Column { !(left.column == right) }
  /// Less.
  public static func < (left: Column, right: any ColumnConvertible) -> Column { left.binary(.less, right.column) }
  /// Less.
  public static func < (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.less, right) }
  /// Less or equal.
  public static func <= (left: Column, right: any ColumnConvertible) -> Column {
    left.binary(.lessOrEqual, right.column)
  }
  /// Less or equal.
  public static func <= (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.lessOrEqual, right) }
  /// Greater.
  public static func > (left: Column, right: any ColumnConvertible) -> Column { left.binary(.greater, right.column) }
  /// Greater.
  public static func > (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.greater, right) }
  /// Greater or equal.
  public static func >= (left: Column, right: any ColumnConvertible) -> Column {
    left.binary(.greaterOrEqual, right.column)
  }
  /// Greater or equal.
  public static func >= (left: some ColumnLiteral, right: Column) -> Column {
    left.column.binary(.greaterOrEqual, right)
  }
  /// Sum.
  public static func + (left: Column, right: any ColumnConvertible) -> Column { left.binary(.add, right.column) }
  /// Sum.
  public static func + (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.add, right) }
  /// Difference.
  public static func - (left: Column, right: any ColumnConvertible) -> Column { left.binary(.subtract, right.column) }
  /// Difference.
  public static func - (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.subtract, right) }
  /// Product.
  public static func * (left: Column, right: any ColumnConvertible) -> Column { left.binary(.multiply, right.column) }
  /// Product.
  public static func * (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.multiply, right) }
  /// Quotient.
  public static func / (left: Column, right: any ColumnConvertible) -> Column { left.binary(.divide, right.column) }
  /// Quotient.
  public static func / (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.divide, right) }
  /// Remainder.
  public static func % (left: Column, right: any ColumnConvertible) -> Column { left.binary(.remainder, right.column) }
  /// Remainder.
  public static func % (left: some ColumnLiteral, right: Column) -> Column { left.column.binary(.remainder, right) }
  /// Both.
  public static func && (left: Column, right: Column) -> Column { left.binary(.and, right) }
  /// Either.
  public static func || (left: Column, right: Column) -> Column { left.binary(.or, right) }
  /// Not.
  public static prefix func ! (operand: Column) -> Column {
    Column(.unary(.not, operand.expression), of: [operand])
  }
  /// Negated.
  public static prefix func - (operand: Column) -> Column {
    Column(.unary(.minus, operand.expression), of: [operand])
  }
}
