import CKernels
import MillraceColumnar

/// Timestamps out of ISO text such as `2024-01-31T12:30:00.5Z`, and whatever else Spark's cast takes.
///
/// Records come in order of time, so the minute of the last text is remembered: mostly only seconds and fraction are computed.
struct TimestampScanner {
  private var memoLow: UInt64 = 0
  private var memoHigh: UInt64 = 0
  private var memoMinute: Int64 = 0
  private let zone: TimeZoneRules
  private let isLocal: Bool

  /// `zone` is that of texts that name none; `isLocal` gives TIMESTAMP_NTZ.
  init(zone: TimeZoneRules, isLocal: Bool) {
    self.zone = zone
    self.isLocal = isLocal
  }

  /// Microseconds since the epoch. 16 bytes at `text` can be read whatever its length.
  @inline(__always)
  mutating func parse(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    let raw = UnsafeRawPointer(text)
    let low = raw.loadUnaligned(as: UInt64.self), high = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    if count < 20 || low != memoLow || high != memoHigh {
      guard count >= 20, let minute = Self.minute(text) else { return any(text, count) }
      memoLow = low
      memoHigh = high
      memoMinute = minute
    }
    let tens = text[17] &- 0x30, ones = text[18] &- 0x30
    if text[16] != 0x3A || tens > 5 || ones > 9 { return any(text, count) }
    var micros = memoMinute &+ Int64(tens &* 10 &+ ones) &* 1_000_000
    var at = 19
    if text[19] == 0x2E {
      at = 20
      var scale: Int64 = 100_000
      while at < count, text[at] &- 0x30 <= 9 {
        micros &+= Int64(text[at] &- 0x30) &* scale
        scale /= 10
        at &+= 1
      }
    }
    // Only UTC: another zone, or none, goes the way that knows zones.
    return at &+ 1 == count && text[at] == 0x5A && !isLocal ? micros : any(text, count)
  }

  /// Any form.
  @inline(never)
  private func any(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int64? {
    let bytes = UnsafeRawBufferPointer(start: text, count: count)
    return isLocal ? TimestampText.timestampNTZ(bytes) : TimestampText.timestamp(bytes, zone: zone)
  }

  /// Microseconds at the start of the minute that `yyyy-MM-ddTHH:mm` names.
  private static func minute(_ text: UnsafePointer<UInt8>) -> Int64? {
    guard text[10] == 0x54 || text[10] == 0x20, text[13] == 0x3A,
      let days = TimestampText.date(UnsafeRawBufferPointer(start: text, count: 10)),
      let hour = TwoDigits.parse(text + 11),
      let minute = TwoDigits.parse(text + 14), hour < 24, minute < 60
    else { return nil }
    return (Int64(days) * 1440 + Int64(hour * 60 + minute)) * 60_000_000
  }
}

/// Times of one type as a format writes them.
struct TimestampSpans {
  private var scanner: TimestampScanner
  private let isText: Bool
  private let isLocal: Bool

  /// TIMESTAMP or TIMESTAMP_NTZ.
  init(_ type: DataType, _ rules: SpanRules) {
    isLocal = type == .timestampNTZ
    isText = rules.isText
    scanner = TimestampScanner(zone: rules.zone, isLocal: isLocal)
  }

  /// Microseconds since the epoch; nil for what is no time.
  @inline(__always)
  mutating func parse(_ text: UnsafePointer<UInt8>, _ length: Int, _ kind: UInt32) -> Int64? {
    if kind == CK_TEXT { return scanner.parse(text, length) }
    // A JSON number is seconds since the epoch.
    guard kind == CK_NUMBER, !isText, !isLocal, let seconds = WholeNumber.parse(text, length, lenient: false) else {
      return nil
    }
    let (micros, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? nil : micros
  }
}

/// Numbers of two digits.
enum TwoDigits {
  @inline(__always)
  static func parse(_ text: UnsafePointer<UInt8>) -> Int? {
    let tens = text[0] &- 0x30, ones = text[1] &- 0x30
    return tens > 9 || ones > 9 ? nil : Int(tens) &* 10 &+ Int(ones)
  }
}
