import MillraceColumnar

/// Levels that a relation counts for.
private let relationWeight = 3

extension Parser {
  /// The relations of FROM.
  func relations() throws(Failed) -> [Relation] {
    var relations = [try relation()]
    while accept(.comma) {
      relations.append(try relation())
      // Each is joined with those before it.
      try grow()
    }
    return relations
  }

  /// A relation with its joins and pivots.
  func relation() throws(Failed) -> Relation {
    let outer = try enter(relationWeight)
    defer { leave(outer, relationWeight) }
    let start = position
    let first = try lateralOrPrimary()
    return try extended(first, from: start)
  }

  private func extended(_ first: Relation, from start: Int) throws(Failed) -> Relation {
    var left = first
    while true {
      if at(.pivot), at(.leftParen, 1) {
        left = Relation(.pivot(left, try pivot()), range(from: start))
        left.alias = try tableAlias()
      } else if at(.unpivot), at(.leftParen, 1) || at(.include, 1) || at(.exclude, 1) {
        left = Relation(.unpivot(left, try unpivot()), range(from: start))
        left.alias = try tableAlias()
      } else if let (kind, isNatural) = try joinOperator() {
        let right = try lateralOrPrimary()
        let condition = try joinCondition()
        left = Relation(.join(kind, isNatural: isNatural, left, right, condition), range(from: start))
      } else {
        return left
      }
      try grow()
    }
  }

  // MARK: Joins

  /// The words up to JOIN, when they are there.
  func joinOperator() throws(Failed) -> (Relation.Kind.JoinKind, isNatural: Bool)? {
    let isNatural = at(.natural)
    var offset = isNatural ? 1 : 0
    var kind = Relation.Kind.JoinKind.inner
    if case .word(let word?) = peek(offset), let named = Self.joinKinds[word] {
      kind = named
      offset += 1
      if word == .left, at(.semi, offset) || at(.anti, offset) {
        kind = at(.semi, offset) ? .leftSemi : .leftAnti
        offset += 1
      } else if word == .left || word == .right || word == .full, at(.outer, offset) {
        offset += 1
      }
    }
    guard at(.join, offset) else {
      if isNatural { throw unexpected("NATURAL JOIN") }
      return nil
    }
    for _ in 0...offset { advance() }
    return (kind, isNatural)
  }

  private static let joinKinds: [Keyword: Relation.Kind.JoinKind] = [
    .inner: .inner, .cross: .cross, .left: .left, .right: .right, .full: .full, .semi: .leftSemi, .anti: .leftAnti,
  ]

  func joinCondition() throws(Failed) -> JoinCondition {
    if accept(.on) { return .on(try expression()) }
    if accept(.using) { return .using(try nameList()) }
    return .none
  }

  // MARK: Primaries

  func lateralOrPrimary() throws(Failed) -> Relation {
    let start = position
    if at(.lateral), !at(.view, 1) {
      advance()
      var inner = try relationPrimary()
      // The alias belongs to the whole, where it is looked for.
      let alias = inner.alias
      inner.alias = nil
      return Relation(.lateral(inner), alias: alias, range(from: start))
    }
    return try relationPrimary()
  }

  private func relationPrimary() throws(Failed) -> Relation {
    let start = position
    switch kind {
    case .symbol(.leftParen): return try parenthesizedRelation()
    case .word(.values) where isQueryStart(0):
      let rows = try valuesRows()
      return try decorated(.values(rows), from: start)
    case .word(.stream) where at(.leftParen, 1) || followsStream:
      advance()
      let hasParentheses = accept(.leftParen)
      let name = try nameParts("a stream")
      if hasParentheses { try expect(.rightParen) }
      return try decorated(.table(relation(name), options: try withOptions(), isStream: true), from: start)
    case .quotedName: return try namedRelation()
    case .word(let keyword):
      if let keyword, keyword.isReserved, !at(.dot, 1) { throw unexpected("a table") }
      return try namedRelation()
    default: throw unexpected("a table, a query in parentheses or VALUES")
    }
  }

