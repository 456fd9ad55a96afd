import MillraceColumnar

/// Levels that a query counts for: its frames are larger than those of an expression.
private let queryWeight = 3

extension Parser {
  /// Whether a query begins here.
  var atQueryStart: Bool { isQueryStart(0) }

  /// Whether a query begins some tokens further on. Words that begin one may also name columns.
  func isQueryStart(_ offset: Int) -> Bool {
    switch peek(offset) {
    case .word(.select), .word(.from): true
    case .word(.with):
      at(.recursive, offset + 1) || (atName(offset + 1) && (at(.as, offset + 2) || at(.leftParen, offset + 2)))
    case .word(.values): isValue(offset + 1)
    case .word(.table): atName(offset + 1)
    default: false
    }
  }

  /// Whether the first row of VALUES may stand here.
  private func isValue(_ offset: Int) -> Bool {
    switch peek(offset) {
    case .symbol(.leftParen), .number, .string, .word(.null), .word(.true), .word(.false), .word(.date),
      .word(.timestamp),
      .word(.struct), .word(.array), .word(.cast):
      true
    default: at(.minus, offset)
    }
  }

  /// Whether something follows that makes a query in parentheses a part of a larger one.
  var atQueryContinuation: Bool {
    switch kind {
    case .word(.union), .word(.except), .word(.intersect), .word(.minusWord), .word(.setminus), .word(.order),
      .word(.limit),
      .word(.offset), .word(.sort), .word(.cluster), .word(.distribute), .symbol(.pipeArrow):
      true
    default: false
    }
  }

  /// A whole query.
  func query() throws(Failed) -> Query {
    let outer = try enter(queryWeight)
    defer { leave(outer, queryWeight) }
    let start = position
    var with: [Query.CommonTable] = []
    var isRecursive = false
    if accept(.with) {
      isRecursive = accept(.recursive)
      repeat {
        let first = token
        let table = try commonTable()
        if with.contains(where: { $0.name.lowercased() == table.name.lowercased() }) {
          throw fail("DUPLICATED_CTE_NAMES", "WITH defines `\(table.name)` twice", at: first)
        }
        with.append(table)
      } while accept(.comma)
    }
    var query = try organized(try queryTerm(), from: start)
    if !with.isEmpty {
      // `WITH … (SELECT …)`: the inner query may have tables of its own.
      if !query.with.isEmpty { query = Query(.subquery(query), query.range) }
      query.with = with
      query.isRecursive = isRecursive
      query.range = range(from: start)
    }
    return query
  }

  /// Goes on after a first part in parentheses that is parsed already.
  func query(continuing first: Query, from start: Int) throws(Failed) -> Query {
    let term = try setOperations(on: Query(.subquery(first), first.range), from: start, isIntersect: false)
    return try organized(term, from: start)
  }

  private func commonTable() throws(Failed) -> Query.CommonTable {
    let name = try name("a name for the common table")
    let columns = at(.leftParen) ? try nameList() : []
    var limit: Int?
    if accept(.max) {
      try expect(.recursion)
      try expect(.level)
      limit = try wholeNumber()
    }
    _ = accept(.as)
    try expect(.leftParen)
    let query = try query()
    try expect(.rightParen)
    return .init(name, columns: columns, recursionLimit: limit, query: query)
  }

  // MARK: Set operations

  private func queryTerm() throws(Failed) -> Query {
    let start = position
    let first = try queryPrimary()
    return try setOperations(on: first, from: start, isIntersect: false)
  }

  /// Set operations left to right; INTERSECT binds tighter than the others.
  private func setOperations(
    on first: Query, from start: Int, isIntersect: Bool
  ) throws(Failed) -> Query {
    var left = first
    while let kind = setOperator, !isIntersect || kind == .intersect {
      advance()
      let isAll = accept(.all)
      if !isAll { _ = accept(.distinct) }
      let isByName = accept(.by, .name)
      let rightStart = position
      var right = try queryPrimary()
      if kind != .intersect { right = try setOperations(on: right, from: rightStart, isIntersect: true) }
      try grow()
      let operation = SetOperation(kind, isAll: isAll, isByName: isByName, left, right)
      left = Query(.setOperation(operation), range(from: start))
    }
    return left
  }

