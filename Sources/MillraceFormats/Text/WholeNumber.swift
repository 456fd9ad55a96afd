/// Whole numbers out of digits, tight enough for one call per row.
enum WholeNumber {
  /// Nil if the text is no whole number or it does not fit. A plus and leading zeros are for plain text, not for JSON. 8 bytes behind the
  /// text can be read.
  @inline(__always)
  static func parse(_ text: UnsafePointer<UInt8>, _ count: Int, lenient: Bool) -> Int64? {
    var at = 0
    let isNegative = count > 0 && text[0] == 0x2D
    if isNegative || (lenient && count > 0 && text[0] == 0x2B) { at = 1 }
    let digits = count - at
    if digits == 0 || (!lenient && digits > 1 && text[at] == 0x30) { return nil }
    if digits > 16 { return long(text + at, digits, isNegative) }
    // How many digits there are differs from row to row, so a loop over them would end where the processor does not expect it.
    guard let last = few(text + max(at, count &- 8), min(digits, 8)) else { return nil }
    if digits <= 8 { return isNegative ? 0 &- last : last }
    guard let first = few(text + at, digits &- 8) else { return nil }
    let value = first &* 100_000_000 &+ last
    return isNegative ? 0 &- value : value
  }

  /// The number that 1 to 8 digits are, all at once; nil if one of them is none.
  @inline(__always)
  private static func few(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    let bytes = UInt64(littleEndian: UnsafeRawPointer(text).loadUnaligned(as: UInt64.self))
    // As if zeros were in front, each byte a digit.
    let digits = (bytes ^ 0x3030_3030_3030_3030) &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count)
    if (digits &+ 0x7676_7676_7676_7676 | digits) & 0x8080_8080_8080_8080 != 0 { return nil }
    let pairs = (digits &* (10 << 8 + 1)) &>> 8 & 0x00FF_00FF_00FF_00FF
    let fours = (pairs &* (100 << 16 + 1)) &>> 16 & 0x0000_FFFF_0000_FFFF
    return Int64(truncatingIfNeeded: (fours &* (10000 << 32 + 1)) &>> 32)
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
