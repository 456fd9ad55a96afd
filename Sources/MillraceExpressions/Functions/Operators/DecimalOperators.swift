import MillraceColumnar

/// Arithmetic on decimals.
enum DecimalOperators {
  /// Both sides are DECIMAL, integral or NULL, at least one of them DECIMAL.
  static func bind(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    let leftType = operandType(left, other: right), rightType = operandType(right, other: left)
    guard case .decimal(let p1, let s1) = leftType, case .decimal(let p2, let s2) = rightType else {
      throw OperatorErrors.mismatch(op.rawValue, left, right, "\"NUMERIC\"")
    }
    let arguments = [try left.cast(to: leftType, context), try right.cast(to: rightType, context)]
    let type = resultType(op, p1, s1, p2, s2)
    let body = kernel(op, s1, s2, type, isTry)
    return .operation(
      op.name(isTry: isTry), op == .integralDivide ? .long : type, arguments, alwaysNullable: isTry, canFail: !isTry
    ) { vectors, _, _ in try body(vectors[0], vectors[1]) }
  }

  private static func operandType(_ side: Expression, other: Expression) -> DataType {
    switch side {
    case .literal(.integer(let value), let type) where type.isIntegral: DecimalRules.decimal(forLiteral: value)
    case _ where side.type == .void: other.type
    default: DecimalRules.decimal(for: side.type) ?? side.type
    }
  }

  private static func resultType(_ op: ArithmeticOperator, _ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    switch op {
    case .add, .subtract: DecimalRules.sum(p1, s1, p2, s2)
    case .multiply: DecimalRules.product(p1, s1, p2, s2)
    case .divide: DecimalRules.quotient(p1, s1, p2, s2)
    case .remainder, .positiveRemainder: DecimalRules.remainder(p1, s1, p2, s2)
    case .integralDivide: .decimal(precision: DecimalRules.maxPrecision, scale: 0)
    }
  }

  private static func kernel(
    _ op: ArithmeticOperator, _ s1: Int, _ s2: Int, _ type: DataType, _ isTry: Bool
  ) -> Arithmetic.BinaryKernel {
    guard case .decimal(let precision, let scale) = type else { return { a, _ in a } }
    let failure: @Sendable (Int128, Int128) -> MillraceError = { x, y in
      CastRules.outOfRange("\(CastKernel.decimalText(x, s1)) \(op.rawValue) \(CastKernel.decimalText(y, s2))", type)
    }
    switch op {
    case .add: return sum(s1, s2, precision, scale, type, isTry, sign: 1, failure)
    case .subtract: return sum(s1, s2, precision, scale, type, isTry, sign: -1, failure)
    case .multiply:
      return checked(type, isTry, failure) { x, y in
        let result = Decimal128.product(x, y, from: s1 + s2, to: scale)
        return result.flatMap { Decimal128.fits($0, precision) ? $0 : nil }
      }
    case .divide:
      return checked(type, isTry, { $1 == 0 ? OperatorErrors.divideByZero : failure($0, $1) }) { x, y in
        guard y != 0, let result = Decimal128.quotient(x, y, shift: scale - s1 + s2) else { return nil }
        return Decimal128.fits(result, precision) ? result : nil
      }
    case .remainder, .positiveRemainder:
      let isPositive = op == .positiveRemainder
      return checked(type, isTry, { $1 == 0 ? OperatorErrors.remainderByZero : failure($0, $1) }) { x, y in
        remainder(x, s1, y, s2, scale, isPositive)
      }
    case .integralDivide: return integralDivide(s1, s2, isTry)
    }
  }

  private static func checked(
    _ type: DataType, _ isTry: Bool, _ failure: @escaping @Sendable (Int128, Int128) -> MillraceError,
    _ body: @escaping @Sendable (Int128, Int128) -> Int128?
  ) -> Arithmetic.BinaryKernel {
    { a, b in
      try .checkedMap(type, a, b, isTry: isTry) { (x: Int128, y: Int128) -> (Int128, UInt8) in
        if let result = body(x, y) { (result, 0) } else { (0, 1) }
      } failure: {
        failure($0, $1)
      }
    }
  }

  private static func sum(
    _ s1: Int, _ s2: Int, _ precision: Int, _ scale: Int, _ type: DataType, _ isTry: Bool, sign: Int128,
    _ failure: @escaping @Sendable (Int128, Int128) -> MillraceError
  ) -> Arithmetic.BinaryKernel {
    let common = max(s1, s2)
    if common == scale && precision < DecimalRules.maxPrecision {
      // Neither the scaling nor the sum can overflow.
      let leftFactor = Decimal128.power(common - s1), rightFactor = Decimal128.power(common - s2) * sign
      return { a, b in
        .map(type, a, b) { (x: Int128, y: Int128) -> Int128 in x &* leftFactor &+ y &* rightFactor }
      }
    }
    return checked(type, isTry, failure) { x, y in
      let exact = total(
        Decimal128.rescaled(x, from: s1, to: common), Decimal128.rescaled(y, from: s2, to: common), sign)
      let result =
        exact.flatMap { Decimal128.rescaled($0, from: common, to: scale) }
        ?? total(Decimal128.rescaled(x, from: s1, to: scale), Decimal128.rescaled(y, from: s2, to: scale), sign)
      return result.flatMap { Decimal128.fits($0, precision) ? $0 : nil }
    }
  }

  private static func total(_ x: Int128?, _ y: Int128?, _ sign: Int128) -> Int128? {
    guard let x, let y else { return nil }
    let (result, overflow) = x.addingReportingOverflow(y * sign)
    return overflow ? nil : result
  }

  private static func remainder(
    _ x: Int128, _ s1: Int, _ y: Int128, _ s2: Int, _ scale: Int, _ isPositive: Bool
  ) -> Int128? {
    let common = max(s1, s2)
    guard y != 0, let left = Decimal128.rescaled(x, from: s1, to: common),
      let right = Decimal128.rescaled(y, from: s2, to: common)
    else { return nil }
    var rest = left % right
    if isPositive && rest < 0 { rest = (rest + right) % right }
    return Decimal128.rescaled(rest, from: common, to: scale)
  }

  private static func integralDivide(_ s1: Int, _ s2: Int, _ isTry: Bool) -> Arithmetic.BinaryKernel {
    let common = max(s1, s2)
    return { a, b in
      try .checkedMap(.long, a, b, isTry: isTry) { (x: Int128, y: Int128) -> (Int64, UInt8) in
        guard y != 0, let left = Decimal128.rescaled(x, from: s1, to: common),
          let right = Decimal128.rescaled(y, from: s2, to: common), let result = Int64(exactly: left / right)
        else { return (0, 1) }
        return (result, 0)
      } failure: { x, y in
        y == 0 ? OperatorErrors.divideByZero : OperatorErrors.overflow("\(x) div \(y)", .long)
      }
    }
  }
}
