import MillraceColumnar

extension Parser {
  /// The arguments and trailing clauses of a call; the name is parsed already.
  func call(_ name: [String], from start: Int) throws(Failed) -> SQLExpression {
    var call = FunctionCall(name, [])
    try arguments(of: &call)
    try callClauses(of: &call)
    return SQLExpression(.call(call), range(from: start))
  }

  /// `([DISTINCT] a, name => b)`.
  func arguments(of call: inout FunctionCall) throws(Failed) {
    let outer = try enter()
    defer { leave(outer) }
    try expect(.leftParen)
    if accept(.rightParen) { return }
    if at(.distinct) || at(.all), !at(.comma, 1), !at(.rightParen, 1) {
      call.isDistinct = at(.distinct)
      advance()
    }
    repeat { call.arguments.append(try argument()) } while accept(.comma)
    try expect(.rightParen)
  }

  private func argument() throws(Failed) -> FunctionCall.Argument {
    let label = try argumentName()
    if at(.table) { return try queryArgument(label) }
    return .init(name: label, try expression())
  }

  /// `name =>`, if there is one.
  private func argumentName() throws(Failed) -> String? {
    guard atName(), at(.fatArrow, 1) else { return nil }
    let label = try name()
    advance()
    return label
  }

  /// An argument that begins with TABLE.
  @inline(never)
  private func queryArgument(_ label: String?) throws(Failed) -> FunctionCall.Argument {
    if at(.leftParen, 1) || (atName(1) && !at(.dot, 1)) { return .init(name: label, table: try tableArgument()) }
    return .init(name: label, try expression())
  }

  /// `TABLE t`, `TABLE(t)` or `TABLE(query)`.
  private func tableArgument() throws(Failed) -> Query {
    let start = position
    try expect(.table)
    guard accept(.leftParen) else {
      let name = try nameParts()
      return Query(.table(relation(name)), range(from: start))
    }
    let query = atQueryStart ? try query() : Query(.table(relation(try nameParts())), range(from: start))
    try expect(.rightParen)
    return query
  }

  /// WITHIN GROUP, FILTER, IGNORE NULLS and OVER.
  @inline(never)
  func callClauses(of call: inout FunctionCall) throws(Failed) {
    if accept(.within, .group) {
      try expect(.leftParen)
      try expect(.order)
      try expect(.by)
      call.withinGroup = try sortItems()
      try expect(.rightParen)
    }
    if at(.filter), at(.leftParen, 1), at(.where, 2) {
      advance()
      advance()
      advance()
      call.filter = try expression()
      try expect(.rightParen)
    }
    if at(.nulls, 1), at(.ignore) || at(.respect) {
      call.ignoresNulls = at(.ignore)
      advance()
      advance()
    }
    if at(.over), at(.leftParen, 1) || atName(1) {
      advance()
      call.window = try windowReference()
    }
  }

  /// `name`, `(name)` or `(PARTITION BY … ORDER BY … frame)`.
  func windowReference() throws(Failed) -> WindowReference {
    if atName() { return .named(try name()) }
    try expect(.leftParen)
    if atName(), at(.rightParen, 1) {
      let name = try name()
      advance()
      return .named(name)
    }
    var window = WindowSpecification()
    if (at(.partition) || at(.distribute)), at(.by, 1) {
      advance()
      advance()
      window.partitionBy = try expressionList()
    }
    if (at(.order) || at(.sort)), at(.by, 1) {
      advance()
      advance()
      window.orderBy = try sortItems()
    }
    if accept(.cluster, .by) { window.partitionBy = try expressionList() }
    if at(.rows) || at(.range) { window.frame = try frame() }
    try expect(.rightParen)
    return .specification(window)
  }

  private func frame() throws(Failed) -> WindowSpecification.Frame {
    let unit: WindowSpecification.Frame.Unit = at(.rows) ? .rows : .range
    advance()
    guard accept(.between) else { return .init(unit, start: try bound(), end: .currentRow) }
    let start = try bound()
    try expect(.and)
    return .init(unit, start: start, end: try bound())
  }

  private func bound() throws(Failed) -> WindowSpecification.Frame.Bound {
    if accept(.unbounded, .preceding) { return .unboundedPreceding }
    if accept(.unbounded, .following) { return .unboundedFollowing }
    if accept(.current, .row) { return .currentRow }
    let offset = try expression()
    if accept(.preceding) { return .preceding(offset) }
    try expect(.following)
    return .following(offset)
  }

  /// `a [ASC | DESC] [NULLS FIRST | LAST], …`.
  func sortItems() throws(Failed) -> [SortItem] {
    var items: [SortItem] = []
    repeat {
      let value = try expression()
      let isDescending = accept(.desc)
      if !isDescending { _ = accept(.asc) }
      var nullsFirst: Bool?
      if accept(.nulls) {
        nullsFirst = accept(.first)
        if nullsFirst == false { try expect(.last) }
      }
      items.append(SortItem(value, isAscending: !isDescending, nullsFirst: nullsFirst))
    } while accept(.comma)
    return items
  }
}
