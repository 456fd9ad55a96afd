/// Reads intervals as Spark writes them: `10 seconds`, `1 minute 30 seconds`, `interval 1 day -2.5 seconds`,
/// `'1 02:03:04' day to second`.
public enum IntervalParser {
  /// The interval of a text. Throws `CANNOT_PARSE_INTERVAL`.
  public static func parse(_ text: String) throws -> CalendarInterval {
    var copy = text
    if let interval = copy.withUTF8({ parse(UnsafeRawBufferPointer($0)) }) { return interval }
    throw MillraceError(
      "CANNOT_PARSE_INTERVAL", "'\(text)' is not an interval",
      hint: "write numbers and units such as '1 minute 30 seconds'")
  }

  /// The microseconds of an interval without months, as time windows and delays need it.
  /// Throws `CANNOT_PARSE_INTERVAL` and, for months and years, `_LEGACY_ERROR_TEMP_3231`.
  public static func fixedMicroseconds(_ text: String) throws -> Int64 {
    let interval = try parse(text)
    if interval.months != 0 {
      throw MillraceError(
        "_LEGACY_ERROR_TEMP_3231", "'\(text)' holds months or years, whose length varies",
        hint: "use days, for instance '30 days'")
    }
    return Int64(interval.days) * 86_400_000_000 + interval.microseconds
  }

  /// The interval of a text, nil if it is none.
  public static func parse(_ bytes: UnsafeRawBufferPointer) -> CalendarInterval? {
    var words = Words(bytes)
    words.takePrefix("interval")
    if let quoted = words.takeQuoted() { return unitToUnit(quoted, &words) }
    var total = Total()
    var isEmpty = true
    while !words.isAtEnd {
      guard let amount = words.number(), let unit = words.word(), total.add(amount, unit) else { return nil }
      isEmpty = false
    }
    return isEmpty ? nil : total.interval
  }

  /// A number with an optional fraction of a second.
  private struct Amount {
    var whole: Int64
    /// Microseconds behind the point, with the number's sign.
    var fraction: Int64
    var hasPoint: Bool
  }

  private struct Total {
    var months: Int64 = 0, days: Int64 = 0, microseconds: Int64 = 0

    var interval: CalendarInterval? {
      guard let months = Int32(exactly: months), let days = Int32(exactly: days) else { return nil }
      return CalendarInterval(months: months, days: days, microseconds: microseconds)
    }

    mutating func add(_ amount: Amount, _ unit: String) -> Bool {
      let name = unit.hasSuffix("s") ? String(unit.dropLast()) : unit
      if amount.hasPoint && name != "second" { return false }
      switch name {
      case "year": return IntervalParser.accumulate(&months, amount.whole, 12)
      case "month": return IntervalParser.accumulate(&months, amount.whole, 1)
      case "week": return IntervalParser.accumulate(&days, amount.whole, 7)
      case "day": return IntervalParser.accumulate(&days, amount.whole, 1)
      case "hour": return IntervalParser.accumulate(&microseconds, amount.whole, 3_600_000_000)
      case "minute": return IntervalParser.accumulate(&microseconds, amount.whole, 60_000_000)
      case "second":
        return IntervalParser.accumulate(&microseconds, amount.whole, 1_000_000)
          && IntervalParser.accumulate(&microseconds, amount.fraction, 1)
      case "millisecond": return IntervalParser.accumulate(&microseconds, amount.whole, 1000)
      case "microsecond": return IntervalParser.accumulate(&microseconds, amount.whole, 1)
      default: return false
      }
    }
  }

  private static func accumulate(_ total: inout Int64, _ amount: Int64, _ factor: Int64) -> Bool {
    let (scaled, overflow) = amount.multipliedReportingOverflow(by: factor)
    let (sum, carry) = total.addingReportingOverflow(scaled)
    total = sum
    return !overflow && !carry
  }

  /// `'1-2' year to month`, `'1 02:03:04.5' day to second` and the shorter forms; also `'5' day`.
  private static func unitToUnit(_ text: String, _ words: inout Words) -> CalendarInterval? {
    guard let first = words.word() else { return nil }
    let units = ["year", "month", "day", "hour", "minute", "second"]
    let from = first.hasSuffix("s") ? String(first.dropLast()) : first
    if words.isAtEnd { return try? parse("\(text) \(first)") }
    guard words.word() == "to", let last = words.word(), words.isAtEnd, let start = units.firstIndex(of: from),
      let end = units.firstIndex(of: last.hasSuffix("s") ? String(last.dropLast()) : last), end > start,
      (start < 2) == (end < 2)
    else { return nil }
    let isNegative = text.hasPrefix("-")
    let body = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
    let parts = body.split(omittingEmptySubsequences: false) { $0 == " " || $0 == ":" || $0 == "-" }
    guard parts.count == end - start + 1 else { return nil }
    var total = Total()
    for (offset, part) in parts.enumerated() {
      var copy = (isNegative ? "-" : "") + part
      guard
        let amount = copy.withUTF8({ bytes -> Amount? in
          var number = Words(UnsafeRawBufferPointer(bytes))
          return number.number()
        }), total.add(amount, units[start + offset])
      else { return nil }
    }
    return total.interval
  }

  /// A walk over numbers and words.
  private struct Words {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    init(_ bytes: UnsafeRawBufferPointer) {
      self.bytes = bytes
      skip()
    }

    var isAtEnd: Bool { at == bytes.count }

    mutating func skip() {
      while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
    }

    mutating func takePrefix(_ word: String) {
      let start = at
      if self.word() != word { at = start }
    }

    /// A word in small letters.
    mutating func word() -> String? {
      let start = at
      while at < bytes.count, bytes[at] | 0x20 >= 0x61, bytes[at] | 0x20 <= 0x7A { at += 1 }
      guard at > start else { return nil }
      let text = String(decoding: bytes.part(start..<at), as: UTF8.self).lowercased()
      skip()
      return text
    }

    mutating func takeQuoted() -> String? {
      guard at < bytes.count, bytes[at] == 0x27 else { return nil }
      var end = at + 1
      while end < bytes.count, bytes[end] != 0x27 { end += 1 }
      guard end < bytes.count else { return nil }
      let text = String(decoding: bytes.part((at + 1)..<end), as: UTF8.self)
      at = end + 1
      skip()
      return text
    }

    mutating func number() -> Amount? {
      var isNegative = false
      if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B {
        isNegative = bytes[at] == 0x2D
        at += 1
        skip()
      }
      let start = at
      var whole: Int64 = 0
      while at < bytes.count, bytes[at] &- 0x30 <= 9 {
        guard accumulate(&whole, whole, 9), accumulate(&whole, Int64(bytes[at] - 0x30), isNegative ? -1 : 1) else {
          return nil
        }
        at += 1
      }
      let digits = at - start
      var fraction: Int64 = 0
      let hasPoint = at < bytes.count && bytes[at] == 0x2E
      if hasPoint {
        at += 1
        let first = at
        var scale: Int64 = 100_000
        while at < bytes.count, bytes[at] &- 0x30 <= 9, at - first < 9 {
          fraction += Int64(bytes[at] - 0x30) * scale
          scale /= 10
          at += 1
        }
        if at == first && digits == 0 { return nil }
      } else if digits == 0 {
        return nil
      }
      skip()
      return Amount(whole: whole, fraction: isNegative ? -fraction : fraction, hasPoint: hasPoint)
    }
  }
}
