/// Dates and timestamps out of ISO text in the layout `yyyy-MM-dd[T ]HH:mm[:ss[.fraction]][zone]`.
///
/// Log lines come in order, so the minute of the last text is remembered: mostly only the seconds are computed.
struct TimestampText {
  private var memoLow: UInt64 = 0
  private var memoHigh: UInt64 = 0
  private var memoMinute: Int64 = 0
  /// Microseconds to add to local time where the text has no zone of its own.
  private let localOffset: Int64

  /// For a zone with a fixed distance from UTC, in microseconds east.
  init(offsetEast: Int64 = 0) { localOffset = 0 - offsetEast }

  /// Microseconds since the epoch. 16 bytes at `text` can be read whatever its length.
  @inline(__always)
  mutating func timestamp(_ text: UnsafePointer<UInt8>, _ count: Int, isLocal: Bool) -> Int64? {
    let raw = UnsafeRawPointer(text)
    let low = raw.loadUnaligned(as: UInt64.self), high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    if count < 16 || low != memoLow || high != memoHigh {
      guard let minute = Self.minute(text, count) else {
        return Self.anyTimestamp(text, count, isLocal ? 0 : localOffset)
      }
      memoLow = low
      memoHigh = high
      memoMinute = minute
    }
    return Self.rest(text, count, memoMinute, isLocal ? 0 : localOffset)
  }

  /// What follows the minute: seconds, fraction and zone.
  @inline(__always)
  private static func rest(_ text: UnsafePointer<UInt8>, _ count: Int, _ minute: Int64, _ localOffset: Int64) -> Int64?
  {
    var at = 16
    var micros = minute
    if at < count, text[at] == 0x3A {
      let tens = text[17] &- 0x30, ones = text[18] &- 0x30
      if count < 19 || tens > 5 || ones > 9 { return nil }
      micros &+= Int64(tens &* 10 &+ ones) &* 1_000_000
      at = 19
      if at < count, text[at] == 0x2E {
        at += 1
        var scale: Int64 = 100_000
        while at < count {
          let digit = text[at] &- 0x30
          if digit > 9 { break }
          micros &+= Int64(digit) &* scale
          scale /= 10
          at &+= 1
        }
      }
    }
    if at == count { return micros &+ localOffset }
    if at + 1 == count, text[at] == 0x5A { return micros }
    guard let east = zone(text + at, count - at) else { return nil }
    return micros &- east
  }

  /// Microseconds at the start of the minute that the first 16 bytes name.
  private static func minute(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= 16, text[10] == 0x54 || text[10] == 0x20, text[13] == 0x3A else { return nil }
    guard let days = date(text, 10), let hour = two(text + 11), let minute = two(text + 14), hour < 24, minute < 60
    else {
      return nil
    }
    return (Int64(days) * 1440 + Int64(hour * 60 + minute)) * 60_000_000
  }

  @inline(__always)
  private static func two(_ text: UnsafePointer<UInt8>) -> Int? {
    let tens = text[0] &- 0x30, ones = text[1] &- 0x30
    return tens > 9 || ones > 9 ? nil : Int(tens) * 10 + Int(ones)
  }

