/// Arithmetic on unscaled decimals of up to 38 digits.
public enum Decimal128 {
  /// 10⁰ … 10³⁸.
  @usableFromInline static let powerTable: [Int128] = {
    var powers: [Int128] = [1]
    for _ in 0..<38 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()

  /// 10 to the power `exponent`, 0…38.
  @inlinable
  public static func power(_ exponent: Int) -> Int128 { powerTable[exponent] }

  /// Whether an unscaled value has at most `precision` digits.
  @inlinable
  public static func fits(_ value: Int128, _ precision: Int) -> Bool {
    let limit = power(precision)
    return value < limit && value > -limit
  }

  /// The value at another scale, rounded half up (away from zero); nil when it leaves 128 bits.
  @inlinable
  public static func rescaled(_ value: Int128, from: Int, to: Int) -> Int128? {
    if from == to { return value }
    if to > from {
      if to - from > 38 { return value == 0 ? 0 : nil }
      let (result, overflow) = value.multipliedReportingOverflow(by: power(to - from))
      return overflow ? nil : result
    }
    return from - to > 38 ? 0 : roundedQuotient(value, power(from - to))
  }

  /// `value / divisor` rounded half up (away from zero), for a positive divisor.
  @inlinable
  public static func roundedQuotient(_ value: Int128, _ divisor: Int128) -> Int128 {
    if let small = Int64(exactly: value), let smallDivisor = Int64(exactly: divisor) {
      let (quotient, remainder) = small.quotientAndRemainder(dividingBy: smallDivisor)
      let isHalf = remainder.magnitude >= smallDivisor.magnitude - remainder.magnitude
      return Int128(isHalf ? quotient + (small < 0 ? -1 : 1) : quotient)
    }
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    let isHalf = remainder.magnitude >= divisor.magnitude - remainder.magnitude
    return isHalf ? quotient + (value < 0 ? -1 : 1) : quotient
  }

  /// The product, brought from scale `from` to `to` and rounded half up; nil when it leaves 128 bits.
  public static func product(_ left: Int128, _ right: Int128, from: Int, to: Int) -> Int128? {
    let (result, overflow) = left.multipliedReportingOverflow(by: right)
    if !overflow { return rescaled(result, from: from, to: to) }
    if to >= from { return nil }
    let full = left.magnitude.multipliedFullWidth(by: right.magnitude)
    return quotient(full, power(min(from - to, 38)).magnitude, isNegative: (left < 0) != (right < 0))
  }

  /// `left · 10^shift / right` rounded half up; nil when it leaves 128 bits. `right` must not be zero.
  public static func quotient(_ left: Int128, _ right: Int128, shift: Int) -> Int128? {
    if shift < 0 {
      let (divisor, overflow) = right.magnitude.multipliedReportingOverflow(by: power(min(-shift, 38)).magnitude)
      if overflow { return 0 }
      return quotient((0, left.magnitude), divisor, isNegative: (left < 0) != (right < 0))
    }
    if shift > 38 {
      guard let first = quotient(left, 1, shift: 38) else { return nil }
      return quotient(first, right, shift: shift - 38)
    }
    let full = left.magnitude.multipliedFullWidth(by: power(shift).magnitude)
    return quotient(full, right.magnitude, isNegative: (left < 0) != (right < 0))
  }

  private static func quotient(_ value: (high: UInt128, low: UInt128), _ divisor: UInt128, isNegative: Bool) -> Int128?
  {
    guard value.high < divisor else { return nil }
    let (quotient, remainder) =
      value.high == 0 ? value.low.quotientAndRemainder(dividingBy: divisor) : divisor.dividingFullWidth(value)
    let isHalf = remainder >= divisor - remainder
    guard let result = Int128(exactly: isHalf ? quotient + 1 : quotient) else { return nil }
    return isNegative ? -result : result
  }

  /// The nearest double, as parsing the digits would give it.
  @inlinable
  public static func double(_ value: Int128, scale: Int) -> Double {
    // Both operands are exact up to 2^53 and 10^22, so that one division rounds correctly.
    if scale <= 22, value.magnitude <= 1 << 53 { return Double(Int64(truncatingIfNeeded: value)) / doublePower(scale) }
    return slowDouble(value, scale)
  }

  @usableFromInline
  static func doublePower(_ exponent: Int) -> Double { doublePowerTable[exponent] }

  private static let doublePowerTable: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  @usableFromInline
  static func slowDouble(_ value: Int128, _ scale: Int) -> Double {
    withUnsafeTemporaryAllocation(byteCount: NumberText.capacity, alignment: 1) { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      let count = NumberText.write(value, scale: scale, to: base.assumingMemoryBound(to: UInt8.self))
      return NumberParsing.double(UnsafeRawBufferPointer(start: base, count: count)) ?? 0
    }
  }

  /// The decimal nearest to the shortest text of a double, as Spark reads it; nil for what is not finite or does not fit.
  public static func decimal(_ value: Double, precision: Int, scale: Int) -> Int128? {
    guard value.isFinite else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: NumberText.capacity, alignment: 1) { buffer -> Int128? in
      guard let base = buffer.baseAddress else { return nil }
      let count = NumberText.write(value, to: base.assumingMemoryBound(to: UInt8.self))
      guard
        case .value(let result) = NumberParsing.decimal(
          UnsafeRawBufferPointer(start: base, count: count), precision, scale)
      else { return nil }
      return result
    }
  }
}
