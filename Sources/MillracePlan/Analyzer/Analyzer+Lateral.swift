import MillraceColumnar
import MillraceExpressions
import MillraceSQL

extension Analyzer {
  /// LATERAL: a generator, or a subquery that may use columns to its left. The condition is that of a LEFT JOIN.
  func lateral(
    _ inner: Relation, alias: TableAlias?, _ plan: LogicalPlan, _ scope: Scope, kind: JoinKind,
    on condition: SQLExpression? = nil
  ) throws -> (LogicalPlan, Scope) {
    if case .function(let function) = inner.kind {
      if condition != nil {
        throw MillraceError(
          "UNSUPPORTED_FEATURE.LATERAL_JOIN_CONDITION", "LEFT JOIN LATERAL of a table function takes no condition",
          hint: "put the function into a subquery with WHERE")
      }
      let resolver = ExpressionResolver(self, scope)
      guard var node = try resolver.generator(function, over: plan) else {
        throw unknownTableFunction(function.name.last?.lowercased() ?? "")
      }
      node.isOuter = node.isOuter || kind == .left
      let chosen = alias ?? inner.alias
      node.output = try renamed(node.output, chosen)
      var result = scope
      result.columns += node.output
      return (.generate(node), result)
    }
    guard case .subquery(let query) = inner.kind else {
      throw MillraceError("UNSUPPORTED_FEATURE.LATERAL_JOIN", "LATERAL takes a subquery or a table function")
    }
    var sub = try aliased(try subplan(query, outer: scope), alias ?? inner.alias)
    var result = scope
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
    let (plan, condition) = try Decorrelation(analyzer, outer: outerIDs, enclosing: left).pullUp(right)
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
  /// Whether it gives one row whatever there is.
  fileprivate var isGlobalAggregate: Bool {
    if case .aggregate(let node) = self { node.grouping.isEmpty } else { false }
  }
}
