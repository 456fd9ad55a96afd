import MillraceColumnar
import MillraceCore
import MillraceSQL

/// Values for the parameters of a statement.
enum SQLArgument {
  /// The constant that a value of the program is in SQL.
  static func expression(_ value: (any Sendable)?) throws -> SQLExpression {
    switch value {
    case nil: return lit_null().expression
    case let column as Column: return try column.checked().unaliased
    case let number as Int: return lit(number).expression
    case let text as String: return lit(text).expression
    case let flag as Bool: return lit(flag).expression
    case let number as Double: return lit(number).expression
    case let value as any SQLValue: return constant(value)
    case let given?:
      throw MillraceError(
        "INVALID_SQL_ARG", "a value of the type \(type(of: given)) cannot stand for a parameter",
        hint: "give a number, a text, a truth value, a Timestamp, or a Column")
    }
  }

  private static func constant<Element: SQLValue>(_ value: Element) -> SQLExpression {
    let builder = ColumnBuilder(Element.sqlType, capacity: 1)
    value.append(to: builder)
    return SQLExpression(.literal(builder.finish().value(0), Element.sqlType))
  }
}
