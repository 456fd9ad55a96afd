import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Correlated subqueries in expressions.
extension SelectAnalyzer {
  /// A correlated scalar subquery as a left join; its value is a column then.
  func correlatedScalar(_ plan: LogicalPlan) throws -> Expression {
    let value = plan.output[0]
    let outerIDs = plan.freeReferences
    let (right, condition) = try Decorrelation(analyzer, outer: outerIDs, enclosing: child).pullUp(
      plan, addsEmptyGroups: true)
    try addJoin(JoinNode(.left, child, right, condition: condition, isSingle: !right.isGroupedByJoinKeys))
    var nullable = value
    nullable.isNullable = true
    guard let empty = plan.valueWhenEmpty else { return .attribute(nullable) }
    return .coalesce([.attribute(nullable), .literal(empty, value.type)], value.type)
  }

  /// A correlated EXISTS inside an expression: a left join with a marker.
  func correlatedExists(_ plan: LogicalPlan) throws -> Expression {
    let outerIDs = plan.freeReferences
    let (right, condition) = try Decorrelation(analyzer, outer: outerIDs, enclosing: child).pullUp(plan)
    return try marked(right, condition)
  }

  /// `x IN (correlated)` inside an expression; what is unknown counts as "not found", or with `orUnknown` as "found".
  func correlatedIn(_ values: [Expression], _ plan: LogicalPlan, orUnknown: Bool) throws -> Expression {
    let outerIDs = plan.freeReferences
    let (right, correlation) = try Decorrelation(analyzer, outer: outerIDs, enclosing: child).pullUp(plan)
    return try marked(right, try inCondition(values, plan.output, correlation, orUnknown: orUnknown))
  }

  func marked(_ right: LogicalPlan, _ condition: Expression?) throws -> Expression {
    guard let condition else {
      return .subqueryResult(id: analyzer.addSubquery(right, .exists), .boolean)
    }
    let conditions = condition.conjuncts
    let comparison = Decorrelation(analyzer, outer: condition.references.subtracting(right.output.map(\.id)))
    if !conditions.allSatisfy({ comparison.comparesSides($0) }) { return try markedByDomain(right, conditions) }
    // One row per join key, so that the left join does not multiply rows.
    let used = condition.references
    let keys = right.output.filter { used.contains($0.id) }
    let distinct = LogicalPlan.deduplicate(
      DeduplicateNode(keys: keys, child: .project(keys.map { NamedExpression(passing: $0) }, right)))
    let marker = NamedExpression("exists", .literal(.boolean(true), .boolean))
    let side = LogicalPlan.project(keys.map { NamedExpression(passing: $0) } + [marker], distinct)
    try addJoin(JoinNode(.left, child, side, condition: condition))
    var nullable = marker.attribute
    nullable.isNullable = true
    return try analyzer.call("isnotnull", [.attribute(nullable)])
  }

  /// The marker where several rows of the subquery may meet the conditions of one row.
  private func markedByDomain(_ right: LogicalPlan, _ conditions: [Expression]) throws -> Expression {
    let ids = conditions.reduce(into: Set<Int>()) { $0.formUnion($1.references) }.subtracting(right.output.map(\.id))
    guard let domain = try CorrelationDomain(of: ids, from: child) else {
      throw MillraceError(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.ACCESSING_OUTER_QUERY_COLUMN_IS_NOT_ALLOWED",
        "a subquery with this condition cannot be an operand here", hint: "use equalities, or write it as a join")
    }
    let found = LogicalPlan.deduplicate(
      DeduplicateNode(
        keys: domain.columns,
        child: .project(
          domain.columns.map { NamedExpression(passing: $0) }, domain.joined(with: right, on: conditions))))
    let marker = NamedExpression("exists", .literal(.boolean(true), .boolean))
    let side = LogicalPlan.project(domain.columns.map { NamedExpression(passing: $0) } + [marker], found)
    let lookUp = try domain.lookUp(analyzer)
    try addJoin(JoinNode(.left, child, side, condition: .conjunction(lookUp)))
    var nullable = marker.attribute
    nullable.isNullable = true
    return try analyzer.call("isnotnull", [.attribute(nullable)])
  }

  func addJoin(_ node: JoinNode) throws {
    joinedIDs.formUnion(node.right.output.map(\.id))
    if grouping != nil && part == .result {
      pendingJoins.append(node)
    } else {
      var join = node
      join.left = child
      child = .join(join)
    }
  }

  func joinAbove(_ plan: LogicalPlan) throws -> LogicalPlan {
    pendingJoins.reduce(plan) { plan, node in
      var join = node
      join.left = plan
      join.condition = join.condition.map { grouped($0) }
      return .join(join)
    }
  }
}

extension LogicalPlan {
  /// Whether each combination of the keys that a decorrelation joins on occurs once: the plan ends in an aggregation.
  var isGroupedByJoinKeys: Bool {
    switch self {
    case .aggregate: true
    case .project(_, let child), .alias(_, let child), .filter(_, let child): child.isGroupedByJoinKeys
    default: false
    }
  }

  /// What the first column of a global aggregation is for no rows, when that is not NULL: 0 for `count`, an empty array for
  /// `collect_list`, and what expressions make of them.
  var valueWhenEmpty: Value? {
    switch self {
    case .alias(_, let child): return child.valueWhenEmpty
    case .project(let columns, .aggregate(let node)):
      guard node.grouping.isEmpty, let column = columns.first?.expression,
        let value = try? column.valueWhenEmpty(of: node.aggregates)
      else { return nil }
      return value.isNull ? nil : value
    default: return nil
    }
  }

  /// The plan for those who ask only whether it gives a row: without sorting and LIMIT on top.
  private var withoutOrder: LogicalPlan {
    switch self {
    case .sort(_, let child): child.withoutOrder
    case .limit(let count, offset: 0, let child) where count ?? 1 > 0: child.withoutOrder
    case .project(let columns, let child): .project(columns, child.withoutOrder)
    case .alias(let name, let child): .alias(name, child.withoutOrder)
    default: self
    }
  }

  /// For EXISTS, which asks for rows: without their order, and without what is computed for each of them.
  var ofRowsAlone: LogicalPlan {
    let plan = withoutOrder
    guard case .project(let columns, let child) = plan else { return plan }
    let passed = columns.filter(\.isPassedOn)
    return .project(passed.isEmpty ? [NamedExpression("exists", .literal(.boolean(true), .boolean))] : passed, child)
  }
}

extension NamedAggregate {
  /// What the aggregate gives for no rows.
  var valueWhenEmpty: Value {
    get throws {
      let accumulator = function.makeAccumulator()
      accumulator.reserve(groupCount: 1)
      return try accumulator.finish(groupCount: 1).value(0)
    }
  }
}

extension Expression {
  /// The value over aggregates of no rows; nil if it reads anything else.
  fileprivate func valueWhenEmpty(of aggregates: [NamedAggregate]) throws -> Value? {
    let filled = try rewritten { part in
      guard case .attribute(let attribute) = part,
        let aggregate = aggregates.first(where: { $0.attribute == attribute })
      else { return nil }
      return .literal(try aggregate.valueWhenEmpty, attribute.type)
    }
    guard filled.references.isEmpty, !filled.containsSubquery else { return nil }
    return try filled.constantValue()
  }
}
