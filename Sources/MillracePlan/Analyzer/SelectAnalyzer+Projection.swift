import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// The select list.
extension SelectAnalyzer {
  func expandStars(_ items: [SQLExpression]) throws -> [SQLExpression] {
    try items.flatMap { item -> [SQLExpression] in
      guard case .star(let qualifier, let except) = item.kind else { return [item] }
      let columns = try item.range.locating {
        try scope.expanded(star: qualifier, except: except, at: item.range, by: analyzer)
      }
      return columns.map { name, expression in
        if case .column(let parts) = expression.kind, parts.count == 1 { return expression }
        return SQLExpression(.alias(expression, [name]), item.range)
      }
    }
  }

  /// The output column of an expression: its alias, or Spark's automatic name.
  func named(_ expression: Expression, _ item: SQLExpression) -> NamedExpression {
    if case .alias(_, let names) = item.kind, let name = names.first { return NamedExpression(name, expression) }
    if case .attribute(let attribute) = expression {
      if case .column(let parts) = item.kind, let name = ColumnNaming.written(parts, in: scope).last,
        name != attribute.name,
        name.lowercased() == attribute.name.lowercased()
      {
        return NamedExpression(Attribute(name, attribute.type, isNullable: attribute.isNullable), expression)
      }
      if case .column(let parts) = item.kind, parts.count == 1, ColumnNaming.isLateral(parts, in: scope) {
        return NamedExpression(parts[0], expression)
      }
      if case .column = item.kind, grouping == nil || grouping?.contains(where: { $0.attribute == attribute }) == true {
        if grouping == nil { return NamedExpression(passing: attribute) }
        return NamedExpression(attribute, expression)
      }
    }
    let name = ColumnNaming.name(
      of: specified(item), in: scope, analyzer.context, allowsLateral: true,
      outer: { [analyzer] in analyzer.outerColumns[$0] ?? [] })
    return NamedExpression(name, expression)
  }

  /// A window function with its named window written out, as Spark names the column.
  private func specified(_ item: SQLExpression) -> SQLExpression {
    guard case .call(var call) = item.kind, case .named? = call.window, let window = call.window,
      let found = try? windowSpecification(window)
    else { return item }
    call.window = .specification(found)
    return SQLExpression(.call(call), item.range)
  }
}
