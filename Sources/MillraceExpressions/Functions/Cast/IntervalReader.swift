import MillraceColumnar

/// Texts that are cast to an interval of certain units: its value alone, `1 02:03:04`, or the whole literal,
/// `INTERVAL '1 02:03:04' DAY TO SECOND`.
enum IntervalReader {
  enum Failure: Error {
    case malformed
    case overflow
    /// A year-month interval whose numbers are out of range.
    case months
  }

  /// Microseconds of a day-time interval.
  static func dayTime(
    _ bytes: UnsafeRawBufferPointer, _ from: DataType.DayTimeField, _ to: DataType.DayTimeField
  ) throws(Failure) -> Int64 {
    let (isNegative, body) = try unwrapped(bytes, from.sql, to.sql)
    var text = Digits(body)
    var total: Int128 = 0
    for rank in from.rawValue...to.rawValue {
      guard let field = DataType.DayTimeField(rawValue: rank) else { throw .malformed }
      if rank > from.rawValue {
        guard text.take(rank == DataType.DayTimeField.hour.rawValue ? 0x20 : 0x3A) else { throw .malformed }
      }
      guard let number = text.number(atMost: rank > from.rawValue ? 2 : 12) else { throw .malformed }
      if rank > from.rawValue, number > (field == .hour ? 23 : 59) { throw .malformed }
      total += Int128(number) * Int128(field.microseconds)
      if field == .second, text.take(0x2E) {
        guard let fraction = text.fraction() else { throw .malformed }
        total += Int128(fraction)
      }
    }
    guard text.isAtEnd else { throw .malformed }
    guard let result = Int64(exactly: isNegative ? -total : total) else { throw .overflow }
    return result
  }

  /// Months of a year-month interval.
  static func yearMonth(
    _ bytes: UnsafeRawBufferPointer, _ from: DataType.YearMonthField, _ to: DataType.YearMonthField
  ) throws(Failure) -> Int32 {
    let (isNegative, body) = try unwrapped(bytes, from.sql, to.sql)
    var text = Digits(body)
    guard let first = text.number(atMost: 12) else { throw .malformed }
    var total = Int64(first) * Int64(from.months)
    if from != to {
      guard text.take(0x2D), let months = text.number(atMost: 2) else { throw .malformed }
      if months > 11 { throw .months }
      total += Int64(months)
    }
    guard text.isAtEnd else { throw .malformed }
    guard let result = Int32(exactly: isNegative ? -total : total) else { throw .months }
    return result
  }

  /// The sign and what follows it, out of the literal's form if it has that.
  private static func unwrapped(
    _ bytes: UnsafeRawBufferPointer, _ from: String, _ to: String
  ) throws(Failure) -> (isNegative: Bool, body: [UInt8]) {
    var text = trimmed(String(decoding: bytes, as: UTF8.self)[...])
    var isNegative = false
    if text.lowercased().hasPrefix("interval") {
      text = trimmed(text.dropFirst(8))
      isNegative = takeSign(&text)
      guard text.first == "'", let close = text.dropFirst().firstIndex(of: "'") else { throw .malformed }
      let units = text[text.index(after: close)...].uppercased().split { $0 == " " || $0 == "\t" }
      guard units == (from == to ? [from] : [from, "TO", to]).map({ $0[...] }) else { throw .malformed }
      text = text[text.index(after: text.startIndex)..<close]
    }
    if takeSign(&text) { isNegative.toggle() }
    return (isNegative, Array(text.utf8))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  /// Takes a sign; whether it is a minus.
  private static func takeSign(_ text: inout Substring) -> Bool {
    guard text.first == "-" || text.first == "+" else { return false }
    return text.removeFirst() == "-"
  }

  /// Walks over the digits of a value.
  private struct Digits {
    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func take(_ byte: UInt8) -> Bool {
      guard at < bytes.count, bytes[at] == byte else { return false }
      at += 1
      return true
    }

    /// A whole number of at most so many digits.
    mutating func number(atMost limit: Int) -> Int64? {
      let start = at
      var value: Int64 = 0
      while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39, at - start < limit {
        value = value * 10 + Int64(bytes[at] - 0x30)
        at += 1
      }
      return at > start ? value : nil
    }

    /// Up to nine digits after the point as microseconds.
    mutating func fraction() -> Int64? {
      let start = at
      var value: Int64 = 0
      while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 {
        if at - start < 6 { value = value * 10 + Int64(bytes[at] - 0x30) }
        at += 1
      }
      let count = at - start
      guard (1...9).contains(count) else { return nil }
      for _ in min(count, 6)..<6 { value *= 10 }
      return value
    }
  }

  /// The error for a text that is no such interval.
  static func failure(_ failure: Failure, _ bytes: UnsafeRawBufferPointer, _ target: DataType) -> MillraceError {
    let text = String(decoding: bytes, as: UTF8.self)
    switch failure {
    case .malformed:
      let isMonths = if case .yearMonthInterval = target { true } else { false }
      return MillraceError(
        "INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING\(isMonths ? "" : "_WITH_NOTICE")",
        "'\(text)' is no \(target.sql)",
        hint: "write the value as in a literal of that type, or use try_cast to get NULL instead")
    case .months:
      return MillraceError("INVALID_INTERVAL_FORMAT.INTERVAL_PARSING", "'\(text)' is out of range of \(target.sql)")
    case .overflow:
      return MillraceError("INVALID_INTERVAL_FORMAT.ARITHMETIC_EXCEPTION", "'\(text)' does not fit into \(target.sql)")
    }
  }
}
