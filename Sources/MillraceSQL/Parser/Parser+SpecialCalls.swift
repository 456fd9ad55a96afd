import MillraceColumnar

/// Calls with words in place of commas. All but casts become plain calls, as in Spark.
extension Parser {
  /// The special form that begins with a keyword and `(`; nil when it is a call like any other.
  func specialCall(_ keyword: Keyword) throws(Failed) -> SQLExpression? {
    switch keyword {
    case .cast, .tryCast: return try cast(isTry: keyword == .tryCast)
    case .extract: return try extract()
    case .position: return try positionCall()
    case .substring, .substr: return try substringCall()
    case .overlay: return try overlayCall()
    case .timestampadd, .dateadd, .dateAddWord, .timestampdiff, .datediff, .dateDiffWord: return try unitCall()
    case .first, .last: return try firstOrLast(keyword)
    case .trim: return try trimCall()
    default: return nil
    }
  }

  private func cast(isTry: Bool) throws(Failed) -> SQLExpression {
    let start = position
    advance()
    try expect(.leftParen)
    let value = try expression()
    try expect(.as)
    let type = try dataType()
    try expect(.rightParen)
    return SQLExpression(.cast(value, type, isTry: isTry), range(from: start))
  }

  /// The call's own name, and the parenthesis after it.
  private func openCall() throws(Failed) -> String {
    let name = try name()
    try expect(.leftParen)
    return name
  }

  private func closeCall(
    _ name: String, _ arguments: [SQLExpression], from start: Int
  ) throws(Failed) -> SQLExpression {
    try expect(.rightParen)
    var call = FunctionCall([name], arguments.map { .init($0) })
    try callClauses(of: &call)
    return SQLExpression(.call(call), range(from: start))
  }

  /// `extract(YEAR FROM a)`: the field becomes a string.
  private func extract() throws(Failed) -> SQLExpression {
    let start = position
    let name = try openCall()
    let field = SQLExpression(.literal(.string(try fieldName()), .string), range(from: start))
    try expect(.from)
    return try closeCall(name, [field, try valueExpression()], from: start)
  }

  private func fieldName() throws(Failed) -> String {
    if case .string = kind { return try stringConstant("a field") }
    return try name("a field such as YEAR")
  }

  /// `position(a IN b)`, `position(a, b[, start])`.
  private func positionCall() throws(Failed) -> SQLExpression {
    let start = position
    let name = try openCall()
    let part = try valueExpression()
    // Spark reads this form as `locate`.
    if accept(.in) {
      let first = SQLExpression(.literal(.integer(1), .integer), range(from: start))
      return try closeCall("locate", [part, try valueExpression(), first], from: start)
    }
    var arguments = [part]
    while accept(.comma) { arguments.append(try expression()) }
    return try closeCall(name, arguments, from: start)
  }

  /// `substring(a FROM b FOR c)`, `substring(a, b, c)`.
  private func substringCall() throws(Failed) -> SQLExpression {
    let start = position
    var name = try openCall()
    var arguments: [SQLExpression] = at(.rightParen) ? [] : [try expression()]
    if at(.from) { name = "substring" }
    while at(.comma) || at(.from) || at(.for) {
      advance()
      arguments.append(try expression())
    }
    return try closeCall(name, arguments, from: start)
  }

  /// `overlay(a PLACING b FROM c FOR d)`, `overlay(a, b, c, d)`.
  private func overlayCall() throws(Failed) -> SQLExpression {
    let start = position
    let name = try openCall()
    var arguments: [SQLExpression] = at(.rightParen) ? [] : [try expression()]
    while at(.comma) || at(.placing) || at(.from) || at(.for) {
      advance()
      arguments.append(try expression())
    }
    return try closeCall(name, arguments, from: start)
  }

  /// `timestampadd(HOUR, 1, a)`: the unit becomes a string. The forms with two arguments have no unit.
  private func unitCall() throws(Failed) -> SQLExpression? {
    guard case .word = peek(2), at(.comma, 3), isUnit(2) else { return nil }
    let start = position
    let name = try openCall()
    let unitStart = position
    let unit = try self.name()
    // `date_add(day, 1)`: a column that is called like a unit.
    var arguments = [SQLExpression(.literal(.string(unit), .string), range(from: unitStart))]
    while accept(.comma) { arguments.append(try expression()) }
    if arguments.count == 2 { arguments[0] = SQLExpression(.column([unit]), arguments[0].range) }
    return try closeCall(name, arguments, from: start)
  }

  private func isUnit(_ offset: Int) -> Bool {
    let units: Set<String> = [
      "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DAYOFYEAR", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND",
    ]
    return units.contains(text(tokens[position + offset]).uppercased())
  }

  /// `first(a IGNORE NULLS)`; the words may also stand after the parenthesis.
  private func firstOrLast(_ keyword: Keyword) throws(Failed) -> SQLExpression {
    let start = position
    var call = FunctionCall([try name()], [])
    try expect(.leftParen)
    if !at(.rightParen) {
      repeat { call.arguments.append(.init(try expression())) } while accept(.comma)
    }
    if accept(.ignore, .nulls) { call.ignoresNulls = true }
    try expect(.rightParen)
    try callClauses(of: &call)
    return SQLExpression(.call(call), range(from: start))
  }

  /// `trim([BOTH | LEADING | TRAILING] [a] FROM b)`. Spark's `ltrim` and `rtrim` take the characters first as well.
  func trimCall() throws(Failed) -> SQLExpression {
    let start = position
    var name = try openCall()
    if at(.both) || at(.leading) || at(.trailing), !at(.comma, 1), !at(.rightParen, 1) {
      if at(.leading) { name = "ltrim" } else if at(.trailing) { name = "rtrim" }
      advance()
    }
    var arguments: [SQLExpression] = at(.from) || at(.rightParen) ? [] : [try expression()]
    if accept(.from) || accept(.comma) { arguments.append(try expression()) }
    return try closeCall(name, arguments, from: start)
  }

  /// `struct(a AS name, b)`: the one call whose arguments may carry names with AS.
  func structCall() throws(Failed) -> SQLExpression {
    let start = position
    let name = try openCall()
    let arguments = at(.rightParen) ? [] : try namedExpressionList()
    return try closeCall(name, arguments, from: start)
  }
}
