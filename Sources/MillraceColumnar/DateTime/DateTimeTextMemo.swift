/// Writes many times with one pattern. The text of a day is written again with the digits of the clock put in their places, as far as they
/// have fixed ones; else the last text for as long as it holds. In rows that are nearly in the order of time both hold for long.
public struct DateTimeTextMemo {
  /// Digits that differ from row to row.
  private struct Digits {
    var place: Int
    /// Two digits of a field of the clock; nil for those of a second's fraction.
    var field: DateTimePattern.Field?
    var count = 2
  }

  private let formatter: DateTimeFormatter
  private let items: [DateTimePattern.Item]
  /// Microseconds of local time in which all but digits with a place stays the same; nil if it depends on more than the clock's fields.
  private let unit: Int64?
  private var text: [UInt8] = []
  private var digits: [Digits] = []
  /// Instants for which `text` holds.
  private var start = Int64.max
  private var end = Int64.min
  /// Microseconds from midnight to `start`.
  private var startTime = 0

  /// Nothing written yet.
  public init(_ formatter: DateTimeFormatter) {
    self.formatter = formatter
    items = Self.flat(formatter.pattern.items)
    unit = Self.unit(of: items)
  }

  /// What is optional when a text is read is always written.
  private static func flat(_ items: [DateTimePattern.Item]) -> [DateTimePattern.Item] {
    items.flatMap { item in if case .optional(let inner) = item { flat(inner) } else { [item] } }
  }

  /// Appends the text of an instant.
  public mutating func write(instant: Int64, to writer: inout StringWriter) {
    guard instant >= start && instant < end else { return remember(instant, &writer) }
    let count = text.count
    let target = writer.reserve(count).assumingMemoryBound(to: UInt8.self)
    text.withUnsafeBufferPointer { if let base = $0.baseAddress { target.update(from: base, count: count) } }
    writer.advance(count)
    if digits.isEmpty { return }
    let time = startTime &+ Int(instant &- start)
    for part in digits {
      var value = time % 1_000_000
      if let field = part.field {
        value = DateTimeFormatter.Moment.value(field, time: time)
      } else {
        for _ in part.count..<6 { value /= 10 }
      }
      for place in (part.place..<part.place &+ part.count).reversed() {
        target[place] = UInt8(truncatingIfNeeded: 0x30 &+ value % 10)
        value /= 10
      }
    }
  }

  /// Appends the text of an instant, and keeps it for those that follow.
  private mutating func remember(_ instant: Int64, _ writer: inout StringWriter) {
    let before = writer.used
    let moment = DateTimeFormatter.Moment(instant, formatter.zone)
    digits.removeAll(keepingCapacity: true)
    for item in items {
      if let part = Self.digits(of: item, at: writer.used - before) { digits.append(part) }
      formatter.write(item, moment, &writer)
    }
    start = .max
    end = .min
    guard let unit else { return }
    let (first, isLow) = instant.subtractingReportingOverflow(Int64(moment.time) % unit)
    let (last, isHigh) = first.addingReportingOverflow(unit - 1)
    if isLow || isHigh || last == .max { return }
    // The clock may be put forward or back within the unit.
    let zone = formatter.zone
    for moved in [first, last] where zone.offset(atUTC: moved.flooredSecond) != moment.offset { return }
    text = Array(UnsafeRawBufferPointer(start: writer.scratch + before, count: writer.used - before))
    start = first
    end = last + 1
    startTime = moment.time - Int(instant - first)
  }

  /// The digits that an item is, if there are always as many of them.
  private static func digits(of item: DateTimePattern.Item, at place: Int) -> Digits? {
    switch item {
    case .number(let field, 2, _, _, _):
      switch field {
      case .hour, .clockHour, .hourOfHalf, .clockHourOfHalf, .minute, .second: Digits(place: place, field: field)
      default: nil
      }
    case .fraction(let count) where count <= 6: Digits(place: place, field: nil, count: count)
    default: nil
    }
  }

  /// The least unit of all items.
  private static func unit(of items: [DateTimePattern.Item]) -> Int64? {
    let day: Int64 = 86_400_000_000
    var least = day
    for item in items where digits(of: item, at: 0) == nil {
      switch item {
      case .literal, .twoDigitYear, .monthName, .weekdayName, .quarterName, .era, .offset, .localizedOffset, .zoneID:
        break
      case .number(let field, _, _, _, _): least = min(least, unit(of: field))
      case .halfOfDay: least = min(least, 3_600_000_000)
      // Fractions hardly repeat, and a zone may change its abbreviation alone.
      case .fraction, .zoneName, .optional: return nil
      }
    }
    return least
  }

  private static func unit(of field: DateTimePattern.Field) -> Int64 {
    switch field {
    case .year, .month, .day, .dayOfYear, .quarter, .weekdayInMonth: 86_400_000_000
    case .hour, .clockHour, .hourOfHalf, .clockHourOfHalf: 3_600_000_000
    case .minute: 60_000_000
    case .second: 1_000_000
    }
  }
}
