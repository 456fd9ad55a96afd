/// Reads the text between quotes.
enum StringLiteral {
  /// The value of a string token, quotes and the `r` of a raw string included in `bytes`.
  static func value(of bytes: ArraySlice<UInt8>, isRaw: Bool) -> String {
    let inner = bytes.dropFirst(isRaw ? 2 : 1).dropLast()
    guard let quote = bytes.last, !isRaw, inner.contains(where: { $0 == UInt8(ascii: "\\") || $0 == quote }) else {
      return String(decoding: inner, as: UTF8.self)
    }
    return unescape(inner, quote: quote)
  }

  private static func unescape(_ bytes: ArraySlice<UInt8>, quote: UInt8) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var at = bytes.startIndex
    while at < bytes.endIndex {
      let byte = bytes[at]
      at += 1
      if byte == quote {
        // The lexer lets a quote through only in pairs.
        at += 1
        result.append(byte)
      } else if byte == UInt8(ascii: "\\") && at < bytes.endIndex {
        at += appendEscape(bytes[at...], to: &result)
      } else {
        result.append(byte)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Appends what stands after a backslash and says how many bytes it took.
  private static func appendEscape(_ bytes: ArraySlice<UInt8>, to result: inout [UInt8]) -> Int {
    let first = bytes[bytes.startIndex]
    if let code = number(bytes.prefix(3), radix: 8), bytes.count >= 3, first <= UInt8(ascii: "1") {
      append(code, to: &result)
      return 3
    }
    if first == UInt8(ascii: "u"), bytes.count >= 5, let code = number(bytes.dropFirst().prefix(4), radix: 16) {
      return 5 + appendSurrogates(code, rest: bytes.dropFirst(5), to: &result)
    }
    if first == UInt8(ascii: "U"), bytes.count >= 9, let code = number(bytes.dropFirst().prefix(8), radix: 16) {
      append(code, to: &result)
      return 9
    }
    switch first {
    case UInt8(ascii: "0"): result.append(0)
    case UInt8(ascii: "b"): result.append(0x08)
    case UInt8(ascii: "n"): result.append(0x0A)
    case UInt8(ascii: "r"): result.append(0x0D)
    case UInt8(ascii: "t"): result.append(0x09)
    case UInt8(ascii: "Z"): result.append(0x1A)
    // The backslash stays: LIKE gives these two a meaning of their own.
    case UInt8(ascii: "%"), UInt8(ascii: "_"): result += [UInt8(ascii: "\\"), first]
    default: result.append(first)
    }
    return 1
  }

  /// Joins a pair of UTF-16 surrogates written as two escapes; says how many bytes of `rest` it took.
  private static func appendSurrogates(_ code: UInt32, rest: ArraySlice<UInt8>, to result: inout [UInt8]) -> Int {
    let next = Array(rest.prefix(6))
    if (0xD800...0xDBFF).contains(code), next.count == 6, next[0] == UInt8(ascii: "\\"), next[1] == UInt8(ascii: "u"),
      let low = number(next[2...], radix: 16), (0xDC00...0xDFFF).contains(low)
    {
      append(0x10000 + (code - 0xD800) << 10 + (low - 0xDC00), to: &result)
      return 6
    }
    append(code, to: &result)
    return 0
  }

  private static func append(_ code: UInt32, to result: inout [UInt8]) {
    result += Array(String(UnicodeScalar(code).map(Character.init) ?? "\u{FFFD}").utf8)
  }

  private static func number(_ bytes: ArraySlice<UInt8>, radix: UInt32) -> UInt32? {
    var result: UInt32 = 0
    for byte in bytes {
      guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix else { return nil }
      result = result &* radix &+ UInt32(digit)
    }
    return result
  }
}
