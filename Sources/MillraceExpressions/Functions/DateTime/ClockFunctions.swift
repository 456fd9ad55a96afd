import MillraceColumnar

/// The time of the batch.
enum ClockFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "current_timestamp", "now", summary: "The time at which the micro-batch began; the same when it is run again.",
      example: "current_timestamp()"
    ) { (arguments: [Expression], _: BindingContext) in
      try Arguments.expectCount("current_timestamp", arguments, 0)
      return moment("current_timestamp", .timestamp) { $0 }
    },
    ScalarFunction(
      "localtimestamp", summary: "Date and time of the session's zone at which the micro-batch began.",
      example: "localtimestamp()"
    ) { (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("localtimestamp", arguments, 0)
      let zone = try TimeZoneRules.required(context.timeZone)
      return moment("localtimestamp", .timestampNTZ) { zone.local(fromUTC: $0) }
    },
    ScalarFunction(
      "current_date", "curdate", summary: "The date in the session's zone at which the micro-batch began.",
      example: "current_date()"
    ) { (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("current_date", arguments, 0)
      let zone = try TimeZoneRules.required(context.timeZone)
      let function = BoundFunction("current_date", type: .date, isNullable: false, isDeterministic: false) {
        _, count, context in
        let day = CivilDateTime.split(zone.local(fromUTC: context.batchTimestamp)).day
        return .constant(.integer(Int64(day)), type: .date, count: count)
      }
      return .call(function, [])
    },
    ScalarFunction("current_timezone", summary: "Name of the session's time zone.", example: "current_timezone()") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("current_timezone", arguments, 0)
      return .string(context.timeZone)
    },
  ]

  /// `unix_timestamp()`.
  static func currentUnixSeconds() -> Expression { moment("unix_timestamp", .long) { $0.flooredSecond } }

  private static func moment(
    _ name: String, _ type: DataType, _ transform: @escaping @Sendable (Int64) -> Int64
  ) -> Expression {
    let function = BoundFunction(name, type: type, isNullable: false, isDeterministic: false) { _, count, context in
      .constant(.integer(transform(context.batchTimestamp)), type: type, count: count)
    }
    return .call(function, [])
  }
}
