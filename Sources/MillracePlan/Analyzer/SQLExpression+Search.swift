import MillraceExpressions
package import MillraceSQL

extension SQLExpression {
  /// Whether this or a part of it (not inside subqueries) passes the test.
  package func contains(where test: (SQLExpression) -> Bool) -> Bool {
    test(self) || parts.contains { $0.contains(where: test) }
  }

  /// Names of columns in this that begin with `name`, which is in lower case.
  func columns(beginningWith name: String) -> [[String]] {
    if case .column(let parts) = kind { return parts.first?.lowercased() == name ? [parts] : [] }
    return parts.flatMap { $0.columns(beginningWith: name) }
  }

  /// Whether this is a call with OVER.
  var isWindowFunction: Bool { if case .call(let call) = kind { call.window != nil } else { false } }

  /// Whether this is `*` and nothing else.
  var isPlainStar: Bool { kind == .star(qualifier: [], except: []) }

  /// Whether this is a subquery.
  var isSubquery: Bool {
    switch kind {
    case .scalarSubquery, .exists, .inSubquery: true
    default: false
    }
  }

  /// Whether this is a call of a generator such as `explode`.
  var isGenerator: Bool {
    guard case .call(let call) = kind else { return false }
    return Generators.names.contains(call.name.last?.lowercased() ?? "")
  }

  /// Direct parts; subqueries are not entered.
  var parts: [SQLExpression] {
    switch kind {
    case .literal, .typedLiteral, .column, .star, .exists, .scalarSubquery, .parameter: []
    case .unary(_, let operand), .isNull(let operand, _), .cast(let operand, _, _), .alias(let operand, _),
      .field(let operand, _), .inSubquery(let operand, _), .lambda(_, let operand), .variantPath(let operand, _):
      [operand]
    case .binary(_, let left, let right), .element(let left, let right): [left, right]
    case .between(let value, let low, let high): [value, low, high]
    case .inList(let value, let items): [value] + items
    case .like(let predicate): [predicate.value] + predicate.patterns
    case .caseWhen(let operand, let branches, let otherwise):
      (operand.map { [$0] } ?? []) + branches.flatMap { [$0.condition, $0.result] } + (otherwise.map { [$0] } ?? [])
    case .row(let parts): parts
    case .call(let call):
      call.arguments.compactMap(\.expression) + (call.filter.map { [$0] } ?? []) + call.withinGroup.map(\.expression)
        + (call.window.map { $0.parts } ?? [])
    }
  }
}

extension WindowReference {
  fileprivate var parts: [SQLExpression] {
    guard case .specification(let specification) = self else { return [] }
    return specification.partitionBy + specification.orderBy.map(\.expression)
  }
}
