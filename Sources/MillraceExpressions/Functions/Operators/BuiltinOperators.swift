import MillraceColumnar

/// The operators of SQL as functions that check, coerce and bind their operands.
package enum BuiltinOperators {
  // MARK: - Arithmetic

  /// `left + right`, dates and intervals included.
  package static func add(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try arithmetic(.add, left, right, context)
  }

  /// `left - right`, dates and intervals included.
  package static func subtract(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression
  {
    try arithmetic(.subtract, left, right, context)
  }

  /// `left * right`.
  package static func multiply(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression
  {
    try arithmetic(.multiply, left, right, context)
  }

  /// `left / right`, which is DOUBLE or DECIMAL.
  package static func divide(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try arithmetic(.divide, left, right, context)
  }

  /// `left % right`, with the sign of `left`.
  package static func remainder(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression
  {
    try arithmetic(.remainder, left, right, context)
  }

  /// `left DIV right`, which is BIGINT.
  package static func integralDivide(
    _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> Expression {
    try arithmetic(.integralDivide, left, right, context)
  }

  /// Any arithmetic operator; `isTry` gives NULL instead of overflow and division by zero.
  static func arithmetic(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, isTry: Bool = false, _ context: BindingContext
  ) throws -> Expression {
    try IntervalArithmetic.bind(op, left, right, isTry: isTry, context)
      ?? Arithmetic.bind(op, left, right, isTry: isTry, context)
  }

  /// `-value`.
  package static func negate(_ value: Expression, _ context: BindingContext) throws -> Expression {
    try Sign.negate(value, context)
  }

  /// `+value`.
  package static func plus(_ value: Expression, _ context: BindingContext) throws -> Expression {
    try Sign.plus(value, context)
  }

  // MARK: - Bits

  /// `left & right`.
  package static func bitAnd(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Bitwise.bind(.and, left, right, context)
  }

  /// `left | right`.
  package static func bitOr(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Bitwise.bind(.or, left, right, context)
  }

  /// `left ^ right`.
  package static func bitXor(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Bitwise.bind(.xor, left, right, context)
  }

  /// `~value`.
  package static func bitNot(_ value: Expression, _ context: BindingContext) throws -> Expression {
    try Bitwise.not(value, context)
  }

  /// `value << count`.
  package static func shiftLeft(_ value: Expression, _ count: Expression, _ context: BindingContext) throws
    -> Expression
  {
    try Bitwise.shift(.left, value, count, context)
  }

  /// `value >> count`, keeping the sign.
  package static func shiftRight(_ value: Expression, _ count: Expression, _ context: BindingContext) throws
    -> Expression
  {
    try Bitwise.shift(.right, value, count, context)
  }

  /// `value >>> count`, filling with zeros.
  package static func shiftRightUnsigned(
    _ value: Expression, _ count: Expression, _ context: BindingContext
  ) throws -> Expression {
    try Bitwise.shift(.rightUnsigned, value, count, context)
  }

  // MARK: - Comparison

  /// `left = right`.
  package static func equal(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Comparison.bind(.equal, left, right, context)
  }

  /// `left <> right`.
  package static func notEqual(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression
  {
    try Comparison.bind(.notEqual, left, right, context)
  }

  /// `left < right`.
  package static func less(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Comparison.bind(.less, left, right, context)
  }

  /// `left <= right`.
  package static func lessOrEqual(_ left: Expression, _ right: Expression, _ context: BindingContext) throws
    -> Expression
  {
    try Comparison.bind(.lessOrEqual, left, right, context)
  }

  /// `left > right`.
  package static func greater(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    try Comparison.bind(.greater, left, right, context)
  }

  /// `left >= right`.
  package static func greaterOrEqual(
    _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> Expression {
    try Comparison.bind(.greaterOrEqual, left, right, context)
  }

  /// `left <=> right`: equality under which NULL equals NULL; never NULL.
  package static func nullSafeEqual(
    _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> Expression {
    try Comparison.bind(.nullSafeEqual, left, right, context)
  }

  /// `left IS DISTINCT FROM right`.
  package static func isDistinct(_ left: Expression, _ right: Expression, _ context: BindingContext) throws
    -> Expression
  {
    try not(try nullSafeEqual(left, right, context), context)
  }

  /// `value BETWEEN lower AND upper`.
  package static func between(
    _ value: Expression, _ lower: Expression, _ upper: Expression, _ context: BindingContext
  ) throws -> Expression {
    .and(try greaterOrEqual(value, lower, context), try lessOrEqual(value, upper, context))
  }

  /// `value IN (list)`.
  package static func isIn(_ value: Expression, _ list: [Expression], _ context: BindingContext) throws -> Expression {
    try InList.bind(value, list, context)
  }

  // MARK: - Logic and NULL

  /// `left AND right`; strings are cast to BOOLEAN.
  package static func and(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    .and(try condition("and", left, right, left, context), try condition("and", left, right, right, context))
  }

  /// `left OR right`; strings are cast to BOOLEAN.
  package static func or(_ left: Expression, _ right: Expression, _ context: BindingContext) throws -> Expression {
    .or(try condition("or", left, right, left, context), try condition("or", left, right, right, context))
  }

  private static func condition(
    _ name: String, _ left: Expression, _ right: Expression, _ side: Expression, _ context: BindingContext
  ) throws -> Expression {
    guard ExpectedType.boolean.coerced(side.type) != nil else {
      throw OperatorErrors.mismatch(name, left, right, "\"BOOLEAN\"")
    }
    return try side.cast(to: .boolean, context)
  }

  /// `NOT value`.
  package static func not(_ value: Expression, _ context: BindingContext) throws -> Expression {
    let arguments = try Arguments.coerce("not", [value], [.boolean], context)
    return .operation("not", .boolean, arguments) { vectors, _, _ in
      .map(.boolean, vectors[0]) { (value: UInt8) -> UInt8 in 1 &- value }
    }
  }

  /// `value IS NULL`.
  package static func isNull(_ value: Expression) -> Expression {
    if !value.isNullable { return .literal(.boolean(false), .boolean) }
    return .operation("isnull", .boolean, [value], neverNull: true) { vectors, _, _ in vectors[0].nullFlags(whenNull: 1)
    }
  }

  /// `value IS NOT NULL`.
  package static func isNotNull(_ value: Expression) -> Expression {
    value.isNullable ? isComputedNotNull(value) : .literal(.boolean(true), .boolean)
  }

  /// The same, computed also where it is known, so that what fails does.
  static func isComputedNotNull(_ value: Expression) -> Expression {
    .operation("isnotnull", .boolean, [value], neverNull: true) { vectors, _, _ in vectors[0].nullFlags(whenNull: 0) }
  }

  /// `value IS TRUE` or `value IS FALSE`; never NULL.
  package static func isBoolean(_ value: Expression, _ wanted: Bool, _ context: BindingContext) throws -> Expression {
    try nullSafeEqual(try value.cast(to: .boolean, context), .literal(.boolean(wanted), .boolean), context)
  }
}

extension ColumnVector {
  /// One byte per row: `whenNull` for nulls, its opposite for values.
  fileprivate func nullFlags(whenNull: UInt8) -> ColumnVector {
    guard let validity, !isConstant else {
      let isOneNull = type == .void || isConstant && isNull(0)
      return .constant(.boolean((whenNull == 1) == isOneNull), type: .boolean, count: count)
    }
    let out = MemoryBuffer(capacity: count)
    let target = out.base.assumingMemoryBound(to: UInt8.self)
    let words = validity.words
    for row in 0..<count {
      let bit = UInt8(truncatingIfNeeded: words[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1
      target[row] = bit ^ whenNull
    }
    return ColumnVector(type: .boolean, count: count, values: out)
  }
}
