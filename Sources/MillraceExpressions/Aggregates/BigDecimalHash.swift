import MillraceColumnar

/// The `hashCode` of Scala's `BigDecimal`, which Spark's decimals have: of the whole number, of the double that is shown with the same
/// digits, or of the digits and their scale.
enum BigDecimalHash {
  /// Digits that every double keeps.
  private static let doubleDigits: Int128 = 1_000_000_000_000_000

  /// The hash of `unscaled` divided by the power of ten of `scale`.
  static func of(_ unscaled: Int128, scale: Int) -> Int32 {
    var digits = unscaled
    var scale = scale
    while scale > 0 && digits % 10 == 0 {
      digits /= 10
      scale -= 1
    }
    if scale == 0 { return whole(digits) }
    let double = Double("\(digits)e-\(scale)") ?? 0
    if digits.magnitude < doubleDigits || isShown(double, digits, scale) { return fractional(double) }
    return Int32(bitPattern: Murmur3.mixLast(UInt32(bitPattern: bigInteger(digits)), UInt32(scale)))
  }

  private static func whole(_ number: Int128) -> Int32 {
    if let small = Int32(exactly: number) { return small }
    if let long = Int64(exactly: number) { return HashTableOrder.folded(UInt64(bitPattern: long)) }
    return bigInteger(number)
  }

  /// Of a double that is no whole number.
  private static func fractional(_ number: Double) -> Int32 {
    let short = Float(number)
    return Double(short) == number
      ? Int32(bitPattern: short.bitPattern) : HashTableOrder.folded(number.bitPattern)
  }

  /// Of Java's `BigInteger`: words of 32 bits, the highest first.
  private static func bigInteger(_ number: Int128) -> Int32 {
    var hash: UInt32 = 0
    for shift in stride(from: 96, through: 0, by: -32) {
      hash = hash &* 31 &+ UInt32(truncatingIfNeeded: number.magnitude >> shift)
    }
    return number < 0 ? 0 &- Int32(bitPattern: hash) : Int32(bitPattern: hash)
  }

  /// Whether the shortest text of a double has just these digits behind each other, of which so many stand behind the point.
  private static func isShown(_ double: Double, _ digits: Int128, _ scale: Int) -> Bool {
    let parts = "\(double.magnitude)".split(separator: "e")
    let number = parts[0].split(separator: ".")
    let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let fraction = number.count > 1 && number[1] != "0" ? number[1] : ""
    return Int128(number[0] + fraction) == Int128(digits.magnitude) && fraction.count - exponent == scale
  }
}
