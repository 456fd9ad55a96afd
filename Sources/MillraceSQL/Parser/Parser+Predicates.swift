import MillraceColumnar

extension Parser {
  /// Whether IS, IN, BETWEEN, LIKE … follows, negated or not.
  var atPredicate: Bool {
    switch at(.not) || at(.bang) ? peek(1) : kind {
    case .word(.in), .word(.between), .word(.like), .word(.ilike), .word(.rlike), .word(.regexp): true
    case .word(.is): !at(.not)
    default: false
    }
  }

  /// A predicate on a value.
  func predicate(on value: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    if accept(.is) { return try isPredicate(on: value, from: start) }
    let isNegated = accept(.not) || accept(.bang)
    let result: SQLExpression
    if accept(.between) {
      let low = try valueExpression()
      try expect(.and)
      let high = try valueExpression()
      result = SQLExpression(.between(value, low: low, high: high), range(from: start))
    } else if accept(.in) {
      result = try inPredicate(on: value, from: start)
    } else {
      return try likePredicate(on: value, isNegated: isNegated, from: start)
    }
    return isNegated ? SQLExpression(.unary(.not, result), result.range) : result
  }

  /// NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM, after IS.
  private func isPredicate(on value: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    let isNegated = accept(.not)
    if accept(.null) || accept(.unknown) {
      return SQLExpression(.isNull(value, isNegated: isNegated), range(from: start))
    }
    let other: SQLExpression
    var invert = isNegated
    if at(.true) || at(.false) {
      other = SQLExpression(.literal(.boolean(at(.true)), .boolean), range(from: position))
      advance()
    } else if accept(.distinct) {
      try expect(.from)
      other = try valueExpression()
      invert.toggle()
    } else {
      throw unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS")
    }
    let result = SQLExpression(.binary(.nullSafeEqual, value, other), range(from: start))
    return invert ? negated(result) : result
  }

  private func inPredicate(on value: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    try expect(.leftParen)
    if atQueryStart {
      let query = try query()
      try expect(.rightParen)
      return SQLExpression(.inSubquery(value, query), range(from: start))
    }
    if at(.rightParen) {
      throw fail(
        "INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE", "IN needs at least one value", hint: "write IN (NULL), or false")
    }
    let list = try expressionList()
    try expect(.rightParen)
    return SQLExpression(.inList(value, list), range(from: start))
  }

  private func likePredicate(
    on value: SQLExpression, isNegated: Bool, from start: Int
  ) throws(Failed) -> SQLExpression {
    let symbol: SQLExpression.LikePredicate.Operator = at(.like) ? .like : at(.ilike) ? .ilike : .rlike
    advance()
    if symbol != .rlike, at(.any) || at(.some) || at(.all), at(.leftParen, 1) {
      let quantifier: SQLExpression.LikePredicate.Quantifier = at(.all) ? .all : .any
      advance()
      advance()
      if at(.rightParen) {
        throw fail(
          "PARSE_SYNTAX_ERROR", "LIKE \(quantifier.rawValue) has no pattern", hint: "give at least one pattern")
      }
      let patterns = try expressionList()
      try expect(.rightParen)
      let like = SQLExpression.LikePredicate(symbol, value, patterns, quantifier: quantifier, isNegated: isNegated)
      return SQLExpression(.like(like), range(from: start))
    }
    var like = SQLExpression.LikePredicate(symbol, value, [try valueExpression()])
    if symbol != .rlike, accept(.escape) { like.escape = try escapeCharacter() }
    let result = SQLExpression(.like(like), range(from: start))
    return isNegated ? negated(result) : result
  }

  private func escapeCharacter() throws(Failed) -> Character {
    let start = token
    let text = try stringConstant("a string after ESCAPE")
    guard text.unicodeScalars.count == 1, let character = text.first else {
      throw fail("INVALID_ESC", "ESCAPE takes one character, not '\(text)'", at: start)
    }
    return character
  }
}
