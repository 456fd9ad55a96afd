import MillraceColumnar

/// Intervals with intervals and numbers.
extension IntervalArithmetic {
  /// The sum or difference of two intervals of one kind.
  static func combine(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, _ settings: Settings
  ) throws -> Expression {
    let sign: Int64 = op == .add ? 1 : -1
    let name = op.name(isTry: settings.isTry), isTry = settings.isTry
    guard left.type != .calendarInterval || right.type != .calendarInterval else {
      return .operation(name, .calendarInterval, [left, right], alwaysNullable: isTry, canFail: !isTry) {
        vectors, _, _ in
        try combineCalendar(vectors[0], vectors[1], sign, isTry)
      }
    }
    guard let type = TypeCoercion.tightestCommonType(left.type, right.type) else {
      let wanted = "two intervals of one kind"
      var isYearMonth = false
      if case .yearMonthInterval = right.type { isYearMonth = true }
      throw op == .add || !isYearMonth
        ? OperatorErrors.unexpected(op.rawValue, left, right, wanted)
        : OperatorErrors.mismatch(op.rawValue, left, right, wanted)
    }
    let failure: @Sendable () -> MillraceError = { OperatorErrors.intervalOverflow("interval \(op.rawValue) interval") }
    if case .yearMonthInterval = type {
      return .operation(name, type, [left, right], alwaysNullable: isTry, canFail: !isTry) { vectors, _, _ in
        try .checkedMap(type, vectors[0], vectors[1], isTry: isTry) { (x: Int32, y: Int32) -> (Int32, UInt8) in
          Int32(exactly: Int64(x) + sign * Int64(y)).map { ($0, 0) } ?? (0, 1)
        } failure: { _, _ in
          failure()
        }
      }
    }
    return .operation(name, type, [left, right], alwaysNullable: isTry, canFail: !isTry) { vectors, _, _ in
      try .checkedMap(type, vectors[0], vectors[1], isTry: isTry) { (x: Int64, y: Int64) -> (Int64, UInt8) in
        let (result, overflow) = sign > 0 ? x.addingReportingOverflow(y) : x.subtractingReportingOverflow(y)
        return (result, overflow ? 1 : 0)
      } failure: { _, _ in
        failure()
      }
    }
  }

  private static func combineCalendar(
    _ left: ColumnVector, _ right: ColumnVector, _ sign: Int64, _ isTry: Bool
  ) throws -> ColumnVector {
    try .checkedMap(.calendarInterval, left, right, isTry: isTry) {
      (x: CalendarInterval, y: CalendarInterval) -> (CalendarInterval, UInt8) in
      let (micros, overflow) =
        sign > 0
        ? x.microseconds.addingReportingOverflow(y.microseconds)
        : x.microseconds.subtractingReportingOverflow(y.microseconds)
      guard !overflow, let months = Int32(exactly: Int64(x.months) + sign * Int64(y.months)),
        let days = Int32(exactly: Int64(x.days) + sign * Int64(y.days))
      else { return (x, 1) }
      return (CalendarInterval(months: months, days: days, microseconds: micros), 0)
    } failure: { _, _ in
      OperatorErrors.intervalOverflow("interval plus interval")
    }
  }

  /// Interval × number or interval ÷ number, rounded half up.
  static func scale(
    _ op: ArithmeticOperator, _ interval: Expression, _ number: Expression, _ settings: Settings
  ) throws -> Expression {
    guard number.type.isNumeric || number.type == .string || number.type == .void else {
      throw OperatorErrors.unexpected(op.rawValue, interval, number, "an interval and a number")
    }
    if interval.type == .calendarInterval { return try scaleCalendar(op, interval, number, settings) }
    let type: DataType
    let wide: Expression
    switch interval.type {
    case .yearMonthInterval:
      type = .yearToMonth
      wide = .operation("interval_to_bigint", .long, [interval]) { vectors, _, _ in
        .map(.long, vectors[0]) { (months: Int32) -> Int64 in Int64(months) }
      }
    default:
      type = .dayToSecond
      wide = interval
    }
    let isTry = settings.isTry
    let isDivision = op == .divide
    let factor = try number.cast(to: number.type.isNumeric ? number.type : .double, settings.context)
    let numberType = factor.type
    return .operation(op.name(isTry: isTry), type, [wide, factor], alwaysNullable: isTry, canFail: !isTry) {
      vectors, _, _ in
      let counts = try scaled(vectors[0], vectors[1], numberType, isDivision, isTry)
      guard type == .yearToMonth else { return counts.retyped(type) }
      return try .checkedMap(type, counts, isTry: isTry) { (value: Int64) -> (Int32, UInt8) in
        Int32(exactly: value).map { ($0, 0) } ?? (0, 1)
      } failure: { _ in
        OperatorErrors.intervalOverflow("interval \(op.rawValue) number")
      }
    }
  }

