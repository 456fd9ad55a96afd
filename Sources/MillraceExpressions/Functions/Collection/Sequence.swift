import MillraceColumnar

/// `sequence`: numbers, dates or timestamps from a start to an end, both included.
enum SequenceFunction {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "sequence",
      summary: "The values from start to stop, both included, by a step (1 or 1 day, or backwards, by default).",
      example: "sequence(1, 5, 2)"
    ) { arguments, context in try bind(arguments, context) }
  ]

  /// A step in months and in smaller units (days for dates, microseconds for timestamps).
  private struct Step {
    var months = 0
    var small: Int64 = 0

    var sign: Int { months != 0 ? months.signum() : Int(small.signum()) }
  }

  private static func bind(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("sequence", arguments, 2...3)
    guard let common = TypeCoercion.commonType(arguments.prefix(2).map(\.type)) else { throw wrongTypes(arguments) }
    var bounds = common
    var inputs = Array(arguments)
    if bounds.isIntegral {
      if arguments.count == 3 {
        guard let all = TypeCoercion.commonType(arguments.map(\.type)), all.isIntegral else {
          throw wrongTypes(arguments)
        }
        bounds = all
        inputs[2] = try arguments[2].cast(to: all, context)
      }
    } else {
      guard bounds.isDatetime else { throw wrongTypes(arguments) }
      if arguments.count == 3 {
        switch arguments[2].type {
        case .dayTimeInterval, .yearMonthInterval, .calendarInterval: break
        default: throw wrongTypes(arguments)
        }
      }
    }
    for index in 0..<2 { inputs[index] = try arguments[index].cast(to: bounds, context) }
    let type = DataType.array(element: bounds, containsNull: false)
    let element = bounds
    let zone = bounds == .timestamp ? try TimeZoneRules.required(context.timeZone) : nil
    return CollectionBinding.call("sequence", inputs, type: type, canFail: true) { arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      return try buildLists(type, arguments, rows: rows) { row, builder in
        try append(
          integer(arguments[0], row), integer(arguments[1], row), step(arguments, row, element), element, zone, builder)
      }.repeated(isConstant, count)
    }
  }

  private static func wrongTypes(_ arguments: [Expression]) -> MillraceError {
    MillraceError(
      "DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES",
      "`sequence` takes integers, or dates or timestamps and an interval, not "
        + arguments.map(\.type.sql).joined(separator: ", "))
  }

  private static func integer(_ column: ColumnVector, _ row: Int) -> Int64 {
    guard case .integer(let value) = column.value(row) else { return 0 }
    return value
  }

  private static let microsecondsPerDay: Int64 = 86_400_000_000

  private static func step(_ arguments: [ColumnVector], _ row: Int, _ element: DataType) throws -> Step {
    let isUp = integer(arguments[0], row) <= integer(arguments[1], row)
    guard arguments.count > 2 else {
      let unit: Int64 = element.isTimestamp ? microsecondsPerDay : 1
      return Step(small: isUp ? unit : -unit)
    }
    switch (arguments[2].value(row), arguments[2].type) {
    case (.integer(let months), .yearMonthInterval): return Step(months: Int(months))
    case (.integer(let microseconds), .dayTimeInterval): return try small(microseconds, element)
    case (.interval(let interval), _):
      if interval.months != 0 && interval.days == 0 && interval.microseconds == 0 {
        return Step(months: Int(interval.months))
      }
      var result = try small(Int64(interval.days) * microsecondsPerDay + interval.microseconds, element)
      result.months = Int(interval.months)
      return result
    case (.integer(let number), _): return Step(small: number)
    default: return Step()
    }
  }

  private static func small(_ microseconds: Int64, _ element: DataType) throws -> Step {
    if element != .date { return Step(small: microseconds) }
    guard microseconds % microsecondsPerDay == 0 else {
      throw MillraceError(
        "ILLEGAL_SEQUENCE_BOUNDARIES", "a sequence of dates cannot step by parts of a day", hint: "use timestamps")
    }
    return Step(small: microseconds / microsecondsPerDay)
  }

  private static func append(
    _ start: Int64, _ stop: Int64, _ step: Step, _ element: DataType, _ zone: TimeZoneRules?, _ builder: ColumnBuilder
  ) throws {
    let isUp = step.sign > 0
    guard start == stop || (step.sign != 0 && isUp == (stop > start)) else {
      throw MillraceError(
        "ILLEGAL_SEQUENCE_BOUNDARIES",
        "a sequence from \(start) to \(stop) cannot be made with a step that leads elsewhere",
        hint: "turn the sign of the step")
    }
    if step.sign == 0 { return builder.children[0].append(.integer(start)) }
    if step.months == 0 {
      // Known beforehand: so many elements are not made first to be thrown away.
      let (span, overflow) = stop.subtractingReportingOverflow(start)
      if overflow || span.magnitude / step.small.magnitude >= UInt64(CollectionBinding.sizeLimit) { throw tooLong() }
    }
    var index = 0
    while true {
      let value = Self.value(start, step, index, element, zone)
      guard let value, isUp ? value <= stop : value >= stop else { return }
      guard index < CollectionBinding.sizeLimit else { throw tooLong() }
      builder.children[0].append(.integer(value))
      index += 1
    }
  }

  private static func tooLong() -> MillraceError {
    CollectionBinding.tooLong("a sequence has too many elements", hint: "take a larger step")
  }

  /// Months count from the start, so that the 31st does not wander; nil when it leaves the range.
  private static func value(_ start: Int64, _ step: Step, _ index: Int, _ element: DataType, _ zone: TimeZoneRules?)
    -> Int64?
  {
    let (product, overflow) = step.small.multipliedReportingOverflow(by: Int64(index))
    if overflow { return nil }
    var base = start
    if step.months != 0 {
      if element == .date {
        base = Int64(addMonths(Int(start), step.months * index))
      } else {
        let local = zone.map { $0.local(fromUTC: start) } ?? start
        let (day, rest) = CivilDateTime.split(local)
        let moved = Int64(addMonths(day, step.months * index)) * microsecondsPerDay + Int64(rest)
        base = zone.map { $0.utc(fromLocal: moved) } ?? moved
      }
    }
    let (sum, sumOverflow) = base.addingReportingOverflow(product)
    return sumOverflow ? nil : sum
  }

  private static func addMonths(_ days: Int, _ months: Int) -> Int { CivilDate(days: days).adding(months: months).days }
}
