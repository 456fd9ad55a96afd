import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// The pipe syntax, `FROM t |> WHERE … |> SELECT …`.
extension Analyzer {
  /// One step of the pipe syntax.
  func pipe(_ step: PipeOperator, _ plan: LogicalPlan, outer: Scope.Outer) throws -> LogicalPlan {
    let everything = SQLExpression(.star(qualifier: [], except: []))
    func block(_ select: Select, orderBy: [SortItem] = [], limit: Int? = nil, offset: Int? = nil) throws -> LogicalPlan
    {
      try SelectAnalyzer(self, plan, outer: outer).select(select, orderBy: orderBy, limit: limit, offset: offset)
    }
    switch step {
    case .select(let isDistinct, let items): return try block(Select(items, isDistinct: isDistinct))
    case .extend(let items):
      try checkNoAggregates(items, "EXTEND")
      return try block(Select([everything] + items))
    case .filter(let condition): return try block(Select([everything], filter: condition))
    case .orderBy(let items): return try block(Select([everything]), orderBy: items)
    case .limit(let limit, let offset):
      return try block(
        Select([everything]), limit: try limit.map { try rowCount($0, "LIMIT") },
        offset: try offset.map { try rowCount($0, "OFFSET") })
    case .alias(let name): return .alias([name], plan)
    case .drop(let names):
      return try block(Select([SQLExpression(.star(qualifier: [], except: names))]))
    case .set(let assignments):
      try checkNoAggregates(assignments.map(\.value), "SET")
      let items = plan.output.map { column -> SQLExpression in
        guard let new = assignments.last(where: { $0.column.lowercased() == column.name.lowercased() }) else {
          return SQLExpression(.column([column.name]))
        }
        return SQLExpression(.alias(new.value, [column.name]))
      }
      for assignment in assignments
      where !plan.output.contains(where: { $0.name.lowercased() == assignment.column.lowercased() }) {
        throw unresolvedColumn([assignment.column], among: plan.output)
      }
      return try block(Select(items))
    case .aggregate(let aggregates, let groupBy):
      return try block(try pipeAggregate(aggregates, groupBy, plan))
    case .join(let kind, let isNatural, let relation, let condition):
      let right = try self.relation(relation, outer: outer)
      let (joined, scope) = try join(
        kind, isNatural: isNatural, (plan, Scope(of: plan)), right, condition, outer: outer)
      return .project(scope.columns.map { NamedExpression(passing: $0) }, joined)
    case .setOperation(let kind, let isAll, let isByName, let query):
      return try combine(kind, isAll: isAll, isByName: isByName, plan, try self.plan(query, outer: outer))
    case .sample(let sample): return try sampled(plan, sample)
    case .pivot(let pivot): return try self.pivot(pivot, plan, Scope(of: plan))
    case .unpivot(let unpivot): return try self.unpivot(unpivot, plan, Scope(of: plan))
    case .lateralView(let view):
      var select = Select([everything])
      select.lateralViews = [view]
      return try block(select)
    }
  }

  private func checkNoAggregates(_ items: [SQLExpression], _ clause: String) throws {
    for item in items where item.contains(where: isAggregate) {
      throw MillraceError(
        "PIPE_OPERATOR_CONTAINS_AGGREGATE_FUNCTION",
        "|> \(clause) computes from each row, and takes no aggregate functions",
        hint: "use |> AGGREGATE, or add OVER ()")
    }
  }

  /// The block of `|> AGGREGATE`: keys come before the aggregates, and an ordinal among them is a column of the input.
  private func pipeAggregate(_ aggregates: [SQLExpression], _ groupBy: GroupBy?, _ plan: LogicalPlan) throws -> Select {
    for item in aggregates where !item.contains(where: isAggregate) {
      throw MillraceError(
        "PIPE_OPERATOR_AGGREGATE_EXPRESSION_CONTAINS_NO_AGGREGATE_FUNCTION",
        "|> AGGREGATE computes with aggregate functions, and this expression has none",
        hint: "put it into GROUP BY, or use |> EXTEND")
    }
    guard let groupBy else { return Select(aggregates, groupBy: GroupBy([])) }
    let keys = try groupBy.items.compactMap { item -> SQLExpression? in
      guard case .expression(let key) = item else { return nil }
      guard case .literal(.integer(let ordinal), .integer) = key.unaliased.kind else { return key }
      guard ordinal >= 1, ordinal <= Int64(plan.output.count) else {
        throw MillraceError(
          "GROUP_BY_POS_OUT_OF_RANGE",
          "GROUP BY position \(ordinal) is not a column of the input (1 to \(plan.output.count))")
      }
      let column = SQLExpression(.column(plan.output[Int(ordinal) - 1].identity), key.range)
      if case .alias(_, let names) = key.kind { return SQLExpression(.alias(column, names), key.range) }
      return column
    }
    let isPlain = !groupBy.isAll && keys.count == groupBy.items.count
    return Select(
      keys + aggregates, groupBy: isPlain ? GroupBy(keys.map { .expression($0.unaliased) }) : groupBy)
  }
}
