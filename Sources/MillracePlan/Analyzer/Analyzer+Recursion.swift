import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// WITH RECURSIVE.
extension Analyzer {
  /// The rows of a table that refers to itself: `anchor UNION ALL step`; nil when it does not.
  func recursiveTable(_ name: String, _ table: CommonTable, level: Int) throws -> LogicalPlan? {
    guard case .setOperation(let operation) = table.query.body, operation.kind == .union else { return nil }
    let depth = commonTables.count
    if !table.query.with.isEmpty { commonTables.append(inner(table.query)) }
    defer { commonTables.removeLast(commonTables.count - depth) }
    let anchor = try aliased(try plan(operation.left, outer: .none), TableAlias(name, columns: table.columns))
    let previous = makeResultID()
    let rows = LeafRelation(
      name: name, output: anchor.output.map { Attribute($0.name, $0.type, isNullable: true, qualifier: [name]) },
      content: .result(id: previous))
    var own = table
    own.recursion = .relation(rows)
    commonTables[level][name.lowercased()] = own
    defer { commonTables[level][name.lowercased()] = nil }
    let step = try plan(operation.right, outer: .none)
    guard step.reads(previous) else { return nil }
    guard operation.isAll else {
      throw MillraceError(
        "UNION_NOT_SUPPORTED_IN_RECURSIVE_CTE", "the recursive table `\(name)` uses UNION", hint: "use UNION ALL")
    }
    let id = addSubquery(
      anchor,
      .recursion(
        step: try matched(step, to: anchor.output, name), previous: previous, levelLimit: table.levelLimit ?? 100,
        rowLimit: nil))
    return .relation(
      LeafRelation(
        name: name, output: rows.output.map { Attribute($0.name, $0.type, qualifier: [name]) }, content: .result(id: id)
      ))
  }

  /// Lets a recursive table directly under LIMIT stop once it has the rows.
  func limitRecursion(under plan: LogicalPlan, to count: Int) {
    switch plan {
    case .project(_, let child), .alias(_, let child): limitRecursion(under: child, to: count)
    case .relation(let leaf):
      guard case .result(let id) = leaf.content, let index = subqueries.firstIndex(where: { $0.id == id }),
        case .recursion(let step, let previous, let levels, _) = subqueries[index].form
      else { return }
      subqueries[index].form = .recursion(step: step, previous: previous, levelLimit: levels, rowLimit: count)
    default: return
    }
  }

  private func inner(_ query: Query) -> [String: CommonTable] {
    var level: [String: CommonTable] = [:]
    for (place, table) in query.with.enumerated() {
      level[table.name.lowercased()] = CommonTable(
        query: table.query, columns: table.columns, place: place, depth: commonTables.count, recursion: nil)
    }
    return level
  }

  /// The step with the anchor's types.
  private func matched(_ step: LogicalPlan, to columns: [Attribute], _ name: String) throws -> LogicalPlan {
    guard step.output.count == columns.count else {
      throw MillraceError(
        "NUM_COLUMNS_MISMATCH",
        "the recursive table `\(name)` has \(columns.count) columns in its anchor and \(step.output.count) in its step")
    }
    return .project(
      try zip(step.output, columns).map { source, target in
        guard TypeCoercion.comparedType(source.type, target.type) != nil else {
          throw MillraceError(
            "INCOMPATIBLE_COLUMN_TYPE",
            "column `\(target.name)` of `\(name)` is \(target.type.sql) in the anchor and \(source.type.sql) in the step"
          )
        }
        return NamedExpression(target.name, try Expression.attribute(source).cast(to: target.type, context))
      }, step)
  }
}

extension LogicalPlan {
  /// Whether some leaf takes the rows of that id.
  fileprivate func reads(_ id: Int) -> Bool {
    var isFound = false
    forEach { node in
      if case .relation(let leaf) = node, case .result(id) = leaf.content { isFound = true }
    }
    return isFound
  }
}
