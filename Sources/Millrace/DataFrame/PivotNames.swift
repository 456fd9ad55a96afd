import MillraceColumnar
import MillraceSQL

/// What the columns of a pivot are called.
struct PivotNames {
  /// The value as text.
  let value: String
  /// The aggregate's own name.
  let aggregate: String

  init(_ value: SQLExpression, _ aggregate: SQLExpression) {
    self.value = Self.name(of: value)
    self.aggregate = Self.name(of: aggregate)
  }

  private static func name(of expression: SQLExpression) -> String {
    switch expression.kind {
    case .alias(_, let names): return names.first ?? ""
    case .literal(.string(let text), _): return text
    case .literal(let value, let type): return CellText(type).string(value)
    default: return SQLUnparser.prettyName(expression)
    }
  }
}

extension SQLExpression {
  /// A call of an aggregate over the rows that meet a condition only; nil where this is no call.
  func filtered(by condition: SQLExpression) -> SQLExpression? {
    guard case .call(var call) = kind else { return nil }
    call.filter = call.filter.map { SQLExpression(.binary(.and, $0, condition)) } ?? condition
    return SQLExpression(.call(call), range)
  }
}
