import Glibc

/// Reads texts of one pattern. Make one per batch: it remembers the last minute, which repeats from row to row in a log.
public struct DateTimeParser: ~Copyable {
  private let pattern: DateTimePattern
  private let zone: TimeZoneRules
  private let items: UnsafeMutableBufferPointer<DateTimePattern.Item>
  private let prefix: UnsafeMutablePointer<UInt8>
  private var prefixCount = 0
  /// Local microseconds of the remembered minute, and as an instant of the session's zone.
  private var minuteLocal: Int64 = 0
  private var minuteInstant: Int64 = 0

  /// A result: local time, and the instant it means.
  public struct Result {
    /// Microseconds on the clock that the text shows.
    public var local: Int64
    /// Microseconds since 1970-01-01T00:00:00Z.
    public var instant: Int64
  }

  /// Reads with a pattern compiled for reading; `zone` holds where the text names none.
  public init(_ pattern: DateTimePattern, zone: TimeZoneRules) {
    self.pattern = pattern
    self.zone = zone
    items = .allocate(capacity: max(pattern.items.count, 1))
    _ = items.initialize(from: pattern.items)
    prefix = .allocate(capacity: 64)
  }

  deinit {
    _ = UnsafeMutableBufferPointer(rebasing: items[0..<pattern.items.count]).deinitialize()
    items.deallocate()
    prefix.deallocate()
  }

  /// The text's time, nil if it does not follow the pattern.
  public mutating func parse(_ bytes: UnsafeRawBufferPointer) -> Result? {
    guard let base = bytes.baseAddress else { return nil }
    if prefixCount > 0, bytes.count >= prefixCount, memcmp(base, prefix, prefixCount) == 0, let tail = pattern.tailStart
    {
      var fields = DateTimeFields()
      guard let end = read(tail..<pattern.items.count, bytes, prefixCount, &fields), end == bytes.count,
        fields.second < 60
      else { return nil }
      let rest = Int64(fields.second) &* 1_000_000 &+ Int64(fields.microsecond)
      let local = minuteLocal &+ rest
      if fields.hasOffset { return Result(local: local, instant: local &- Int64(fields.offset) &* 1_000_000) }
      return Result(local: local, instant: minuteInstant &+ rest)
    }
    return parseAll(bytes)
  }

  private mutating func parseAll(_ bytes: UnsafeRawBufferPointer) -> Result? {
    var fields = DateTimeFields()
    let count = pattern.items.count
    let tail = pattern.tailStart ?? 0
    var at = 0
    if tail > 0 {
      guard let middle = read(0..<tail, bytes, 0, &fields) else { return nil }
      at = middle
    }
    guard let end = read(tail..<count, bytes, at, &fields), end == bytes.count, let local = fields.local() else {
      return nil
    }
    if tail > 0, at <= 64, let base = bytes.baseAddress {
      memcpy(prefix, base, at)
      prefixCount = at
      minuteLocal = local - Int64(fields.second) * 1_000_000 - Int64(fields.microsecond)
      minuteInstant = zone.utc(fromLocal: minuteLocal)
    }
    if fields.hasOffset { return Result(local: local, instant: local &- Int64(fields.offset) &* 1_000_000) }
    if let region = fields.zone { return Result(local: local, instant: region.utc(fromLocal: local)) }
    return Result(local: local, instant: zone.utc(fromLocal: local))
  }

  private func read(
    _ range: Range<Int>, _ bytes: UnsafeRawBufferPointer, _ start: Int, _ fields: inout DateTimeFields
  ) -> Int? {
    var at = start
    for index in range {
      guard let next = Self.read(items[index], bytes, at, &fields) else { return nil }
      at = next
    }
    return at
  }

  /// Reads one item at `at` and gives the position behind it, nil if it is not there.
  private static func read(
    _ item: DateTimePattern.Item, _ bytes: UnsafeRawBufferPointer, _ at: Int, _ fields: inout DateTimeFields
  ) -> Int? {
    switch item {
    case .literal(let wanted):
      guard at < bytes.count else { return nil }
      let byte = bytes[at]
      if byte == wanted { return at &+ 1 }
      let isLetter = wanted | 0x20 >= 0x61 && wanted | 0x20 <= 0x7A
      return isLetter && byte | 0x20 == wanted | 0x20 ? at &+ 1 : nil
    case .number(let field, let least, let most, _, let reserved):
      return number(field, least, most, reserved, bytes, at, &fields)
    case .twoDigitYear:
      guard let value = fixed(bytes, at, 2) else { return nil }
      return fields.set(.year, 2000 + value) ? at + 2 : nil
    case .monthName(let isFull): return month(bytes, at, isFull, &fields)
    case .halfOfDay:
      guard at + 2 <= bytes.count, bytes[at + 1] | 0x20 == 0x6D else { return nil }
      let letter = bytes[at] | 0x20
      guard letter == 0x61 || letter == 0x70 else { return nil }
      fields.half = letter == 0x70 ? 1 : 0
      return at + 2
    case .fraction(let most): return fraction(bytes, at, most, &fields)
    case .offset(let style): return offset(bytes, at, style, &fields)
    case .localizedOffset: return localizedOffset(bytes, at, &fields)
    case .zoneID, .zoneName: return region(bytes, at, &fields)
    case .era(let isFull): return era(bytes, at, isFull, &fields)
    case .optional(let inner):
      var copy = fields
      var position = at
      for item in inner {
        guard let next = read(item, bytes, position, &copy) else { return at }
        position = next
      }
      fields = copy
      return position
    case .weekdayName, .quarterName: return nil
    }
  }

