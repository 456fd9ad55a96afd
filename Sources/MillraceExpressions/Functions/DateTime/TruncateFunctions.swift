import MillraceColumnar

/// `date_trunc`, `trunc` and `time_bucket`: times cut to a unit.
enum TruncateFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "date_trunc", summary: "The time cut to a unit; NULL for an unknown unit.",
      example: "date_trunc('HOUR', TIMESTAMP'2015-03-05 09:32:05.359')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("date_trunc", arguments, [.string, .type(.timestamp)], context)
      let type = DataType.timestamp
      let zone = try TimeZoneRules.required(context.timeZone)
      let fixed = bound[0].constantText.map { Unit($0) }
      // The time is not even computed then.
      if let fixed, fixed == nil { return .null(type) }
      return Bind.call("date_trunc", bound, type, variant: zone.name, isNullable: true, nullStops: 1) {
        vectors, count in
        RowLoop.values(type, vectors, count) { row -> Int64? in
          guard let unit = fixed ?? Unit(String(decoding: vectors[0].bytes(row), as: UTF8.self)) else { return nil }
          return truncate(vectors[1].long(row), unit, zone)
        }
      }
    },
    ScalarFunction(
      "trunc", summary: "The date cut to a year, quarter, month or week; NULL for another unit.",
      example: "trunc(DATE'2019-08-04', 'week')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("trunc", arguments, [.date, .string], context)
      if let name = bound[1].constantText, Unit(name)?.isOfDate != true { return .null(.date) }
      return Bind.call("trunc", bound, .date, isNullable: true) { vectors, count in
        RowLoop.values(.date, vectors, count) { row -> Int32? in
          guard let unit = Unit(String(decoding: vectors[1].bytes(row), as: UTF8.self)), unit.isOfDate else {
            return nil
          }
          return Int32(truncatingIfNeeded: truncate(days: vectors[0].int(row), unit))
        }
      }
    },
  ]

  /// A unit by any of Spark's names.
  enum Unit: Sendable {
    case microsecond, millisecond, second, minute, hour, day, week, month, quarter, year

    init?(_ name: String) {
      switch name.uppercased() {
      case "MICROSECOND": self = .microsecond
      case "MILLISECOND": self = .millisecond
      case "SECOND": self = .second
      case "MINUTE": self = .minute
      case "HOUR": self = .hour
      case "DAY", "DD": self = .day
      case "WEEK": self = .week
      case "MON", "MONTH", "MM": self = .month
      case "QUARTER": self = .quarter
      case "YEAR", "YYYY", "YY": self = .year
      default: return nil
      }
    }

    /// Whether `trunc` of a date knows it.
    var isOfDate: Bool {
      switch self {
      case .week, .month, .quarter, .year: true
      default: false
      }
    }
  }

  private static func truncate(_ time: Int64, _ unit: Unit, _ zone: TimeZoneRules) -> Int64 {
    switch unit {
    case .microsecond: return time
    case .millisecond: return time.floored(by: 1000) &* 1000
    case .second: return time.floored(by: 1_000_000) &* 1_000_000
    case .minute: return fixed(time, 60_000_000, zone)
    case .hour: return fixed(time, 3_600_000_000, zone)
    case .day, .week, .month, .quarter, .year:
      let day = truncate(days: CivilDateTime.split(zone.local(fromUTC: time)).day, unit)
      return zone.utc(fromLocal: Int64(day) &* 86_400_000_000)
    }
  }

  private static func fixed(_ time: Int64, _ step: Int64, _ zone: TimeZoneRules) -> Int64 {
    let shift = zone.local(fromUTC: time) &- time
    return (time &+ shift).floored(by: step) &* step &- shift
  }

  private static func truncate(days: Int, _ unit: Unit) -> Int {
    let date = CivilDate(days: days)
    switch unit {
    case .week: return days - (CivilDate.isoWeekday(days: days) - 1)
    case .month: return days - date.day + 1
    case .quarter: return CivilDate(year: date.year, month: (date.month - 1) / 3 * 3 + 1, day: 1).days
    case .year: return CivilDate(year: date.year, month: 1, day: 1).days
    default: return days
    }
  }
}
