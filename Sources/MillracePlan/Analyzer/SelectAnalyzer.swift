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
  private var aggregateKeys: [String: Attribute] = [:]
  private var windowCalls: [WindowCall] = []
  /// Windows over event time that became a generated column.
  private var slidingWindows: [String: Attribute] = [:]
  private var groupingSets: GroupingSetPlan?
  /// Correlated subqueries whose join must lie above the aggregation.
  private var isAboveAggregate = false

  /// A window function with what it is computed over.
  struct WindowCall {
    var partition: [Expression]
    var order: [SortOrder]
    var function: NamedWindowFunction
  }

  init(_ analyzer: Analyzer, _ child: LogicalPlan, scope: Scope? = nil, outer: Scope.Outer) {
    self.analyzer = analyzer
    self.child = child
    self.scope = scope ?? Scope(child.output, outer: outer)
  }

  /// The block as a plan.
  func select(_ select: Select, orderBy: [SortItem], limit: Int?, offset: Int?) throws -> LogicalPlan {
    for view in select.lateralViews { try lateralView(view) }
    if let filter = select.filter { try addFilter(filter) }
    var items = try expandStars(select.projection)
    try extractGenerators(&items)
    let hasAggregates = select.groupBy != nil || select.having != nil && containsAggregate(select.having) || items.contains { containsAggregate($0) }
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
    let having = try select.having.map { try condition($0, resolver, "HAVING") }
    let qualify = try select.qualify.map { try condition($0, resolver, "QUALIFY") }
    let orders = try sortOrders(orderBy, columns, resolver, isDistinct: select.isDistinct)
    return try assemble(columns, having: having, qualify: qualify, orders: orders, isDistinct: select.isDistinct, limit, offset)
  }

  /// Puts the nodes of the block on top of each other.
  private func assemble(
    _ columns: [NamedExpression], having: Expression?, qualify: Expression?, orders: [SortOrder], isDistinct: Bool,
    _ limit: Int?, _ offset: Int?
  ) throws -> LogicalPlan {
    var plan = child
    if let grouping {
      plan = try groupingSets.map { try $0.plan(over: plan, grouping, aggregates) }
        ?? .aggregate(AggregateNode(grouping: grouping, aggregates: aggregates, child: plan))
      let available = Set(plan.output.map(\.id))
      for expression in columns.map(\.expression) + [having, qualify].compactMap({ $0 }) + orders.map(\.expression) {
        try checkGrouped(expression, available, columns)
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
      if isDistinct { plan = .distinct(plan) }
      if !orders.isEmpty { plan = .sort(orders, plan) }
      return analyzer.limited(plan, limit, offset)
    }
    let provided = Dictionary(plan.output.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let extra = missing.reduce(into: Set<Int>()) { $0.formUnion($1.expression.references) }.subtracting(outputIDs)
    let carried = extra.sorted().compactMap { provided[$0] }.map { NamedExpression(passing: $0) }
    plan = .project(columns + carried, plan)
    plan = .sort(orders, plan)
    plan = analyzer.limited(plan, limit, offset)
    return .project(columns.map { NamedExpression(passing: $0.attribute) }, plan)
  }

  // MARK: WHERE and lateral views

  private func addFilter(_ filter: SQLExpression) throws {
    for conjunct in conjuncts(filter) {
      let resolver = ExpressionResolver(analyzer, scope)
      if try subqueryPredicate(conjunct, isNegated: false) { continue }
      resolver.collector = WhereCollector.isNeeded(conjunct) ? self : nil
      let expression = try resolver.resolve(conjunct)
      if !aggregates.isEmpty {
        throw MillraceError("INVALID_WHERE_CONDITION", "WHERE cannot use aggregate functions", hint: "use HAVING")
      }
      guard expression.type == .boolean || expression.type == .void || expression.type == .string else {
        throw MillraceError(
          "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", "the condition of WHERE has the type \(expression.type.sql) instead of BOOLEAN")
      }
      child = .filter(try expression.cast(to: .boolean, analyzer.context), child)
    }
  }

  private func conjuncts(_ sql: SQLExpression) -> [SQLExpression] {
    if case .binary(.and, let left, let right) = sql.kind { return conjuncts(left) + conjuncts(right) }
    return [sql]
  }

  /// `[NOT] EXISTS (…)` and `x [NOT] IN (SELECT …)` standing alone become semi and anti joins.
  private func subqueryPredicate(_ sql: SQLExpression, isNegated: Bool) throws -> Bool {
    switch sql.kind {
    case .unary(.not, let inner): return try subqueryPredicate(inner, isNegated: !isNegated)
    case .exists(let query):
      let plan = try staticPlan(query)
      let (right, condition) = try Decorrelation(analyzer, outer: Set(child.output.map(\.id))).pullUp(plan)
      child = .join(JoinNode(isNegated ? .leftAnti : .leftSemi, child, right, condition: condition))
      return true
    case .inSubquery(let value, let query):
      let resolver = ExpressionResolver(analyzer, scope)
      let values: [Expression]
      if case .row(let parts) = value.kind { values = try parts.map { try resolver.resolve($0) } } else { values = [try resolver.resolve(value)] }
      let plan = try staticPlan(query)
      guard values.count == plan.output.count else {
        throw MillraceError(
          "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
          "the left side of IN has \(values.count) columns, and the subquery has \(plan.output.count)")
      }
      let (right, correlation) = try Decorrelation(analyzer, outer: Set(child.output.map(\.id))).pullUp(plan)
      let condition = try inCondition(values, plan.output, correlation)
      child = .join(JoinNode(isNegated ? .nullAwareAnti : .leftSemi, child, right, condition: condition))
      return true
    default: return false
    }
  }

  private func staticPlan(_ query: Query) throws -> LogicalPlan {
    let plan = try analyzer.plan(query, outer: .scope(scope))
    if plan.isStreaming {
      throw MillraceError("INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY", "a subquery cannot read a stream", hint: "join the stream instead")
    }
    return plan
  }

  private func inCondition(_ values: [Expression], _ columns: [Attribute], _ correlation: Expression?) throws -> Expression? {
    var condition = correlation
    for (value, column) in zip(values, columns) {
      let equal = try analyzer.call("=", [value, .attribute(column)])
      condition = condition.map { .and(equal, $0) } ?? equal
    }
    return condition
  }

  private func lateralView(_ view: LateralView) throws {
    let resolver = ExpressionResolver(analyzer, scope)
    guard var node = try resolver.generator(view.generator, over: child) else {
      throw MillraceError(
        "UNRESOLVED_ROUTINE", "LATERAL VIEW needs a generator, and `\(view.generator.name.joined(separator: "."))` is none")
    }
    node.isOuter = node.isOuter || view.isOuter
    node.output = try analyzer.renamed(node.output, TableAlias(view.tableAlias, columns: view.columnAliases))
    child = .generate(node)
    scope.columns += node.output
  }

  // MARK: Select list

  private func expandStars(_ items: [SQLExpression]) throws -> [SQLExpression] {
    try items.flatMap { item -> [SQLExpression] in
      guard case .star(let qualifier, let except) = item.kind else { return [item] }
      var columns = scope.star(qualifier)
      if columns.isEmpty && !qualifier.isEmpty, let match = try scope.match(qualifier), let fields = match.attribute.type.fields {
        return fields.map { SQLExpression(.alias(SQLExpression(.column(qualifier + [$0.name])), [$0.name])) }
      }
      if columns.isEmpty && !qualifier.isEmpty {
        throw MillraceError("CANNOT_RESOLVE_STAR_EXPAND", "`\(qualifier.joined(separator: "."))`.* names no table here")
      }
      for name in except {
        guard let match = try scope.match(name) else { throw analyzer.unresolvedColumn(name, among: columns) }
        columns.removeAll { $0 == match.attribute }
      }
      return columns.map { column in SQLExpression(.column(["\u{0}\(column.id)"]), item.range) }
    }
  }

  /// `explode(…)` in the select list becomes a generate node under the block.
  private func extractGenerators(_ items: inout [SQLExpression]) throws {
    var result: [SQLExpression] = []
    var found = false
    for item in items {
      guard case .call(let call) = item.unaliased.kind, Generators.names.contains(call.name.last?.lowercased() ?? ""), call.window == nil else {
        result.append(item)
        continue
      }
      if found {
        throw MillraceError("UNSUPPORTED_GENERATOR.MULTI_GENERATOR", "only one generator can stand in a select list")
      }
      found = true
      let resolver = ExpressionResolver(analyzer, scope)
      guard var node = try resolver.generator(call, over: child) else { continue }
      if case .alias(_, let names) = item.kind {
        node.output = try analyzer.renamed(node.output, TableAlias(nil, columns: names))
      }
      child = .generate(node)
      scope.hidden += node.output
      result += node.output.map { SQLExpression(.column(["\u{0}\($0.id)"]), item.range) }
    }
    items = result
  }

  /// The output column of an expression: its alias, or Spark's automatic name.
  private func named(_ expression: Expression, _ item: SQLExpression) -> NamedExpression {
    if case .alias(_, let names) = item.kind, let name = names.first { return NamedExpression(name, expression) }
    if case .attribute(let attribute) = expression {
      if case .column = item.kind, grouping == nil || grouping?.contains(where: { $0.attribute == attribute }) == true {
        if grouping == nil { return NamedExpression(passing: attribute) }
        return NamedExpression(attribute, expression)
      }
    }
    return NamedExpression(ColumnNaming.name(of: item), expression)
  }

  // MARK: Aggregation

  private func containsAggregate(_ sql: SQLExpression?) -> Bool {
    guard let sql else { return false }
    return sql.contains { expression in
      guard case .call(let call) = expression.kind, call.window == nil else { return false }
      let name = call.name.last?.lowercased() ?? ""
      return analyzer.functions.aggregate(name) != nil && (analyzer.functions.scalar(name) == nil || call.isDistinct)
        || ["grouping", "grouping_id"].contains(name)
    }
  }

  private func resolveGrouping(_ clause: GroupBy?, _ items: [SQLExpression]) throws {
    grouping = []
    guard let clause else { return }
    if clause.isAll {
      for item in items where !containsAggregate(item) { try addKey(item.unaliased, item, items) }
      return
    }
    let sets = GroupingSetPlan.sets(of: clause)
    if let sets {
      var members: [[Int]] = []
      for set in sets { members.append(try set.map { try addKey($0, nil, items) }) }
      groupingSets = GroupingSetPlan(sets: members)
    } else {
      for case .expression(let expression) in clause.items { try addKey(expression, nil, items) }
    }
  }

  /// Adds a key of GROUP BY: an expression, an ordinal, or an alias of the select list. Gives its index.
  @discardableResult
  private func addKey(_ sql: SQLExpression, _ item: SQLExpression?, _ items: [SQLExpression]) throws -> Int {
    var expression = sql
    var source = item
    if case .literal(.integer(let ordinal), .integer) = sql.kind {
      guard ordinal >= 1, ordinal <= Int64(items.count) else {
        throw MillraceError("GROUP_BY_POS_OUT_OF_RANGE", "GROUP BY position \(ordinal) is not in the select list (1 to \(items.count))")
      }
      source = items[Int(ordinal) - 1]
      expression = items[Int(ordinal) - 1].unaliased
      if containsAggregate(expression) {
        throw MillraceError("GROUP_BY_POS_AGGREGATE", "GROUP BY position \(ordinal) is an aggregate")
      }
    } else if case .column(let parts) = sql.kind, parts.count == 1, try scope.match(parts) == nil,
      let aliased = items.first(where: { if case .alias(_, let names) = $0.kind { names.first?.lowercased() == parts[0].lowercased() } else { false } })
    {
      source = aliased
      expression = aliased.unaliased
    }
    if containsAggregate(expression) {
      throw MillraceError("GROUP_BY_AGGREGATE", "GROUP BY cannot contain an aggregate function")
    }
    let resolved = try ExpressionResolver(analyzer, scope, collector: self).resolve(expression)
    if case .map = resolved.type {
      throw MillraceError("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "GROUP BY cannot use a value of the type \(resolved.type.sql)")
    }
    let key = resolved.fingerprint
    if let index = grouping?.firstIndex(where: { $0.expression.fingerprint == key }) { return index }
    let name = source.map { ColumnNaming.name(of: $0) } ?? groupingName(expression, resolved)
    var attribute = Attribute(name, resolved.type, isNullable: resolved.isNullable)
    if case .attribute(let column) = resolved {
      attribute = Attribute(column.name, column.type, isNullable: column.isNullable, qualifier: column.qualifier)
    }
    grouping?.append(NamedExpression(attribute, resolved))
    return (grouping?.count ?? 1) - 1
  }

  private func groupingName(_ sql: SQLExpression, _ resolved: Expression) -> String {
    if case .call(let call) = sql.kind, ["window", "session_window"].contains(call.name.last?.lowercased()) { return call.name.last?.lowercased() ?? "window" }
    return ColumnNaming.name(of: sql)
  }

  /// Replaces what GROUP BY computes by its columns.
  func grouped(_ expression: Expression) -> Expression {
    guard let grouping, !grouping.isEmpty else { return expression }
    let keys = Dictionary(grouping.map { ($0.expression.fingerprint, $0.attribute) }, uniquingKeysWith: { first, _ in first })
    return replaceTopDown(expression, keys)
  }

  private func replaceTopDown(_ expression: Expression, _ keys: [String: Attribute]) -> Expression {
    if case .literal = expression { return expression }
    if let attribute = keys[expression.fingerprint] { return .attribute(attribute) }
    return expression.mapChildren { replaceTopDown($0, keys) }
  }

  /// Takes an aggregate that was found in an expression and gives the column of its result.
  func aggregate(_ function: BoundAggregate, filter: Expression?, isDistinct: Bool) -> Expression {
    if grouping == nil { grouping = [] }
    let key = "\(function.name)(\(function.arguments.map(\.fingerprint).joined(separator: ",")))\(isDistinct)\(filter?.fingerprint ?? "")\(function.type)"
    if let known = aggregateKeys[key] { return .attribute(known) }
    let attribute = Attribute(function.name, function.type, isNullable: function.isNullable)
    aggregateKeys[key] = attribute
    aggregates.append(NamedAggregate(attribute, function, filter: filter, isDistinct: isDistinct))
    return .attribute(attribute)
  }

  private func checkGrouped(_ expression: Expression, _ available: Set<Int>, _ columns: [NamedExpression]) throws {
    let known = available.union(windowCalls.map(\.function.attribute.id)).union(columns.map(\.attribute.id)).union(joinedIDs)
      .union(expression.lambdaParameterIDs)
    let childColumns = Dictionary(child.output.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for id in expression.references.subtracting(known).sorted() {
      guard let column = childColumns[id] else { continue }
      let isGlobal = grouping?.isEmpty ?? true
      throw MillraceError(
        isGlobal ? "MISSING_GROUP_BY" : "MISSING_AGGREGATION",
        "the column `\(column.name)` is neither in GROUP BY nor inside an aggregate function",
        hint: "add it to GROUP BY, or wrap it in any_value(\(column.name))")
    }
  }

  func groupingFunction(_ name: String, _ function: FunctionCall, _ resolver: ExpressionResolver) throws -> Expression {
    guard let sets = groupingSets else {
      throw MillraceError("UNSUPPORTED_GROUPING_EXPRESSION", "\(name)() needs GROUPING SETS, ROLLUP or CUBE")
    }
    let keys = try function.arguments.compactMap(\.expression).map { sql -> Int in
      let wanted = try resolver.resolve(sql).fingerprint
      guard let index = grouping?.firstIndex(where: { $0.expression.fingerprint == wanted || Expression.attribute($0.attribute).fingerprint == wanted }) else {
        throw MillraceError("GROUPING_COLUMN_MISMATCH", "the argument of \(name)() is no key of GROUP BY")
      }
      return index
    }
    return try sets.groupingFunction(name, keys, count: grouping?.count ?? 0, analyzer)
  }

  // MARK: Event-time windows

  /// The struct of the window that `time` lies in; a sliding window multiplies the rows below.
  func timeWindow(_ time: Expression, _ window: TimeWindow) throws -> Expression {
    let key = "\(time.fingerprint)\(window)"
    if let known = slidingWindows[key] { return .attribute(known) }
    if grouping != nil && !isResolvingKeys(time) { return window.lastWindow(time) }
    if window.isTumbling {
      if !filteredTimes.contains(time.fingerprint) {
        filteredTimes.insert(time.fingerprint)
        child = .filter(try analyzer.call("isnotnull", [time]), child)
      }
      return window.lastWindow(time)
    }
    let generator = window.generator(time)
    let output = generator.output.map { Attribute($0.name, $0.type, isNullable: false) }
    child = .generate(GenerateNode(generator: generator, output: output, isOuter: false, child: child))
    slidingWindows[key] = output[0]
    return .attribute(output[0])
  }

  /// The session that a row makes by itself; rows without a time or a gap belong to none.
  func sessionWindow(_ time: Expression, gap: Expression) throws -> Expression {
    let session = SessionWindow.expression(time, gap: gap)
    if filteredTimes.insert(session.fingerprint).inserted, grouping == nil || isResolvingKeys(time) {
      let isPositive = try analyzer.call(">", [gap, .literal(.integer(0), .long)])
      child = .filter(.and(try analyzer.call("isnotnull", [time]), isPositive), child)
    }
    return session
  }

  private var filteredTimes: Set<String> = []

  private func isResolvingKeys(_ time: Expression) -> Bool { aggregates.isEmpty }

  // MARK: Window functions

  func windowFunction(_ call: FunctionCall, _ resolver: ExpressionResolver) throws -> Expression {
    guard let reference = call.window else { return .null(.void) }
    let specification = try windowSpecification(reference)
    let partition = try specification.partitionBy.map { grouped(try resolver.resolve($0)) }
    let order = try specification.orderBy.map { item in
      SortOrder(grouped(try resolver.resolve(item.expression)), isAscending: item.isAscending, nullsFirst: item.nullsFirst)
    }
    let name = call.name.last?.lowercased() ?? ""
    let builder = WindowFunctionBuilder(self, resolver)
    let function = try builder.build(call, name, order: order, specification.frame)
    windowCalls.append(WindowCall(partition: partition, order: order, function: function))
    return .attribute(function.attribute)
  }

  private func windowSpecification(_ reference: WindowReference) throws -> WindowSpecification {
    var current = reference
    for _ in 0...namedWindows.count {
      switch current {
      case .specification(let specification): return specification
      case .named(let name):
        guard let found = namedWindows.first(where: { $0.name.lowercased() == name.lowercased() }) else {
          throw MillraceError("MISSING_WINDOW_SPECIFICATION", "the window `\(name)` is not defined", hint: "define it with WINDOW \(name) AS (…)")
        }
        current = found.window
      }
    }
    throw MillraceError("WINDOW_SPECIFICATION_CYCLE", "the window definitions refer to each other in a circle")
  }

  private func windows(over plan: LogicalPlan) -> LogicalPlan {
    var result = plan
    var groups: [(key: String, node: WindowNode)] = []
    for call in windowCalls {
      let key = call.partition.map(\.fingerprint).joined(separator: ",") + "|"
        + call.order.map { "\($0.expression.fingerprint)\($0.isAscending)\($0.nullsFirst)" }.joined(separator: ",")
      if let index = groups.firstIndex(where: { $0.key == key }) {
        groups[index].node.functions.append(call.function)
      } else {
        groups.append((key, WindowNode(partition: call.partition, order: call.order, functions: [call.function], child: plan)))
      }
    }
    for group in groups {
      var node = group.node
      node.child = result
      result = .window(node)
    }
    return result
  }

  // MARK: ORDER BY and conditions

  private func condition(_ sql: SQLExpression, _ resolver: ExpressionResolver, _ clause: String) throws -> Expression {
    let expression = grouped(try resolver.resolve(sql))
    guard expression.type == .boolean || expression.type == .void else {
      throw MillraceError(
        "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", "the condition of \(clause) has the type \(expression.type.sql) instead of BOOLEAN")
    }
    return try expression.cast(to: .boolean, analyzer.context)
  }

  private func sortOrders(
    _ items: [SortItem], _ columns: [NamedExpression], _ resolver: ExpressionResolver, isDistinct: Bool
  ) throws -> [SortOrder] {
    if items.count == 1, case .column(let parts) = items[0].expression.kind, parts.count == 1, parts[0].lowercased() == "all",
      !columns.contains(where: { $0.attribute.name.lowercased() == "all" })
    {
      return columns.map { SortOrder(.attribute($0.attribute), isAscending: items[0].isAscending, nullsFirst: items[0].nullsFirst) }
    }
    return try items.map { item in
      let expression = try sortKey(item.expression, columns, resolver)
      if case .map = expression.type {
        throw MillraceError("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "ORDER BY cannot use a value of the type \(expression.type.sql)")
      }
      return SortOrder(expression, isAscending: item.isAscending, nullsFirst: item.nullsFirst)
    }
  }

  private func sortKey(_ sql: SQLExpression, _ columns: [NamedExpression], _ resolver: ExpressionResolver) throws -> Expression {
    if case .literal(.integer(let ordinal), .integer) = sql.kind {
      guard ordinal >= 1, ordinal <= Int64(columns.count) else {
        throw MillraceError("ORDER_BY_POS_OUT_OF_RANGE", "ORDER BY position \(ordinal) is not in the select list (1 to \(columns.count))")
      }
      return .attribute(columns[Int(ordinal) - 1].attribute)
    }
    // Names mean output columns first, then columns of the input.
    let output = ExpressionResolver(analyzer, Scope(columns.map { column in
      guard case .attribute(let source) = column.expression else { return column.attribute }
      return column.attribute.qualified(source.qualifier)
    }))
    let outputCollector = ExpressionResolver(analyzer, output.scope, collector: nil)
    if !containsAggregate(sql), !sql.contains(where: { if case .call(let call) = $0.kind { call.window != nil } else { false } }),
      let resolved = try? outputCollector.resolve(sql), !(columns.isEmpty)
    {
      return resolved
    }
    let resolved = grouped(try sortResolver(resolver, columns).resolve(sql))
    // What the projection computes anyway is read from there.
    let computed = Dictionary(columns.map { ($0.expression.fingerprint, $0.attribute) }, uniquingKeysWith: { first, _ in first })
    return computed[resolved.fingerprint].map { .attribute($0) } ?? resolved
  }

  private func sortResolver(_ resolver: ExpressionResolver, _ columns: [NamedExpression]) -> ExpressionResolver {
    for column in columns where resolver.aliases[column.attribute.name.lowercased()] == nil {
      resolver.aliases[column.attribute.name.lowercased()] = column.expression
    }
    return resolver
  }

  // MARK: Correlated subqueries in expressions

  private var pendingJoins: [JoinNode] = []
  private var joinedIDs: Set<Int> = []

  /// A correlated scalar subquery as a left join; its value is a column then.
  func correlatedScalar(_ plan: LogicalPlan) throws -> Expression {
    let value = plan.output[0]
    let outerIDs = plan.freeReferences
    let (right, condition) = try Decorrelation(analyzer, outer: outerIDs).pullUp(plan)
    try addJoin(JoinNode(.left, child, right, condition: condition, isSingle: !right.isGroupedByJoinKeys))
    var nullable = value
    nullable.isNullable = true
    guard let empty = plan.valueWhenEmpty else { return .attribute(nullable) }
    return .coalesce([.attribute(nullable), .literal(empty, value.type)], value.type)
  }

  /// A correlated EXISTS inside an expression: a left join with a marker.
  func correlatedExists(_ plan: LogicalPlan) throws -> Expression {
    let outerIDs = plan.freeReferences
    let (right, condition) = try Decorrelation(analyzer, outer: outerIDs).pullUp(plan)
    return try marked(right, condition)
  }

  /// `x IN (correlated)` inside an expression; NULLs count as "not found".
  func correlatedIn(_ values: [Expression], _ plan: LogicalPlan) throws -> Expression {
    let outerIDs = plan.freeReferences
    let (right, correlation) = try Decorrelation(analyzer, outer: outerIDs).pullUp(plan)
    return try marked(right, try inCondition(values, plan.output, correlation))
  }

  private func marked(_ right: LogicalPlan, _ condition: Expression?) throws -> Expression {
    guard let condition else {
      return .subqueryResult(id: analyzer.addSubquery(right, .exists), .boolean)
    }
    // One row per join key, so that the left join does not multiply rows.
    let used = condition.references
    let keys = right.output.filter { used.contains($0.id) }
    let distinct = LogicalPlan.deduplicate(DeduplicateNode(keys: keys, child: .project(keys.map { NamedExpression(passing: $0) }, right)))
    let marker = NamedExpression("exists", .literal(.boolean(true), .boolean))
    let side = LogicalPlan.project(keys.map { NamedExpression(passing: $0) } + [marker], distinct)
    try addJoin(JoinNode(.left, child, side, condition: condition))
    var nullable = marker.attribute
    nullable.isNullable = true
    return try analyzer.call("isnotnull", [.attribute(nullable)])
  }

  private func addJoin(_ node: JoinNode) throws {
    joinedIDs.formUnion(node.right.output.map(\.id))
    if grouping != nil {
      pendingJoins.append(node)
    } else {
      var join = node
      join.left = child
      child = .join(join)
    }
  }

  private func joinAbove(_ plan: LogicalPlan) throws -> LogicalPlan {
    pendingJoins.reduce(plan) { plan, node in
      var join = node
      join.left = plan
      join.condition = join.condition.map { grouped($0) }
      return .join(join)
    }
  }
}

/// Whether a condition of WHERE needs the select block: it holds a subquery that may be correlated, or a misplaced aggregate.
enum WhereCollector {
  static func isNeeded(_ sql: SQLExpression) -> Bool {
    sql.contains { expression in
      switch expression.kind {
      case .scalarSubquery, .exists, .inSubquery: true
      default: false
      }
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

  /// What a global aggregate gives for no rows, when that is not NULL: 0 for `count`.
  var valueWhenEmpty: Value? {
    switch self {
    case .alias(_, let child): return child.valueWhenEmpty
    case .project(let columns, let child):
      guard case .attribute(let source) = columns.first?.expression else { return nil }
      return child.emptyValue(of: source)
    default: return nil
    }
  }

  private func emptyValue(of attribute: Attribute) -> Value? {
    guard case .aggregate(let node) = self, let aggregate = node.aggregates.first(where: { $0.attribute == attribute }) else { return nil }
    return ["count", "count_if", "regr_count", "approx_count_distinct"].contains(aggregate.function.name) ? .integer(0) : nil
  }
}
