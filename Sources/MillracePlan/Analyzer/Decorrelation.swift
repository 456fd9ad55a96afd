import MillraceColumnar
package import MillraceExpressions

/// Pulls the conditions that mention an enclosing query's columns out of a subquery, so that it can be joined.
struct Decorrelation {
  let analyzer: Analyzer
  /// Ids of the enclosing query's columns.
  let outer: Set<Int>
  /// The rows of the enclosing query, where they may be read a second time.
  let enclosing: LogicalPlan?

  init(_ analyzer: Analyzer, outer: Set<Int>, enclosing: LogicalPlan? = nil) {
    self.analyzer = analyzer
    self.outer = outer
    self.enclosing = enclosing
  }

  /// A correlation that is more than a condition that can be pulled up.
  private struct Entangled: Error {
    let place: String
  }

  /// The subquery without its correlated conditions, giving also the columns that these need, and the conditions. Where there is more
  /// than equalities to pull up, it is computed per value of the columns that it reads. A global aggregation gives a row where nothing
  /// matches, too: with `addsEmptyGroups` the caller adds it.
  func pullUp(_ plan: LogicalPlan, addsEmptyGroups: Bool = false) throws -> (LogicalPlan, Expression?) {
    do {
      let (result, conditions) = try pull(plan, isTop: addsEmptyGroups)
      if !result.freeReferences.isDisjoint(with: outer) { throw Entangled(place: "in this place of the subquery") }
      return (result, .conjunction(conditions))
    } catch let obstacle as Entangled {
      guard let enclosing, let dependent = try DependentPlan(analyzer, plan, enclosing: enclosing),
        let result = try dependent.independent(plan)
      else { throw unsupported(obstacle.place) }
      return result
    }
  }

  private func isCorrelated(_ expression: Expression) -> Bool { !expression.references.isDisjoint(with: outer) }

  /// `isTop`: nothing but projections lies above, and somebody who adds empty groups.
  private func pull(_ plan: LogicalPlan, isTop: Bool = false) throws -> (LogicalPlan, [Expression]) {
    switch plan {
    case .filter(let condition, let child):
      let (inner, conditions) = try pull(child)
      let parts = condition.conjuncts
      let local = parts.filter { !isCorrelated($0) }
      let kept = Expression.conjunction(local).map { LogicalPlan.filter($0, inner) } ?? inner
      return (kept, conditions + parts.filter { isCorrelated($0) })
    case .project(let columns, let child):
      if case .aggregate = child, columns.contains(where: { isCorrelated($0.expression) }) {
        throw correlatedReference()
      }
      let (inner, conditions) = try pull(child, isTop: isTop)
      let passed = needed(conditions, from: inner, beside: columns.map(\.attribute))
      return (.project(columns + passed, inner), conditions)
    case .aggregate(var node):
      try checkArguments(node)
      let (inner, conditions) = try pull(node.child)
      node.child = inner
      if conditions.isEmpty { return (.aggregate(node), []) }
      // Without rows it has a value, which those who join it know at the top only.
      if node.grouping.isEmpty, !isTop { throw Entangled(place: "below an aggregate") }
      return try groupedByCorrelation(node, conditions)
    case .alias(let name, let child):
      let (inner, conditions) = try pull(child, isTop: isTop)
      return (.alias(name, inner), conditions)
    case .deduplicate(let node):
      let (inner, conditions) = try pull(node.child)
      let passed = needed(conditions, from: inner, beside: node.keys).map(\.attribute)
      return (.deduplicate(DeduplicateNode(keys: node.keys + passed, child: inner)), conditions)
    case .sort(let orders, let child):
      let (inner, conditions) = try pull(child)
      return (.sort(orders, inner), conditions)
    case .join(var node):
      let (left, leftConditions) = try pull(node.left)
      let (right, rightConditions) = try pull(node.right)
      if !rightConditions.isEmpty && ![.inner, .cross, .right].contains(node.kind)
        || !leftConditions.isEmpty && [.right, .full].contains(node.kind)
      {
        throw Entangled(place: "under an outer join")
      }
      node.left = left
      node.right = right
      guard let condition = node.condition, isCorrelated(condition) else {
        return (.join(node), leftConditions + rightConditions)
      }
      guard node.kind == .inner else { throw Entangled(place: "in the condition of an outer join") }
      let parts = condition.conjuncts
      let local = parts.filter { !isCorrelated($0) }
      node.condition = .conjunction(local)
      if node.condition == nil { node.kind = .cross }
      return (.join(node), leftConditions + rightConditions + parts.filter { isCorrelated($0) })
    case .generate(var node):
      let (inner, conditions) = try pull(node.child)
      node.child = inner
      return (.generate(node), conditions)
    case .limit(let count, let offset, let child):
      let (inner, conditions) = try pull(child)
      if conditions.isEmpty { return (.limit(count: count, offset: offset, inner), []) }
      let keys = try keys(of: inner, conditions)
      return (try Decorrelation.limited(inner, count, offset, per: keys, analyzer), conditions)
    case .window(var node):
      let (inner, conditions) = try pull(node.child)
      node.child = inner
      node.partition += try keys(of: inner, conditions).map { .attribute($0) }
      return (.window(node), conditions)
    default: return (plan, [])
    }
  }

