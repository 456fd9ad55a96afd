import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

extension ExpressionResolver {
  private func subplan(_ query: Query) throws -> (LogicalPlan, isCorrelated: Bool) {
    let plan = try analyzer.subplan(query, outer: scope)
    if plan.isStreaming {
      throw MillraceError(
        "INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY", "a subquery cannot read a stream",
        hint: "join the stream instead")
    }
    return (plan, !plan.freeReferences.isEmpty)
  }

  func scalarSubquery(_ query: Query) throws -> Expression {
    if let known = collector?.keySubqueries[query] { return known }
    let (plan, isCorrelated) = try subplan(query)
    guard plan.output.count == 1 else {
      throw MillraceError(
        "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
        "a scalar subquery must have one column, but it has \(plan.output.count)")
    }
    guard isCorrelated else { return .subqueryResult(id: analyzer.addSubquery(plan, .scalar), plan.output[0].type) }
    guard let collector else { throw unsupportedCorrelation() }
    let value = try collector.correlatedScalar(plan)
    if collector.part == .key { collector.keySubqueries[query] = value }
    return value
  }

  func exists(_ query: Query) throws -> Expression {
    let (plan, isCorrelated) = try subplan(query)
    let rows = plan.ofRowsAlone
    guard isCorrelated else { return .subqueryResult(id: analyzer.addSubquery(rows, .exists), .boolean) }
    guard let collector else { throw unsupportedCorrelation() }
    return try collector.correlatedExists(rows)
  }

  /// `x [NOT] IN (SELECT …)` as a value. Spark computes it by a join that only knows whether a row was found, so that either
  /// form is false where SQL would have it unknown; only a constant NULL stays NULL.
  func membership(_ value: SQLExpression, _ query: Query, isNegated: Bool) throws -> Expression {
    let found = try inSubquery(value, query, orUnknown: isNegated)
    let result = isNegated ? try call("not", [found]) : found
    if case .literal(.null, _) = value.kind { return result }
    return try call("coalesce", [result, .literal(.boolean(false), .boolean)])
  }

  private func inSubquery(_ value: SQLExpression, _ query: Query, orUnknown: Bool) throws -> Expression {
    let (plan, isCorrelated) = try subplan(query)
    let values: [Expression]
    if case .row(let parts) = value.kind {
      values = try parts.map { try resolve($0) }
    } else {
      values = [try resolve(value)]
    }
    guard values.count == plan.output.count else {
      throw MillraceError(
        "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
        "the left side of IN has \(values.count) columns, and the subquery has \(plan.output.count)")
    }
    if !isCorrelated && values.count == 1 {
      guard let type = TypeCoercion.comparedType(values[0].type, plan.output[0].type) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH",
          "IN compares \(values[0].type.sql) with the subquery's \(plan.output[0].type.sql)")
      }
      let list = Expression.subqueryResult(id: analyzer.addSubquery(plan, .list), .array(plan.output[0].type))
      let items = try list.cast(to: .array(type), analyzer.context)
      return try call("array_contains", [items, try values[0].cast(to: type, analyzer.context)]).nullWhenEmptyIsFalse(
        items, values[0], analyzer)
    }
    if !isCorrelated { return try rowIn(values, plan, orUnknown: orUnknown) }
    guard let collector else { throw unsupportedCorrelation() }
    return try collector.correlatedIn(values, plan, orUnknown: orUnknown)
  }

  /// Whether several values are a row of a subquery. As in Spark, what is unknown is no match, or with `orUnknown` one.
  private func rowIn(_ values: [Expression], _ plan: LogicalPlan, orUnknown: Bool) throws -> Expression {
    let row = NamedExpression("row", try call("struct", plan.output.map { .attribute($0) }))
    let id = analyzer.addSubquery(.project([row], plan), .list)
    let rows = Expression.subqueryResult(id: id, .array(row.attribute.type))
    let item = Attribute("row", row.attribute.type, isNullable: false)
    let fields = item.type.fields ?? []
    let equalities = try zip(values, fields).map { value, field in
      try call("=", [value, try CollectionAccess.fieldAccess(.attribute(item), field.name, analyzer.context)])
    }
    guard let isEqual = Expression.conjunction(equalities), let exists = analyzer.functions.scalar("exists") else {
      throw MillraceError("INTERNAL_ERROR", "rows cannot be compared with those of a subquery", fault: .bug)
    }
    let wanted = Expression.literal(.boolean(!orUnknown), .boolean)
    var matches = try call("<=>", [isEqual, wanted])
    if orUnknown { matches = try call("not", [matches]) }
    let lambda = Lambda([item], matches)
    return try exists.bind([.expression(rows), .lambda(parameterCount: 1) { _ in lambda }], analyzer.context)
  }

  private func unsupportedCorrelation() -> MillraceError {
    MillraceError(
      "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY",
      "a correlated subquery cannot stand here", hint: "write it as a join")
  }
}

extension Expression {
  /// `x IN (empty list)` is false even if x is NULL, where `array_contains` gives NULL.
  fileprivate func nullWhenEmptyIsFalse(_ items: Expression, _ value: Expression, _ analyzer: Analyzer) throws
    -> Expression
  {
    guard value.isNullable else { return self }
    let isEmpty = try analyzer.call("=", [try analyzer.call("size", [items]), .literal(.integer(0), .integer)])
    return .conditional([Branch(isEmpty, .literal(.boolean(false), .boolean))], otherwise: self, .boolean)
  }
}

extension LogicalPlan {
  /// The same rows, with columns that are passed on from an enclosing query under identities of their own.
  var renamingOuterColumns: LogicalPlan {
    let outer = freeReferences
    if output.allSatisfy({ !outer.contains($0.id) }) { return self }
    return .project(
      output.map { column in
        outer.contains(column.id)
          ? NamedExpression(column.name, .attribute(column)) : NamedExpression(passing: column)
      }, self)
  }

  /// Ids of columns that are read here but come from nowhere below: those of an enclosing query.
  var freeReferences: Set<Int> {
    var read: Set<Int> = []
    for expression in expressions {
      read.formUnion(expression.references.subtracting(expression.lambdaParameterIDs))
    }
    var free: Set<Int> = []
    for child in children {
      read.subtract(child.reachable.map(\.id))
      free.formUnion(child.freeReferences)
    }
    return free.union(read)
  }
}

extension Expression {
  /// Ids of the parameters of all lambdas inside.
  var lambdaParameterIDs: Set<Int> {
    var ids: Set<Int> = []
    if case .higherOrder(_, _, let lambdas) = self {
      for lambda in lambdas { ids.formUnion(lambda.parameters.map(\.id)) }
    }
    for child in children { ids.formUnion(child.lambdaParameterIDs) }
    return ids
  }
}
