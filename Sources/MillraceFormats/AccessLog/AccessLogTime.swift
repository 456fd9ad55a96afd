import CKernels
import MillraceColumnar

/// Times such as `31/Jan/2024:12:30:00 +0100`. The minute and zone of the last one are remembered, so that mostly only the seconds are
/// computed.
struct AccessLogTime {
  /// `dd/Mon/yyyy:HH:mm` and the zone of the last time, and its minute in microseconds since the epoch.
  private var memo: (UInt64, UInt64, UInt8, UInt64) = (0, 0, 0, 0)
  private var minute: Int64 = 0

  /// The column of spans of 26 bytes.
  mutating func column(
    _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ count: Int, isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    var nulls = NullTracker(count: count)
    for row in 0..<count {
      let text = window.base + ck_span_offset(spans[row])
      if spans[row] != 0, let micros = parse(text) {
        target[row] = micros
      } else {
        if spans[row] != 0 { isBad[row] = 1 }
        nulls.setNull(row)
        target[row] = 0
      }
    }
    return ColumnVector(type: .timestamp, count: count, values: buffer, validity: nulls.validity)
  }

  @inline(__always)
  private mutating func parse(_ text: UnsafePointer<UInt8>) -> Int64? {
    let raw = UnsafeRawPointer(text)
    let low = raw.loadUnaligned(as: UInt64.self), high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    // Seconds are left out; `: +zzzz` without them takes the rest of the 26 bytes.
    let zone = raw.loadUnaligned(fromByteOffset: 18, as: UInt64.self) & ~0xFFFF
    if low != memo.0 || high != memo.1 || text[16] != memo.2 || zone != memo.3 {
      guard let found = Self.minute(text) else { return nil }
      minute = found
      memo = (low, high, text[16], zone)
    }
    let tens = text[18] &- 0x30, ones = text[19] &- 0x30
    // 60 is a leap second.
    if text[17] != 0x3A || ones > 9 || tens > 6 || (tens == 6 && ones > 0) { return nil }
    return minute &+ Int64(tens &* 10 &+ ones) &* 1_000_000
  }

  private static func minute(_ text: UnsafePointer<UInt8>) -> Int64? {
    guard text[2] == 0x2F, text[6] == 0x2F, text[11] == 0x3A, text[14] == 0x3A, text[20] == 0x20,
      let month = MonthName.number(text + 3),
      let day = TwoDigits.parse(text), let century = TwoDigits.parse(text + 7), let year = TwoDigits.parse(text + 9),
      let hour = TwoDigits.parse(text + 12), let minute = TwoDigits.parse(text + 15), hour < 24, minute < 60,
      let zoneHours = TwoDigits.parse(text + 22), let zoneMinutes = TwoDigits.parse(text + 24), zoneHours <= 18,
      zoneMinutes < 60,
      text[21] == 0x2B || text[21] == 0x2D,
      let date = CivilDate(checkedYear: century * 100 + year, month: month, day: day)
    else { return nil }
    let east = (zoneHours * 60 + zoneMinutes) * (text[21] == 0x2D ? -1 : 1)
    return Int64((date.days * 24 + hour) * 60 + minute - east) * 60_000_000
  }
}

/// Texts between quotes in access logs.
enum AccessLogText {
  /// Takes out backslashes before quotes and backslashes, and decodes `\xhh` as nginx and Apache write other bytes.
  static func unescape(_ text: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>) -> Int {
    var used = 0
    var at = 0
    while at < count {
      var byte = text[at]
      at += 1
      if byte == 0x5C, at < count {
        if text[at] == 0x22 || text[at] == 0x5C {
          byte = text[at]
          at += 1
        } else if text[at] == 0x78, at + 2 < count, let high = HexDigit.value(text[at + 1]),
          let low = HexDigit.value(text[at + 2])
        {
          byte = high << 4 | low
          at += 3
        } else if text[at] == 0x6E || text[at] == 0x74 {
          byte = text[at] == 0x6E ? 0x0A : 0x09
          at += 1
        }
      }
      target[used] = byte
      used += 1
    }
    return used
  }
}
