import Glibc

/// Reading of dates and timestamps as Spark's casts read them: `[+-]y…y[-m[-d[( |T)h:m:s[.f][zone]]]]`.
public enum TimestampText {
  /// Microseconds since the epoch, nil if the text is no timestamp. `zone` holds where the text names none.
  public static func timestamp(_ bytes: UnsafeRawBufferPointer, zone: TimeZoneRules) -> Int64? {
    if let fast = fastTimestamp(bytes) {
      return fast.isUTC ? fast.local : zone.utc(fromLocal: fast.local)
    }
    guard let parsed = Parsed(bytes) else { return nil }
    var actual = zone
    if let name = parsed.zone {
      guard let named = TimeZoneRules.named(name) else { return nil }
      actual = named
    }
    return parsed.local(today: { today(actual) }).map { actual.utc(fromLocal: $0) }
  }

  /// Microseconds of the local clock; a zone in the text is left out unless `allowsZone` is false.
  public static func timestampNTZ(_ bytes: UnsafeRawBufferPointer, allowsZone: Bool = true) -> Int64? {
    if let fast = fastTimestamp(bytes), !fast.isUTC { return fast.local }
    guard let parsed = Parsed(bytes), !parsed.isTimeOnly else { return nil }
    if let name = parsed.zone, !allowsZone || TimeZoneRules.named(name) == nil { return nil }
    return parsed.local(today: { 0 })
  }

  /// Days since the epoch: `[+-]y…y[-m[-d[( |T)anything]]]`; nil if the text is no date.
  public static func date(_ bytes: UnsafeRawBufferPointer) -> Int32? {
    if bytes.count == 10, let fast = fastDate(bytes) { return fast }
    let text = trimmed(bytes)
    guard text.count > 0 else { return nil }
    var at = 0
    var sign = 1
    if text[0] == 0x2D || text[0] == 0x2B {
      sign = text[0] == 0x2D ? -1 : 1
      at = 1
    }
    var fields = (1, 1, 1)
    var index = 0
    var value = 0, digits = 0
    while at < text.count, text[at] != 0x20, text[at] != 0x54 {
      let byte = text[at]
      if byte == 0x2D && index < 2 {
        guard isWidth(digits, index, years: 7) else { return nil }
        set(&fields, index, value)
        index += 1
        (value, digits) = (0, 0)
      } else {
        guard byte >= 0x30, byte <= 0x39, digits < 8 else { return nil }
        value = value * 10 + Int(byte - 0x30)
        digits += 1
      }
      at += 1
    }
    guard isWidth(digits, index, years: 7), index == 2 || at == text.count else { return nil }
    set(&fields, index, value)
    guard let date = CivilDate(checkedYear: sign * fields.0, month: fields.1, day: fields.2) else { return nil }
    return Int32(exactly: date.days)
  }

  private static func set(_ fields: inout (Int, Int, Int), _ index: Int, _ value: Int) {
    switch index {
    case 0: fields.0 = value
    case 1: fields.1 = value
    default: fields.2 = value
    }
  }

  private static func isWidth(_ digits: Int, _ index: Int, years: Int) -> Bool {
    index == 0 ? digits >= 4 && digits <= years : digits >= 1 && digits <= 2
  }

