import MillraceColumnar
import MillraceExpressions

/// Makes any correlated subquery independent of its enclosing query, by computing it for all values that it reads from there.
///
/// From the leaves up each node is given the columns of a `CorrelationDomain`, and reads these where it read the enclosing query's:
/// groups, windows and limits are per value of them. It costs a read of the enclosing query's rows, so that subqueries with
/// equalities only are better served by `Decorrelation`.
struct DependentPlan {
  let analyzer: Analyzer
  /// The rows of the enclosing query.
  let enclosing: LogicalPlan
  /// Ids of the columns that the subquery reads from them.
  private let ids: Set<Int>

  /// nil where the enclosing query's rows cannot be read twice.
  init?(_ analyzer: Analyzer, _ subquery: LogicalPlan, enclosing: LogicalPlan) throws {
    self.analyzer = analyzer
    self.enclosing = enclosing
    ids = subquery.freeReferences.intersection(enclosing.reachable.map(\.id))
    if try CorrelationDomain(of: ids, from: enclosing) == nil { return nil }
  }

  /// The plan with the domain's columns behind its own, and the condition that leads from the enclosing query's rows to its own.
  /// nil where a node is not known how to be computed per value.
  func independent(_ plan: LogicalPlan) throws -> (LogicalPlan, Expression?)? {
    guard let (result, domain) = try dependent(plan) else { return nil }
    return (result, .conjunction(try domain.lookUp(analyzer)))
  }

  private func isCorrelated(_ plan: LogicalPlan) -> Bool { !plan.freeReferences.isDisjoint(with: ids) }

  private func dependent(_ plan: LogicalPlan) throws -> (LogicalPlan, CorrelationDomain)? {
    if !isCorrelated(plan) {
      guard let domain = try CorrelationDomain(of: ids, from: enclosing) else { return nil }
      return (domain.joined(with: plan, on: []), domain)
    }
    switch plan {
    case .join(let node): return try join(node)
    case .union(let inputs, let output): return try union(inputs, output)
    case .setOperation(let operation, let isAll, let left, let right):
      guard let (left, domain) = try withDomainLast(left), let (right, _) = try withDomainLast(right) else {
        return nil
      }
      return (.setOperation(operation, isAll: isAll, left, right), domain)
    case .alias(_, let child): return try dependent(child)
    case .project, .filter, .aggregate, .generate, .sort, .limit, .window, .deduplicate: break
    case .relation, .watermark, .transform, .observe: return nil
    }
    guard let (child, domain) = try plan.children.first.flatMap({ try dependent($0) }) else { return nil }
    switch plan.mapChildren({ _ in child }).mapExpressions({ domain.apply($0) }) {
    case .project(let columns, let child): return (.project(columns + domain.passed, child), domain)
    case .aggregate(var node):
      let isGlobal = node.grouping.isEmpty
      node.grouping += domain.passed
      return isGlobal ? try withEmptyGroups(node, domain) : (.aggregate(node), domain)
    case .deduplicate(var node):
      node.keys += domain.columns
      return (.deduplicate(node), domain)
    case .window(var node):
      node.partition += domain.columns.map { .attribute($0) }
      return (.window(node), domain)
    case .limit(let count, let offset, let child):
      return (try Decorrelation.limited(child, count, offset, per: domain.columns, analyzer), domain)
    case let other: return (other, domain)
    }
  }

  /// A subquery's columns, and behind them those of the domain.
  private func withDomainLast(_ plan: LogicalPlan) throws -> (LogicalPlan, CorrelationDomain)? {
    guard let (result, domain) = try dependent(plan) else { return nil }
    return (.project(plan.output.map { NamedExpression(passing: $0) } + domain.passed, result), domain)
  }

  private func union(_ inputs: [LogicalPlan], _ output: [Attribute]) throws -> (LogicalPlan, CorrelationDomain)? {
    var rewritten: [(plan: LogicalPlan, domain: CorrelationDomain)] = []
    for input in inputs {
      guard let next = try withDomainLast(input) else { return nil }
      rewritten.append(next)
    }
    guard let domain = rewritten.first?.domain else { return nil }
    let columns = domain.columns.map { Attribute($0.name, $0.type, isNullable: true) }
    return (.union(rewritten.map(\.plan), output: output + columns), domain.renamed(columns))
  }

  /// The side that gives all its rows is computed per value, the other one only if it reads any.
  private func join(_ node: JoinNode) throws -> (LogicalPlan, CorrelationDomain)? {
    var join = node
    let kept = node.kind == .right ? node.right : node.left
    let other = node.kind == .right ? node.left : node.right
    guard node.kind != .full, let (keptRows, domain) = try dependent(kept) else { return nil }
    var otherRows = other
    var conditions = node.condition.map { [domain.apply($0)] } ?? []
    if isCorrelated(other) {
      guard let (rows, otherDomain) = try dependent(other) else { return nil }
      otherRows = rows
      conditions += try domain.lookUp(in: otherDomain, analyzer)
      if join.kind == .cross { join.kind = .inner }
    }
    (join.left, join.right) = node.kind == .right ? (otherRows, keptRows) : (keptRows, otherRows)
    join.condition = .conjunction(conditions)
    return (.join(join), domain)
  }

  /// A global aggregation has a row where nothing matches, too: 0 for a count, an empty array for a list, NULL for others.
  private func withEmptyGroups(
    _ node: AggregateNode, _ domain: CorrelationDomain
  ) throws -> (LogicalPlan, CorrelationDomain)? {
    guard let all = try CorrelationDomain(of: ids, from: enclosing) else { return nil }
    let condition = Expression.conjunction(try all.lookUp(in: domain, analyzer))
    let joined = LogicalPlan.join(JoinNode(.left, all.plan, .aggregate(node), condition: condition))
    let filled = try node.aggregates.map { aggregate -> NamedExpression in
      var column = aggregate.attribute
      column.isNullable = true
      let empty = try aggregate.valueWhenEmpty
      let value = Expression.attribute(column)
      return NamedExpression(
        aggregate.attribute,
        empty.isNull ? value : .coalesce([value, .literal(empty, column.type)], column.type))
    }
    return (.project(filled + all.passed, joined), all)
  }
}
