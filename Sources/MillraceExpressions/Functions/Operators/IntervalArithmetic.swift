package import MillraceColumnar

/// Arithmetic with dates, timestamps and intervals.
enum IntervalArithmetic {
  /// The expression for operands of which one is a date, timestamp or interval; nil for all others.
  static func bind(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, isTry: Bool, _ context: BindingContext
  ) throws -> Expression? {
    let settings = Settings(isTry: isTry, context: context)
    switch op {
    case .add: return try add(left, right, settings)
    case .subtract: return try subtract(left, right, settings)
    case .multiply:
      if left.type.isInterval { return try scale(op, left, right, settings) }
      return right.type.isInterval ? try scale(op, right, left, settings) : nil
    case .divide: return left.type.isInterval ? try scale(op, left, right, settings) : nil
    case .integralDivide: return left.type.isInterval ? try ratio(left, right, settings) : nil
    case .remainder, .positiveRemainder: return nil
    }
  }

  /// What all binders pass on.
  struct Settings {
    let isTry: Bool
    let context: BindingContext
    var addName: String { ArithmeticOperator.add.name(isTry: isTry) }
    var subtractName: String { ArithmeticOperator.subtract.name(isTry: isTry) }
  }

  // MARK: - Choice of the operation

  private static func add(_ left: Expression, _ right: Expression, _ settings: Settings) throws -> Expression? {
    if left.type.isInterval && right.type.isInterval {
      return try combine(.add, left, right, settings)
    }
    if left.type.isInterval && right.type == .void || right.type.isInterval && left.type == .void {
      return .null(left.type == .void ? right.type : left.type)
    }
    if right.type.isInterval { return try shift(left, by: right, sign: 1, settings) }
    if left.type.isInterval { return try shift(right, by: left, sign: 1, settings) }
    // An untyped NULL beside a date or time counts as an interval of days to seconds.
    if left.type.isDatetime && right.type == .void || left.type == .void && right.type.isDatetime {
      return .null([left.type, right.type].contains(.timestampNTZ) ? .timestampNTZ : .timestamp)
    }
    if left.type == .date { return try shiftDays(left, by: right, sign: 1, settings) }
    if right.type == .date { return try shiftDays(right, by: left, sign: 1, settings) }
    return nil
  }

  private static func subtract(_ left: Expression, _ right: Expression, _ settings: Settings) throws -> Expression? {
    if left.type.isInterval && right.type.isInterval { return try combine(.subtract, left, right, settings) }
    if left.type.isInterval && right.type == .void { return .null(left.type) }
    if left.type == .void && right.type.isInterval { return .null(right.type) }
    if right.type.isInterval { return try shift(left, by: right, sign: -1, settings) }
    if left.type.isTimestamp || right.type.isTimestamp { return try difference(left, right, settings) }
    if right.type == .date { return try dateDifference(left, right, settings) }
    if left.type == .date && (right.type == .string || right.type == .void) {
      return try dateDifference(left, try right.cast(to: .date, settings.context), settings)
    }
    if left.type == .date { return try shiftDays(left, by: right, sign: -1, settings) }
    return nil
  }

  // MARK: - Dates

  /// DATE ± whole days.
  static func shiftDays(_ date: Expression, by days: Expression, sign: Int32, _ settings: Settings) throws -> Expression
  {
    guard days.type.isIntegral && days.type != .long || days.type == .void else {
      throw OperatorErrors.unexpected(sign > 0 ? "+" : "-", date, days, "a date and a number of days")
    }
    let arguments = [date, try days.cast(to: .integer, settings.context)]
    let name = sign > 0 ? "date_add" : "date_sub"
    return .operation(name, .date, arguments) { vectors, _, _ in
      .map(.date, vectors[0], vectors[1]) { (day: Int32, count: Int32) -> Int32 in day &+ sign &* count }
    }
  }

