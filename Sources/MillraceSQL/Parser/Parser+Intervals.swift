import MillraceColumnar

extension Parser {
  /// Whether INTERVAL begins a literal here, rather than naming a column.
  var atIntervalLiteral: Bool {
    switch peek(1) {
    case .string: true
    case .number: isUnit(at: 2)
    case .symbol(.minus), .symbol(.plus): isUnit(at: 3)
    default: false
    }
  }

  private func isUnit(at offset: Int) -> Bool {
    guard case .word = peek(offset) else { return false }
    return IntervalBuilder.Unit(text(tokens[position + offset])) != nil
  }

  /// `INTERVAL '1 day 2 hours'`, `INTERVAL 1 DAY 2 HOURS` or `INTERVAL '1 02:03' DAY TO MINUTE`.
  func intervalLiteral() throws(Failed) -> SQLExpression {
    let start = position
    let first = token
    try expect(.interval)
    do {
      var builder = IntervalBuilder()
      try intervalFields(&builder)
      let (value, type) = try builder.literal()
      return SQLExpression(.literal(value, type), range(from: start))
    } catch is Failed {
      throw Failed()
    } catch let failure as IntervalBuilder.Failure {
      throw fail(failure, at: first)
    } catch {
      throw unexpected()
    }
  }

  /// Reads what stands after INTERVAL.
  private func intervalFields(_ builder: inout IntervalBuilder) throws {
    if case .string = kind, !isUnit(at: 1) {
      try builder.add(text: try stringConstant("an interval"))
      return
    }
    var isFirst = true
    while isFirst || atIntervalField {
      let isNegative = accept(.minus)
      if !isNegative { _ = accept(.plus) }
      let number = try intervalNumber()
      let unit = try intervalUnit()
      if isFirst, accept(.to) {
        try builder.add(text: number, from: unit, to: try intervalUnit(), isNegative: isNegative)
        return
      }
      try builder.add(number, unit, isNegative: isNegative)
      isFirst = false
    }
  }

  /// Whether another number and unit follow.
  private var atIntervalField: Bool {
    switch kind {
    case .string, .number: isUnit(at: 1)
    default: false
    }
  }

  private func intervalNumber() throws(Failed) -> String {
    if case .string = kind { return try stringConstant("a number") }
    guard kind == .number(.integer) || kind == .number(.decimal) else { throw unexpected("a number") }
    let digits = text(token)
    advance()
    return digits
  }

  private func intervalUnit() throws(Failed) -> IntervalBuilder.Unit {
    guard case .word = kind, let unit = IntervalBuilder.Unit(text(token)) else {
      throw unexpected("a unit such as DAY or SECOND")
    }
    advance()
    return unit
  }

  private func fail(_ failure: IntervalBuilder.Failure, at token: Token) -> Failed {
    switch failure {
    case .malformed(let text):
      fail(
        "INVALID_INTERVAL_FORMAT", "'\(text)' is no interval of these units",
        hint: "write for instance INTERVAL 10 SECONDS or INTERVAL '1 02:03:04' DAY TO SECOND", at: token)
    case .overflow:
      fail("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION", "the interval is too large", at: token)
    case .mixed:
      fail(
        "_LEGACY_ERROR_TEMP_0029", "an interval literal has months and days or seconds at once",
        hint: "add two intervals, one of years and months and one of days and seconds", at: token)
    }
  }
}