  @inline(__always)
  private static func fixed(_ bytes: UnsafeRawBufferPointer, _ at: Int, _ width: Int) -> Int? {
    guard at &+ width <= bytes.count else { return nil }
    var value = 0
    for index in at..<(at &+ width) {
      let digit = bytes[index] &- 0x30
      if digit > 9 { return nil }
      value = value &* 10 &+ Int(digit)
    }
    return value
  }

  private static func number(
    _ field: DateTimePattern.Field, _ least: Int, _ most: Int, _ reserved: Int, _ bytes: UnsafeRawBufferPointer,
    _ start: Int,
    _ fields: inout DateTimeFields
  ) -> Int? {
    if least == most {
      guard let value = fixed(bytes, start, least), fields.set(field, value) else { return nil }
      return start &+ least
    }
    var at = start
    var isNegative = false
    var hasPlus = false
    if at < bytes.count, bytes[at] == 0x2D || bytes[at] == 0x2B {
      isNegative = bytes[at] == 0x2D
      hasPlus = !isNegative
      // A sign may stand before years of four letters only, a minus before other numbers of free width.
      if hasPlus && !(least >= 4) { return nil }
      at += 1
    }
    var digits = 0
    while at + digits < bytes.count, digits < most, bytes[at + digits] &- 0x30 <= 9 { digits += 1 }
    if reserved > 0 { digits = max(least, digits - reserved) }
    guard digits >= least, digits <= 18, let value = fixed(bytes, at, digits) else { return nil }
    if least >= 4 && (hasPlus ? digits <= least : !isNegative && digits > least) { return nil }
    return fields.set(field, isNegative ? -value : value) ? at + digits : nil
  }

  private static func month(
    _ bytes: UnsafeRawBufferPointer, _ at: Int, _ isFull: Bool, _ fields: inout DateTimeFields
  ) -> Int? {
    guard at &+ 3 <= bytes.count else { return nil }
    let month = DateTimeNames.month(bytes[at], bytes[at &+ 1], bytes[at &+ 2])
    guard month > 0, fields.set(.month, month) else { return nil }
    if !isFull { return at &+ 3 }
    let name = DateTimeNames.lowerMonths[month - 1]
    guard at + name.count <= bytes.count else { return nil }
    for (index, letter) in name.enumerated() where bytes[at + index] | 0x20 != letter { return nil }
    return at + name.count
  }

  private static func fraction(
    _ bytes: UnsafeRawBufferPointer, _ start: Int, _ most: Int, _ fields: inout DateTimeFields
  ) -> Int? {
    var at = start
    var value = 0
    var scale = 100_000
    while at < bytes.count, at &- start < most, bytes[at] &- 0x30 <= 9 {
      value &+= Int(bytes[at] &- 0x30) &* scale
      scale /= 10
      at &+= 1
    }
    if at == start { return nil }
    fields.microsecond = value
    return at
  }

  private static func offset(
    _ bytes: UnsafeRawBufferPointer, _ start: Int, _ style: DateTimePattern.OffsetStyle, _ fields: inout DateTimeFields
  ) -> Int? {
    guard start < bytes.count else { return nil }
    let sign = bytes[start]
    if style.zero.count == 1, sign | 0x20 == 0x7A {
      fields.setOffset(0)
      return start + 1
    }
    guard sign == 0x2B || sign == 0x2D, let hours = fixed(bytes, start + 1, 2) else { return nil }
    var at = start + 3
    var seconds = hours * 3600
    for part in 0..<(style.hasSeconds ? 2 : 1) {
      var next = at
      if style.hasColon {
        if next < bytes.count && bytes[next] == 0x3A { next += 1 } else { next = bytes.count }
      }
      if let value = fixed(bytes, next, 2), value < 60 {
        seconds += value * (part == 0 ? 60 : 1)
        at = next + 2
      } else if part == 0 && style.needsMinutes {
        return nil
      } else {
        break
      }
    }
    guard seconds <= 18 * 3600 else { return nil }
    fields.setOffset(sign == 0x2D ? -seconds : seconds)
    return at
  }

