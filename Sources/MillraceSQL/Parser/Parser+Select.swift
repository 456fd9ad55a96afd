import MillraceColumnar

extension Parser {
  /// One SELECT block.
  func select() throws(Failed) -> Select {
    let start = position
    var select = Select([], range(from: start))
    try selectBlock(into: &select)
    select.range = range(from: start)
    return select
  }

  /// SELECT and the clauses after it; FROM may have come before.
  func selectBlock(into select: inout Select) throws(Failed) {
    try expect(.select)
    while kind == .hintStart { select.hints += try hints() }
    if (at(.distinct) || at(.all)) && !at(.comma, 1) && !at(.from, 1) {
      select.isDistinct = at(.distinct)
      advance()
    }
    select.projection = try namedExpressionList()
    if select.from.isEmpty, accept(.from) { select.from = try relations() }
    select.lateralViews += try lateralViews()
    if accept(.where) { select.filter = try expression() }
    if accept(.group, .by) { select.groupBy = try groupBy() }
    if accept(.having) { select.having = try expression() }
    if accept(.qualify) { select.qualify = try expression() }
  }

  // MARK: Hints

  /// `/*+ name(arguments), name */`.
  private func hints() throws(Failed) -> [Select.Hint] {
    advance()
    var hints: [Select.Hint] = []
    while kind != .hintEnd {
      let name = try name("a hint")
      var arguments: [SQLExpression] = []
      if accept(.leftParen), !accept(.rightParen) {
        arguments = try expressionList()
        try expect(.rightParen)
      }
      hints.append(.init(name, arguments))
      _ = accept(.comma)
    }
    advance()
    return hints
  }

  // MARK: Lateral views

  func lateralViews() throws(Failed) -> [LateralView] {
    var views: [LateralView] = []
    while at(.lateral), at(.view, 1) { views.append(try lateralView()) }
    return views
  }

  /// `LATERAL VIEW [OUTER] f(…) table AS column, …`; without a table's name, AS begins the columns.
  func lateralView() throws(Failed) -> LateralView {
    let start = position
    try expect(.lateral)
    try expect(.view)
    let isOuter = at(.outer) && !at(.leftParen, 1) && accept(.outer)
    var view = LateralView(isOuter: isOuter, FunctionCall(try nameParts("a generator"), []))
    try arguments(of: &view.generator)
    view.tableAlias = try implicitAlias()
    if accept(.as) {
      repeat { view.columnAliases.append(try name("a column's name")) } while accept(.comma)
    } else if view.tableAlias != nil, atName(), let column = try implicitAlias() {
      view.columnAliases.append(column)
      while accept(.comma) { view.columnAliases.append(try name("a column's name")) }
    }
    view.range = range(from: start)
    return view
  }

  // MARK: Grouping

  /// What stands after GROUP BY.
  func groupBy() throws(Failed) -> GroupBy {
    if at(.all), isClauseEnd(1) {
      advance()
      return .all
    }
    var items: [GroupBy.Item] = []
    repeat { items.append(try groupingItem()) } while accept(.comma)
    if at(.with), at(.rollup, 1) || at(.cube, 1) {
      let groups = items.compactMap { item in if case .expression(let value) = item { [value] } else { nil } }
      items = [at(.rollup, 1) ? .rollup(groups) : .cube(groups)]
      advance()
      advance()
    } else if at(.grouping), at(.sets, 1) {
      // `GROUP BY a, b GROUPING SETS (…)`: the sets say all.
      items = [try groupingItem()]
    }
    return GroupBy(items)
  }

  private func isClauseEnd(_ offset: Int) -> Bool {
    switch peek(offset) {
    case .end, .symbol(.rightParen), .symbol(.semicolon), .symbol(.pipeArrow): true
    case .word(let keyword?): keyword.isReserved || keyword.mayBeginClause
    default: false
    }
  }

  private func groupingItem() throws(Failed) -> GroupBy.Item {
    let outer = try enter()
    defer { leave(outer) }
    if at(.rollup) || at(.cube), at(.leftParen, 1) {
      let isRollup = at(.rollup)
      advance()
      let groups = try groups()
      return isRollup ? .rollup(groups) : .cube(groups)
    }
    if accept(.grouping, .sets) {
      try expect(.leftParen)
      var sets: [GroupBy.GroupingSet] = []
      repeat { sets.append(try groupingSet()) } while accept(.comma)
      try expect(.rightParen)
      return .groupingSets(sets)
    }
    if at(.leftParen), at(.rightParen, 1) {
      advance()
      advance()
      return .groupingSets([.expressions([])])
    }
    return .expression(try expression())
  }

  private func groupingSet() throws(Failed) -> GroupBy.GroupingSet {
    if at(.leftParen), at(.rightParen, 1) {
      advance()
      advance()
      return .expressions([])
    }
    let item = try groupingItem()
    guard case .expression(let value) = item else { return .item(item) }
    if case .row(let values) = value.kind { return .expressions(values) }
    return .expressions([value])
  }

  /// `(a, (b, c))` of ROLLUP and CUBE.
  private func groups() throws(Failed) -> [[SQLExpression]] {
    try expect(.leftParen)
    var groups: [[SQLExpression]] = []
    repeat {
      let value = try expression()
      if case .row(let values) = value.kind { groups.append(values) } else { groups.append([value]) }
    } while accept(.comma)
    try expect(.rightParen)
    return groups
  }
}