  var setOperator: SetOperation.Kind? {
    switch kind {
    case .word(.union): .union
    case .word(.except), .word(.minusWord), .word(.setminus): .except
    case .word(.intersect): .intersect
    default: nil
    }
  }

  // MARK: Parts

  /// One SELECT, VALUES, TABLE or a query in parentheses.
  func queryPrimary() throws(Failed) -> Query {
    let start = position
    switch kind {
    case .word(.select): return Query(.select(try select()), range(from: start))
    case .word(.from): return try fromFirst()
    case .word(.values): return try valuesQuery()
    case .word(.table):
      advance()
      let name = try nameParts("a table")
      return Query(.table(relation(name)), range(from: start))
    case .symbol(.leftParen):
      advance()
      let inner = try query()
      try expect(.rightParen)
      return inner.isPlain ? inner : Query(.subquery(inner), range(from: start))
    default: throw unexpected("SELECT, FROM, VALUES, TABLE or WITH")
    }
  }

  private func valuesQuery() throws(Failed) -> Query {
    let start = position
    let rows = try valuesRows()
    let alias = try tableAlias()
    return Query(.values(rows, alias: alias), range(from: start))
  }

  /// `VALUES (1, 'a'), (2, 'b')`.
  func valuesRows() throws(Failed) -> [[SQLExpression]] {
    try expect(.values)
    var rows: [[SQLExpression]] = []
    repeat {
      let row = try expression()
      if case .row(let values) = row.kind { rows.append(values) } else { rows.append([row]) }
    } while accept(.comma)
    return rows
  }

  /// `FROM t SELECT …`, or `FROM t` alone.
  private func fromFirst() throws(Failed) -> Query {
    let start = position
    try expect(.from)
    var select = Select([SQLExpression(.star(qualifier: [], except: []))], range(from: start))
    select.from = try relations()
    select.lateralViews = try lateralViews()
    if at(.select) { try selectBlock(into: &select) }
    select.range = range(from: start)
    return Query(.select(select), select.range)
  }

  // MARK: Order and limits

  /// The clauses after the body, then the steps of the pipe syntax.
  private func organized(_ body: Query, from start: Int) throws(Failed) -> Query {
    var query = body
    if atOrganization {
      if !query.isPlain { query = Query(.subquery(query), query.range) }
      try organization(of: &query)
      query.range = range(from: start)
    }
    guard at(.pipeArrow) else { return query }
    var operators: [PipeOperator] = []
    while accept(.pipeArrow) {
      operators.append(try pipeOperator())
      try grow()
    }
    return Query(.pipe(query, operators), range(from: start))
  }

  private var atOrganization: Bool {
    switch kind {
    case .word(.order), .word(.sort), .word(.cluster), .word(.distribute): at(.by, 1)
    case .word(.window), .word(.limit), .word(.offset): true
    default: false
    }
  }

  private func organization(of query: inout Query) throws(Failed) {
    if accept(.order, .by) { query.orderBy = try sortItems() }
    if accept(.cluster, .by) { query.clusterBy = try expressionList() }
    if accept(.distribute, .by) { query.distributeBy = try expressionList() }
    if accept(.sort, .by) { query.sortBy = try sortItems() }
    if at(.window), atName(1), at(.as, 2) { query.windows = try namedWindows() }
    if accept(.order, .by) { query.orderBy = try sortItems() }
    try limits(&query.limit, &query.offset)
  }

  /// LIMIT and OFFSET, in either order.
  func limits(_ limit: inout SQLExpression?, _ offset: inout SQLExpression?) throws(Failed) {
    for _ in 0..<2 {
      if accept(.limit) {
        if !accept(.all) { limit = try expression() }
      } else if accept(.offset) {
        offset = try expression()
      }
    }
  }

  private func namedWindows() throws(Failed) -> [Query.NamedWindow] {
    try expect(.window)
    var windows: [Query.NamedWindow] = []
    repeat {
      let name = try name("a name for the window")
      try expect(.as)
      windows.append(.init(name, try windowReference()))
    } while accept(.comma)
    return windows
  }
}

extension Query {
  /// Whether the query is only a body, so that parentheses around it change nothing.
  var isPlain: Bool {
    with.isEmpty && orderBy.isEmpty && sortBy.isEmpty && distributeBy.isEmpty && clusterBy.isEmpty && windows.isEmpty
      && limit == nil && offset == nil
  }
}
