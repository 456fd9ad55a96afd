import Glibc

/// Numbers out of text as Spark's casts read them: white space around is skipped, nothing else.
public enum NumberParsing {
  /// The bytes without white space and control characters at both ends.
  @inlinable
  public static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    guard let base = bytes.baseAddress else { return bytes }
    var start = 0
    var end = bytes.count
    while start < end && isSpace(base.load(fromByteOffset: start, as: UInt8.self)) { start += 1 }
    while end > start && isSpace(base.load(fromByteOffset: end - 1, as: UInt8.self)) { end -= 1 }
    return UnsafeRawBufferPointer(start: base + start, count: end - start)
  }

  /// Space or ISO control character.
  @inlinable
  static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F }

  /// A whole number with an optional sign; nil for anything else or what does not fit.
  @inlinable
  public static func integer<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, as: T.Type = T.self) -> T? {
    let text = trimmed(bytes)
    guard let base = text.baseAddress, text.count > 0 else { return nil }
    var index = 0
    let first = base.load(as: UInt8.self)
    if first == 0x2D || first == 0x2B { index = 1 }
    if index == text.count { return nil }
    // 18 digits cannot overflow; more go the slow way.
    if text.count > 19 { return wideInteger(text, index, first == 0x2D).flatMap { T(exactly: $0) } }
    var value: Int64 = 0
    while index < text.count {
      let digit = base.load(fromByteOffset: index, as: UInt8.self) &- 0x30
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      index += 1
    }
    // 19 bytes without sign may exceed 63 bits.
    if value < 0 { return nil }
    return T(exactly: first == 0x2D ? -value : value)
  }

  /// The number that 1 to 8 digits and nothing else stand for; nil for any other text.
  @inlinable
  public static func digits(_ view: StringView) -> UInt64? {
    let count = view.count
    if count == 0 || count > 8 { return nil }
    // Eight digits, those in front zero: the first one lies in the lowest byte.
    let text = view.word0 >> 32 | view.word1 << 32
    let digits = (text ^ 0x3030_3030_3030_3030) << UInt64(truncatingIfNeeded: 64 &- 8 &* count)
    // Bytes above 9 get their highest bit set, or had it.
    if (digits | (digits &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 { return nil }
    let pairs = (digits &* (10 << 8 | 1)) >> 8 & 0x00FF_00FF_00FF_00FF
    let fours = (pairs &* (100 << 16 | 1)) >> 16 & 0x0000_FFFF_0000_FFFF
    return (fours &* (10_000 << 32 | 1)) >> 32
  }

  @usableFromInline
  static func wideInteger(_ text: UnsafeRawBufferPointer, _ start: Int, _ isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for index in start..<text.count {
      let digit = text[index] &- 0x30
      if digit > 9 { return nil }
      let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (next, overflow) = scaled.subtractingReportingOverflow(Int64(digit))
      if tooLarge || overflow { return nil }
      value = next
    }
    if isNegative { return value }
    return value == .min ? nil : -value
  }

  /// A floating number as Java and Spark read it: digits with point and exponent, a trailing `d` or `f`, `NaN`, `inf`,
  /// `infinity` in any case.
  public static func double(_ bytes: UnsafeRawBufferPointer) -> Double? {
    let text = trimmed(bytes)
    guard text.count > 0 else { return nil }
    guard let parts = Parts(text, allowsSuffix: true) else { return special(text) }
    if parts.hasAllDigits && parts.digits <= 1 << 53 {
      let exponent = parts.exponent
      if exponent == 0 || parts.digits == 0 { return parts.isNegative ? -Double(parts.digits) : Double(parts.digits) }
      if exponent > 0 && exponent <= 22 {
        let value = Double(parts.digits) * Decimal128.doublePower(exponent)
        return parts.isNegative ? -value : value
      }
      if exponent < 0 && exponent >= -22 {
        let value = Double(parts.digits) / Decimal128.doublePower(-exponent)
        return parts.isNegative ? -value : value
      }
    }
    return withTerminated(text) { strtod($0, nil) }
  }

  /// The same for FLOAT, rounded once.
  public static func float(_ bytes: UnsafeRawBufferPointer) -> Float? {
    let text = trimmed(bytes)
    guard text.count > 0 else { return nil }
    guard let parts = Parts(text, allowsSuffix: true) else { return special(text).map { Float($0) } }
    if parts.hasAllDigits && parts.digits <= 1 << 24 && parts.exponent == 0 {
      return parts.isNegative ? -Float(parts.digits) : Float(parts.digits)
    }
    return withTerminated(text) { strtof($0, nil) }
  }

  /// The shortest digits that read back as a finite number, without its sign: the value is digits · 10^exponent.
  public static func shortestDigits(_ value: Double) -> (digits: UInt64, exponent: Int)? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.capacity) { buffer in
      guard let base = buffer.baseAddress else { return nil }
      let count = NumberText.write(value, to: base)
      guard let parts = Parts(UnsafeRawBufferPointer(start: base, count: count), allowsSuffix: false) else {
        return nil
      }
      return (parts.digits, parts.exponent)
    }
  }

  private static func withTerminated<R>(_ text: UnsafeRawBufferPointer, _ body: (UnsafePointer<CChar>) -> R) -> R {
    withUnsafeTemporaryAllocation(byteCount: text.count + 1, alignment: 1) { buffer in
      buffer.copyBytes(from: text)
      buffer[text.count] = 0
      return body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)))
    }
  }

  private static func special(_ text: UnsafeRawBufferPointer) -> Double? {
    guard text.count <= 9 else { return nil }
    switch String(decoding: text, as: UTF8.self).lowercased() {
    case "nan": return .nan
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    default: return nil
    }
  }

  /// What became of a text that should be a decimal.
  public enum DecimalResult: Sendable {
    /// The unscaled number.
    case value(Int128)
    /// A number, but with too many digits before the point.
    case outOfRange
    /// A number with more than 38 digits before the point.
    case tooManyDigits
    /// Not a number.
    case malformed
  }

  /// A decimal, rounded half up to `scale`; exponents are allowed.
  public static func decimal(_ bytes: UnsafeRawBufferPointer, _ precision: Int, _ scale: Int) -> DecimalResult {
    let text = trimmed(bytes)
    guard var parts = Parts(text, allowsSuffix: false) else { return .malformed }
    var value: Int128
    if parts.hasAllDigits {
      value = Int128(parts.digits)
    } else {
      value = parts.wideDigits(text)
    }
    if value == 0 { return .value(0) }
    if parts.exponent + scale < -38 { return .value(0) }
    guard let scaled = Decimal128.rescaled(value, from: -parts.exponent, to: scale), Decimal128.fits(scaled, precision)
    else {
      return "\(value.magnitude)".utf8.count + parts.exponent > 38 ? .tooManyDigits : .outOfRange
    }
    return .value(parts.isNegative ? -scaled : scaled)
  }

  /// Sign, digits and exponent of a number text.
  private struct Parts {
    var isNegative = false
    /// All significant digits if `hasAllDigits`.
    var digits: UInt64 = 0
    var hasAllDigits = true
    /// The value is digits · 10^exponent.
    var exponent = 0

    init?(_ text: UnsafeRawBufferPointer, allowsSuffix: Bool) {
      var index = 0
      var end = text.count
      guard end > 0 else { return nil }
      if text[0] == 0x2D || text[0] == 0x2B {
        isNegative = text[0] == 0x2D
        index = 1
      }
      if allowsSuffix, end > index, [0x64, 0x66, 0x44, 0x46].contains(text[end - 1]) { end -= 1 }
      var digitCount = 0
      var significant = 0
      var fraction = 0
      var seenPoint = false
      while index < end {
        let byte = text[index]
        let digit = byte &- 0x30
        if digit <= 9 {
          digitCount += 1
          if significant > 0 || digit > 0 { significant += 1 }
          if significant <= 19 { digits = digits &* 10 &+ UInt64(digit) } else { hasAllDigits = false }
          if seenPoint { fraction += 1 }
        } else if byte == 0x2E && !seenPoint {
          seenPoint = true
        } else {
          break
        }
        index += 1
      }
      guard digitCount > 0 else { return nil }
      if index < end {
        guard text[index] | 0x20 == 0x65, let power = Parts.power(text, index + 1, end) else { return nil }
        exponent = power
      }
      exponent -= fraction
    }

    private static func power(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int? {
      var index = start
      guard index < end else { return nil }
      let isNegative = text[index] == 0x2D
      if isNegative || text[index] == 0x2B { index += 1 }
      guard index < end else { return nil }
      var value = 0
      while index < end {
        let digit = text[index] &- 0x30
        if digit > 9 { return nil }
        value = min(value * 10 + Int(digit), 100_000)
        index += 1
      }
      return isNegative ? -value : value
    }

    /// The first 38 significant digits; `exponent` counts those that are left out.
    mutating func wideDigits(_ text: UnsafeRawBufferPointer) -> Int128 {
      var value: Int128 = 0
      var significant = 0
      for byte in text {
        if byte == 0x2D || byte == 0x2B || byte == 0x2E { continue }
        let digit = byte &- 0x30
        if digit > 9 { break }
        if significant > 0 || digit > 0 { significant += 1 }
        if significant > 38 { exponent += 1 } else { value = value * 10 + Int128(digit) }
      }
      return value
    }
  }
}
