import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// Times as some logs write them and nobody else. The minute of the last one is remembered, as for access logs: the text up to it
/// comes again line after line.
struct LogTime {
  /// Who writes them.
  enum Form: Sendable, Hashable {
    /// `Oct 11 22:14:15`, or a time with year and zone as RFC 5424 wants it. The year is what makes the time lie not more than a day
    /// after `now` (microseconds since the epoch).
    case syslog(now: Int64)
    /// `Wed Oct 11 14:32:52.123456 2000`.
    case apacheError
    /// `2000/10/11 14:32:52`.
    case nginxError
  }

  private let form: Form
  private let zone: TimeZoneRules
  private var scanner: TimestampScanner
  /// The text of the last minute and its start; no longer than 16 bytes.
  private var memo: (UInt64, UInt64) = (0, 0)
  private var minute: Int64 = 0

  init(_ form: Form, zone: TimeZoneRules) {
    self.form = form
    self.zone = zone
    scanner = TimestampScanner(zone: zone, isLocal: false)
  }

  /// The TIMESTAMP column of spans.
  mutating func column(
    _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ count: Int, isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(count, 1) * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    var nulls = NullTracker(count: count)
    for row in 0..<count {
      if spans[row] != 0, let micros = parse(window.base + ck_span_offset(spans[row]), ck_span_length(spans[row])) {
        target[row] = micros
      } else {
        if spans[row] != 0 { isBad[row] = 1 }
        nulls.setNull(row)
        target[row] = 0
      }
    }
    return ColumnVector(type: .timestamp, count: count, values: buffer, validity: nulls.validity)
  }

  private mutating func parse(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    switch form {
    case .syslog(let now): syslog(text, count, now)
    case .apacheError: apacheError(text, count)
    case .nginxError: nginxError(text, count)
    }
  }

  /// `Mmm dd hh:mm:ss`: 12 bytes to the minute.
  private mutating func syslog(_ text: UnsafePointer<UInt8>, _ count: Int, _ now: Int64) -> Int64? {
    if count > 0 && text[0] &- 0x30 <= 9 { return scanner.parse(text, count) }
    guard count >= 15, text[3] == 0x20, text[6] == 0x20, text[9] == 0x3A else { return nil }
    let key = Self.words(text, 12)
    if key != memo {
      guard let month = MonthName.number(text), let day = Self.day(text + 4), let clock = Self.clock(text + 7) else {
        return nil
      }
      let nowYear = CivilDate(days: Int(zone.local(fromUTC: now) / 86_400_000_000)).year
      // The first of these years in which the time is not to come; a 29th of February may need to go back further.
      let starts = (0..<8).lazy.compactMap { back in Self.minute(nowYear + 1 - back, month, day, clock) }
      guard let start = starts.map({ [zone] in zone.utc(fromLocal: $0) }).first(where: { $0 <= now + 86_400_000_000 })
      else { return nil }
      memo = key
      minute = start
    }
    return Self.second(text + 12, fraction: text + 15, count - 15).map { minute + $0 }
  }

  /// `Www Mmm dd hh:mm:ss[.ffffff] yyyy`.
  private mutating func apacheError(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= 24, text[3] == 0x20, text[7] == 0x20, text[10] == 0x20, text[13] == 0x3A, text[count - 5] == 0x20,
      let century = TwoDigits.parse(text + count - 4), let year = TwoDigits.parse(text + count - 2)
    else { return nil }
    var key = Self.words(text + 4, 12)
    key.1 |= UInt64(century * 100 + year) << 48
    if key != memo {
      guard let month = MonthName.number(text + 4), let day = Self.day(text + 8), let clock = Self.clock(text + 11),
        let start = Self.minute(century * 100 + year, month, day, clock)
      else { return nil }
      memo = key
      minute = zone.utc(fromLocal: start)
    }
    return Self.second(text + 16, fraction: text + 19, count - 24).map { minute + $0 }
  }

  /// `yyyy/mm/dd hh:mm:ss`: 16 bytes to the minute.
  private mutating func nginxError(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard count >= 19, text[4] == 0x2F, text[7] == 0x2F, text[10] == 0x20, text[13] == 0x3A else { return nil }
    let key = Self.words(text, 16)
    if key != memo {
      guard let century = TwoDigits.parse(text), let year = TwoDigits.parse(text + 2),
        let month = TwoDigits.parse(text + 5), let day = TwoDigits.parse(text + 8), let clock = Self.clock(text + 11),
        let start = Self.minute(century * 100 + year, month, day, clock)
      else { return nil }
      memo = key
      minute = zone.utc(fromLocal: start)
    }
    return Self.second(text + 16, fraction: text + 19, count - 19).map { minute + $0 }
  }

  // MARK: Parts

  /// Up to 16 bytes as two words; there is room to read 16.
  private static func words(_ text: UnsafePointer<UInt8>, _ count: Int) -> (UInt64, UInt64) {
    let raw = UnsafeRawPointer(text)
    let high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    let kept = count >= 16 ? high : high & ((1 << UInt64((count - 8) * 8)) &- 1)
    return (raw.loadUnaligned(as: UInt64.self), kept)
  }

  /// A day of one or two digits in two places.
  private static func day(_ text: UnsafePointer<UInt8>) -> Int? {
    if text[0] == 0x20 { return text[1] &- 0x30 <= 9 ? Int(text[1] - 0x30) : nil }
    return TwoDigits.parse(text)
  }

  /// Minutes since midnight of `hh:mm`.
  private static func clock(_ text: UnsafePointer<UInt8>) -> Int? {
    guard let hour = TwoDigits.parse(text), let minute = TwoDigits.parse(text + 3), hour < 24, minute < 60 else {
      return nil
    }
    return hour * 60 + minute
  }

  private static func minute(_ year: Int, _ month: Int, _ day: Int, _ clock: Int) -> Int64? {
    CivilDate(checkedYear: year, month: month, day: day).map { Int64($0.days * 1440 + clock) * 60_000_000 }
  }

  /// Microseconds of `:ss` and of a fraction, which has `count` bytes with its point.
  private static func second(_ text: UnsafePointer<UInt8>, fraction: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    guard text[0] == 0x3A, let second = TwoDigits.parse(text + 1), second <= 60 else { return nil }
    var micros = Int64(second) * 1_000_000
    if count > 1 {
      guard fraction[0] == 0x2E || fraction[0] == 0x2C else { return nil }
      var scale: Int64 = 100_000
      for index in 1..<count {
        guard fraction[index] &- 0x30 <= 9 else { return nil }
        micros += Int64(fraction[index] - 0x30) * scale
        scale /= 10
      }
    } else if count == 1 {
      return nil
    }
    return micros
  }
}

/// English names of months in three letters.
enum MonthName {
  private static let names = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

  /// 1 to 12, nil for another word.
  static func number(_ text: UnsafePointer<UInt8>) -> Int? {
    (0..<12).first { index in (0..<3).allSatisfy { names[index * 3 + $0] == text[$0] } }.map { $0 + 1 }
  }
}
