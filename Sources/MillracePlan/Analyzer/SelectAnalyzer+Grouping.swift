import MillraceColumnar
import MillraceExpressions
import MillraceSQL

extension Analyzer {
  /// Whether the expression itself is an aggregate function, not one over a window.
  func isAggregate(_ expression: SQLExpression) -> Bool {
    guard case .call(let call) = expression.kind, call.window == nil else { return false }
    let name = call.name.last?.lowercased() ?? ""
    return functions.aggregate(name) != nil && (functions.scalar(name) == nil || call.isDistinct)
      || ["grouping", "grouping_id"].contains(name)
  }
}

/// GROUP BY and aggregates.
extension SelectAnalyzer {
  func containsAggregate(_ sql: SQLExpression?) -> Bool {
    sql?.contains(where: analyzer.isAggregate) ?? false
  }

  func resolveGrouping(_ clause: GroupBy?, _ items: [SQLExpression]) throws {
    grouping = []
    guard let clause else { return }
    if clause.isAll {
      for item in items where !containsAggregate(item) { try addKey(item.unaliased, item, items, isReference: false) }
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

  /// Adds a key of GROUP BY: an expression or, unless it is known not to be one, an ordinal or an alias of the select list. Gives its index.
  @discardableResult
  func addKey(
    _ sql: SQLExpression, _ item: SQLExpression?, _ items: [SQLExpression], isReference: Bool = true
  ) throws -> Int {
    var expression = sql
    var source = item
    if !isReference {
      // An item of the select list.
    } else if case .literal(.integer(let ordinal), .integer) = sql.kind {
      guard ordinal >= 1, ordinal <= Int64(items.count) else {
        throw MillraceError(
          "GROUP_BY_POS_OUT_OF_RANGE", "GROUP BY position \(ordinal) is not in the select list (1 to \(items.count))")
      }
      source = items[Int(ordinal) - 1]
      expression = items[Int(ordinal) - 1].unaliased
      if containsAggregate(expression) {
        throw MillraceError("GROUP_BY_POS_AGGREGATE", "GROUP BY position \(ordinal) is an aggregate")
      }
    } else if case .column(let parts) = sql.kind, parts.count == 1, try scope.match(parts) == nil,
      let aliased = items.first(where: {
        if case .alias(_, let names) = $0.kind { names.first?.lowercased() == parts[0].lowercased() } else { false }
      })
    {
      source = aliased
      expression = aliased.unaliased
    }
    if containsAggregate(expression) {
      throw MillraceError("GROUP_BY_AGGREGATE", "GROUP BY cannot contain an aggregate function")
    }
    if expression.contains(where: \.isGenerator) {
      throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "GROUP BY cannot use a generator", hint: "use a subquery")
    }
    if expression.contains(where: \.isWindowFunction) {
      throw MillraceError(
        "UNSUPPORTED_EXPR_FOR_OPERATOR", "GROUP BY cannot use window functions", hint: "use a subquery")
    }
    let resolved = try resolveKey(expression, items)
    if resolved.type.containsVariant {
      throw MillraceError(
        "GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE", "GROUP BY cannot group by a value of type \(resolved.type.sql)",
        hint: "group by a part of it with a type, such as variant_get(…, '$.key', 'string')")
    }
    let key = resolved.fingerprint
    if let index = grouping?.firstIndex(where: { $0.expression.fingerprint == key }) { return index }
    let name = source.map { ColumnNaming.name(of: $0, in: scope) } ?? groupingName(expression, resolved)
    var attribute = Attribute(name, resolved.type, isNullable: resolved.isNullable)
    if case .attribute(let column) = resolved {
      attribute = Attribute(column.name, column.type, isNullable: column.isNullable, qualifier: column.qualifier)
    }
    grouping?.append(NamedExpression(attribute, resolved))
    return (grouping?.count ?? 1) - 1
  }

  /// The expression of a key. Spark resolves the select list before it rejects a time window's arguments, so that a column
  /// `window` is unknown there.
  private func resolveKey(_ sql: SQLExpression, _ items: [SQLExpression]) throws -> Expression {
    let resolver = ExpressionResolver(analyzer, scope, collector: self)
    part = .key
    defer { part = .result }
    // Names of the select list that no column has can be used inside of a key, too.
    for case .alias(let value, let names) in items.map(\.kind) where names.count == 1 && !containsAggregate(value) {
      let isUsed = sql.contains { part in
        if case .column(let parts) = part.kind { parts[0].lowercased() == names[0].lowercased() } else { false }
      }
      if isUsed, try scope.match(names) == nil { resolver.aliases[names[0].lowercased()] = try resolver.resolve(value) }
    }
    do {
      return try resolver.resolve(sql)
    } catch let error as MillraceError where error.code.hasPrefix("DATATYPE_MISMATCH.") {
      guard case .call(let call) = sql.kind, let name = call.name.last?.lowercased(),
        ["window", "session_window"].contains(name), try scope.match([name]) == nil
      else { throw error }
      for item in items {
        guard let parts = item.columns(beginningWith: name).first else { continue }
        throw analyzer.unresolvedColumn(parts, among: scope.columns)
      }
      throw error
    }
  }

  func groupingName(_ sql: SQLExpression, _ resolved: Expression) -> String {
    if case .call(let call) = sql.kind, ["window", "session_window"].contains(call.name.last?.lowercased()) {
      return call.name.last?.lowercased() ?? "window"
    }
    return ColumnNaming.name(of: sql, in: scope)
  }

  /// Replaces what GROUP BY computes by its columns.
  func grouped(_ expression: Expression) -> Expression {
    guard let grouping, !grouping.isEmpty else { return expression }
    let keys = Dictionary(
      grouping.map { ($0.expression.fingerprint, $0.attribute) }, uniquingKeysWith: { first, _ in first })
    return replaceTopDown(expression, keys)
  }

  func replaceTopDown(_ expression: Expression, _ keys: [String: Attribute]) -> Expression {
    // Where a set leaves a key out, a constant key is NULL too.
    if case .literal = expression, groupingSets == nil { return expression }
    if let attribute = keys[expression.fingerprint] { return .attribute(attribute) }
    return expression.mapChildren { replaceTopDown($0, keys) }
  }

  /// Takes an aggregate that was found in an expression and gives the column of its result. Calls with the same `given` arguments
  /// are computed once.
  func aggregate(_ function: BoundAggregate, given: String, filter: Expression?, isDistinct: Bool) -> Expression {
    if grouping == nil { grouping = [] }
    let key = "\(function.name)(\(given))\(isDistinct)\(filter?.fingerprint ?? "")\(function.type)"
    if let known = aggregateKeys[key] { return .attribute(known) }
    let attribute = Attribute(function.name, function.type, isNullable: function.isNullable)
    aggregateKeys[key] = attribute
    aggregates.append(NamedAggregate(attribute, function, filter: filter, isDistinct: isDistinct))
    return .attribute(attribute)
  }

  func checkGrouped(_ expression: Expression, _ available: Set<Int>, _ columns: [NamedExpression]) throws {
    let known = available.union(windowCalls.map(\.function.attribute.id)).union(columns.map(\.attribute.id)).union(
      joinedIDs
    )
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

  /// The condition of HAVING. As in Spark a name is first a key that is a column, then a result of the select list, and only in the
  /// arguments of aggregates any column; window functions are computed later.
  func havingCondition(
    _ sql: SQLExpression, _ items: [SQLExpression], _ columns: [NamedExpression], aliases: [String: Expression]
  ) throws -> Expression {
    let keys = (grouping ?? []).compactMap { key -> String? in
      if case .attribute(let column) = key.expression { column.name.lowercased() } else { nil }
    }
    let windows = Set(windowCalls.map(\.function.attribute.id))
    let resolver = ExpressionResolver(analyzer, scope, collector: self)
    resolver.aliases = aliases
    for (item, column) in zip(items, columns) {
      guard case .alias(_, let names) = item.kind, names.count == 1 else { continue }
      let name = names[0].lowercased()
      if !column.expression.references.isDisjoint(with: windows) {
        resolver.aliases[name] = nil
      } else if !keys.contains(name), resolver.results[name] == nil {
        resolver.results[name] = column.expression
      }
    }
    return try condition(sql, resolver, "HAVING")
  }

  /// HAVING and ORDER BY see nothing but keys and aggregates: other columns are unknown to them.
  func checkKnown(_ expression: Expression, _ available: Set<Int>, _ columns: [NamedExpression] = []) throws {
    do {
      try checkGrouped(expression, available, columns)
    } catch let error as MillraceError where ["MISSING_AGGREGATION", "MISSING_GROUP_BY"].contains(error.code) {
      let unknown = child.output.first { expression.references.contains($0.id) && !available.contains($0.id) }
      let known = (grouping ?? []).map(\.attribute) + aggregates.map(\.attribute)
      guard let unknown, !known.isEmpty else { throw error }
      throw analyzer.unresolvedColumn([unknown.name], among: known)
    }
  }

  func groupingFunction(_ name: String, _ function: FunctionCall, _ resolver: ExpressionResolver) throws -> Expression {
    guard let sets = groupingSets else {
      throw MillraceError("UNSUPPORTED_GROUPING_EXPRESSION", "\(name)() needs GROUPING SETS, ROLLUP or CUBE")
    }
    let keys = try function.arguments.compactMap(\.expression).map { sql -> Int in
      let wanted = try resolver.resolve(sql).fingerprint
      guard
        let index = grouping?.firstIndex(where: {
          $0.expression.fingerprint == wanted || Expression.attribute($0.attribute).fingerprint == wanted
        })
      else {
        throw MillraceError("GROUPING_COLUMN_MISMATCH", "the argument of \(name)() is no key of GROUP BY")
      }
      return index
    }
    return try sets.groupingFunction(name, keys, count: grouping?.count ?? 0, analyzer)
  }
}