  private static func dateDifference(_ left: Expression, _ right: Expression, _ settings: Settings) throws -> Expression
  {
    guard left.type.isDatetime || left.type == .string || left.type == .void else {
      throw OperatorErrors.unexpected("-", left, right, "two dates")
    }
    let arguments = [try left.cast(to: .date, settings.context), right]
    let type = DataType.dayTimeInterval(from: .day, to: .day)
    return .operation(settings.subtractName, type, arguments) { vectors, _, _ in
      .map(type, vectors[0], vectors[1]) { (x: Int32, y: Int32) -> Int64 in (Int64(x) - Int64(y)) &* 86_400_000_000 }
    }
  }

  /// Timestamp − timestamp as INTERVAL DAY TO SECOND; dates and strings become timestamps.
  private static func difference(_ left: Expression, _ right: Expression, _ settings: Settings) throws -> Expression {
    let common = left.type == .timestampNTZ && right.type == .timestampNTZ ? DataType.timestampNTZ : .timestamp
    let isPossible = [left.type, right.type].allSatisfy { $0.isDatetime || $0 == .string || $0 == .void }
    guard isPossible else { throw OperatorErrors.unexpected("-", left, right, "two timestamps") }
    let zone = try TimeZoneRules.required(settings.context.timeZone)
    let isInstant = common == .timestamp
    let arguments = [try left.cast(to: common, settings.context), try right.cast(to: common, settings.context)]
    return .operation(settings.subtractName, variant: settings.context.timeZone, .dayToSecond, arguments) {
      vectors, _, _ in
      .map(.dayToSecond, vectors[0], vectors[1]) { (x: Int64, y: Int64) -> Int64 in
        // Spark counts on the local clock, so that a day across a change of offset is a day.
        isInstant ? zone.local(fromUTC: x) &- zone.local(fromUTC: y) : x &- y
      }
    }
  }

  // MARK: - Date or timestamp ± interval

  private static func shift(
    _ moment: Expression, by interval: Expression, sign: Int, _ settings: Settings
  ) throws -> Expression {
    let name = sign > 0 ? settings.addName : settings.subtractName
    if case .yearMonthInterval = interval.type, !moment.type.isDatetime, moment.type != .void {
      throw OperatorErrors.mismatch(name, moment, interval, "a date or timestamp and an interval")
    }
    switch (moment.type, interval.type) {
    case (.date, .dayTimeInterval(.day, .day)):
      return .operation(name, .date, [moment, interval], canFail: true) { vectors, _, _ in
        .map(.date, vectors[0], vectors[1]) { (day: Int32, interval: Int64) -> Int32 in
          day &+ Int32(truncatingIfNeeded: interval / 86_400_000_000 * Int64(sign))
        }
      }
    case (.date, .yearMonthInterval):
      return .operation(name, .date, [moment, interval], alwaysNullable: settings.isTry, canFail: true) {
        vectors, _, _ in
        try shiftDate(vectors[0], vectors[1], settings.isTry) { (months: Int32) in
          DateShift(months: sign * Int(months), days: 0)
        }
      }
    case (.date, .calendarInterval):
      return .operation(name, .date, [moment, interval], alwaysNullable: settings.isTry, canFail: true) {
        vectors, _, _ in
        try shiftDate(vectors[0], vectors[1], settings.isTry) { (interval: CalendarInterval) in
          // ANSI mode refuses parts of a day.
          guard interval.microseconds == 0 else { return nil }
          return DateShift(months: sign * Int(interval.months), days: sign * Int(interval.days))
        }
      }
    case (.date, _):
      let midnight = try moment.cast(to: .timestamp, settings.context)
      return try shiftTimestamp(name, midnight, interval, sign, settings)
    case (.timestamp, _), (.timestampNTZ, _): return try shiftTimestamp(name, moment, interval, sign, settings)
    case (.string, _), (.void, _):
      let instant = try moment.cast(to: .timestamp, settings.context)
      return try shiftTimestamp(name, instant, interval, sign, settings).cast(to: moment.type, settings.context)
    default:
      throw OperatorErrors.unexpected(sign > 0 ? "+" : "-", moment, interval, "a date or timestamp and an interval")
    }
  }

  private struct DateShift {
    var months: Int
    var days: Int
  }

