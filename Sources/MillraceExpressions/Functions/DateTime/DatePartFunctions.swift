import MillraceColumnar

/// Fields of dates and times: `year(ts)`, `extract(field FROM ts)`, `dayname(date)`.
enum DatePartFunctions {
  static let all: [ScalarFunction] =
    parts.map { part in
      ScalarFunction(part.name, summary: part.summary, example: "\(part.name)(TIMESTAMP'2009-07-30 12:58:59')") {
        (arguments: [Expression], context: BindingContext) in
        try Arguments.expectCount(part.name, arguments, 1)
        return try integer(part.name, part.field, arguments[0], context)
      }
    } + [
      alias("dayofmonth", "The day of the month, 1…31.", .day),
      ScalarFunction(
        "date_part", "datepart", "extract", summary: "A field of a date, time or interval, named by a constant string.",
        example: "date_part('YEAR', TIMESTAMP'2019-08-12 01:00:00.123456')"
      ) { (arguments: [Expression], context: BindingContext) in
        try Arguments.expectCount("date_part", arguments, 2)
        guard case .string(let field) = try Arguments.constant("date_part", "field", arguments[0]) else {
          return .null(.double)
        }
        return try extract(field, arguments[1], context)
      },
      name("dayname", "The short name of the weekday.") {
        CivilDate.weekdayName(CivilDate.isoWeekday(days: $0), isFull: false)
      },
      name("monthname", "The short name of the month.") {
        CivilDate.monthName(CivilDate(days: $0).month, isFull: false)
      },
    ]

  /// A field of a date.
  enum Field: String, Sendable {
    case year, quarter, month, day, hour, minute, second, dayOfWeek, weekday, dayOfYear, week, isoDayOfWeek, yearOfWeek

    var isOfDay: Bool {
      switch self {
      case .hour, .minute, .second: false
      default: true
      }
    }

    func value(days: Int) -> Int {
      switch self {
      case .year: CivilDate(days: days).year
      case .quarter: (CivilDate(days: days).month - 1) / 3 + 1
      case .month: CivilDate(days: days).month
      case .day: CivilDate(days: days).day
      case .dayOfWeek: CivilDate.isoWeekday(days: days) % 7 + 1
      case .weekday: CivilDate.isoWeekday(days: days) - 1
      case .isoDayOfWeek: CivilDate.isoWeekday(days: days)
      case .dayOfYear: CivilDate(days: days).dayOfYear
      // The week of a day is the one that holds its Thursday.
      case .week: (CivilDate(days: days + 4 - CivilDate.isoWeekday(days: days)).dayOfYear - 1) / 7 + 1
      case .yearOfWeek: CivilDate(days: days + 4 - CivilDate.isoWeekday(days: days)).year
      case .hour, .minute, .second: 0
      }
    }

    func value(microsecondOfDay time: Int) -> Int {
      switch self {
      case .hour: time / 3_600_000_000
      case .minute: time / 60_000_000 % 60
      default: time / 1_000_000 % 60
      }
    }
  }

  private static let parts: [(name: String, summary: String, field: Field)] = [
    ("year", "The year.", .year), ("quarter", "The quarter, 1…4.", .quarter), ("month", "The month, 1…12.", .month),
    ("day", "The day of the month, 1…31.", .day), ("hour", "The hour, 0…23.", .hour),
    ("minute", "The minute, 0…59.", .minute),
    ("second", "The second, 0…59.", .second), ("dayofweek", "The weekday, Sunday = 1.", .dayOfWeek),
    ("weekday", "The weekday, Monday = 0.", .weekday), ("dayofyear", "The day of the year, 1…366.", .dayOfYear),
    ("weekofyear", "The ISO week, 1…53.", .week),
  ]

