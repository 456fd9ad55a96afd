import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Resolves one SELECT block over the plan of its FROM, in Spark's order: generators, WHERE, GROUP BY, HAVING, window
/// functions, QUALIFY, projection, DISTINCT, ORDER BY, LIMIT.
final class SelectAnalyzer {
  let analyzer: Analyzer
  /// What the block reads, grown by generators and subquery joins.
  var child: LogicalPlan
  var scope: Scope
  var namedWindows: [Query.NamedWindow] = []

  /// Keys of GROUP BY; nil in a block without aggregation.
  var grouping: [NamedExpression]?
  var aggregates: [NamedAggregate] = []
  var aggregateKeys: [String: Attribute] = [:]
  var windowCalls: [WindowCall] = []
  /// Windows over event time that became a generated column.
  var slidingWindows: [String: Attribute] = [:]
  /// The windows over event time that were asked for, of which there can be one.
  var timeWindows: Set<String> = []
  var groupingSets: GroupingSetPlan?
  /// Event times whose NULLs are filtered out already.
  var filteredTimes: Set<String> = []
  /// What is being resolved of a block with aggregation.
  enum Part {
    case result, aggregateArgument, key
  }
  var part = Part.result
  /// The values of the correlated subqueries in keys, which are computed once.
  var keySubqueries: [Query: Expression] = [:]
  /// Joins of correlated subqueries that must lie above the aggregation.
  var pendingJoins: [JoinNode] = []
  var joinedIDs: Set<Int> = []

  /// A window function with what it is computed over.
  struct WindowCall {
    var partition: [Expression]
    var order: [SortOrder]
    var function: NamedWindowFunction

    /// Ids of all columns that it reads.
    var references: Set<Int> {
      (partition + order.map(\.expression) + function.arguments).reduce(into: []) { $0.formUnion($1.references) }
    }
  }

  init(_ analyzer: Analyzer, _ child: LogicalPlan, scope: Scope? = nil, outer: Scope.Outer) {
    self.analyzer = analyzer
    self.child = child
    self.scope = scope ?? Scope(of: child, outer: outer)
  }

  /// The block as a plan.
  func select(_ select: Select, orderBy: [SortItem], limit: Int?, offset: Int?) throws -> LogicalPlan {
    for view in select.lateralViews { try lateralView(view) }
    if let filter = select.filter { try addFilter(filter) }
    var items = try expandStars(select.projection)
    if let plan = try generatorsOverGroups(select, items, orderBy: orderBy, limit: limit, offset: offset) {
      return plan
    }
    try extractGenerators(&items)
    // HAVING without GROUP BY is a condition on the one group of all rows.
    let hasAggregates =
      select.groupBy != nil || select.having != nil || items.contains { containsAggregate($0) }
    try refuseWindowFunctions(select, items)
    if hasAggregates { try resolveGrouping(select.groupBy, items) }

    let resolver = ExpressionResolver(analyzer, scope, collector: self)
    for key in grouping ?? [] { resolver.aliases[key.attribute.name.lowercased()] = .attribute(key.attribute) }
    var columns: [NamedExpression] = []
    for item in items {
      let resolved = grouped(try resolver.resolve(item.unaliased))
      let column = named(resolved, item)
      columns.append(column)
      if case .alias(_, let names) = item.kind, names.count == 1, resolver.aliases[names[0].lowercased()] == nil {
        resolver.aliases[names[0].lowercased()] = resolved
      }
    }
    let having = try select.having.map { try havingCondition($0, items, columns, aliases: resolver.aliases) }
    let qualify = try select.qualify.map { try condition($0, resolver, "QUALIFY") }
    let orders = try sortOrders(orderBy, columns, resolver, isDistinct: select.isDistinct)
    return try assemble(
      columns, having: having, qualify: qualify, orders: orders, isDistinct: select.isDistinct, limit, offset)
  }

  private enum AggregatePlace { case inWindow, outside }