  /// Whether the word after STREAM names a stream, rather than beginning a clause.
  private var followsStream: Bool {
    switch peek(1) {
    case .quotedName, .word(nil): true
    case .word(let keyword?): !keyword.isStrict && !keyword.mayBeginClause
    default: false
    }
  }

  /// A table or the call of a table function.
  private func namedRelation() throws(Failed) -> Relation {
    let start = position
    let name = try nameParts("a table")
    if at(.leftParen) {
      var call = FunctionCall(name, [])
      try arguments(of: &call)
      return try decorated(.function(call), from: start)
    }
    return try decorated(.table(relation(name), options: try withOptions(), isStream: false), from: start)
  }

  /// `(query)` or `(relation)`.
  private func parenthesizedRelation() throws(Failed) -> Relation {
    let start = position
    try expect(.leftParen)
    // VALUES may be a relation with joins as well as a query; the query is what comes first.
    if atQueryStart {
      let query = try query()
      try expect(.rightParen)
      return try decorated(.subquery(query), from: start)
    }
    let inner = try relation()
    if case .subquery(let query) = inner.kind, inner.isBare, atQueryContinuation {
      let whole = try self.query(continuing: query, from: start + 1)
      try expect(.rightParen)
      return try decorated(.subquery(whole), from: start)
    }
    try expect(.rightParen)
    if case .subquery = inner.kind, inner.isBare { return try decorated(inner.kind, from: start) }
    return try decorated(.parenthesized(inner), from: start)
  }

  /// What may stand after a relation: sample, watermark, alias.
  private func decorated(_ kind: Relation.Kind, from start: Int) throws(Failed) -> Relation {
    var relation = Relation(kind, range(from: start))
    if at(.tablesample), at(.leftParen, 1) { relation.sample = try tableSample() }
    if at(.watermark), !isAliasWatermark { relation.watermark = try watermark() }
    relation.alias = try tableAlias()
    if relation.watermark == nil, at(.watermark) { relation.watermark = try watermark() }
    if relation.sample == nil, at(.tablesample), at(.leftParen, 1) { relation.sample = try tableSample() }
    relation.range = range(from: start)
    return relation
  }

  private var isAliasWatermark: Bool {
    switch peek(1) {
    case .end, .symbol(.comma), .symbol(.rightParen): true
    default: false
    }
  }

  /// `[AS] name [(column, …)]`, or the columns alone after AS.
  func tableAlias() throws(Failed) -> TableAlias? {
    if accept(.as) {
      if at(.leftParen) { return TableAlias(nil, columns: try nameList()) }
      let name = try name("a name after AS")
      return TableAlias(name, columns: at(.leftParen) ? try nameList() : [])
    }
    guard let name = try implicitAlias() else { return nil }
    return TableAlias(name, columns: at(.leftParen) ? try nameList() : [])
  }

  // MARK: Clauses of a relation

  /// `WATERMARK expression [AS name] DELAY OF INTERVAL …`.
  private func watermark() throws(Failed) -> WatermarkClause {
    try expect(.watermark)
    let eventTime = try namedExpression()
    try expect(.delay)
    try expect(.of)
    if at(.interval), atIntervalLiteral { return WatermarkClause(eventTime, delay: try intervalLiteral()) }
    throw unexpected("an interval such as INTERVAL 10 SECONDS")
  }

  /// `WITH ('key' = 'value', …)` after a table.
  private func withOptions() throws(Failed) -> [Relation.Option] {
    guard at(.with), at(.leftParen, 1) else { return [] }
    advance()
    return try options()
  }

  /// `(key = value, …)`; keys are names or strings, values are constants.
  func options() throws(Failed) -> [Relation.Option] {
    try expect(.leftParen)
    var options: [Relation.Option] = []
    if accept(.rightParen) { return options }
    repeat {
      let key: String
      if case .string = kind {
        key = try stringConstant("a key")
      } else {
        key = try nameParts("a key").joined(separator: ".")
      }
      let hasSign = accept(.equal) || accept(.doubleEqual)
      options.append(.init(key, try optionValue(isRequired: hasSign)))
    } while accept(.comma)
    try expect(.rightParen)
    return options
  }

