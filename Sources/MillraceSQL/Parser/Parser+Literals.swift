import MillraceColumnar

extension Parser {
  /// A number with its sign.
  func numberLiteral() throws(Failed) -> SQLExpression {
    let start = position
    let isNegative = accept(.minus)
    guard case .number(let form) = kind else { throw unexpected("a number") }
    let token = token
    let digits = (isNegative ? "-" : "") + text(token).lowercased()
    let literal: SQLExpression.Kind
    switch form {
    case .integer: literal = try integerLiteral(digits)
    case .tiny: literal = try integerLiteral(digits, .byte, Int64(Int8.min)...Int64(Int8.max))
    case .small: literal = try integerLiteral(digits, .short, Int64(Int16.min)...Int64(Int16.max))
    case .big: literal = try integerLiteral(digits, .long, Int64.min...Int64.max)
    case .decimal: literal = try decimalLiteral(digits)
    case .bigDecimal: literal = try decimalLiteral(String(digits.dropLast(2)))
    case .exponent: literal = try doubleLiteral(digits, .double)
    case .double: literal = try doubleLiteral(String(digits.dropLast()), .double)
    case .float: literal = try doubleLiteral(String(digits.dropLast()), .float)
    }
    advance()
    return SQLExpression(literal, range(from: start))
  }

  /// An integer without suffix: INT, BIGINT or DECIMAL, whichever holds it.
  private func integerLiteral(_ digits: String) throws(Failed) -> SQLExpression.Kind {
    if let value = Int32(digits) { return .literal(.integer(Int64(value)), .integer) }
    if let value = Int64(digits) { return .literal(.integer(value), .long) }
    return try decimalLiteral(digits)
  }

  private func integerLiteral(
    _ digits: String, _ type: DataType, _ range: ClosedRange<Int64>
  ) throws(Failed) -> SQLExpression.Kind {
    guard let value = Int64(digits.dropLast()), range.contains(value) else { throw outOfRange(digits, type) }
    return .literal(.integer(value), type)
  }

  private func outOfRange(_ digits: String, _ type: DataType) -> Failed {
    fail(
      "INVALID_NUMERIC_LITERAL_RANGE", "the number \(digits) does not fit into \(type.sql)",
      hint: "use a wider type, or a string and a cast")
  }

  private func doubleLiteral(_ digits: String, _ type: DataType) throws(Failed) -> SQLExpression.Kind {
    if type == .float {
      guard let value = Float(digits), value.isFinite else { throw outOfRange(digits, type) }
      return .literal(.double(Double(value)), type)
    }
    guard let value = Double(digits), value.isFinite else { throw outOfRange(digits, type) }
    return .literal(.double(value), type)
  }

  /// A decimal whose precision and scale are those of the digits written.
  private func decimalLiteral(_ text: String) throws(Failed) -> SQLExpression.Kind {
    let parts = text.split(separator: "e", maxSplits: 1)
    let mantissa = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let fraction = mantissa.count > 1 ? mantissa[1] : ""
    var digits = String(mantissa[0] + fraction)
    let exponent = parts.count > 1 ? Int(parts[1]) ?? Int.max / 2 : 0
    var scale = fraction.utf8.count - exponent
    if scale < 0, scale >= -38 {
      digits += String(repeating: "0", count: -scale)
      scale = 0
    }
    let significant = digits.drop { $0 == "-" || $0 == "0" }.utf8.count
    let precision = Swift.max(significant, scale, 1)
    guard scale >= 0, precision <= 38, let unscaled = Int128(digits) else {
      throw fail(
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "the number \(text) has more than 38 digits",
        hint: "write it as a DOUBLE, for instance with an exponent")
    }
    return .literal(.decimal(unscaled), .decimal(precision: precision, scale: scale))
  }

  /// One or more strings in a row, joined.
  func stringLiteral() throws(Failed) -> SQLExpression {
    let start = position
    let value = try stringConstant("a string")
    return SQLExpression(.literal(.string(value), .string), range(from: start))
  }

  /// The value of one or more strings in a row.
  func stringConstant(_ expected: String) throws(Failed) -> String {
    guard var value = stringToken() else { throw unexpected(expected) }
    while let more = stringToken() { value += more }
    return value
  }

  private func stringToken() -> String? {
    guard case .string(let isRaw) = kind else { return nil }
    let slice = bytes[Int(token.start)..<Int(token.end)]
    advance()
    return StringLiteral.value(of: slice, isRaw: isRaw)
  }

  /// `DATE '…'`, `TIMESTAMP '…'`, `X '…'` and their like.
  func typedLiteral(_ keyword: Keyword) throws(Failed) -> SQLExpression {
    let start = position
    let first = token
    advance()
    guard let text = stringToken() else { throw unexpected("a string") }
    switch keyword {
    case .date: return SQLExpression(.typedLiteral(.date, text), range(from: start))
    case .timestamp, .timestampLTZ: return SQLExpression(.typedLiteral(.timestamp, text), range(from: start))
    case .timestampNTZ: return SQLExpression(.typedLiteral(.timestampNTZ, text), range(from: start))
    case .x:
      guard let value = Self.binary(text) else {
        throw fail(
          "INVALID_TYPED_LITERAL", "X'\(text)' is not made of hexadecimal digits",
          hint: "use the digits 0-9 and A-F", at: first)
      }
      return SQLExpression(.literal(.binary(value), .binary), range(from: start))
    case .time: throw fail("UNSUPPORTED_TIME_TYPE", "the type TIME is not supported", at: first)
    default:
      throw fail("UNSUPPORTED_TYPED_LITERAL", "literals of type \(keyword.shown) are not supported", at: first)
    }
  }

  /// Bytes from hexadecimal digits; a missing first digit is zero.
  private static func binary(_ text: String) -> [UInt8]? {
    let digits = text.utf8.count.isMultiple(of: 2) ? text : "0" + text
    var result: [UInt8] = []
    var high: UInt8?
    for character in digits {
      guard character.isASCII, let digit = character.hexDigitValue else { return nil }
      if let first = high {
        result.append(first << 4 | UInt8(digit))
        high = nil
      } else {
        high = UInt8(digit)
      }
    }
    return result
  }
}