  private static func localizedOffset(
    _ bytes: UnsafeRawBufferPointer, _ start: Int, _ fields: inout DateTimeFields
  ) -> Int? {
    guard start + 3 <= bytes.count, bytes.part(start..<(start + 3)).elementsEqual("GMT".utf8) else { return nil }
    var end = start + 3
    while end < bytes.count, bytes[end] == 0x2B || bytes[end] == 0x2D || bytes[end] == 0x3A || bytes[end] &- 0x30 <= 9 {
      end += 1
    }
    guard let offset = TimeZoneOffset.parse(String(decoding: bytes.part(start..<end), as: UTF8.self)) else {
      return nil
    }
    fields.setOffset(offset)
    return end
  }

  private static func region(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ fields: inout DateTimeFields) -> Int? {
    var end = start
    while end < bytes.count, bytes[end] > 0x20, bytes[end] != 0x5D, bytes[end] != 0x29, bytes[end] != 0x2C { end += 1 }
    while end > start {
      if let zone = TimeZoneRules.named(String(decoding: bytes.part(start..<end), as: UTF8.self)) {
        fields.zone = zone
        fields.hasOffset = false
        return end
      }
      end -= 1
    }
    return nil
  }

  private static func era(
    _ bytes: UnsafeRawBufferPointer, _ at: Int, _ isFull: Bool, _ fields: inout DateTimeFields
  ) -> Int? {
    for (isBefore, name) in [(false, isFull ? "Anno Domini" : "AD"), (true, isFull ? "Before Christ" : "BC")] {
      let end = at + name.utf8.count
      if end <= bytes.count, String(decoding: bytes.part(at..<end), as: UTF8.self).lowercased() == name.lowercased() {
        fields.isBeforeChrist = isBefore
        return end
      }
    }
    return nil
  }
}

/// What a text said, and how it becomes a time.
struct DateTimeFields {
  var year = 1970, month = 1, day = 1
  var dayOfYear = 0
  /// Hour of the day; -1 if not given.
  var hour = -1
  /// Hour of the half day, 0…11; -1 if not given.
  var hourOfHalf = -1
  var half = -1
  var minute = 0, second = 0, microsecond = 0
  var hasOffset = false
  var offset = 0
  var zone: TimeZoneRules?
  var isBeforeChrist = false

  mutating func setOffset(_ seconds: Int) {
    hasOffset = true
    offset = seconds
    zone = nil
  }

  /// Takes a number; false if it is out of its range.
  @inline(__always)
  mutating func set(_ field: DateTimePattern.Field, _ value: Int) -> Bool {
    switch field {
    case .year:
      year = value
      return value.magnitude <= 999_999
    case .month:
      month = value
      return value >= 1 && value <= 12
    case .day:
      day = value
      return value >= 1 && value <= 31
    case .dayOfYear:
      dayOfYear = value
      return value >= 1 && value <= 366
    case .hour:
      hour = value
      return value >= 0 && value <= 23
    case .clockHour:
      hour = value == 24 ? 0 : value
      return value >= 1 && value <= 24
    case .hourOfHalf:
      hourOfHalf = value
      return value >= 0 && value <= 11
    case .clockHourOfHalf:
      hourOfHalf = value == 12 ? 0 : value
      return value >= 1 && value <= 12
    case .minute:
      minute = value
      return value >= 0 && value <= 59
    case .second:
      second = value
      return value >= 0 && value <= 59
    case .quarter, .weekdayInMonth: return false
    }
  }

  /// Microseconds of the local clock, nil if there is no such day.
  func local() -> Int64? {
    let actualYear = isBeforeChrist ? 1 - year : year
    let days: Int
    if dayOfYear > 0 {
      guard dayOfYear <= (CivilDate.isLeapYear(actualYear) ? 366 : 365) else { return nil }
      days = CivilDate(year: actualYear, month: 1, day: 1).days + dayOfYear - 1
    } else {
      guard let date = CivilDate(checkedYear: actualYear, month: month, day: day) else { return nil }
      days = date.days
    }
    var hours = hour
    if hours < 0 {
      hours = hourOfHalf >= 0 ? hourOfHalf + (half == 1 ? 12 : 0) : half == 1 ? 12 : 0
    }
    let seconds = (hours * 60 + minute) * 60 + second
    let (scaled, overflow) = Int64(days).multipliedReportingOverflow(by: 86_400_000_000)
    return overflow ? nil : scaled + Int64(seconds * 1_000_000 + microsecond)
  }
}
