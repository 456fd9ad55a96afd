/// Intervals as SQL prints them.
public enum IntervalText {
  /// `INTERVAL '1 02:03:04.5' DAY TO SECOND`, narrowed to the fields of the type.
  public static func dayTime(_ microseconds: Int64, _ from: DataType.DayTimeField, _ to: DataType.DayTimeField)
    -> String
  {
    let sign = microseconds < 0 ? "-" : ""
    let unit = from == to ? from.sql : "\(from.sql) TO \(to.sql)"
    return "INTERVAL '\(sign)\(dayTimeFields(microseconds.magnitude, from, to))' \(unit)"
  }

  private static func dayTimeFields(
    _ microseconds: UInt64, _ from: DataType.DayTimeField, _ to: DataType.DayTimeField
  ) -> String {
    let unit: [UInt64] = [86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000]
    var rest = microseconds
    var text = ""
    for field in from.rawValue...to.rawValue {
      let count = rest / unit[field]
      rest -= count * unit[field]
      if field > from.rawValue { text += field == 1 ? " " : ":" }
      let digits = String(count)
      // Days have no leading zero.
      text += field > 0 && digits.utf8.count < 2 ? "0" + digits : digits
    }
    return to == .second ? text + fraction(rest) : text
  }

  private static func fraction(_ microseconds: UInt64) -> String {
    if microseconds == 0 { return "" }
    var digits = String(microseconds)
    digits = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    while digits.last == "0" { digits.removeLast() }
    return "." + digits
  }

  /// `INTERVAL '1-2' YEAR TO MONTH`, narrowed to the fields of the type.
  public static func yearMonth(_ months: Int32, _ from: DataType.YearMonthField, _ to: DataType.YearMonthField)
    -> String
  {
    let sign = months < 0 ? "-" : ""
    let count = months.magnitude
    if from != to { return "INTERVAL '\(sign)\(count / 12)-\(count % 12)' YEAR TO MONTH" }
    return from == .year ? "INTERVAL '\(sign)\(count / 12)' YEAR" : "INTERVAL '\(sign)\(count)' MONTH"
  }

  /// `1 years 2 months 3 days 4 hours 5.5 seconds`, without what is zero.
  public static func calendar(_ interval: CalendarInterval) -> String {
    var parts: [String] = []
    func add(_ count: Int64, _ unit: String) { if count != 0 { parts.append("\(count) \(unit)") } }
    add(Int64(interval.months / 12), "years")
    add(Int64(interval.months % 12), "months")
    add(Int64(interval.days), "days")
    add(interval.microseconds / 3_600_000_000, "hours")
    add(interval.microseconds / 60_000_000 % 60, "minutes")
    let rest = interval.microseconds % 60_000_000
    if rest != 0 {
      parts.append("\(rest < 0 ? "-" : "")\(rest.magnitude / 1_000_000)\(fraction(rest.magnitude % 1_000_000)) seconds")
    }
    return parts.isEmpty ? "0 seconds" : parts.joined(separator: " ")
  }
}
