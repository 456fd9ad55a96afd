extension SQLWriter {
  /// Writes a query without parentheses around it.
  @inline(never)
  func query(_ query: Query) {
    if !query.with.isEmpty {
      write(query.isRecursive ? "WITH RECURSIVE " : "WITH ")
      list(query.with) { $0.commonTable($1) }
      write(" ")
    }
    body(query)
    organization(of: query)
  }

  private func commonTable(_ table: Query.CommonTable) {
    name(table.name)
    nameList(table.columns)
    if let limit = table.recursionLimit { write(" MAX RECURSION LEVEL \(limit)") }
    write(" AS ")
    parenthesized(table.query)
  }

  private func parenthesized(_ query: Query) {
    write("(")
    self.query(query)
    write(")")
  }

  private func body(_ query: Query) {
    switch query.body {
    case .select(let select): self.select(select)
    case .setOperation(let operation): setOperation(operation)
    case .values(let rows, let alias):
      values(rows)
      self.alias(alias)
    case .table(let name):
      write("TABLE ")
      self.name(parts: name)
    case .subquery(let inner): parenthesized(inner)
    case .pipe(let input, let operators): pipe(input, operators)
    }
  }

  private func setOperation(_ operation: SetOperation) {
    operand(operation.left, of: operation, isLeft: true)
    write(" \(operation.kind.rawValue)\(operation.isAll ? " ALL" : "")\(operation.isByName ? " BY NAME" : "") ")
    operand(operation.right, of: operation, isLeft: false)
  }

  /// Writes one side, in parentheses unless it reads back as that side without them.
  private func operand(_ query: Query, of outer: SetOperation, isLeft: Bool) {
    let holdsTogether: Bool =
      switch query.body {
      case .select, .table, .subquery: query.isPlain
      case .setOperation(let inner): query.isPlain && isLeft && (outer.kind != .intersect || inner.kind == .intersect)
      case .values, .pipe: false
      }
    if holdsTogether { body(query) } else { parenthesized(query) }
  }

  func values(_ rows: [[SQLExpression]]) {
    write("VALUES ")
    list(rows) { writer, row in
      writer.write("(")
      writer.list(row)
      writer.write(")")
    }
  }

  private func organization(of query: Query) {
    if !query.orderBy.isEmpty {
      write(" ORDER BY ")
      sortItems(query.orderBy)
    }
    if !query.clusterBy.isEmpty {
      write(" CLUSTER BY ")
      list(query.clusterBy)
    }
    if !query.distributeBy.isEmpty {
      write(" DISTRIBUTE BY ")
      list(query.distributeBy)
    }
    if !query.sortBy.isEmpty {
      write(" SORT BY ")
      sortItems(query.sortBy)
    }
    if !query.windows.isEmpty {
      write(" WINDOW ")
      list(query.windows) { writer, window in
        writer.name(window.name)
        writer.write(" AS ")
        if case .named(let name) = window.window { writer.nameList([name]) } else { writer.reference(window.window) }
      }
    }
    limits(query.limit, query.offset)
  }

  private func limits(_ limit: SQLExpression?, _ offset: SQLExpression?) {
    clause(" LIMIT ", limit)
    clause(" OFFSET ", offset)
  }

  /// Writes words and an expression when there is one.
  private func clause(_ words: String, _ value: SQLExpression?) {
    guard let value else { return }
    write(words)
    expression(value)
  }

  // MARK: SELECT

  private func select(_ select: Select) {
    write("SELECT ")
    if !select.hints.isEmpty {
      write("/*+ ")
      list(select.hints) { writer, hint in
        writer.name(hint.name)
        if hint.arguments.isEmpty { return }
        writer.write("(")
        writer.list(hint.arguments)
        writer.write(")")
      }
      write(" */ ")
    }
    if select.isDistinct { write("DISTINCT ") }
    list(select.projection)
    if !select.from.isEmpty {
      write(" FROM ")
      list(select.from) { $0.relation($1) }
    }
    for view in select.lateralViews {
      write(" ")
      lateralView(view)
    }
    clause(" WHERE ", select.filter)
    if let groupBy = select.groupBy { self.groupBy(groupBy) }
    clause(" HAVING ", select.having)
    clause(" QUALIFY ", select.qualify)
  }

  private func lateralView(_ view: LateralView) {
    write(view.isOuter ? "LATERAL VIEW OUTER " : "LATERAL VIEW ")
    call(view.generator)
    if let alias = view.tableAlias {
      write(" ")
      write(quotedAlias(alias))
    }
    if view.columnAliases.isEmpty { return }
    write(" AS ")
    list(view.columnAliases) { $0.name($1) }
  }

  /// A name that stands without AS, where any keyword might be taken for a clause.
  private func quotedAlias(_ name: String) -> String {
    Keyword.bySpelling[name.lowercased()] == nil ? quoted(name) : "`\(name)`"
  }

  private func groupBy(_ groupBy: GroupBy) {
    write(" GROUP BY ")
    if groupBy.isAll { return write("ALL") }
    list(groupBy.items) { $0.groupingItem($1) }
  }

  private func groupingItem(_ item: GroupBy.Item) {
    switch item {
    case .expression(let value): expression(value)
    case .rollup(let groups): self.groups("ROLLUP", groups)
    case .cube(let groups): self.groups("CUBE", groups)
    case .groupingSets(let sets):
      write("GROUPING SETS (")
      list(sets) { $0.groupingSet($1) }
      write(")")
    }
  }

  private func groups(_ word: String, _ groups: [[SQLExpression]]) {
    write(word + " (")
    list(groups) { writer, group in
      if group.count > 1 { writer.write("(") }
      writer.list(group)
      if group.count > 1 { writer.write(")") }
    }
    write(")")
  }

  private func groupingSet(_ set: GroupBy.GroupingSet) {
    switch set {
    case .item(let item): groupingItem(item)
    case .expressions(let values):
      write("(")
      list(values)
      write(")")
    }
  }

  // MARK: Pipes

  private func pipe(_ input: Query, _ operators: [PipeOperator]) {
    var holdsTogether = input.with.isEmpty
    if case .pipe = input.body { holdsTogether = false }
    if holdsTogether { query(input) } else { parenthesized(input) }
    for step in operators {
      write(" |> ")
      self.step(step)
    }
  }

  private func step(_ step: PipeOperator) {
    switch step {
    case .select(let isDistinct, let items):
      write(isDistinct ? "SELECT DISTINCT " : "SELECT ")
      list(items)
    case .extend(let items):
      write("EXTEND ")
      list(items)
    case .set(let assignments):
      write("SET ")
      list(assignments) { writer, assignment in
        writer.name(assignment.column)
        writer.write(" = ")
        writer.expression(assignment.value)
      }
    case .drop(let columns):
      write("DROP ")
      list(columns) { $0.name(parts: $1) }
    case .alias(let name):
      write("AS ")
      self.name(name)
    case .filter(let condition): clause("WHERE ", condition)
    case .aggregate(let items, let groupBy):
      write("AGGREGATE")
      if !items.isEmpty { write(" ") }
      list(items)
      if let groupBy { self.groupBy(groupBy) }
    case .join(let kind, let isNatural, let right, let condition): join(kind, isNatural, right, condition)
    case .orderBy(let items):
      write("ORDER BY ")
      sortItems(items)
    case .limit(let limit, let offset):
      clause("LIMIT ", limit)
      clause(limit == nil ? "OFFSET " : " OFFSET ", offset)
    case .setOperation(let kind, let isAll, let isByName, let right):
      write("\(kind.rawValue)\(isAll ? " ALL" : "")\(isByName ? " BY NAME" : "") ")
      parenthesized(right)
    case .sample(let sample): self.sample(sample)
    case .pivot(let pivot): self.pivot(pivot)
    case .unpivot(let unpivot): self.unpivot(unpivot)
    case .lateralView(let view): lateralView(view)
    }
  }
}
