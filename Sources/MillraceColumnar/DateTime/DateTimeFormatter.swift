import Glibc

/// Writes times with one pattern.
public struct DateTimeFormatter: Sendable {
  let pattern: DateTimePattern
  let zone: TimeZoneRules

  /// Writes with a pattern compiled for writing, on the clock of `zone`.
  public init(_ pattern: DateTimePattern, zone: TimeZoneRules) {
    self.pattern = pattern
    self.zone = zone
  }

  /// Appends the text of an instant.
  public func write(instant: Int64, to writer: inout StringWriter) {
    let moment = Moment(instant, zone)
    for item in pattern.items { write(item, moment, &writer) }
  }

  /// An instant on the clock of a zone.
  struct Moment {
    let day: Int
    let date: CivilDate
    /// Microseconds since midnight.
    let time: Int
    let offset: Int
    let instant: Int64

    init(_ instant: Int64, _ zone: TimeZoneRules) {
      offset = zone.offset(atUTC: instant.flooredSecond)
      (day, time) = CivilDateTime.split(instant &+ Int64(offset) &* 1_000_000)
      date = CivilDate(days: day)
      self.instant = instant
    }

    var hour: Int { time / 3_600_000_000 }

    func value(_ field: DateTimePattern.Field) -> Int {
      switch field {
      case .year: date.year
      case .month: date.month
      case .day: date.day
      case .dayOfYear: date.dayOfYear
      case .hour, .clockHour, .hourOfHalf, .clockHourOfHalf, .minute, .second: Moment.value(field, time: time)
      case .quarter: (date.month - 1) / 3 + 1
      case .weekdayInMonth: (date.day - 1) % 7 + 1
      }
    }

    /// A field of the clock so many microseconds after midnight.
    @inline(__always)
    static func value(_ field: DateTimePattern.Field, time: Int) -> Int {
      let hour = time / 3_600_000_000
      return switch field {
      case .clockHour: hour == 0 ? 24 : hour
      case .hourOfHalf: hour % 12
      case .clockHourOfHalf: hour % 12 == 0 ? 12 : hour % 12
      case .minute: time / 60_000_000 % 60
      case .second: time / 1_000_000 % 60
      default: hour
      }
    }
  }

  func write(_ item: DateTimePattern.Item, _ moment: Moment, _ writer: inout StringWriter) {
    switch item {
    case .literal(let byte): writer.append(byte)
    case .number(let field, let least, _, _, _):
      var value = moment.value(field)
      if case .year = field {
        if pattern.usesEra && value <= 0 { value = 1 - value }
        // A year of more digits than the pattern has letters.
        if least >= 4 && value >= least.powerOfTen { writer.append(UInt8(ascii: "+")) }
      }
      Self.write(value, width: least, &writer)
    case .twoDigitYear: Self.write(((moment.date.year % 100) + 100) % 100, width: 2, &writer)
    case .monthName(let isFull): writer.append(CivilDate.monthName(moment.date.month, isFull: isFull))
    case .weekdayName(let isFull):
      writer.append(CivilDate.weekdayName(CivilDate.isoWeekday(days: moment.day), isFull: isFull))
    case .quarterName(let isFull):
      let quarter = moment.value(.quarter)
      writer.append(isFull ? DateTimeNames.quarters[quarter - 1] : "Q\(quarter)")
    case .halfOfDay: writer.append(moment.hour < 12 ? "AM" : "PM")
    case .era(let isFull):
      let isBefore = moment.date.year <= 0
      writer.append(isFull ? (isBefore ? "Before Christ" : "Anno Domini") : (isBefore ? "BC" : "AD"))
    case .fraction(let digits): Self.writeFraction(moment.time % 1_000_000, digits, &writer)
    case .offset(let style): Self.write(moment.offset, style, &writer)
    case .localizedOffset(let isFull): Self.writeLocalized(moment.offset, isFull, &writer)
    case .zoneID: writer.append(zone.name)
    case .zoneName: writer.append(zone.abbreviation(atUTC: moment.instant.flooredSecond))
    case .optional(let inner): for item in inner { write(item, moment, &writer) }
    }
  }

  private static func write(_ value: Int, width: Int, _ writer: inout StringWriter) {
    if value < 0 { writer.append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    var digits = 1
    var limit: UInt = 10
    while rest >= limit && digits < 19 {
      digits += 1
      limit *= 10
    }
    let total = max(digits, width)
    let target = writer.reserve(total).assumingMemoryBound(to: UInt8.self)
    var index = total - 1
    while index >= 0 {
      target[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
      index -= 1
    }
    writer.advance(total)
  }

  private static func writeFraction(_ microseconds: Int, _ digits: Int, _ writer: inout StringWriter) {
    var scale = 100_000
    for _ in 0..<digits {
      writer.append(scale == 0 ? 0x30 : UInt8(truncatingIfNeeded: 0x30 + microseconds / scale % 10))
      scale /= 10
    }
  }

  private static func write(_ offset: Int, _ style: DateTimePattern.OffsetStyle, _ writer: inout StringWriter) {
    if offset == 0 { return style.zero.withUnsafeBytes { writer.append($0) } }
    let size = abs(offset)
    writer.append(UInt8(ascii: offset < 0 ? "-" : "+"))
    write(size / 3600, width: 2, &writer)
    let minutes = size / 60 % 60
    if style.needsMinutes || minutes != 0 {
      if style.hasColon { writer.append(UInt8(ascii: ":")) }
      write(minutes, width: 2, &writer)
    }
    if style.hasSeconds && size % 60 != 0 {
      if style.hasColon { writer.append(UInt8(ascii: ":")) }
      write(size % 60, width: 2, &writer)
    }
  }

  private static func writeLocalized(_ offset: Int, _ isFull: Bool, _ writer: inout StringWriter) {
    writer.append("GMT")
    if offset == 0 { return }
    if isFull { return writer.append(TimeZoneOffset.text(offset)) }
    let size = abs(offset)
    writer.append(UInt8(ascii: offset < 0 ? "-" : "+"))
    write(size / 3600, width: 1, &writer)
    if size / 60 % 60 != 0 {
      writer.append(UInt8(ascii: ":"))
      write(size / 60 % 60, width: 2, &writer)
    }
  }
}

extension Int {
  /// 10 to the power of it, as far as there is room.
  fileprivate var powerOfTen: Int { (0..<Swift.min(self, 18)).reduce(1) { power, _ in power * 10 } }
}
