import MillraceColumnar
import MillraceExpressions
import MillraceSQL

extension Analyzer {
  /// LATERAL: a generator, or a subquery that may use columns to its left. The condition is that of a LEFT JOIN.
  func lateral(
    _ inner: Relation, alias: TableAlias?, _ plan: LogicalPlan, _ scope: Scope, kind: JoinKind,
    on condition: SQLExpression? = nil
  ) throws -> (LogicalPlan, Scope) {
    var result = scope
    if case .function(let function) = inner.kind, condition == nil {
      let resolver = ExpressionResolver(self, scope)
      guard var node = try resolver.generator(function, over: plan) else {
        throw unknownTableFunction(function.name.last?.lowercased() ?? "")
      }
      node.isOuter = node.isOuter || kind == .left
      node.output = try renamed(
        node.output, alias ?? inner.alias, mismatch: "NUM_TABLE_VALUE_ALIASES_MISMATCH")
      result.columns += node.output
      return (.generate(node), result)
    }
    let rows: LogicalPlan
    switch inner.kind {
    case .subquery(let query): rows = try subplan(query, outer: scope)
    case .function(let function): rows = try tableFunction(function, outer: .scope(scope))
    default: throw MillraceError("UNSUPPORTED_FEATURE.LATERAL_JOIN", "LATERAL takes a subquery or a table function")
    }
    var sub = try aliased(rows, alias ?? inner.alias)
    result.columns += sub.output
    if let condition { sub = .filter(try booleanCondition(condition, result), sub) }
    return (try LateralJoin(self, left: plan, kind: kind).plan(sub), result)
  }
}

/// A join of each row of the left side with a subquery that may use the row's columns.
private struct LateralJoin {
  let analyzer: Analyzer
  let left: LogicalPlan
  let kind: JoinKind
  private let outerIDs: Set<Int>

  init(_ analyzer: Analyzer, left: LogicalPlan, kind: JoinKind) {
    self.analyzer = analyzer
    self.left = left
    self.kind = kind
    outerIDs = Set(left.reachable.map(\.id))
  }

  func plan(_ subquery: LogicalPlan) throws -> LogicalPlan {
    let (columns, below) = projection(of: subquery)
    let isCorrelated = !below.freeReferences.isDisjoint(with: outerIDs)
    if isCorrelated, let generated = below.generated(from: left, isOuter: kind == .left, columns) {
      return project(columns, over: generated)
    }
    if below.isGlobalAggregate && isCorrelated { return try joinAggregate(columns, below) }
    guard columns.contains(where: { !$0.expression.references.isDisjoint(with: outerIDs) }) else {
      return try join(subquery, kind)
    }
    // What the subquery computes from the left row is computed above the join.
    if kind != .left { return project(columns, over: try join(below, kind)) }
    let marker = NamedExpression("matched", .literal(.boolean(true), .boolean))
    let marked = LogicalPlan.project(below.output.map { NamedExpression(passing: $0) } + [marker], below)
    var isMatched = marker.attribute
    isMatched.isNullable = true
    let condition = try analyzer.call("isnotnull", [.attribute(isMatched)])
    let guarded = columns.map { column in
      let value = Expression.conditional(
        [Expression.Branch(condition, column.expression)], otherwise: .null(column.attribute.type),
        column.attribute.type)
      return NamedExpression(column.attribute, value)
    }
    return project(guarded, over: try join(marked, .left))
  }

  private func project(_ columns: [NamedExpression], over plan: LogicalPlan) -> LogicalPlan {
    .project(left.output.map { NamedExpression(passing: $0) } + columns, plan)
  }

  private func join(_ right: LogicalPlan, _ kind: JoinKind) throws -> LogicalPlan {
    let (plan, condition) = try Decorrelation(analyzer, outer: outerIDs, enclosing: left).pullUp(
      right, addsEmptyGroups: true)
    return .join(JoinNode(kind == .left ? .left : condition == nil ? .cross : .inner, left, plan, condition: condition))
  }