  /// Aggregates must not read the enclosing query's columns.
  private func checkArguments(_ node: AggregateNode) throws {
    for argument in node.aggregates.flatMap(\.function.arguments) where isCorrelated(argument) {
      if argument.references.isSubset(of: outer) { throw correlatedReference() }
      throw MillraceError(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.AGGREGATE_FUNCTION_MIXED_OUTER_LOCAL_REFERENCES",
        "an aggregate function cannot use columns of the subquery and of the enclosing query together",
        hint: "write it as a join")
    }
  }

  private func correlatedReference() -> MillraceError {
    MillraceError(
      "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.CORRELATED_REFERENCE",
      "a column of the enclosing query can stand in WHERE only, not beside or in an aggregate",
      hint: "compute with it outside of the subquery")
  }

  /// An aggregation per value of the columns that the correlated equalities compare.
  private func groupedByCorrelation(_ aggregate: AggregateNode, _ conditions: [Expression]) throws -> (
    LogicalPlan, [Expression]
  ) {
    var node = aggregate
    guard conditions.allSatisfy({ comparesSides($0) }) else {
      throw Entangled(place: "with a comparison other than equality below an aggregate")
    }
    let innerColumns = Set(node.child.output.map(\.id))
    var passed: [Attribute] = []
    for condition in conditions {
      for id in condition.references.intersection(innerColumns).sorted()
      where !node.grouping.contains(where: { $0.attribute.id == id }) {
        guard let column = node.child.output.first(where: { $0.id == id }) else { continue }
        node.grouping.append(NamedExpression(passing: column))
        passed.append(column)
      }
    }
    return (.aggregate(node), conditions)
  }

  /// Whether a condition is an equality between the enclosing query and the subquery.
  func comparesSides(_ condition: Expression) -> Bool {
    guard case .call(let function, let sides) = condition, ["=", "<=>"].contains(function.name), sides.count == 2 else {
      return false
    }
    return isCorrelated(sides[0]) != isCorrelated(sides[1])
  }

  /// The first rows per value of some columns: a limit by row numbers.
  static func limited(
    _ child: LogicalPlan, _ count: Int?, _ offset: Int, per keys: [Attribute], _ analyzer: Analyzer
  ) throws -> LogicalPlan {
    var orders = [SortOrder(.literal(.integer(0), .integer), isAscending: true, nullsFirst: true)]
    var rows = child
    if case .sort(let sorted, let inner) = child { (orders, rows) = (sorted, inner) }
    let number = try WindowFunctionBuilder.rowNumber(analyzer)
    let numbered = LogicalPlan.window(
      WindowNode(partition: keys.map { .attribute($0) }, order: orders, functions: [number], child: rows))
    let column = Expression.attribute(number.attribute)
    var kept = try analyzer.call(">", [column, .literal(.integer(Int64(offset)), .integer)])
    if let count {
      kept = .and(kept, try analyzer.call("<=", [column, .literal(.integer(Int64(offset + count)), .long)]))
    }
    return .project(rows.output.map { NamedExpression(passing: $0) }, .filter(kept, numbered))
  }

  /// Columns of the subquery by which rows of the enclosing query find theirs.
  private func keys(of plan: LogicalPlan, _ conditions: [Expression]) throws -> [Attribute] {
    guard conditions.allSatisfy({ comparesSides($0) }) else {
      throw Entangled(place: "with a comparison other than equality below LIMIT or a window function")
    }
    let used = conditions.reduce(into: Set<Int>()) { $0.formUnion($1.references) }
    return plan.output.filter { used.contains($0.id) }
  }

  /// Columns of `plan` that conditions read and the projection does not pass on.
  private func needed(_ conditions: [Expression], from plan: LogicalPlan, beside columns: [Attribute])
    -> [NamedExpression]
  {
    let wanted = conditions.reduce(into: Set<Int>()) { $0.formUnion($1.references) }.subtracting(columns.map(\.id))
    return plan.output.filter { wanted.contains($0.id) }.map { NamedExpression(passing: $0) }
  }

  private func unsupported(_ place: String) -> MillraceError {
    MillraceError(
      "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.ACCESSING_OUTER_QUERY_COLUMN_IS_NOT_ALLOWED",
      "a column of the enclosing query cannot be used \(place)", hint: "write it as a join")
  }
}

extension Expression {
  /// The parts of a conjunction.
  package var conjuncts: [Expression] {
    if case .and(let left, let right) = self { return left.conjuncts + right.conjuncts }
    return [self]
  }

  /// All of the conditions; nil if there are none.
  package static func conjunction(_ conditions: [Expression]) -> Expression? {
    conditions.first.map { first in conditions.dropFirst().reduce(first) { .and($0, $1) } }
  }
}
