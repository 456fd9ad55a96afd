import MillraceColumnar

/// Dates, times and intervals out of numbers.
enum MakeFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "make_date", summary: "The date of year, month and day.", example: "make_date(2013, 7, 15)",
      bind: Bind.fixed("make_date", [.integer, .integer, .integer], .date, canFail: true) { vectors, count in
        try RowLoop.values(.date, vectors, count) { row -> Int32? in
          let (year, month, day) = (vectors[0].int(row), vectors[1].int(row), vectors[2].int(row))
          guard let date = CivilDate(checkedYear: year, month: month, day: day), year.magnitude <= 5_800_000 else {
            throw outOfBounds("there is no date \(year)-\(month)-\(day)")
          }
          return Int32(truncatingIfNeeded: date.days)
        }
      }),
    timestamp("make_timestamp", .timestamp, isTry: false), timestamp("make_timestamp_ltz", .timestamp, isTry: false),
    timestamp("make_timestamp_ntz", .timestampNTZ, isTry: false),
    timestamp("try_make_timestamp", .timestamp, isTry: true),
    timestamp("try_make_timestamp_ltz", .timestamp, isTry: true),
    timestamp("try_make_timestamp_ntz", .timestampNTZ, isTry: true),
    ScalarFunction(
      "make_interval",
      summary: "An interval of years, months, weeks, days, hours, minutes and seconds; what is left out is 0.",
      example: "make_interval(100, 11, 1, 1, 12, 30, 1.001001)"
    ) { (arguments: [Expression], context: BindingContext) in
      let whole = try Arguments.coerce(
        "make_interval", arguments, Array(repeating: .integer, count: 6) + [.type(.decimal(precision: 18, scale: 6))],
        counts: 0...7, context)
      return Bind.call("make_interval", padded(whole, 6), .calendarInterval, canFail: true) { vectors, count in
        try RowLoop.values(.calendarInterval, vectors, count) { row -> CalendarInterval? in try interval(vectors, row) }
      }
    },
    ScalarFunction(
      "try_make_interval", summary: "The same as `make_interval`, but NULL where the interval is too large.",
      example: "try_make_interval(1, 2)"
    ) { (arguments: [Expression], context: BindingContext) in
      let whole = try Arguments.coerce(
        "try_make_interval", arguments,
        Array(repeating: .integer, count: 6) + [.type(.decimal(precision: 18, scale: 6))], counts: 0...7, context)
      return Bind.call("try_make_interval", padded(whole, 6), .calendarInterval, isNullable: true) { vectors, count in
        RowLoop.values(.calendarInterval, vectors, count) { row -> CalendarInterval? in try? interval(vectors, row) }
      }
    },
    ScalarFunction(
      "make_dt_interval", summary: "An interval of days, hours, minutes and seconds; what is left out is 0.",
      example: "make_dt_interval(1, 12, 30, 1.001001)"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce(
        "make_dt_interval", arguments, [.integer, .integer, .integer, .type(.decimal(precision: 18, scale: 6))],
        counts: 0...4, context)
      return Bind.call("make_dt_interval", padded(bound, 3), .dayToSecond, canFail: true) { vectors, count in
        try RowLoop.values(.dayToSecond, vectors, count) { row -> Int64? in
          let minutes = Int128(vectors[0].int(row) * 1440 + vectors[1].int(row) * 60 + vectors[2].int(row))
          return try narrow(minutes * 60_000_000 + vectors[3].values(as: Int128.self)[vectors[3].slot(row)])
        }
      }
    },
    ScalarFunction(
      "make_ym_interval", summary: "An interval of years and months; what is left out is 0.",
      example: "make_ym_interval(1, 2)"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("make_ym_interval", arguments, [.integer, .integer], counts: 0...2, context)
      let filled = bound + Array(repeating: .integer(0), count: 2 - bound.count)
      return Bind.call("make_ym_interval", filled, .yearToMonth, canFail: true) { vectors, count in
        try RowLoop.values(.yearToMonth, vectors, count) { row -> Int32? in
          guard let months = Int32(exactly: vectors[0].int(row) * 12 + vectors[1].int(row)) else {
            throw intervalOverflow()
          }
          return months
        }
      }
    },
  ]

  /// Zeros for what is left out; the value at `seconds` is DECIMAL(18, 6).
  private static func padded(_ arguments: [Expression], _ seconds: Int) -> [Expression] {
    var result = arguments
    while result.count < seconds { result.append(.integer(0)) }
    if result.count == seconds { result.append(.literal(.decimal(0), .decimal(precision: 18, scale: 6))) }
    return result
  }

  private static func interval(_ vectors: [ColumnVector], _ row: Int) throws -> CalendarInterval {
    let months = Int32(exactly: vectors[0].int(row) * 12 + vectors[1].int(row))
    let days = Int32(exactly: vectors[2].int(row) * 7 + vectors[3].int(row))
    guard let months, let days else { throw intervalOverflow() }
    let minutes = Int128(vectors[4].int(row) * 60 + vectors[5].int(row))
    let microseconds = try narrow(minutes * 60_000_000 + vectors[6].values(as: Int128.self)[vectors[6].slot(row)])
    return CalendarInterval(months: months, days: days, microseconds: microseconds)
  }

  private static func narrow(_ value: Int128) throws -> Int64 {
    guard let result = Int64(exactly: value) else { throw intervalOverflow() }
    return result
  }

  private static func intervalOverflow() -> MillraceError {
    MillraceError("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION", "the interval is too long")
  }

  private static func outOfBounds(_ message: String) -> MillraceError {
    MillraceError("DATETIME_FIELD_OUT_OF_BOUNDS.WITHOUT_SUGGESTION", message)
  }

  private static func fractionOfSecond() -> MillraceError {
    MillraceError(
      "INVALID_FRACTION_OF_SECOND", "60 seconds stand for the next minute, and have no fraction",
      hint: "give seconds from 0 up to 60")
  }

  private static func timestamp(_ name: String, _ type: DataType, isTry: Bool) -> ScalarFunction {
    ScalarFunction(
      name, summary: "The time of year, month, day, hour, minute and second, in a zone if one is given.",
      example: "\(name)(2014, 12, 28, 6, 30, 45.887)"
    ) { (arguments: [Expression], context: BindingContext) in
      let seconds = ExpectedType.type(.decimal(precision: 16, scale: 6))
      let bound = try Arguments.coerce(
        name, arguments, Array(repeating: .integer, count: 5) + [seconds, .string],
        counts: type == .timestamp ? 6...7 : 6...6, context)
      let session = try TimeZoneRules.required(context.timeZone)
      return Bind.call(name, bound, type, variant: context.timeZone, canFail: !isTry, isNullable: isTry ? true : nil) {
        vectors, count in
        try RowLoop.values(type, vectors, count) { row -> Int64? in
          guard let local = local(vectors, row) else {
            if isTry { return nil }
            let seconds = vectors[5].values(as: Int128.self)[vectors[5].slot(row)]
            if seconds > 60_000_000 && seconds < 61_000_000 { throw fractionOfSecond() }
            throw outOfBounds("the fields of `\(name)` are no time")
          }
          if type == .timestampNTZ { return local }
          let zone =
            vectors.count == 7
            ? try TimeZoneRules.required(String(decoding: vectors[6].bytes(row), as: UTF8.self)) : session
          return zone.utc(fromLocal: local)
        }
      }
    }
  }

  private static func local(_ vectors: [ColumnVector], _ row: Int) -> Int64? {
    guard let date = CivilDate(checkedYear: vectors[0].int(row), month: vectors[1].int(row), day: vectors[2].int(row))
    else { return nil }
    let (hour, minute) = (vectors[3].int(row), vectors[4].int(row))
    let microseconds = Int(truncatingIfNeeded: vectors[5].values(as: Int128.self)[vectors[5].slot(row)])
    // 60 seconds without a fraction mean the next minute.
    guard (0..<24).contains(hour), (0..<60).contains(minute), microseconds >= 0, microseconds <= 60_000_000 else {
      return nil
    }
    return CivilDateTime(date, microsecondOfDay: (hour * 60 + minute) * 60_000_000 + microseconds).microseconds
  }
}
