import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// ORDER BY and conditions.
extension SelectAnalyzer {
  func condition(_ sql: SQLExpression, _ resolver: ExpressionResolver, _ clause: String) throws -> Expression {
    let expression = grouped(try resolver.resolve(sql))
    guard expression.type == .boolean || expression.type == .void else {
      throw MillraceError(
        "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN",
        "the condition of \(clause) has the type \(expression.type.sql) instead of BOOLEAN")
    }
    return try expression.cast(to: .boolean, analyzer.context)
  }

  func sortOrders(
    _ items: [SortItem], _ columns: [NamedExpression], _ resolver: ExpressionResolver, isDistinct: Bool
  ) throws -> [SortOrder] {
    if items.count == 1, case .column(let parts) = items[0].expression.kind, parts.count == 1,
      parts[0].lowercased() == "all",
      !columns.contains(where: { $0.attribute.name.lowercased() == "all" })
    {
      return columns.map {
        SortOrder(.attribute($0.attribute), isAscending: items[0].isAscending, nullsFirst: items[0].nullsFirst)
      }
    }
    return try items.map { item in
      let expression = try sortKey(item.expression, columns, resolver)
      if !expression.type.isOrderable {
        throw MillraceError(
          "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "ORDER BY cannot use a value of the type \(expression.type.sql)")
      }
      return SortOrder(expression, isAscending: item.isAscending, nullsFirst: item.nullsFirst)
    }
  }

  func sortKey(_ sql: SQLExpression, _ columns: [NamedExpression], _ resolver: ExpressionResolver) throws -> Expression
  {
    if grouping == nil, containsAggregate(sql) {
      throw MillraceError(
        "UNSUPPORTED_EXPR_FOR_OPERATOR", "ORDER BY cannot use aggregate functions in a query without aggregation")
    }
    if sql.contains(where: \.isGenerator) {
      throw MillraceError(
        "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", "ORDER BY cannot use a generator", hint: "put it into a subquery")
    }
    if case .literal(.integer(let ordinal), .integer) = sql.kind {
      guard ordinal >= 1, ordinal <= Int64(columns.count) else {
        throw MillraceError(
          "ORDER_BY_POS_OUT_OF_RANGE", "ORDER BY position \(ordinal) is not in the select list (1 to \(columns.count))")
      }
      return .attribute(columns[Int(ordinal) - 1].attribute)
    }
    // Names mean output columns first, then columns of the input.
    var seen: Set<String> = []
    let distinct = columns.filter {
      seen.insert("\($0.attribute.name.lowercased()) \($0.expression.fingerprint)").inserted
    }
    let output = Scope(
      distinct.map { column in
        guard case .attribute(let source) = column.expression else { return column.attribute }
        return column.attribute.qualified(source.qualifier)
      })
    let outputCollector = ExpressionResolver(analyzer, output, collector: nil)
    if case .column(let parts) = sql.kind { _ = try output.match(parts) }
    if !containsAggregate(sql),
      !sql.contains(where: { if case .call(let call) = $0.kind { call.window != nil } else { false } }),
      let resolved = try? outputCollector.resolve(sql), !(columns.isEmpty)
    {
      return resolved
    }
    let resolved = grouped(try sortResolver(resolver, columns).resolve(sql))
    // What the projection computes anyway is read from there.
    let computed = Dictionary(
      columns.map { ($0.expression.fingerprint, $0.attribute) }, uniquingKeysWith: { first, _ in first })
    return computed[resolved.fingerprint].map { .attribute($0) } ?? resolved
  }

  func sortResolver(_ resolver: ExpressionResolver, _ columns: [NamedExpression]) -> ExpressionResolver {
    for column in columns where resolver.aliases[column.attribute.name.lowercased()] == nil {
      resolver.aliases[column.attribute.name.lowercased()] = column.expression
    }
    return resolver
  }
}