  private static func alias(_ name: String, _ summary: String, _ field: Field) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(DATE'2009-07-30')") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount(name, arguments, 1)
      return try integer(name, field, arguments[0], context)
    }
  }

  private static func name(_ name: String, _ summary: String, _ text: @escaping @Sendable (Int) -> String)
    -> ScalarFunction
  {
    ScalarFunction(
      name, summary: summary, example: "\(name)(DATE'2008-02-20')",
      bind: Bind.fixed(name, [.date], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          writer.append(text(vectors[0].int(row)))
          return true
        }
      })
  }

  /// A field as INT. Fields of the day are read from a DATE, others from a local time.
  static func integer(
    _ name: String, _ field: Field, _ argument: Expression, _ context: BindingContext
  ) throws -> Expression {
    if field.isOfDay {
      let date = try Arguments.coerce(name, [argument], [.date], context)
      return Bind.call(name, date, .integer, variant: field.rawValue) { vectors, count in
        .map(.integer, vectors[0]) { (days: Int32) -> Int32 in Int32(truncatingIfNeeded: field.value(days: Int(days))) }
      }
    }
    let local = try localTime(name, argument, context)
    return Bind.call(name, [local], .integer, variant: field.rawValue) { vectors, count in
      .map(.integer, vectors[0]) { (time: Int64) -> Int32 in
        Int32(truncatingIfNeeded: field.value(microsecondOfDay: CivilDateTime.split(time).microsecondOfDay))
      }
    }
  }

  /// The argument as a time on the session's clock.
  static func localTime(_ name: String, _ argument: Expression, _ context: BindingContext) throws -> Expression {
    let time = try Arguments.coerce(name, [argument], [.timestamp], context)[0]
    return time.type == .timestamp ? try time.cast(to: .timestampNTZ, context) : time
  }

  /// `extract(field FROM source)`, intervals included.
  static func extract(_ field: String, _ source: Expression, _ context: BindingContext) throws -> Expression {
    let wanted = field.uppercased()
    switch source.type {
    case .dayTimeInterval, .yearMonthInterval, .calendarInterval: return try IntervalParts.extract(wanted, source)
    default: break
    }
    let known: Field
    switch wanted {
    case "YEAR", "Y", "YEARS", "YR", "YRS": known = .year
    case "YEAROFWEEK": known = .yearOfWeek
    case "QUARTER", "QTR": known = .quarter
    case "MONTH", "MON", "MONS", "MONTHS": known = .month
    case "WEEK", "W", "WEEKS": known = .week
    case "DAY", "D", "DAYS": known = .day
    case "DAYOFWEEK", "DOW": known = .dayOfWeek
    case "DAYOFWEEK_ISO", "DOW_ISO": known = .isoDayOfWeek
    case "DOY": known = .dayOfYear
    case "HOUR", "H", "HOURS", "HR", "HRS": known = .hour
    case "MINUTE", "M", "MIN", "MINS", "MINUTES": known = .minute
    case "SECOND", "S", "SEC", "SECONDS", "SECS": return try secondsWithFraction(source, context)
    default: throw unknown(field, source.type)
    }
    return try integer("extract", known, source, context)
  }

  static func unknown(_ field: String, _ type: DataType) -> MillraceError {
    MillraceError(
      "INVALID_EXTRACT_FIELD", "'\(field)' is no field of \(type.sql)",
      hint: "name a field such as YEAR, DAY, HOUR or SECOND")
  }

  private static func secondsWithFraction(_ source: Expression, _ context: BindingContext) throws -> Expression {
    let local = try localTime("extract", source, context)
    let type = DataType.decimal(precision: 8, scale: 6)
    return Bind.call("extract", [local], type, variant: "second") { vectors, count in
      .map(type, vectors[0]) { (time: Int64) -> Int128 in
        Int128(CivilDateTime.split(time).microsecondOfDay % 60_000_000)
      }
    }
  }
}

/// Fields of intervals. One that an interval's type does not have, such as DAY of INTERVAL HOUR, is an error, not 0.
enum IntervalParts {
  static func extract(_ field: String, _ source: Expression) throws -> Expression {
    guard let unit = Unit(field), unit.isField(of: source.type) else {
      throw DatePartFunctions.unknown(field, source.type)
    }
    switch source.type {
    case .yearMonthInterval: return ofMonths(unit, source) { (months: Int32) in months }
    case .dayTimeInterval:
      if unit == .day {
        return part(source, .integer, unit) { (time: Int64) in Int32(truncatingIfNeeded: time / 86_400_000_000) }
      }
      return ofTime(unit, source) { (time: Int64) in time }
    default:
      switch unit {
      case .year, .month: return ofMonths(unit, source) { (interval: CalendarInterval) in interval.months }
      case .day: return part(source, .integer, unit) { (interval: CalendarInterval) in interval.days }
      default: return ofTime(unit, source) { (interval: CalendarInterval) in interval.microseconds }
      }
    }
  }

  private enum Unit: String {
    case year, month, day, hour, minute, second

    init?(_ name: String) {
      switch name {
      case "YEAR", "Y", "YEARS", "YR", "YRS": self = .year
      case "MONTH", "MON", "MONS", "MONTHS": self = .month
      case "DAY", "D", "DAYS": self = .day
      case "HOUR", "H", "HOURS", "HR", "HRS": self = .hour
      case "MINUTE", "M", "MIN", "MINS", "MINUTES": self = .minute
      case "SECOND", "S", "SEC", "SECONDS", "SECS": self = .second
      default: return nil
      }
    }

    func isField(of type: DataType) -> Bool {
      switch (type, self) {
      case (.yearMonthInterval(let from, _), .year): from == .year
      case (.yearMonthInterval(_, let to), .month): to == .month
      case (.dayTimeInterval(let from, _), .day): from == .day
      case (.dayTimeInterval(let from, let to), .hour): from <= .hour && .hour <= to
      case (.dayTimeInterval(let from, let to), .minute): from <= .minute && .minute <= to
      case (.dayTimeInterval(_, let to), .second): to == .second
      default: type == .calendarInterval
      }
    }
  }

  private static func ofMonths<A>(
    _ unit: Unit, _ source: Expression, _ months: @escaping @Sendable (A) -> Int32
  ) -> Expression {
    if unit == .year { return part(source, .integer, unit) { (value: A) -> Int32 in months(value) / 12 } }
    return part(source, .byte, unit) { (value: A) -> Int8 in Int8(truncatingIfNeeded: months(value) % 12) }
  }

  private static func ofTime<A>(
    _ unit: Unit, _ source: Expression, _ time: @escaping @Sendable (A) -> Int64
  ) -> Expression {
    switch unit {
    case .hour:
      return part(source, .byte, unit) { (value: A) -> Int8 in
        Int8(truncatingIfNeeded: time(value) / 3_600_000_000 % 24)
      }
    case .minute:
      return part(source, .byte, unit) { (value: A) -> Int8 in Int8(truncatingIfNeeded: time(value) / 60_000_000 % 60) }
    default:
      return part(source, .decimal(precision: 8, scale: 6), unit) { (value: A) -> Int128 in
        Int128(time(value) % 60_000_000)
      }
    }
  }

  private static func part<A, R>(
    _ source: Expression, _ type: DataType, _ unit: Unit, _ body: @escaping @Sendable (A) -> R
  ) -> Expression {
    Bind.call("extract", [source], type, variant: unit.rawValue) { vectors, _ in .map(type, vectors[0], body) }
  }
}
