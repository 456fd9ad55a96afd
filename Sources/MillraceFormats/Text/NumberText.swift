import Glibc

/// Numbers out of text, without `String` and without reading past the text.
enum NumberText {
  /// A whole number; nil if the text is none or it does not fit. `plus` and leading zeros are for CSV, not for JSON.
  @inline(__always)
  static func integer(_ text: UnsafePointer<UInt8>, _ count: Int, lenient: Bool) -> Int64? {
    var at = 0
    let isNegative = count > 0 && text[0] == 0x2D
    if isNegative || (lenient && count > 0 && text[0] == 0x2B) { at = 1 }
    let digits = count - at
    if digits == 0 || (!lenient && digits > 1 && text[at] == 0x30) { return nil }
    if digits > 18 { return longInteger(text + at, digits, isNegative) }
    var value: Int64 = 0
    while at < count {
      let digit = text[at] &- 0x30
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      at &+= 1
    }
    return isNegative ? 0 &- value : value
  }

  @inline(never)
  private static func longInteger(_ text: UnsafePointer<UInt8>, _ count: Int, _ isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for at in 0..<count {
      let digit = text[at] &- 0x30
      if digit > 9 { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) =
        isNegative ? product.subtractingReportingOverflow(Int64(digit)) : product.addingReportingOverflow(Int64(digit))
      if tooLarge || overflow { return nil }
      value = sum
    }
    return value
  }

  private static let powers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  /// A decimal number with optional exponent, or NaN and the infinities in Spark's spellings.
  static func double(_ text: UnsafePointer<UInt8>, _ count: Int) -> Double? {
    guard let parts = DecimalParts(text, count) else { return special(text, count) }
    // Exact: both the digits and the power are doubles, so one operation rounds correctly.
    if parts.isExact, parts.digits <= 1 << 53, parts.exponent.magnitude <= 22 {
      let digits = Double(UInt64(truncatingIfNeeded: parts.digits))
      let power = powers[Int(parts.exponent.magnitude)]
      let value = parts.exponent < 0 ? digits / power : digits * power
      return parts.isNegative ? -value : value
    }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { copy in
      memcpy(copy.baseAddress.unsafelyUnwrapped, text, count)
      copy[count] = 0
      return strtod(copy.baseAddress.unsafelyUnwrapped, nil)
    }
  }

  private static func special(_ text: UnsafePointer<UInt8>, _ count: Int) -> Double? {
    switch String(decoding: UnsafeBufferPointer(start: text, count: min(count, 16)), as: UTF8.self) {
    case "NaN": .nan
    case "Infinity", "+Infinity", "INF", "+INF": .infinity
    case "-Infinity", "-INF": -.infinity
    default: nil
    }
  }

  /// An unscaled decimal of the given precision and scale, rounded half up; nil if the text is no number or it does not fit.
  static func decimal(_ text: UnsafePointer<UInt8>, _ count: Int, precision: Int, scale: Int) -> Int128? {
    guard let parts = DecimalParts(text, count), parts.isExact else { return nil }
    var value = Int128(parts.digits)
    var shift = parts.exponent + scale
    if value == 0 { return 0 }
    while shift > 0 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow { return nil }
      value = product
      shift -= 1
    }
    if shift < 0 {
      if shift < -39 { return 0 }
      while shift < -1 {
        value /= 10
        shift += 1
      }
      value = (value + 5) / 10
    }
    var limit: Int128 = 1
    for _ in 0..<precision { limit *= 10 }
    if value >= limit { return nil }
    return parts.isNegative ? -value : value
  }
}

/// The digits and the power of ten of a number's text.
struct DecimalParts {
  var digits: UInt128 = 0
  var exponent = 0
  var isNegative = false
  /// Whether `digits` has them all.
  var isExact = true

  /// Nil if the text is no number.
  init?(_ text: UnsafePointer<UInt8>, _ count: Int) {
    var at = 0
    if count > 0, text[0] == 0x2D || text[0] == 0x2B {
      isNegative = text[0] == 0x2D
      at = 1
    }
    let limit = UInt128(1) << 123
    var seen = 0
    var pointAt: Int?
    while at < count {
      let digit = text[at] &- 0x30
      if digit <= 9 {
        seen += 1
        if digits < limit {
          digits = digits &* 10 &+ UInt128(digit)
          if pointAt != nil { exponent -= 1 }
        } else {
          if digit != 0 { isExact = false }
          if pointAt == nil { exponent += 1 }
        }
      } else if text[at] == 0x2E, pointAt == nil {
        pointAt = at
      } else {
        break
      }
      at += 1
    }
    if seen == 0 { return nil }
    if at == count { return }
    guard text[at] | 0x20 == 0x65, let power = NumberText.integer(text + at + 1, min(count - at - 1, 12), lenient: true)
    else {
      return nil
    }
    exponent += Int(max(-1_000_000, min(1_000_000, power)))
  }
}
