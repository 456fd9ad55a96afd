import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Generators such as `explode` in the select list.
extension SelectAnalyzer {
  private func generatorCall(_ item: SQLExpression) -> FunctionCall? {
    guard case .call(let call) = item.unaliased.kind, Generators.names.contains(call.name.last?.lowercased() ?? ""),
      call.window == nil
    else { return nil }
    return call
  }

  /// `explode(…)` in the select list becomes a generate node under the block.
  func extractGenerators(_ items: inout [SQLExpression]) throws {
    var result: [SQLExpression] = []
    for item in items {
      guard let call = generatorCall(item) else {
        result.append(item)
        continue
      }
      let resolver = ExpressionResolver(analyzer, scope)
      guard var node = try item.range.locating({ try resolver.generator(call, over: child) }) else { continue }
      if case .alias(_, let names) = item.kind {
        node.output = try analyzer.renamed(node.output, TableAlias(nil, columns: names))
      }
      child = .generate(node)
      scope.hidden += node.output
      result += node.output.map { SQLExpression(.column($0.identity), item.range) }
    }
    items = result
  }

  /// A block with GROUP BY or aggregates whose select list has generators: these run over the groups, in a block of their own above. nil for
  /// other blocks.
  func generatorsOverGroups(
    _ select: Select, _ items: [SQLExpression], orderBy: [SortItem], limit: Int?, offset: Int?
  ) throws -> LogicalPlan? {
    let isGrouped = select.groupBy != nil || select.having != nil || items.contains { containsAggregate($0) }
    guard isGrouped, items.contains(where: { generatorCall($0) != nil }) else { return nil }
    // Each item keeps its place, since GROUP BY may name places: a generator's is taken by its first argument.
    var groups = select
    groups.lateralViews = []
    groups.filter = nil
    groups.qualify = nil
    groups.isDistinct = false
    groups.projection = items.map { item in
      guard let call = generatorCall(item) else { return item }
      return call.computedArguments.first ?? SQLExpression(.literal(.null, .void), item.range)
    }
    groups.projection += items.flatMap { generatorCall($0)?.computedArguments.dropFirst() ?? [] }
    let inner = SelectAnalyzer(analyzer, child, scope: scope, outer: scope.outer)
    inner.namedWindows = namedWindows
    let plan = try inner.select(groups, orderBy: [], limit: nil, offset: nil)
    let columns = plan.output.map { SQLExpression(.column($0.identity)) }
    var further = columns[items.count...]
    var above = select
    above.groupBy = nil
    above.having = nil
    above.filter = nil
    above.lateralViews = []
    above.projection = zip(items, columns).map { item, column in
      guard let call = generatorCall(item) else { return SQLExpression(column.kind, item.range) }
      var rest = call.computedArguments.isEmpty ? [] : [column]
      rest += further.prefix(max(call.computedArguments.count - 1, 0))
      further = further.dropFirst(max(call.computedArguments.count - 1, 0))
      return item.replacingCall(with: call.replacingComputedArguments(rest))
    }
    return try SelectAnalyzer(analyzer, plan, outer: scope.outer).select(
      above, orderBy: orderBy, limit: limit, offset: offset)
  }
}

extension FunctionCall {
  /// The arguments that are no literals.
  fileprivate var computedArguments: [SQLExpression] { arguments.compactMap(\.expression).filter { !$0.isLiteral } }

  /// The call with other expressions for those.
  fileprivate func replacingComputedArguments(_ others: [SQLExpression]) -> FunctionCall {
    var call = self
    var rest = others[...]
    call.arguments = arguments.map { argument in
      guard let value = argument.expression, !value.isLiteral, let next = rest.popFirst() else { return argument }
      var changed = argument
      changed.value = .expression(next)
      return changed
    }
    return call
  }
}

extension SQLExpression {
  fileprivate var isLiteral: Bool { if case .literal = kind { true } else { false } }

  /// The item with another call under its alias.
  fileprivate func replacingCall(with call: FunctionCall) -> SQLExpression {
    let other = SQLExpression(.call(call), range)
    if case .alias(_, let names) = kind { return SQLExpression(.alias(other, names), range) }
    return other
  }
}
