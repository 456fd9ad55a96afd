import MillraceColumnar

extension Parser {
  /// An operand with what is attached to it: `[index]`, `.field`, `::type`, `:path`, `COLLATE name`.
  func primary() throws(Failed) -> SQLExpression {
    let start = position
    let base = try atom()
    return try postfixes(on: base, from: start)
  }

  func postfixes(on first: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    var base = first
    while case .symbol(let symbol) = kind {
      switch symbol {
      case .leftBracket: base = try subscripted(base, from: start)
      case .dot:
        guard atName(1) else { return base }
        advance()
        let name = try name()
        base = SQLExpression(.field(base, name: name), range(from: start))
      case .doubleColon:
        advance()
        let type = try dataType()
        base = SQLExpression(.cast(base, type, isTry: false), range(from: start))
      case .colon:
        guard atName(1) || at(.leftBracket, 1) else { return base }
        base = try variantPath(of: base, from: start)
      default: return base
      }
      try grow()
    }
    while accept(.collate) {
      let collation = try nameParts("a collation").joined(separator: ".")
      let argument = SQLExpression(.literal(.string(collation), .string), range(from: start))
      let arguments = [base, argument].map { FunctionCall.Argument($0) }
      base = SQLExpression(.call(FunctionCall(["collate"], arguments)), range(from: start))
      try grow()
    }
    return base
  }

  private func subscripted(_ base: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    try expect(.leftBracket)
    let index = try valueExpression()
    try expect(.rightBracket)
    return SQLExpression(.element(base, index: index), range(from: start))
  }

  /// `:a.b[0]['c']`, kept as the text after the colon.
  private func variantPath(of base: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    try expect(.colon)
    let first = token
    if atName() { advance() }
    while true {
      if at(.dot), atName(1) {
        advance()
        advance()
      } else if at(.leftBracket), at(.rightBracket, 2) {
        advance()
        advance()
        advance()
      } else {
        break
      }
    }
    let range = range(from: start)
    let path = String(decoding: bytes[Int(first.start)..<Int(range.end)], as: UTF8.self)
    return SQLExpression(.variantPath(base, path), range)
  }

  /// The smallest piece of an expression.
  private func atom() throws(Failed) -> SQLExpression {
    switch kind {
    case .number: return try numberLiteral()
    case .string: return try stringLiteral()
    case .quotedName: return try nameOrCall()
    case .word(let keyword): return try word(keyword)
    case .symbol(let symbol):
      switch symbol {
      case .leftParen: return try parenthesized()
      case .star: return try star(qualifier: [], from: position)
      case .minus: return try numberLiteral()
      case .question, .colon: return try parameter()
      default: throw unexpected("an expression")
      }
    case .hintStart, .hintEnd, .end: throw unexpected("an expression")
    }
  }

  /// What begins with a word: special forms, literals, calls, lambdas, columns.
  private func word(_ keyword: Keyword?) throws(Failed) -> SQLExpression {
    guard let keyword else { return try nameOrCall() }
    switch keyword {
    case .null, .true, .false: return try constant(keyword)
    case .case: return try caseExpression()
    case .exists:
      if at(.leftParen, 1), isQueryStart(2) { return try exists() }
    case .date, .timestamp, .timestampNTZ, .timestampLTZ, .time, .x:
      if case .string = peek(1) { return try typedLiteral(keyword) }
    case .interval:
      if atIntervalLiteral { return try intervalLiteral() }
    case .struct:
      if at(.leftParen, 1) { return try structCall() }
    default:
      if at(.leftParen, 1), let call = try specialCall(keyword) { return call }
      if keyword.isReserved && !at(.dot, 1) && !isCall(keyword) { throw unexpected("an expression") }
    }
    return try nameOrCall()
  }

  /// Whether a reserved word is used as the function of its name.
  private func isCall(_ keyword: Keyword) -> Bool {
    at(.leftParen, 1) && [.like, .ilike, .rlike, .between].contains(keyword)
  }

  private func constant(_ keyword: Keyword) throws(Failed) -> SQLExpression {
    let start = position
    advance()
    switch keyword {
    case .null: return SQLExpression(.literal(.null, .void), range(from: start))
    default: return SQLExpression(.literal(.boolean(keyword == .true), .boolean), range(from: start))
    }
  }