  /// Without white space and control characters at both ends.
  static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] <= 0x20 || bytes[start] == 0x7F { start += 1 }
    while end > start, bytes[end - 1] <= 0x20 || bytes[end - 1] == 0x7F { end -= 1 }
    return bytes.part(start..<end)
  }

  private static func today(_ zone: TimeZoneRules) -> Int {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return CivilDateTime.split(zone.local(fromUTC: Int64(now.tv_sec) * 1_000_000)).day
  }

  /// Two digits; `wrong` becomes true if they are not.
  @inline(__always)
  private static func two(_ base: UnsafeRawPointer, _ at: Int, _ wrong: inout Bool) -> Int {
    let first = base.load(fromByteOffset: at, as: UInt8.self) &- 0x30
    let second = base.load(fromByteOffset: at &+ 1, as: UInt8.self) &- 0x30
    wrong = wrong || first > 9 || second > 9
    return Int(first) &* 10 &+ Int(second)
  }

  /// `yyyy-MM-dd` of 10 bytes.
  private static func fastDate(_ bytes: UnsafeRawBufferPointer) -> Int32? {
    guard let base = bytes.baseAddress else { return nil }
    var wrong =
      base.load(fromByteOffset: 4, as: UInt8.self) != 0x2D || base.load(fromByteOffset: 7, as: UInt8.self) != 0x2D
    let year = two(base, 0, &wrong) &* 100 &+ two(base, 2, &wrong)
    let month = two(base, 5, &wrong)
    let day = two(base, 8, &wrong)
    if wrong { return nil }
    return CivilDate(checkedYear: year, month: month, day: day).map { Int32(truncatingIfNeeded: $0.days) }
  }

  /// `yyyy-MM-dd[T ]HH:mm:ss[.f…][Z]` of full widths; nil for all other forms, valid or not.
  private static func fastTimestamp(_ bytes: UnsafeRawBufferPointer) -> (local: Int64, isUTC: Bool)? {
    guard bytes.count >= 19, let base = bytes.baseAddress else { return nil }
    let separator = base.load(fromByteOffset: 10, as: UInt8.self)
    guard separator == 0x54 || separator == 0x20, let day = fastDate(bytes.part(0..<10)) else { return nil }
    var wrong =
      base.load(fromByteOffset: 13, as: UInt8.self) != 0x3A || base.load(fromByteOffset: 16, as: UInt8.self) != 0x3A
    let hour = two(base, 11, &wrong), minute = two(base, 14, &wrong), second = two(base, 17, &wrong)
    if wrong || hour > 23 || minute > 59 || second > 59 { return nil }
    var at = 19
    var fraction = 0
    if at < bytes.count && bytes[at] == 0x2E {
      at &+= 1
      var scale = 100_000
      while at < bytes.count, bytes[at] &- 0x30 <= 9 {
        fraction &+= Int(bytes[at] &- 0x30) &* scale
        scale /= 10
        at &+= 1
      }
    }
    let isUTC = at &+ 1 == bytes.count && bytes[at] == 0x5A
    guard isUTC || at == bytes.count else { return nil }
    let seconds = Int(day) &* 86_400 &+ (hour &* 60 &+ minute) &* 60 &+ second
    return (Int64(seconds &* 1_000_000 &+ fraction), isUTC)
  }

  /// The parts of a timestamp text in any of the accepted forms.
  private struct Parsed {
    /// Year, month, day, hour, minute, second, microsecond.
    private var fields: (Int, Int, Int, Int, Int, Int, Int) = (1, 1, 1, 0, 0, 0, 0)
    private(set) var zone: String?
    /// Whether the date is missing: `12:30:00`.
    private(set) var isTimeOnly = false

    init?(_ bytes: UnsafeRawBufferPointer) {
      let text = TimestampText.trimmed(bytes)
      guard text.count > 0, text.count < 120 else { return nil }
      var at = 0
      var sign: Int?
      if text[0] == 0x2D || text[0] == 0x2B {
        sign = text[0] == 0x2D ? -1 : 1
        at = 1
      }
      var index = 0
      var value = 0, digits = 0, fractionDigits = 0
      func close() -> Bool {
        let isRight = index == 6 || TimestampText.isWidth(digits, index, years: 6)
        if isRight { store(index, value) }
        (value, digits) = (0, 0)
        return isRight
      }
      while at < text.count {
        let byte = text[at]
        if byte >= 0x30 && byte <= 0x39 {
          if index == 6 { fractionDigits += 1 }
          if index != 6 || digits < 6 { value = value * 10 + Int(byte - 0x30) }
          digits += 1
          if digits > 6 && index != 6 { return nil }
          at += 1
          continue
        }
        if at == 0 && byte == 0x54 {
          isTimeOnly = true
          index = 3
        } else if index == 0 && byte == 0x3A && sign == nil {
          isTimeOnly = true
          index = 3
          guard close() else { return nil }
          index = 4
        } else if index < 2 && byte == 0x2D || index == 2 && (byte == 0x20 || byte == 0x54)
          || (index == 3 || index == 4) && byte == 0x3A || index == 5 && byte == 0x2E
        {
          guard close() else { return nil }
          index += 1
        } else if index == 5 || index == 6 {
          guard close() else { return nil }
          let name = TimestampText.trimmed(text.part(at..<text.count))
          zone = String(decoding: name, as: UTF8.self)
          index = 7
          break
        } else {
          return nil
        }
        at += 1
      }
      if index < 7 { guard close() else { return nil } }
      while fractionDigits < 6 {
        fields.6 *= 10
        fractionDigits += 1
      }
      fields.0 *= sign ?? 1
    }

    private mutating func store(_ index: Int, _ value: Int) {
      switch index {
      case 0: fields.0 = value
      case 1: fields.1 = value
      case 2: fields.2 = value
      case 3: fields.3 = value
      case 4: fields.4 = value
      case 5: fields.5 = value
      default: fields.6 = value
      }
    }

    func local(today: () -> Int) -> Int64? {
      guard fields.3 < 24, fields.4 < 60, fields.5 < 60 else { return nil }
      let day: Int
      if isTimeOnly {
        day = today()
      } else {
        guard let date = CivilDate(checkedYear: fields.0, month: fields.1, day: fields.2) else { return nil }
        day = date.days
      }
      let time = ((fields.3 * 60 + fields.4) * 60 + fields.5) * 1_000_000 + fields.6
      let (scaled, overflow) = Int64(day).multipliedReportingOverflow(by: 86_400_000_000)
      let (sum, carry) = scaled.addingReportingOverflow(Int64(time))
      return overflow || carry ? nil : sum
    }
  }
}
