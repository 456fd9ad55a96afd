import MillraceColumnar

/// How tightly operators bind, loosest first, as in Spark's grammar.
private enum Binding {
  static let or = 1
  static let and = 2
  static let not = 3
  /// IS NULL, IN, LIKE, BETWEEN: one at most, on everything that binds tighter.
  static let predicate = 4
  static let comparison = 5
  static let bitOr = 6
  static let xor = 7
  static let bitAnd = 8
  static let shift = 9
  static let sum = 10
  static let product = 11
  static let unary = 12
}

extension Parser {
  /// An expression without alias.
  func expression() throws(Failed) -> SQLExpression { try operation(Binding.or) }

  /// An expression that holds no AND, OR, NOT or predicate at its top, as the bounds of BETWEEN.
  func valueExpression() throws(Failed) -> SQLExpression { try operation(Binding.comparison) }

  /// `a, b, c`.
  func expressionList() throws(Failed) -> [SQLExpression] {
    var list = [try expression()]
    while accept(.comma) { list.append(try expression()) }
    return list
  }

  /// `expression [[AS] name | AS (name, …)]`.
  func namedExpression() throws(Failed) -> SQLExpression {
    let start = position
    let value = try expression()
    return try named(value, from: start)
  }

  /// The alias after an expression, if there is one.
  func named(_ value: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    if accept(.as) {
      let names = at(.leftParen) ? try nameList() : [try name("a name after AS")]
      return SQLExpression(.alias(value, names), range(from: start))
    }
    if at(.leftParen), atName(1), at(.comma, 2) || at(.rightParen, 2) {
      return SQLExpression(.alias(value, try nameList()), range(from: start))
    }
    guard let name = try implicitAlias() else { return value }
    return SQLExpression(.alias(value, [name]), range(from: start))
  }

  func namedExpressionList() throws(Failed) -> [SQLExpression] {
    var list = [try namedExpression()]
    while accept(.comma) {
      if at(.from) {
        throw fail(
          "TRAILING_COMMA_IN_SELECT", "a comma stands before FROM", hint: "remove the comma after the last column",
          at: token)
      }
      list.append(try namedExpression())
    }
    return list
  }

  /// An expression of operators that bind at least as tightly as `minimum`.
  private func operation(_ minimum: Int) throws(Failed) -> SQLExpression {
    let outer = try enter()
    defer { leave(outer) }
    let start = position
    let first = try prefixed(minimum)
    return try operators(on: first, from: start, minimum)
  }

  /// Goes on after a first operand that is parsed already.
  func expression(continuing first: SQLExpression, from start: Int) throws(Failed) -> SQLExpression {
    try operators(on: try postfixes(on: first, from: start), from: start, Binding.or)
  }

  /// The operators after a first operand, left to right.
  private func operators(
    on first: SQLExpression, from start: Int, _ minimum: Int
  ) throws(Failed) -> SQLExpression {
    var left = first
    var hasPredicate = false
    while true {
      if let (symbol, binding) = infix, binding >= minimum {
        // A predicate takes no comparison on its outside.
        if hasPredicate { return left }
        advance()
        left = try infix(symbol, left, binding, from: start)
      } else if minimum <= Binding.predicate, !hasPredicate, atPredicate {
        left = try predicate(on: left, from: start)
        hasPredicate = true
      } else if at(.and), minimum <= Binding.and {
        left = try chain(.and, .and, first: left, Binding.not, from: start)
        hasPredicate = true
      } else if at(.or), minimum <= Binding.or {
        left = try chain(.or, .or, first: left, Binding.and, from: start)
        hasPredicate = true
      } else {
        return left
      }
    }
  }

  /// Collects `a AND b AND c` and builds a balanced tree of it, so that long filters stay shallow.
  private func chain(
    _ keyword: Keyword, _ symbol: BinaryOperator, first: SQLExpression, _ minimum: Int, from start: Int
  ) throws(Failed) -> SQLExpression {
    var operands = [first]
    while accept(keyword) { operands.append(try operation(minimum)) }
    var width = operands.count
    while width > 1 {
      try grow()
      width /= 2
    }
    return balanced(symbol, operands[...])
  }

