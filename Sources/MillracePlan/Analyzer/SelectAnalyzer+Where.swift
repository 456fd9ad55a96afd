import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// WHERE and LATERAL VIEW.
extension SelectAnalyzer {
  func addFilter(_ filter: SQLExpression) throws {
    let conjuncts = filter.conjuncts
    for conjunct in conjuncts {
      let resolver = ExpressionResolver(analyzer, scope)
      if try subqueryPredicate(conjunct, isNegated: false) { continue }
      resolver.isInWhere = true
      resolver.collector = WhereCollector.isNeeded(conjunct) ? self : nil
      let expression = try resolver.resolve(conjunct)
      if !aggregates.isEmpty {
        throw MillraceError("INVALID_WHERE_CONDITION", "WHERE cannot use aggregate functions", hint: "use HAVING")
      }
      // A NULL without a type is no condition alone, and a boolean beside others.
      guard expression.type == .boolean || expression.type == .void && conjuncts.count > 1 else {
        throw MillraceError(
          "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
          "the condition of WHERE has the type \(expression.type.sql) instead of BOOLEAN")
      }
      child = .filter(try expression.cast(to: .boolean, analyzer.context), child)
    }
  }

  /// `[NOT] EXISTS (…)` and `x [NOT] IN (SELECT …)` standing alone become semi and anti joins.
  func subqueryPredicate(_ sql: SQLExpression, isNegated: Bool) throws -> Bool {
    switch sql.kind {
    case .unary(.not, let inner): return try subqueryPredicate(inner, isNegated: !isNegated)
    case .exists(let query):
      let plan = try staticPlan(query).ofRowsAlone
      let (right, condition) = try Decorrelation(
        analyzer, outer: Set(child.reachable.map(\.id)), enclosing: child
      ).pullUp(plan)
      child = child.filtered(by: JoinNode(isNegated ? .leftAnti : .leftSemi, child, right, condition: condition))
      return true
    case .inSubquery(let value, let query):
      let resolver = ExpressionResolver(analyzer, scope)
      let values: [Expression]
      if case .row(let parts) = value.kind {
        values = try parts.map { try resolver.resolve($0) }
      } else {
        values = [try resolver.resolve(value)]
      }
      let plan = try staticPlan(query)
      guard values.count == plan.output.count else {
        throw MillraceError(
          "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
          "the left side of IN has \(values.count) columns, and the subquery has \(plan.output.count)")
      }
      let (right, correlation) = try Decorrelation(
        analyzer, outer: Set(child.reachable.map(\.id)), enclosing: child
      ).pullUp(plan)
      child = child.filtered(
        by: try membershipJoin(values, plan.output, correlation, right, isNegated: isNegated))
      return true
    default: return false
    }
  }

  func staticPlan(_ query: Query) throws -> LogicalPlan {
    let plan = try analyzer.subplan(query, outer: scope)
    if plan.isStreaming {
      throw MillraceError(
        "INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY", "a subquery cannot read a stream",
        hint: "join the stream instead")
    }
    return plan
  }

  /// The join that keeps rows whose values are among those of a subquery, or are not for sure.
  private func membershipJoin(
    _ values: [Expression], _ columns: [Attribute], _ correlation: Expression?, _ right: LogicalPlan, isNegated: Bool
  ) throws -> JoinNode {
    // One NULL of the subquery decides for all rows only where it meets all of them.
    let decidesForAll = correlation == nil && values.count == 1
    let condition = try inCondition(values, columns, correlation, orUnknown: isNegated && !decidesForAll)
    let kind = isNegated ? decidesForAll ? JoinKind.nullAwareAnti : .leftAnti : .leftSemi
    return JoinNode(kind, child, right, condition: condition)
  }

  /// That values equal those of a subquery's row, or with `orUnknown` that it is not known that they differ.
  func inCondition(
    _ values: [Expression], _ columns: [Attribute], _ correlation: Expression?, orUnknown: Bool
  ) throws -> Expression? {
    var condition = correlation
    for (value, column) in zip(values, columns) {
      var equal = try analyzer.call("=", [value, .attribute(column)])
      if orUnknown { equal = .or(equal, try analyzer.call("isnull", [equal])) }
      condition = condition.map { .and(equal, $0) } ?? equal
    }
    return condition
  }

  func lateralView(_ view: LateralView) throws {
    let resolver = ExpressionResolver(analyzer, scope)
    guard !Generators.tableNames.contains(view.generator.name.last?.lowercased() ?? ""),
      var node = try resolver.generator(view.generator, over: child)
    else {
      let name = view.generator.name.last ?? ""
      let isKnown = analyzer.functions.scalar(name) != nil || analyzer.functions.aggregate(name) != nil
      throw MillraceError(
        isKnown ? "UNSUPPORTED_GENERATOR.NOT_GENERATOR" : "ROUTINE_NOT_FOUND",
        "LATERAL VIEW needs a generator, and `\(view.generator.name.joined(separator: "."))` is none")
    }
    node.isOuter = node.isOuter || view.isOuter
    node.output = try analyzer.renamed(node.output, TableAlias(view.tableAlias, columns: view.columnAliases))
    child = .generate(node)
    scope.columns += node.output
  }
}

/// Whether a condition of WHERE needs the select block: it holds a subquery that may be correlated, or a time window.
enum WhereCollector {
  static func isNeeded(_ sql: SQLExpression) -> Bool {
    sql.contains { expression in
      switch expression.kind {
      case .scalarSubquery, .exists, .inSubquery: true
      case .call(let call) where call.window == nil:
        ["window", "session_window"].contains(call.name.last?.lowercased() ?? "")
      default: false
      }
    }
  }
}

extension LogicalPlan {
  /// The plan's rows that a semi or anti join keeps. It is a condition, and like others lies below the declaration of an event time
  /// that it does not read.
  fileprivate func filtered(by node: JoinNode) -> LogicalPlan { belowWatermark(node) ?? .join(node) }

  private func belowWatermark(_ node: JoinNode) -> LogicalPlan? {
    switch self {
    case .alias(let name, let child): return child.belowWatermark(node).map { .alias(name, $0) }
    case .filter(let condition, let child): return child.belowWatermark(node).map { .filter(condition, $0) }
    case .watermark(let column, let settings, let child):
      if node.condition?.references.contains(column.id) ?? false { return nil }
      var join = node
      join.left = child
      return .watermark(column: column, settings, child.belowWatermark(node) ?? .join(join))
    default: return nil
    }
  }
}