  private static func scaled(
    _ counts: ColumnVector, _ numbers: ColumnVector, _ type: DataType, _ isDivision: Bool, _ isTry: Bool
  ) throws -> ColumnVector {
    let overflow = OperatorErrors.intervalOverflow(isDivision ? "interval / number" : "interval * number")
    let byZero = MillraceError("INTERVAL_DIVIDED_BY_ZERO", "an interval was divided by zero")
    if type.isFractional {
      let doubles = try CastKernel.make(type, .double, .init(isTry: false, timeZone: "UTC"))(numbers)
      return try .checkedMap(.long, counts, doubles, isTry: isTry) { (count: Int64, number: Double) -> (Int64, UInt8) in
        if isDivision && number == 0 { return (0, 1) }
        let exact = isDivision ? Double(count) / number : Double(count) * number
        let rounded = exact.rounded(.toNearestOrAwayFromZero)
        return rounded >= -0x1p63 && rounded < 0x1p63 ? (Int64(rounded), 0) : (0, 1)
      } failure: { _, number in
        isDivision && number == 0 ? byZero : overflow
      }
    }
    let scale: Int
    if case .decimal(_, let places) = type { scale = places } else { scale = 0 }
    let decimal = DataType.decimal(precision: 38, scale: scale)
    let decimals = try CastKernel.make(type, decimal, .init(isTry: false, timeZone: "UTC"))(numbers)
    return try .checkedMap(.long, counts, decimals, isTry: isTry) { (count: Int64, number: Int128) -> (Int64, UInt8) in
      if isDivision && number == 0 { return (0, 1) }
      let exact =
        isDivision
        ? Decimal128.quotient(Int128(count), number, shift: scale)
        : Decimal128.product(Int128(count), number, from: scale, to: 0)
      return exact.flatMap { Int64(exactly: $0) }.map { ($0, 0) } ?? (0, 1)
    } failure: { _, number in
      isDivision && number == 0 ? byZero : overflow
    }
  }

  private static func scaleCalendar(
    _ op: ArithmeticOperator, _ interval: Expression, _ number: Expression, _ settings: Settings
  ) throws -> Expression {
    let isTry = settings.isTry, isDivision = op == .divide
    let factor = try number.cast(to: .double, settings.context)
    return .operation(
      op.name(isTry: isTry), .calendarInterval, [interval, factor], alwaysNullable: isTry, canFail: !isTry
    ) { vectors, _, _ in
      try .checkedMap(.calendarInterval, vectors[0], vectors[1], isTry: isTry) {
        (value: CalendarInterval, number: Double) -> (CalendarInterval, UInt8) in
        if isDivision && number == 0 { return (value, 1) }
        return value.scaled(by: isDivision ? 1 / number : number).map { ($0, 0) } ?? (value, 1)
      } failure: { _, number in
        isDivision && number == 0
          ? MillraceError("INTERVAL_DIVIDED_BY_ZERO", "an interval was divided by zero")
          : OperatorErrors.intervalOverflow("interval \(op.rawValue) number")
      }
    }
  }

  /// Interval `div` interval as BIGINT.
  static func ratio(_ left: Expression, _ right: Expression, _ settings: Settings) throws -> Expression {
    guard left.type != .calendarInterval, right.type.isInterval,
      TypeCoercion.tightestCommonType(left.type, right.type) != nil
    else { throw OperatorErrors.mismatch("div", left, right, "two intervals of one kind") }
    let isTry = settings.isTry
    let counts = [left, right].map { side -> Expression in
      if case .dayTimeInterval = side.type { return side }
      return .operation("interval_to_bigint", .long, [side]) { vectors, _, _ in
        .map(.long, vectors[0]) { (months: Int32) -> Int64 in Int64(months) }
      }
    }
    return .operation("div", .long, counts, alwaysNullable: isTry, canFail: !isTry) { vectors, _, _ in
      try .checkedMap(.long, vectors[0], vectors[1], isTry: isTry) { (x: Int64, y: Int64) -> (Int64, UInt8) in
        if y == 0 || (y == -1 && x == .min) { return (0, 1) }
        return (x / y, 0)
      } failure: { _, y in
        y == 0
          ? MillraceError("INTERVAL_DIVIDED_BY_ZERO", "an interval was divided by zero")
          : OperatorErrors.overflow("interval div interval", .long)
      }
    }
  }
}

extension CalendarInterval {
  /// Every part times a number; fractions of months are dropped, fractions of days become time. Nil on overflow.
  fileprivate func scaled(by factor: Double) -> CalendarInterval? {
    let newMonths = (Double(months) * factor).rounded(.towardZero)
    let exactDays = Double(days) * factor
    let newDays = exactDays.rounded(.towardZero)
    let micros = (Double(microseconds) * factor + (exactDays - newDays) * 86_400e6).rounded(.toNearestOrAwayFromZero)
    guard newMonths.magnitude < 0x1p31, newDays.magnitude < 0x1p31, micros.magnitude < 0x1p63 else { return nil }
    return CalendarInterval(months: Int32(newMonths), days: Int32(newDays), microseconds: Int64(micros))
  }
}
