import Glibc

/// Numbers as SQL prints them, written to memory with room for `capacity` bytes; each function gives the byte count.
public enum NumberText {
  /// Bytes that any of the texts may need.
  @inlinable public static var capacity: Int { 96 }

  /// `-42`.
  @inlinable
  public static func write(_ value: Int64, to target: UnsafeMutablePointer<UInt8>) -> Int {
    var used = 0
    if value < 0 {
      target[0] = 0x2D
      used = 1
    }
    return used + write(unsigned: value.magnitude, to: target + used)
  }

  /// Digits of an unsigned number.
  @inlinable
  public static func write(unsigned value: UInt64, to target: UnsafeMutablePointer<UInt8>) -> Int {
    var width = 1
    var limit: UInt64 = 10
    while width < 20 && value >= limit {
      width += 1
      if width < 20 { limit &*= 10 }
    }
    put(value, width, target)
    return width
  }

  /// `width` digits with leading zeros.
  @inlinable
  static func put(_ value: UInt64, _ width: Int, _ target: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var index = width - 1
    while index >= 0 {
      let next = rest / 10
      target[index] = UInt8(truncatingIfNeeded: 0x30 &+ (rest &- next &* 10))
      rest = next
      index &-= 1
    }
  }

  /// A decimal in plain notation with exactly `scale` digits behind the point.
  public static func write(_ value: Int128, scale: Int, to target: UnsafeMutablePointer<UInt8>) -> Int {
    var used = 0
    if value < 0 {
      target[0] = 0x2D
      used = 1
    }
    if scale == 0 { return used + write(wide: value.magnitude, to: target + used) }
    let (integral, fraction) = value.magnitude.quotientAndRemainder(dividingBy: Decimal128.power(scale).magnitude)
    used += write(wide: integral, to: target + used)
    target[used] = 0x2E
    putWide(fraction, scale, target + used + 1)
    return used + 1 + scale
  }

  private static func write(wide value: UInt128, to target: UnsafeMutablePointer<UInt8>) -> Int {
    if let small = UInt64(exactly: value) { return write(unsigned: small, to: target) }
    let (high, low) = value.quotientAndRemainder(dividingBy: 1_000_000_000_000_000_000)
    let used = write(wide: high, to: target)
    put(UInt64(low), 18, target + used)
    return used + 18
  }

  private static func putWide(_ value: UInt128, _ width: Int, _ target: UnsafeMutablePointer<UInt8>) {
    if width <= 18 { return put(UInt64(truncatingIfNeeded: value), width, target) }
    let (high, low) = value.quotientAndRemainder(dividingBy: 1_000_000_000_000_000_000)
    putWide(high, width - 18, target)
    put(UInt64(low), 18, target + width - 18)
  }

  /// The shortest digits that read back as the same DOUBLE, laid out as Java does: `1.0`, `1.5E-5`, `1.0E7`, `NaN`.
  public static func write(_ value: Double, to target: UnsafeMutablePointer<UInt8>) -> Int {
    if let short = writeShort(value, to: target) { return short }
    return lay(value.description, to: target)
  }

  /// The same for FLOAT, with its own shortest digits.
  public static func write(_ value: Float, to target: UnsafeMutablePointer<UInt8>) -> Int {
    if let short = writeShort(Double(value), to: target) { return short }
    return lay(value.description, to: target)
  }

  /// Whole numbers below 10⁷ and numbers that are not finite.
  private static func writeShort(_ value: Double, to target: UnsafeMutablePointer<UInt8>) -> Int? {
    if value.isNaN { return put("NaN", target) }
    if value.isInfinite { return put(value < 0 ? "-Infinity" : "Infinity", target) }
    guard value.magnitude < 1e7, value == value.rounded(.towardZero) else { return nil }
    var used = 0
    if value.sign == .minus {
      target[0] = 0x2D
      used = 1
    }
    used += write(unsigned: UInt64(value.magnitude), to: target + used)
    target[used] = 0x2E
    target[used + 1] = 0x30
    return used + 2
  }

  private static func put(_ text: StaticString, _ target: UnsafeMutablePointer<UInt8>) -> Int {
    memcpy(target, text.utf8Start, text.utf8CodeUnitCount)
    return text.utf8CodeUnitCount
  }

  /// Lays out the digits of a description such as `12.5`, `1e-05` or `1.25e+20` anew.
  private static func lay(_ description: String, to target: UnsafeMutablePointer<UInt8>) -> Int {
    var digits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    return withUnsafeMutableBytes(of: &digits) { buffer in
      var count = 0
      var point: Int?
      var exponent = 0
      var isNegativeExponent = false
      var isNegative = false
      var inExponent = false
      for byte in description.utf8 {
        switch byte {
        case 0x30...0x39 where inExponent: exponent = exponent * 10 + Int(byte - 0x30)
        case 0x30...0x39:
          // Leading zeros carry no digit, but move the point.
          if count == 0 && byte == 0x30 {
            if let at = point { point = at - 1 }
          } else {
            buffer[count] = byte
            count += 1
          }
        case 0x2D:
          if inExponent { isNegativeExponent = true } else { isNegative = true }
        case 0x2E: point = count
        case 0x65: inExponent = true
        default: break
        }
      }
      // The value is 0.d₁d₂… · 10^scale.
      var scale = (point ?? count) + (isNegativeExponent ? -exponent : exponent)
      while count > 1 && buffer[count - 1] == 0x30 { count -= 1 }
      if count == 0 {
        buffer[0] = 0x30
        count = 1
        scale = 1
      }
      var used = 0
      if isNegative {
        target[0] = 0x2D
        used = 1
      }
      let source = UnsafeRawBufferPointer(rebasing: buffer[0..<count])
      return used + layDigits(source, scale, to: target + used)
    }
  }

  private static func layDigits(_ digits: UnsafeRawBufferPointer, _ scale: Int, to target: UnsafeMutablePointer<UInt8>)
    -> Int
  {
    var used = 0
    func put(_ byte: UInt8) {
      target[used] = byte
      used += 1
    }
    let count = digits.count
    if scale > -3 && scale <= 7 {
      if scale <= 0 {
        put(0x30)
        put(0x2E)
        for _ in scale..<0 { put(0x30) }
        for digit in digits { put(digit) }
        return used
      }
      for index in 0..<scale { put(index < count ? digits[index] : 0x30) }
      put(0x2E)
      if count <= scale { put(0x30) }
      for index in min(scale, count)..<count { put(digits[index]) }
      return used
    }
    put(digits[0])
    put(0x2E)
    if count == 1 { put(0x30) }
    for index in 1..<count { put(digits[index]) }
    put(0x45)
    return used + write(Int64(scale - 1), to: target + used)
  }
}