  /// A column, a field path, `t.*`, a call, or a lambda with one parameter.
  private func nameOrCall() throws(Failed) -> SQLExpression {
    let start = position
    if at(.arrow, 1) { return try lambda() }
    if case .string = peek(1) {
      throw fail("UNSUPPORTED_TYPED_LITERAL", "there are no literals of type \(text(token))")
    }
    let parts = try nameParts("an expression")
    if at(.leftParen) { return try call(parts, from: start) }
    if at(.dot), at(.star, 1) {
      advance()
      return try star(qualifier: parts, from: start)
    }
    return SQLExpression(.column(parts), range(from: start))
  }

  private func star(qualifier: [String], from start: Int) throws(Failed) -> SQLExpression {
    try expect(.star)
    var except: [[String]] = []
    if at(.except), at(.leftParen, 1), !isQueryStart(2), !at(.leftParen, 2) {
      advance()
      advance()
      repeat { except.append(try nameParts()) } while accept(.comma)
      try expect(.rightParen)
    }
    return SQLExpression(.star(qualifier: qualifier, except: except), range(from: start))
  }

  /// `:name` or `?`.
  private func parameter() throws(Failed) -> SQLExpression {
    let start = position
    if accept(.question) {
      positionalCount += 1
      return bound(parameters?.positional(positionalCount - 1), "", start)
    }
    try expect(.colon)
    let name = try name("a parameter's name")
    return bound(parameters?.named(name), name, start)
  }

  /// The value of a parameter, or the parameter where it has none, which the analyzer refuses.
  private func bound(_ value: SQLExpression?, _ name: String, _ start: Int) -> SQLExpression {
    SQLExpression(value?.kind ?? .parameter(name), range(from: start))
  }

  private func exists() throws(Failed) -> SQLExpression {
    let start = position
    try expect(.exists)
    try expect(.leftParen)
    let query = try query()
    try expect(.rightParen)
    return SQLExpression(.exists(query), range(from: start))
  }

  private func caseExpression() throws(Failed) -> SQLExpression {
    let start = position
    try expect(.case)
    let operand = at(.when) ? nil : try expression()
    var branches: [SQLExpression.CaseBranch] = []
    repeat {
      try expect(.when)
      let condition = try expression()
      try expect(.then)
      branches.append(.init(condition, try expression()))
    } while at(.when)
    let otherwise = accept(.else) ? try expression() : nil
    try expect(.end)
    return SQLExpression(.caseWhen(operand: operand, branches: branches, otherwise: otherwise), range(from: start))
  }

  // MARK: Parentheses and lambdas

  /// `(expression)`, `(a, b)`, `(query)` or `(a, b) -> body`.
  private func parenthesized() throws(Failed) -> SQLExpression {
    if isLambda { return try lambda() }
    let start = position
    try expect(.leftParen)
    if atQueryStart {
      let query = try query()
      try expect(.rightParen)
      return SQLExpression(.scalarSubquery(query), range(from: start))
    }
    return try insideParentheses(from: start)
  }

  /// One or more expressions up to the closing parenthesis.
  private func insideParentheses(from start: Int) throws(Failed) -> SQLExpression {
    let first = try expression()
    if accept(.rightParen) { return SQLExpression(first.kind, range(from: start)) }
    return try row(first, from: start)
  }

  /// What follows a first expression that does not stand alone in its parentheses.
  private func row(_ first: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    // `((SELECT …) UNION …)`: what looked like an operand was the first part of a query.
    if case .scalarSubquery(let inner) = first.kind, atQueryContinuation {
      let query = try query(continuing: inner, from: start + 1)
      try expect(.rightParen)
      return SQLExpression(.scalarSubquery(query), range(from: start))
    }
    var list = [try named(first, from: start + 1)]
    if !at(.comma) { throw unexpected("an expression without a name in parentheses") }
    while accept(.comma) { list.append(try namedExpression()) }
    try expect(.rightParen)
    return SQLExpression(.row(list), range(from: start))
  }

  /// Whether `(a, b) ->` stands here.
  private var isLambda: Bool {
    var offset = 1
    while atName(offset), at(.comma, offset + 1) { offset += 2 }
    return atName(offset) && at(.rightParen, offset + 1) && at(.arrow, offset + 2)
  }

  private func lambda() throws(Failed) -> SQLExpression {
    let start = position
    let parameters = at(.leftParen) ? try nameList() : [try name()]
    try expect(.arrow)
    let body = try expression()
    return SQLExpression(.lambda(parameters: parameters, body: body), range(from: start))
  }
}
