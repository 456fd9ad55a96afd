import MillraceColumnar

/// Functions that read dates and times from strings with a pattern.
enum ParseFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "to_timestamp", summary: "The instant that a string means, by a pattern if one is given.",
      example: "to_timestamp('2016-12-31', 'yyyy-MM-dd')"
    ) { try timestamp("to_timestamp", $0, .timestamp, isTry: false, $1) },
    ScalarFunction(
      "try_to_timestamp", summary: "The instant that a string means, NULL if it means none.",
      example: "try_to_timestamp('2016-12-31 00:12:00')"
    ) { try timestamp("try_to_timestamp", $0, .timestamp, isTry: true, $1) },
    ScalarFunction(
      "to_timestamp_ltz", summary: "The instant that a string means, by a pattern if one is given.",
      example: "to_timestamp_ltz('2016-12-31', 'yyyy-MM-dd')"
    ) { try timestamp("to_timestamp_ltz", $0, .timestamp, isTry: false, $1) },
    ScalarFunction(
      "to_timestamp_ntz", summary: "The date and time without zone that a string means, by a pattern if one is given.",
      example: "to_timestamp_ntz('2016-12-31', 'yyyy-MM-dd')"
    ) { try timestamp("to_timestamp_ntz", $0, .timestampNTZ, isTry: false, $1) },
    ScalarFunction(
      "to_date", summary: "The date that a string means, by a pattern if one is given.",
      example: "to_date('2016-12-31', 'yyyy-MM-dd')"
    ) { try date("to_date", $0, isTry: false, $1) },
    ScalarFunction(
      "try_to_date", summary: "The date that a string means, NULL if it means none.",
      example: "try_to_date('foo', 'yyyy-MM-dd')"
    ) { try date("try_to_date", $0, isTry: true, $1) },
    ScalarFunction(
      "unix_timestamp", summary: "Seconds since 1970-01-01 of a time, of a string by a pattern, or of now.",
      example: "unix_timestamp('2016-04-08', 'yyyy-MM-dd')"
    ) { (arguments: [Expression], context: BindingContext) in
      if arguments.isEmpty { return ClockFunctions.currentUnixSeconds() }
      return try unixSeconds("unix_timestamp", arguments, context)
    },
    ScalarFunction(
      "to_unix_timestamp", summary: "Seconds since 1970-01-01 of a time, or of a string by a pattern.",
      example: "to_unix_timestamp('2016-04-08', 'yyyy-MM-dd')"
    ) { try unixSeconds("to_unix_timestamp", $0, $1) },
  ]

  /// A value and perhaps a pattern, neither of them an array, a map or a struct.
  private static func checkArguments(_ name: String, _ arguments: [Expression]) throws {
    try Arguments.expectCount(name, arguments, 1...2)
    for (index, argument) in arguments.enumerated() where argument.type.isNested {
      throw Arguments.unexpectedType(name, index, argument.type, .string)
    }
  }

  /// What has no time in it is read as text: all but dates and times, and but numbers of seconds of an instant.
  private static func cast(
    _ argument: Expression, to type: DataType, isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    let isTime = argument.type.isDatetime || argument.type == .void || type == .timestamp && argument.type.isNumeric
    let text = isTime ? argument : try Cast.bind(argument, to: .string, context: context)
    return try Cast.bind(text, to: type, isTry: isTry, context: context)
  }

  private static func timestamp(
    _ name: String, _ arguments: [Expression], _ type: DataType, isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    try checkArguments(name, arguments)
    if arguments.count == 1 || arguments[0].type.isDatetime {
      return try cast(arguments[0], to: type, isTry: isTry, context)
    }
    return try parse(name, arguments, type, isTry: isTry, context) { type == .timestamp ? $0.instant : $0.local }
  }

  private static func date(
    _ name: String, _ arguments: [Expression], isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    try checkArguments(name, arguments)
    if arguments.count == 1 || arguments[0].type.isDatetime {
      return try cast(arguments[0], to: .date, isTry: isTry, context)
    }
    let instant = try parse(name, arguments, .timestamp, isTry: isTry, context) { $0.instant }
    return try Cast.bind(instant, to: .date, context: context)
  }

  private static func unixSeconds(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws
    -> Expression
  {
    try Arguments.expectCount(name, arguments, 1...2)
    let type = arguments[0].type
    if type.isDatetime {
      let instant = try Cast.bind(arguments[0], to: .timestamp, context: context)
      // Spark truncates here, while unix_seconds() rounds down.
      return Bind.call(name, [instant], .long) { vectors, count in
        RowLoop.values(.long, vectors, count) { vectors[0].long($0) / 1_000_000 }
      }
    }
    guard [.string, .void].contains(type) else { throw Arguments.unexpectedType(name, 0, type, .string) }
    let given = arguments.count == 1 ? arguments + [.string("yyyy-MM-dd HH:mm:ss")] : arguments
    return try parse(name, given, .long, isTry: false, context) { $0.instant.flooredSecond }
  }

  /// A call that reads strings; a constant pattern is compiled here, others by row.
  private static func parse(
    _ name: String, _ arguments: [Expression], _ type: DataType, isTry: Bool, _ context: BindingContext,
    _ result: @escaping @Sendable (DateTimeParser.Result) -> Int64
  ) throws -> Expression {
    let bound = try Arguments.coerce(name, arguments, [.string, .string], context)
    let zone = try TimeZoneRules.required(context.timeZone)
    let fixed = try bound[1].constantText.map { try pattern($0, type) }
    let isNullable = isTry || bound.contains(where: \.isNullable)
    let isTryOrLenient = isTry || !context.isAnsi
    return Bind.call(name, bound, type, variant: context.timeZone, canFail: !isTryOrLenient, isNullable: isNullable) {
      vectors, count in
      var known: StringView?
      var parser: DateTimeParser? = fixed.map { DateTimeParser($0, zone: zone) }
      return try RowLoop.values(type, vectors, count) { row -> Int64? in
        if fixed == nil {
          let text = vectors[1].views[vectors[1].slot(row)]
          if !(known.map { $0 == text } ?? false) {
            parser = DateTimeParser(try pattern(text.string, type), zone: zone)
            known = text
          }
        }
        let bytes = vectors[0].bytes(row)
        if let parsed = parser?.parse(bytes) { return result(parsed) }
        if isTryOrLenient { return nil }
        throw failure(bytes, fixed?.source ?? known?.string ?? "")
      }
    }
  }

  private static func pattern(_ text: String, _ type: DataType) throws -> DateTimePattern {
    do { return try DateTimePattern(text, for: .reading) } catch var error as MillraceError {
      // Times without zone came after the change of patterns that other codes tell of.
      if type == .timestampNTZ { error.code = "INVALID_DATETIME_PATTERN.WITH_SUGGESTION" }
      throw error
    }
  }

  static func failure(_ bytes: UnsafeRawBufferPointer, _ pattern: String) -> MillraceError {
    MillraceError(
      "CANNOT_PARSE_TIMESTAMP",
      "the text '\(String(decoding: bytes.prefix(200), as: UTF8.self))' does not follow the pattern '\(pattern)'",
      hint: "try_to_timestamp gives NULL for such texts")
  }
}