  private static func shiftDate<T>(
    _ dates: ColumnVector, _ intervals: ColumnVector, _ isTry: Bool, _ body: (T) -> DateShift?
  ) throws -> ColumnVector {
    try .checkedMap(.date, dates, intervals, isTry: isTry) { (day: Int32, interval: T) -> (Int32, UInt8) in
      guard let shift = body(interval) else { return (0, 1) }
      let moved = shift.months == 0 ? Int(day) : CivilDate(days: Int(day)).adding(months: shift.months).days
      guard let result = Int32(exactly: moved + shift.days) else { return (0, 1) }
      return (result, 0)
    } failure: { day, interval in
      if let calendar = interval as? CalendarInterval, calendar.microseconds != 0 {
        return MillraceError(
          "INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION",
          "an interval with hours, minutes or seconds cannot be added to a date", hint: "cast the date to TIMESTAMP")
      }
      return OperatorErrors.datetimeOverflow("date \(day) plus an interval")
    }
  }

  private static func shiftTimestamp(
    _ name: String, _ moment: Expression, _ interval: Expression, _ sign: Int, _ settings: Settings
  ) throws -> Expression {
    let type = moment.type
    let zone = type == .timestamp ? try TimeZoneRules.required(settings.context.timeZone) : .utc
    let isTry = settings.isTry
    let kernel: Kernel
    switch interval.type {
    case .dayTimeInterval:
      kernel = { vectors, _, _ in
        try shiftTimestamps(type, vectors, isTry, zone) { (value: Int64) in
          let (days, rest) = value.quotientAndRemainder(dividingBy: 86_400_000_000)
          return CalendarInterval(
            months: 0, days: Int32(truncatingIfNeeded: days) * Int32(sign), microseconds: rest * Int64(sign))
        }
      }
    case .yearMonthInterval:
      kernel = { vectors, _, _ in
        try shiftTimestamps(type, vectors, isTry, zone) { (months: Int32) in
          CalendarInterval(months: months &* Int32(sign), days: 0, microseconds: 0)
        }
      }
    default:
      kernel = { vectors, _, _ in
        try shiftTimestamps(type, vectors, isTry, zone) { (value: CalendarInterval) in
          sign > 0
            ? value
            : CalendarInterval(months: 0 &- value.months, days: 0 &- value.days, microseconds: 0 &- value.microseconds)
        }
      }
    }
    return .operation(
      name, variant: settings.context.timeZone, type, [moment, interval], alwaysNullable: isTry, canFail: !isTry,
      kernel: kernel)
  }

  private static func shiftTimestamps<T>(
    _ type: DataType, _ vectors: [ColumnVector], _ isTry: Bool, _ zone: TimeZoneRules, _ body: (T) -> CalendarInterval
  ) throws -> ColumnVector {
    try .checkedMap(type, vectors[0], vectors[1], isTry: isTry) { (start: Int64, interval: T) -> (Int64, UInt8) in
      guard let result = start.adding(body(interval), zone: zone) else { return (0, 1) }
      return (result, 0)
    } failure: { _, _ in
      OperatorErrors.datetimeOverflow("a timestamp plus an interval")
    }
  }
}

extension DataType {
  /// Whether this is an interval of any kind.
  package var isInterval: Bool {
    switch self {
    case .dayTimeInterval, .yearMonthInterval, .calendarInterval: true
    default: false
    }
  }
}

extension Int64 {
  /// Microseconds of a timestamp after an interval: months and days move the local clock of `zone`, the rest real time.
  /// Nil on overflow.
  package func adding(_ interval: CalendarInterval, zone: TimeZoneRules) -> Int64? {
    var instant = self
    if interval.months != 0 || interval.days != 0 {
      var local = CivilDateTime(microseconds: zone.local(fromUTC: self))
      let moved = interval.months == 0 ? local.date : local.date.adding(months: Int(interval.months))
      let days = moved.days + Int(interval.days)
      // Beyond these days microseconds do not fit into 64 bits.
      guard days > -106_751_991, days < 106_751_991 else { return nil }
      local.date = CivilDate(days: days)
      instant = zone.utc(fromLocal: local.microseconds)
    }
    let (result, overflow) = instant.addingReportingOverflow(interval.microseconds)
    return overflow ? nil : result
  }
}
