import MillraceExpressions
import MillraceSQL

/// `[NOT] EXISTS (…)` and `[NOT] IN (SELECT …)` among the conditions of ON.
extension Analyzer {
  /// What a relation gives, and the names of its columns.
  typealias Side = (LogicalPlan, Scope)

  /// Takes such conditions out of ON where a filter does the same: of the side whose rows need partners, before an outer join, and of
  /// what an inner join gives. Gives the condition that is left, and the conditions for the filter above.
  func takeSubqueries(
    of condition: SQLExpression, _ kind: JoinKind, _ left: inout Side, _ right: inout Side, outer: Scope.Outer
  ) throws -> (rest: SQLExpression?, above: [SQLExpression]) {
    var above: [SQLExpression] = []
    var rest: [SQLExpression] = []
    for part in condition.conjuncts {
      switch kind {
      case _ where !part.isSubqueryPredicate: rest.append(part)
      case .inner, .cross: above.append(part)
      case .left:
        if let filtered = try? filtered(right, by: part, outer: outer) { right = filtered } else { rest.append(part) }
      case .right:
        if let filtered = try? filtered(left, by: part, outer: outer) { left = filtered } else { rest.append(part) }
      default: rest.append(part)
      }
    }
    return (
      rest.first.map { first in rest.dropFirst().reduce(first) { SQLExpression(.binary(.and, $0, $1), $0.range) } },
      above
    )
  }

  /// The rows of a side that meet the condition.
  func filtered(_ side: Side, by condition: SQLExpression, outer: Scope.Outer) throws -> Side {
    let block = SelectAnalyzer(self, side.0, scope: side.1, outer: outer)
    try block.addFilter(condition)
    return (block.child, side.1)
  }
}

extension SQLExpression {
  /// The parts of a conjunction.
  var conjuncts: [SQLExpression] {
    if case .binary(.and, let left, let right) = kind { return left.conjuncts + right.conjuncts }
    return [self]
  }

  fileprivate var isSubqueryPredicate: Bool {
    switch kind {
    case .exists, .inSubquery: true
    case .unary(.not, let inner): inner.isSubqueryPredicate
    default: false
    }
  }
}