  private func balanced(_ symbol: BinaryOperator, _ operands: ArraySlice<SQLExpression>) -> SQLExpression {
    if operands.count == 1 { return operands[operands.startIndex] }
    // The split that Spark makes, which shows in automatic column names.
    let middle = operands.startIndex + (operands.count - 1) / 2 + 1
    let left = balanced(symbol, operands[..<middle])
    let right = balanced(symbol, operands[middle...])
    return SQLExpression(.binary(symbol, left, right), left.range.through(right.range))
  }

  /// The binary operator at hand and how tightly it binds.
  private var infix: (Infix, Int)? {
    switch kind {
    case .symbol(let symbol): Self.infix(symbol)
    case .word(.div): (.plain(.integerDivide), Binding.product)
    default: nil
    }
  }

  private enum Infix {
    case plain(BinaryOperator)
    case notEqual
  }

  private static func infix(_ symbol: Symbol) -> (Infix, Int)? {
    switch symbol {
    case .equal, .doubleEqual: (.plain(.equal), Binding.comparison)
    case .nullSafeEqual: (.plain(.nullSafeEqual), Binding.comparison)
    case .notEqual, .bangEqual: (.notEqual, Binding.comparison)
    case .less: (.plain(.less), Binding.comparison)
    case .lessOrEqual: (.plain(.lessOrEqual), Binding.comparison)
    case .greater: (.plain(.greater), Binding.comparison)
    case .greaterOrEqual: (.plain(.greaterOrEqual), Binding.comparison)
    case .bar: (.plain(.bitwiseOr), Binding.bitOr)
    case .caret: (.plain(.bitwiseXor), Binding.xor)
    case .ampersand: (.plain(.bitwiseAnd), Binding.bitAnd)
    case .shiftLeft: (.plain(.shiftLeft), Binding.shift)
    case .shiftRight: (.plain(.shiftRight), Binding.shift)
    case .shiftRightUnsigned: (.plain(.shiftRightUnsigned), Binding.shift)
    case .plus: (.plain(.add), Binding.sum)
    case .minus: (.plain(.subtract), Binding.sum)
    case .concat: (.plain(.concat), Binding.sum)
    case .star: (.plain(.multiply), Binding.product)
    case .slash: (.plain(.divide), Binding.product)
    case .percent: (.plain(.remainder), Binding.product)
    default: nil
    }
  }

  private func infix(
    _ infix: Infix, _ left: SQLExpression, _ binding: Int, from start: Int
  ) throws(Failed) -> SQLExpression {
    let right = try operation(binding + 1)
    try grow()
    let range = range(from: start)
    switch infix {
    case .plain(let symbol): return SQLExpression(.binary(symbol, left, right), range)
    case .notEqual: return negated(SQLExpression(.binary(.equal, left, right), range))
    }
  }

  /// `NOT inner`, in the same place.
  func negated(_ inner: SQLExpression) -> SQLExpression { SQLExpression(.unary(.not, inner), inner.range) }

  /// Operators before an operand.
  private func prefixed(_ minimum: Int) throws(Failed) -> SQLExpression {
    let start = position
    if minimum <= Binding.predicate, at(.not) || at(.bang) {
      advance()
      let inner = try operation(Binding.not)
      return SQLExpression(.unary(.not, inner), range(from: start))
    }
    let symbol: UnaryOperator
    switch kind {
    case .symbol(.minus):
      // A sign right before a number belongs to it: the smallest integers have no positive counterpart.
      if case .number = peek(1) { return try primary() }
      symbol = .minus
    case .symbol(.plus): symbol = .plus
    case .symbol(.tilde): symbol = .bitwiseNot
    default: return try primary()
    }
    advance()
    let inner = try operation(Binding.unary)
    return SQLExpression(.unary(symbol, inner), range(from: start))
  }
}