  /// Where an expression uses an aggregate function, nil if it does not.
  private func aggregatePlace(in sql: SQLExpression) -> AggregatePlace? {
    if sql.isWindowFunction {
      return sql.parts.contains { containsAggregate($0) } ? .inWindow : nil
    }
    if containsAggregate(sql), sql.parts.allSatisfy({ !containsAggregate($0) }) { return .outside }
    return sql.parts.lazy.compactMap { self.aggregatePlace(in: $0) }.first
  }

  /// Window functions stand in the select list, ORDER BY and QUALIFY only, and QUALIFY is there for them.
  private func refuseWindowFunctions(_ select: Select, _ items: [SQLExpression]) throws {
    if let having = select.having, having.contains(where: \.isGenerator) {
      throw MillraceError("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", "HAVING cannot use a generator")
    }
    if let having = select.having, having.contains(where: \.isWindowFunction) {
      throw MillraceError(
        "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE", "HAVING cannot use window functions",
        hint: "use QUALIFY, or compute it in a subquery")
    }
    if let qualify = select.qualify, let place = aggregatePlace(in: qualify) {
      throw MillraceError(
        place == .inWindow ? "MISSING_GROUP_BY" : "QUALIFY_AGGREGATE_NOT_ALLOWED",
        "QUALIFY cannot use aggregate functions", hint: "name the aggregate in the select list, and use the name")
    }
    if let qualify = select.qualify, !(items + [qualify]).contains(where: { $0.contains(where: \.isWindowFunction) }) {
      throw MillraceError(
        "QUALIFY_REQUIRES_WINDOW_FUNCTION", "QUALIFY needs a window function, in the select list or in its condition",
        hint: "use WHERE or HAVING")
    }
  }

  /// Puts the nodes of the block on top of each other.
  func assemble(
    _ columns: [NamedExpression], having: Expression?, qualify: Expression?, orders: [SortOrder], isDistinct: Bool,
    _ limit: Int?, _ offset: Int?
  ) throws -> LogicalPlan {
    var plan = child
    if let grouping {
      plan =
        try groupingSets.map { try $0.plan(over: plan, grouping, aggregates) }
        ?? .aggregate(AggregateNode(grouping: grouping, aggregates: aggregates, child: plan))
      let available = Set(plan.output.map(\.id))
      for expression in columns.map(\.expression) + [qualify].compactMap({ $0 }) {
        try checkGrouped(expression, available, columns)
      }
      for order in orders { try checkKnown(order.expression, available, columns) }
      if let having { try checkKnown(having, available) }
      for call in windowCalls {
        for expression in call.partition + call.order.map(\.expression) + call.function.arguments {
          try checkGrouped(expression, available, [])
        }
      }
    }
    plan = try joinAbove(plan)
    if let having { plan = .filter(having, plan) }
    plan = windows(over: plan)
    if let qualify { plan = .filter(qualify, plan) }
    // ORDER BY may read columns that the projection drops.
    let outputIDs = Set(columns.map(\.attribute.id))
    let missing = orders.filter { !$0.expression.references.isSubset(of: outputIDs) }
    if missing.isEmpty {
      plan = .project(columns, plan)
      if isDistinct {
        try analyzer.refuseMaps(in: plan.output, "DISTINCT")
        plan = .distinct(plan)
      }
      if !orders.isEmpty { plan = .sort(orders, plan) }
      return analyzer.limited(plan, limit, offset)
    }
    if isDistinct {
      let hidden = missing.reduce(into: Set<Int>()) { $0.formUnion($1.expression.references) }.subtracting(outputIDs)
      let name = plan.output.first { hidden.contains($0.id) }?.name ?? "?"
      throw analyzer.unresolvedColumn([name], among: columns.map(\.attribute))
    }
    let provided = Dictionary(plan.output.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let extra = missing.reduce(into: Set<Int>()) { $0.formUnion($1.expression.references) }.subtracting(outputIDs)
    let carried = extra.sorted().compactMap { provided[$0] }.map { NamedExpression(passing: $0) }
    plan = .project(columns + carried, plan)
    plan = .sort(orders, plan)
    plan = analyzer.limited(plan, limit, offset)
    return .project(columns.map { NamedExpression(passing: $0.attribute) }, plan)
  }
}