  private func optionValue(isRequired: Bool) throws(Failed) -> String? {
    switch kind {
    case .string: return try stringConstant("a value")
    case .number, .symbol(.minus):
      let start = token.start
      _ = try numberLiteral()
      return String(decoding: bytes[Int(start)..<Int(tokens[position - 1].end)], as: UTF8.self)
    case .word(.true), .word(.false):
      let text = text(token).lowercased()
      advance()
      return text
    default:
      if isRequired { throw unexpected("a string, a number, TRUE or FALSE") }
      return nil
    }
  }

  /// `TABLESAMPLE (10 PERCENT) REPEATABLE (1)`.
  func tableSample() throws(Failed) -> TableSample {
    try expect(.tablesample)
    try expect(.leftParen)
    var sample = TableSample(try sampleAmount())
    try expect(.rightParen)
    if accept(.repeatable) {
      try expect(.leftParen)
      sample.seed = Int64(try wholeNumber())
      try expect(.rightParen)
    }
    return sample
  }

  private func sampleAmount() throws(Failed) -> TableSample.Amount {
    if accept(.bucket) {
      let bucket = try wholeNumber()
      try expect(.out)
      try expect(.of)
      return .bucket(Int64(bucket), of: Int64(try wholeNumber()))
    }
    if case .number = kind, at(.percentWord, 1) {
      let digits = text(token)
      guard let percent = Double(digits), percent <= 100 else {
        throw fail("INVALID_TABLESAMPLE_FRACTION", "a sample takes 0 to 100 percent, not \(digits)")
      }
      advance()
      advance()
      return .percent(percent)
    }
    let count = try expression()
    try expect(.rows)
    return .rows(count)
  }

  // MARK: Pivots

  /// `PIVOT (sum(a) AS s FOR b IN ('x', 'y' AS z))`.
  func pivot() throws(Failed) -> Pivot {
    try expect(.pivot)
    try expect(.leftParen)
    let aggregates = try namedExpressionList()
    try expect(.for)
    let columns = try columnGroup()
    try expect(.in)
    try expect(.leftParen)
    let values = try namedExpressionList()
    try expect(.rightParen)
    try expect(.rightParen)
    return Pivot(aggregates, columns: columns, values: values)
  }

  /// `a` or `(a, b)`.
  private func columnGroup() throws(Failed) -> [[String]] {
    guard accept(.leftParen) else { return [try nameParts("a column")] }
    var columns = [try nameParts("a column")]
    while accept(.comma) { columns.append(try nameParts("a column")) }
    try expect(.rightParen)
    return columns
  }

  /// `UNPIVOT [INCLUDE NULLS] (value FOR name IN (a, b AS 'c'))`.
  func unpivot() throws(Failed) -> Unpivot {
    try expect(.unpivot)
    let includesNulls = accept(.include, .nulls)
    if !includesNulls { _ = accept(.exclude, .nulls) }
    try expect(.leftParen)
    let valueColumns = at(.leftParen) ? try nameList() : [try name("a name for the values")]
    try expect(.for)
    let nameColumn = try name("a name for the names")
    try expect(.in)
    try expect(.leftParen)
    var columns: [Unpivot.Columns] = []
    repeat {
      let group = try columnGroup()
      columns.append(.init(group, alias: try unpivotAlias()))
    } while accept(.comma)
    try expect(.rightParen)
    try expect(.rightParen)
    return Unpivot(
      includesNulls: includesNulls, valueColumns: valueColumns, nameColumn: nameColumn, columns: columns)
  }

  private func unpivotAlias() throws(Failed) -> String? {
    let hasAs = accept(.as)
    if case .string = kind { return try stringConstant("a name") }
    return hasAs ? try name("a name after AS") : try implicitAlias()
  }
}

extension Relation {
  /// Whether nothing stands after the relation.
  var isBare: Bool { alias == nil && sample == nil && watermark == nil }
}