  /// Days since 1970-01-01 of `yyyy-MM-dd`.
  static func date(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int32? {
    guard count == 10, text[4] == 0x2D, text[7] == 0x2D, let century = two(text), let year = two(text + 2),
      let month = two(text + 5), let day = two(text + 8)
    else { return nil }
    return days(year: century * 100 + year, month: month, day: day)
  }

  /// Microseconds east of UTC of `Z`, `UTC`, `GMT`, `+hh`, `+hhmm` or `+hh:mm`, blanks in front allowed.
  static func zone(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    var start = 0
    while start < count, text[start] == 0x20 { start += 1 }
    let rest = text + start
    let length = count - start
    if length == 1, rest[0] == 0x5A { return 0 }
    if length == 3 {
      let name = String(decoding: UnsafeBufferPointer(start: rest, count: 3), as: UTF8.self)
      if name == "UTC" || name == "GMT" { return 0 }
    }
    guard length >= 3, rest[0] == 0x2B || rest[0] == 0x2D, let hours = two(rest + 1), hours <= 18 else { return nil }
    var minutes = 0
    switch length {
    case 3: break
    case 5: minutes = two(rest + 3) ?? 60
    case 6: minutes = rest[3] == 0x3A ? two(rest + 4) ?? 60 : 60
    default: return nil
    }
    if minutes > 59 { return nil }
    let micros = Int64(hours * 60 + minutes) * 60_000_000
    return rest[0] == 0x2D ? -micros : micros
  }

  /// Days since 1970-01-01, nil if the calendar has no such day.
  static func days(year: Int, month: Int, day: Int) -> Int32? {
    guard (1...12).contains(month), day >= 1 else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = (31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    let length = withUnsafeBytes(of: lengths) { $0.bindMemory(to: Int.self)[month - 1] }
    if day > length { return nil }
    // Years begin in March, so that the leap day is the last of its year.
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return Int32(
      truncatingIfNeeded: era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468)
  }

  /// Other layouts that Spark's cast takes: a year, a month or a day alone, single digits, an hour alone.
  private static func anyTimestamp(_ text: UnsafePointer<UInt8>, _ count: Int, _ localOffset: Int64) -> Int64? {
    LooseDateTime(text, count)?.micros(localOffset: localOffset)
  }

  /// Days of a date in any layout that Spark's cast takes.
  static func anyDate(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int32? {
    date(text, count) ?? LooseDateTime(text, count)?.day
  }
}

/// Date and time in the loose layouts of Spark's cast: `[+-]y…[-[m]m[-[d]d[[T ][h]h:[m]m[:[s]s[.fraction]][zone]]]]`.
struct LooseDateTime {
  private(set) var day: Int32
  private var timeOfDay: Int64 = 0
  private var zone: Int64?

  init?(_ text: UnsafePointer<UInt8>, _ count: Int) {
    var from = 0
    var to = count
    while from < to, text[from] <= 0x20 { from += 1 }
    while to > from, text[to - 1] <= 0x20 { to -= 1 }
    var reader = Reader(text: text, at: from, end: to)
    let isNegative = reader.take(0x2D)
    if !isNegative { _ = reader.take(0x2B) }
    guard let year = reader.number(4...7) else { return nil }
    var month = 1
    var dayOfMonth = 1
    if reader.take(0x2D) {
      guard let number = reader.number(1...2) else { return nil }
      month = number
      if reader.take(0x2D) {
        guard let number = reader.number(1...2) else { return nil }
        dayOfMonth = number
      }
    }
    guard let day = TimestampText.days(year: isNegative ? -year : year, month: month, day: dayOfMonth) else {
      return nil
    }
    self.day = day
    if reader.isAtEnd { return }
    guard reader.take(0x54) || reader.take(0x20) else { return nil }
    if reader.isAtEnd { return }
    guard let time = reader.time() else { return nil }
    timeOfDay = time
    if reader.isAtEnd { return }
    guard let east = TimestampText.zone(text + reader.at, to - reader.at) else { return nil }
    zone = east
  }

  /// Microseconds since the epoch.
  func micros(localOffset: Int64) -> Int64? {
    let (midnight, overflow) = Int64(day).multipliedReportingOverflow(by: 86_400_000_000)
    return overflow ? nil : midnight &+ timeOfDay &+ (zone.map { 0 - $0 } ?? localOffset)
  }

  private struct Reader {
    let text: UnsafePointer<UInt8>
    var at: Int
    let end: Int

    var isAtEnd: Bool { at >= end }

    mutating func take(_ byte: UInt8) -> Bool {
      guard at < end, text[at] == byte else { return false }
      at += 1
      return true
    }

    mutating func number(_ digits: ClosedRange<Int>) -> Int? {
      let start = at
      var value = 0
      while at < end, at - start < digits.upperBound, text[at] &- 0x30 <= 9 {
        value = value * 10 + Int(text[at] - 0x30)
        at += 1
      }
      return at - start >= digits.lowerBound ? value : nil
    }

    mutating func time() -> Int64? {
      guard let hour = number(1...2), hour < 24 else { return nil }
      var micros = Int64(hour) * 3_600_000_000
      guard take(0x3A) else { return micros }
      guard let minute = number(1...2), minute < 60 else { return nil }
      micros += Int64(minute) * 60_000_000
      guard take(0x3A) else { return micros }
      guard let second = number(1...2), second < 60 else { return nil }
      micros += Int64(second) * 1_000_000
      guard take(0x2E) else { return micros }
      var scale: Int64 = 100_000
      while at < end, text[at] &- 0x30 <= 9 {
        micros += Int64(text[at] - 0x30) * scale
        scale /= 10
        at += 1
      }
      return micros
    }
  }
}
