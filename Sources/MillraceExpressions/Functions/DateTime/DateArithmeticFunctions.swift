import MillraceColumnar

/// Arithmetic of dates and times.
enum DateArithmeticFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("date_add", summary: "The date so many days later.", example: "date_add(DATE'2016-07-30', 1)") {
      (arguments: [Expression], context: BindingContext) in
      if let unit = arguments.first?.constantText, arguments.count == 3 {
        return try add(unit, arguments[1], arguments[2], context)
      }
      return try shiftDays("date_add", arguments, 1, context)
    },
    ScalarFunction("date_sub", summary: "The date so many days earlier.", example: "date_sub(DATE'2016-07-30', 1)") {
      (arguments: [Expression], context: BindingContext) in try shiftDays("date_sub", arguments, -1, context)
    },
    ScalarFunction(
      "datediff", "date_diff",
      summary: "Days from the second date to the first, or whole units from the second time to the third.",
      example: "datediff(DATE'2009-07-31', DATE'2009-07-30')"
    ) { (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("datediff", arguments, 2...3)
      if arguments.count == 3 { return try difference(arguments, context) }
      let dates = try Arguments.coerce("datediff", arguments, [.date, .date], context)
      return Bind.call("datediff", dates, .integer) { vectors, _ in
        .map(.integer, vectors[0], vectors[1]) { (end: Int32, start: Int32) -> Int32 in end &- start }
      }
    },
    ScalarFunction(
      "timestampadd", "dateadd", summary: "The time so many units (a constant string such as 'HOUR') later.",
      example: "timestampadd('HOUR', 8, TIMESTAMP'2022-02-11 20:30:00')"
    ) { (arguments: [Expression], context: BindingContext) in
      // Spark's dateadd is date_add when it has two arguments.
      if arguments.count == 2 { return try shiftDays("dateadd", arguments, 1, context) }
      try Arguments.expectCount("timestampadd", arguments, 3)
      return try add(try unit(arguments[0], "timestampadd"), arguments[1], arguments[2], context)
    },
    ScalarFunction(
      "timestampdiff", summary: "Whole units (a constant string such as 'HOUR') from the second argument to the third.",
      example: "timestampdiff('HOUR', TIMESTAMP'2022-02-11 20:30:00', TIMESTAMP'2022-02-12 04:30:00')"
    ) { (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("timestampdiff", arguments, 3)
      return try difference(arguments, context)
    },
    ScalarFunction(
      "add_months", summary: "The date so many months later, on the last day where the month is shorter.",
      example: "add_months(DATE'2016-08-31', 1)",
      bind: Bind.fixed("add_months", [.date, .integer], .date, canFail: true) { vectors, count in
        RowLoop.values(.date, vectors, count) { row -> Int32? in
          Int32(truncatingIfNeeded: CivilDate(days: vectors[0].int(row)).adding(months: vectors[1].int(row)).days)
        }
      }),
    ScalarFunction(
      "months_between",
      summary: "Months from the second time to the first, rounded to eight digits unless the third says false.",
      example: "months_between('1997-02-28 10:30:00', '1996-10-30')"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 2 ? arguments + [.literal(.boolean(true), .boolean)] : arguments
      let bound = try Arguments.coerce(
        "months_between", given, [.type(.timestamp), .type(.timestamp), .boolean], counts: 2...3, context)
      let local = try [bound[0].cast(to: .timestampNTZ, context), bound[1].cast(to: .timestampNTZ, context), bound[2]]
      return Bind.call("months_between", local, .double) { vectors, count in
        RowLoop.values(.double, vectors, count) { row -> Double? in
          monthsBetween(
            vectors[0].long(row), vectors[1].long(row),
            isRounded: vectors[2].values(as: UInt8.self)[vectors[2].slot(row)] != 0)
        }
      }
    },
    ScalarFunction(
      "last_day", summary: "The last day of the date's month.", example: "last_day(DATE'2009-01-12')",
      bind: Bind.fixed("last_day", [.date], .date) { vectors, _ in
        .map(.date, vectors[0]) { (days: Int32) -> Int32 in
          let date = CivilDate(days: Int(days))
          return days &+ Int32(truncatingIfNeeded: CivilDate.lengthOfMonth(date.year, date.month) - date.day)
        }
      }),
    ScalarFunction(
      "next_day", summary: "The first day after the date that is the given weekday.",
      example: "next_day(DATE'2015-01-14', 'TU')",
      bind: Bind.fixed("next_day", [.date, .string], .date, canFail: true) { vectors, count in
        try RowLoop.values(.date, vectors, count) { row -> Int32? in
          let name = String(decoding: vectors[1].bytes(row), as: UTF8.self)
          guard let weekday = weekday(name) else {
            throw MillraceError(
              "ILLEGAL_DAY_OF_WEEK", "'\(name)' is no day of the week", hint: "write for instance 'MON' or 'Monday'")
          }
          let days = vectors[0].int(row)
          let ahead = (weekday - CivilDate.isoWeekday(days: days) + 6) % 7 + 1
          return Int32(truncatingIfNeeded: days + ahead)
        }
      }),
  ]

  private static func weekday(_ name: String) -> Int? {
    let upper = name.uppercased()
    for (index, day) in ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"].enumerated()
    where upper == day || upper == day.prefix(3) || upper == day.prefix(2) { return index + 1 }
    return nil
  }

  private static func shiftDays(
    _ name: String, _ arguments: [Expression], _ sign: Int32, _ context: BindingContext
  ) throws -> Expression {
    // Spark takes no wider numbers here.
    if arguments.count == 2, arguments[1].type.isNumeric,
      ![.byte, .short, .integer].contains(arguments[1].type)
    {
      throw Arguments.unexpectedType(name, 1, arguments[1].type, .integer)
    }
    let bound = try Arguments.coerce(name, arguments, [.date, .integer], context)
    return Bind.call(name, bound, .date) { vectors, _ in
      .map(.date, vectors[0], vectors[1]) { (days: Int32, shift: Int32) -> Int32 in days &+ sign &* shift }
    }
  }

  /// Spark's rule: whole if both lie on the same day of the month or both on the last, else with 31 days to a month.
  private static func monthsBetween(_ first: Int64, _ second: Int64, isRounded: Bool) -> Double {
    let a = CivilDateTime(microseconds: first), b = CivilDateTime(microseconds: second)
    let months = Double((a.date.year - b.date.year) * 12 + a.date.month - b.date.month)
    let isLast = { (date: CivilDate) in date.day == CivilDate.lengthOfMonth(date.year, date.month) }
    if a.date.day == b.date.day || isLast(a.date) && isLast(b.date) { return months }
    let seconds = a.microsecondOfDay / 1_000_000 - b.microsecondOfDay / 1_000_000 + (a.date.day - b.date.day) * 86_400
    let difference = months + Double(seconds) / Double(31 * 86_400)
    return isRounded ? (difference * 1e8).rounded() / 1e8 : difference
  }

  private static func unit(_ argument: Expression, _ name: String) throws -> String {
    guard case .string(let text) = try Arguments.constant(name, "unit", argument) else {
      throw MillraceError("INVALID_PARAMETER_VALUE.DATETIME_UNIT", "the unit of `\(name)` is NULL")
    }
    return text
  }

  private static func unknownUnit(_ unit: String) -> MillraceError {
    MillraceError(
      "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "'\(unit)' is no unit of time",
      hint: "YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND or MICROSECOND")
  }

  /// Months or microseconds of one unit; days are microseconds on the local clock.
  private static func size(_ unit: String) throws -> (months: Int64, days: Int64, microseconds: Int64) {
    switch unit.uppercased() {
    case "YEAR": (12, 0, 0)
    case "QUARTER": (3, 0, 0)
    case "MONTH": (1, 0, 0)
    case "WEEK": (0, 7, 0)
    case "DAY", "DAYOFYEAR": (0, 1, 0)
    case "HOUR": (0, 0, 3_600_000_000)
    case "MINUTE": (0, 0, 60_000_000)
    case "SECOND": (0, 0, 1_000_000)
    case "MILLISECOND": (0, 0, 1000)
    case "MICROSECOND": (0, 0, 1)
    default: throw unknownUnit(unit)
    }
  }

  private static func add(_ unit: String, _ amount: Expression, _ time: Expression, _ context: BindingContext) throws
    -> Expression
  {
    let size = try size(unit)
    let bound = try Arguments.coerce("timestampadd", [amount, time], [.long, .timestamp], context)
    let type = bound[1].type
    let zone = type == .timestamp ? try TimeZoneRules.required(context.timeZone) : .utc
    return Bind.call("timestampadd", bound, type, variant: "\(unit.uppercased())/\(zone.name)", canFail: true) {
      vectors, count in
      try RowLoop.values(type, vectors, count) { row -> Int64? in
        let amount = vectors[0].long(row), time = vectors[1].long(row)
        let (scaled, overflow) = amount.multipliedReportingOverflow(by: size.microseconds + size.days + size.months)
        if overflow { throw overflowError(unit, amount) }
        if size.microseconds != 0 {
          let (sum, carry) = time.addingReportingOverflow(scaled)
          if carry { throw overflowError(unit, amount) }
          return sum
        }
        var local = CivilDateTime(microseconds: zone.local(fromUTC: time))
        guard scaled.magnitude < 1 << 31 else { throw overflowError(unit, amount) }
        local.date =
          size.months != 0 ? local.date.adding(months: Int(scaled)) : CivilDate(days: local.date.days + Int(scaled))
        return zone.utc(fromLocal: local.microseconds)
      }
    }
  }

  private static func overflowError(_ unit: String, _ amount: Int64) -> MillraceError {
    MillraceError("DATETIME_OVERFLOW", "adding \(amount) \(unit) leaves the range of timestamps")
  }

  private static func difference(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let unit = try unit(arguments[0], "timestampdiff")
    if unit.uppercased() == "DAYOFYEAR" { throw unknownUnit(unit) }
    let size = try size(unit)
    let bound = try Arguments.coerce(
      "timestampdiff", Array(arguments.dropFirst()), [.type(.timestamp), .type(.timestamp)], context)
    let local = try bound.map { try $0.cast(to: .timestampNTZ, context) }
    // Units below a day are counted on the instants, others on the local clock.
    let inputs = size.microseconds != 0 ? bound : local
    let step = size.microseconds != 0 ? size.microseconds : size.days * 86_400_000_000
    return Bind.call("timestampdiff", inputs, .long, variant: unit.uppercased()) { vectors, count in
      RowLoop.values(.long, vectors, count) { row -> Int64? in
        let start = vectors[0].long(row), end = vectors[1].long(row)
        return size.months != 0 ? wholeMonths(start, end) / size.months : (end &- start) / step
      }
    }
  }

  /// Whole months between two local times, rounded towards zero.
  private static func wholeMonths(_ start: Int64, _ end: Int64) -> Int64 {
    if end < start { return -wholeMonths(end, start) }
    let a = CivilDateTime(microseconds: start), b = CivilDateTime(microseconds: end)
    let months = Int64((b.date.year - a.date.year) * 12 + b.date.month - a.date.month)
    let isShort = b.date.day < a.date.day || b.date.day == a.date.day && b.microsecondOfDay < a.microsecondOfDay
    return months - (isShort ? 1 : 0)
  }
}
