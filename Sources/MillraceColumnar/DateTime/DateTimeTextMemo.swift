/// Writes many times with one pattern. The last text is written again for as long as it holds: in rows that are nearly in the
/// order of time most differ only in what the pattern does not show.
public struct DateTimeTextMemo {
  private let formatter: DateTimeFormatter
  /// Microseconds of local time in which the text stays the same; nil if it depends on more than the clock's fields.
  private let unit: Int64?
  private var text: [UInt8] = []
  /// Instants for which `text` holds.
  private var start = Int64.max
  private var end = Int64.min

  /// Nothing written yet.
  public init(_ formatter: DateTimeFormatter) {
    self.formatter = formatter
    unit = Self.unit(of: formatter.pattern.items)
  }

  /// Appends the text of an instant.
  public mutating func write(instant: Int64, to writer: inout StringWriter) {
    if instant >= start && instant < end {
      text.withUnsafeBytes { writer.append($0) }
      return
    }
    let before = writer.used
    formatter.write(instant: instant, to: &writer)
    remember(instant, UnsafeRawBufferPointer(start: writer.scratch + before, count: writer.used - before))
  }

  private mutating func remember(_ instant: Int64, _ bytes: UnsafeRawBufferPointer) {
    guard let unit else { return }
    let zone = formatter.zone
    let offset = zone.offset(atUTC: instant.flooredSecond)
    let (local, overflow) = instant.addingReportingOverflow(Int64(offset) * 1_000_000)
    if overflow { return }
    let into = ((local % unit) + unit) % unit
    let (first, isLow) = instant.subtractingReportingOverflow(into)
    let (last, isHigh) = first.addingReportingOverflow(unit - 1)
    if isLow || isHigh || last == .max { return }
    // The clock may be put forward or back within the unit.
    if zone.offset(atUTC: first.flooredSecond) != offset || zone.offset(atUTC: last.flooredSecond) != offset { return }
    text = Array(bytes)
    start = first
    end = last + 1
  }

  /// The least unit of all items.
  private static func unit(of items: [DateTimePattern.Item]) -> Int64? {
    let day: Int64 = 86_400_000_000
    var least = day
    for item in items {
      switch item {
      case .literal, .twoDigitYear, .monthName, .weekdayName, .quarterName, .era, .offset, .localizedOffset, .zoneID:
        break
      case .number(let field, _, _, _, _): least = min(least, unit(of: field))
      case .halfOfDay: least = min(least, 3_600_000_000)
      case .optional(let inner):
        guard let own = unit(of: inner) else { return nil }
        least = min(least, own)
      // Fractions hardly repeat, and a zone may change its abbreviation alone.
      case .fraction, .zoneName: return nil
      }
    }
    return least
  }

  private static func unit(of field: DateTimePattern.Field) -> Int64 {
    switch field {
    case .year, .month, .day, .dayOfYear, .quarter, .weekOfMonth: 86_400_000_000
    case .hour, .clockHour, .hourOfHalf, .clockHourOfHalf: 3_600_000_000
    case .minute: 60_000_000
    case .second: 1_000_000
    }
  }
}
