/// Whole numbers out of digits, tight enough for one call per row.
enum WholeNumber {
  /// Nil if the text is no whole number or it does not fit. A plus and leading zeros are for plain text, not for JSON.
  @inline(__always)
  static func parse(_ text: UnsafePointer<UInt8>, _ count: Int, lenient: Bool) -> Int64? {
    var at = 0
    let isNegative = count > 0 && text[0] == 0x2D
    if isNegative || (lenient && count > 0 && text[0] == 0x2B) { at = 1 }
    let digits = count - at
    if digits == 0 || (!lenient && digits > 1 && text[at] == 0x30) { return nil }
    // 18 digits cannot overflow.
    if digits > 18 { return long(text + at, digits, isNegative) }
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
  private static func long(_ text: UnsafePointer<UInt8>, _ count: Int, _ isNegative: Bool) -> Int64? {
    var value: Int64 = 0
    for at in 0..<count {
      let digit = text[at] &- 0x30
      if digit > 9 { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (next, overflow) = product.subtractingReportingOverflow(Int64(digit))
      if tooLarge || overflow { return nil }
      value = next
    }
    return isNegative ? value : value == .min ? nil : -value
  }
}