  /// A global aggregate gives a row even where nothing matches: 0 for a count, an empty array for a list, NULL for others.
  private func joinAggregate(_ columns: [NamedExpression], _ aggregate: LogicalPlan) throws -> LogicalPlan {
    let joined = try join(aggregate, .left)
    var empty: [Int: Value] = [:]
    if case .aggregate(let node) = aggregate {
      for aggregate in node.aggregates {
        let value = try aggregate.valueWhenEmpty
        if !value.isNull { empty[aggregate.attribute.id] = value }
      }
    }
    let filled = columns.map { column in
      NamedExpression(
        column.attribute,
        column.expression.rewritten { part in
          guard case .attribute(let source) = part, let empty = empty[source.id] else { return nil }
          var nullable = source
          nullable.isNullable = true
          return .coalesce([.attribute(nullable), .literal(empty, source.type)], source.type)
        })
    }
    return project(filled, over: joined)
  }

  /// The projections on top of a plan as one, and what lies under them. They go above a sort that does not read what they compute
  /// from the left row, and above a limit.
  private func projection(of plan: LogicalPlan) -> ([NamedExpression], LogicalPlan) {
    switch plan {
    case .alias(_, let child): return projection(of: child)
    case .project(let columns, let child):
      let (inner, below) = projection(of: child)
      let values = Substitution(inner)
      return (columns.map { NamedExpression($0.attribute, values.apply($0.expression)) }, below)
    case .sort(let orders, let child):
      let (columns, below) = projection(of: child)
      if below.isGlobalAggregate { return (columns, below) }
      let values = Substitution(columns)
      let moved = orders.map {
        SortOrder(values.apply($0.expression), isAscending: $0.isAscending, nullsFirst: $0.nullsFirst)
      }
      if moved.contains(where: { !$0.expression.references.isDisjoint(with: outerIDs) }) { break }
      return (columns, .sort(moved, below))
    case .limit(let count, let offset, let child):
      let (columns, below) = projection(of: child)
      if below.isGlobalAggregate, offset == 0, count ?? 1 > 0 { return (columns, below) }
      return (columns, .limit(count: count, offset: offset, below))
    default: break
    }
    return (plan.output.map { NamedExpression(passing: $0) }, plan)
  }
}

extension LogicalPlan {
  /// Generators over one row, with conditions on what they give, as generators over the rows of `left`; nil where the plan is another.
  /// With `isOuter` rows without a result stay, which only `columns` of a single generator as they are tell.
  fileprivate func generated(from left: LogicalPlan, isOuter: Bool, _ columns: [NamedExpression]) -> LogicalPlan? {
    switch self {
    case .relation(let leaf):
      if case .oneRow = leaf.content { return left }
      return nil
    case .alias(_, let child): return child.generated(from: left, isOuter: isOuter, columns)
    case .project(let items, let child) where !isOuter:
      let passed = left.output.map { NamedExpression(passing: $0) }
      return child.generated(from: left, isOuter: false, columns).map { .project(passed + items, $0) }
    case .filter(let condition, let child) where !isOuter:
      return child.generated(from: left, isOuter: false, columns).map { .filter(condition, $0) }
    case .generate(var node):
      if isOuter {
        let given = Set(node.output.map(\.id))
        guard case .relation = node.child,
          columns.allSatisfy({
            if case .attribute(let column) = $0.expression { given.contains(column.id) } else { false }
          })
        else { return nil }
        node.isOuter = true
      }
      guard let child = node.child.generated(from: left, isOuter: false, columns) else { return nil }
      node.child = child
      return .generate(node)
    default: return nil
    }
  }

  /// Whether it gives one row whatever there is.
  fileprivate var isGlobalAggregate: Bool {
    if case .aggregate(let node) = self { node.grouping.isEmpty } else { false }
  }
}
