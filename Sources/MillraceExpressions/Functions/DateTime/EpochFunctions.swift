import MillraceColumnar

/// Times as numbers since 1970-01-01, and as text.
enum EpochFunctions {
  static let all: [ScalarFunction] = [
    count("unix_seconds", "Seconds since 1970-01-01T00:00:00Z, rounded down.", 1_000_000),
    count("unix_millis", "Milliseconds since 1970-01-01T00:00:00Z, rounded down.", 1000),
    count("unix_micros", "Microseconds since 1970-01-01T00:00:00Z.", 1),
    moment("timestamp_millis", "The time so many milliseconds after 1970-01-01T00:00:00Z.", 1000),
    moment("timestamp_micros", "The time so many microseconds after 1970-01-01T00:00:00Z.", 1),
    ScalarFunction(
      "timestamp_seconds", summary: "The time so many seconds after 1970-01-01T00:00:00Z.",
      example: "timestamp_seconds(1230219000)"
    ) { (arguments: [Expression], context: BindingContext) in
      if let type = arguments.first?.type, type == .string {
        throw Arguments.unexpectedType("timestamp_seconds", 0, type, .numeric)
      }
      let bound = try Arguments.coerce("timestamp_seconds", arguments, [.numeric], context)
      if bound[0].type.isFractional { return fractional(try bound[0].cast(to: .double, context)) }
      if !bound[0].type.isIntegral { return try bound[0].cast(to: .timestamp, context) }
      return scaled("timestamp_seconds", try bound[0].cast(to: .long, context), 1_000_000)
    },
    ScalarFunction(
      "unix_date", summary: "Days since 1970-01-01.", example: "unix_date(DATE'1970-01-02')",
      bind: Bind.fixed("unix_date", [.strict(.date)], .integer) { vectors, _ in vectors[0].retyped(.integer) }),
    ScalarFunction(
      "date_from_unix_date", summary: "The date so many days after 1970-01-01.", example: "date_from_unix_date(1)",
      bind: Bind.fixed("date_from_unix_date", [.integer], .date) { vectors, _ in vectors[0].retyped(.date) }),
    ScalarFunction("date_format", summary: "The time as text by a pattern.", example: "date_format('2016-04-08', 'y')")
    {
      (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("date_format", arguments, [.type(.timestamp), .string], context)
      return try format("date_format", bound, context)
    },
    ScalarFunction(
      "from_unixtime", summary: "The time so many seconds after 1970-01-01T00:00:00Z as text by a pattern.",
      example: "from_unixtime(0, 'yyyy-MM-dd HH:mm:ss')"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 1 ? arguments + [.string("yyyy-MM-dd HH:mm:ss")] : arguments
      let bound = try Arguments.coerce("from_unixtime", given, [.long, .string], counts: 1...2, context)
      let time = scaled("timestamp_seconds", bound[0], 1_000_000, wraps: true)
      return try format("from_unixtime", [time, bound[1]], context)
    },
  ]

  private static func count(_ name: String, _ summary: String, _ unit: Int64) -> ScalarFunction {
    ScalarFunction(
      name, summary: summary, example: "\(name)(TIMESTAMP'1970-01-01 00:00:01Z')",
      bind: Bind.fixed(name, [.oneOf([.strict(.timestamp), .strict(.timestampNTZ)])], .long) { vectors, _ in
        .map(.long, vectors[0]) { (time: Int64) -> Int64 in unit == 1 ? time : time.floored(by: unit) }
      })
  }

  private static func moment(_ name: String, _ summary: String, _ unit: Int64) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(1230219000123)") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount(name, arguments, 1)
      guard arguments[0].type.isIntegral || arguments[0].type == .void else {
        throw Arguments.unexpectedType(name, 0, arguments[0].type, .integral)
      }
      let bound = try Arguments.coerce(name, arguments, [.long], context)
      return scaled(name, bound[0], unit)
    }
  }

  /// `timestamp_seconds` of floating-point numbers: none for NaN and infinity, and the last or first time where a number is beyond it.
  private static func fractional(_ seconds: Expression) -> Expression {
    Bind.call("timestamp_seconds", [seconds], .timestamp, isNullable: true) { vectors, count in
      let numbers = vectors[0].values(as: Double.self)
      return RowLoop.values(.timestamp, vectors, count) { row -> Int64? in
        let seconds = numbers[vectors[0].slot(row)]
        if !seconds.isFinite { return nil }
        let time = seconds * 1_000_000
        return Int64(exactly: time.rounded(.towardZero)) ?? (time < 0 ? .min : .max)
      }
    }
  }

  /// Times of numbers of a unit; beyond the range of times an error, or what is left of 64 bits where `wraps`, as `from_unixtime` has it.
  private static func scaled(
    _ name: String, _ argument: Expression, _ unit: Int64, wraps: Bool = false
  ) -> Expression {
    Bind.call(name, [argument], .timestamp, variant: wraps ? "wraps" : "", canFail: unit != 1 && !wraps) {
      vectors, count in
      try RowLoop.values(.timestamp, vectors, count) { row -> Int64? in
        let (result, overflow) = vectors[0].long(row).multipliedReportingOverflow(by: unit)
        if overflow && !wraps {
          throw MillraceError(
            "DATETIME_OVERFLOW", "\(name) of \(vectors[0].long(row)) is beyond the range of TIMESTAMP",
            hint: "check the unit: seconds, milliseconds or microseconds")
        }
        return result
      }
    }
  }

  /// A call that writes times; a constant pattern is compiled here, others by row.
  private static func format(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws -> Expression
  {
    let zone = try TimeZoneRules.required(context.timeZone)
    let fixed = try arguments[1].constantText.map {
      DateTimeFormatter(try DateTimePattern($0, for: .writing), zone: zone)
    }
    return Bind.call(name, arguments, .string, variant: context.timeZone, canFail: fixed == nil) { vectors, count in
      var known: (text: StringView, formatter: DateTimeFormatter)?
      var memo = fixed.map { DateTimeTextMemo($0) }
      return try RowLoop.strings(vectors, count) { row, writer in
        let time = vectors[0].long(row)
        if memo != nil {
          memo?.write(instant: time, to: &writer)
          return true
        }
        let text = vectors[1].views[vectors[1].slot(row)]
        if let known, known.text == text {
          known.formatter.write(instant: time, to: &writer)
        } else {
          let made = DateTimeFormatter(try DateTimePattern(text.string, for: .writing), zone: zone)
          known = (text, made)
          made.write(instant: time, to: &writer)
        }
        return true
      }
    }
  }
}
