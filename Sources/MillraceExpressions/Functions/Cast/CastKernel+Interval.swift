import MillraceColumnar

extension CastKernel {
  /// Casts between intervals and numbers; nil for all others.
  static func interval(_ source: DataType, _ target: DataType, _ options: Options) -> Function? {
    switch (source, target) {
    case (.string, .calendarInterval):
      // What is none is NULL, also in ANSI mode, as in Spark.
      let lenient = Options(isTry: true, timeZone: options.timeZone)
      return { try parse($0, target, lenient) { calendarInterval($0) } }
    case (.string, .dayTimeInterval(let from, let to)):
      return { vector in
        try parseInterval(vector, target, options) { bytes throws(IntervalReader.Failure) in
          try IntervalReader.dayTime(bytes, from, to)
        }
      }
    case (.string, .yearMonthInterval(let from, let to)):
      return { vector in
        try parseInterval(vector, target, options) { bytes throws(IntervalReader.Failure) in
          try IntervalReader.yearMonth(bytes, from, to)
        }
      }
    case (.dayTimeInterval, .dayTimeInterval(_, let to)):
      let unit = to.microseconds
      return { .map(target, $0) { (value: Int64) -> Int64 in value / unit * unit } }
    case (.yearMonthInterval, .yearMonthInterval(_, let to)):
      let unit = to.months
      return { .map(target, $0) { (value: Int32) -> Int32 in value / unit * unit } }
    case (.dayTimeInterval(_, let to), .decimal(let precision, let scale)):
      return fromInterval(target, Int64.self, to.microseconds, precision, scale, options)
    case (.dayTimeInterval(_, let to), _) where target.isIntegral:
      let unit = to.microseconds
      return wholeUnits(source, target, options) { .map(.long, $0) { (value: Int64) -> Int64 in value / unit } }
    case (.yearMonthInterval(_, let to), .decimal(let precision, let scale)):
      return fromInterval(target, Int32.self, Int64(to.months), precision, scale, options)
    case (.yearMonthInterval(_, let to), _) where target.isIntegral:
      let unit = Int64(to.months)
      return wholeUnits(source, target, options) { .map(.long, $0) { (value: Int32) -> Int64 in Int64(value) / unit } }
    case (_, .dayTimeInterval(_, let to)): return toInterval(source, target, Int64.self, to.microseconds, options)
    case (_, .yearMonthInterval(_, let to)): return toInterval(source, target, Int32.self, Int64(to.months), options)
    default: return nil
    }
  }

  private static func calendarInterval(_ bytes: UnsafeRawBufferPointer) -> CalendarInterval? {
    var builder = IntervalBuilder()
    do throws(IntervalBuilder.Failure) {
      try builder.add(text: String(decoding: bytes, as: UTF8.self))
      return try builder.calendarInterval()
    } catch { return nil }
  }

  private static func parseInterval<T>(
    _ vector: ColumnVector, _ target: DataType, _ options: Options,
    _ body: (UnsafeRawBufferPointer) throws(IntervalReader.Failure) -> T
  ) throws -> ColumnVector {
    try parse(vector, target, options) { bytes -> T? in
      do throws(IntervalReader.Failure) {
        return try body(bytes)
      } catch {
        if options.isTry { return nil }
        throw IntervalReader.failure(error, bytes, target)
      }
    }
  }

  private static func wholeUnits(
    _ source: DataType, _ target: DataType, _ options: Options,
    _ units: @escaping @Sendable (ColumnVector) -> ColumnVector
  ) -> Function? {
    guard let narrow = try? make(.long, target, options) else { return nil }
    return { try narrow(units($0)) }
  }

  private static func fromInterval<T: FixedWidthInteger & Sendable>(
    _ target: DataType, _: T.Type, _ unit: Int64, _ precision: Int, _ scale: Int, _ options: Options
  ) -> Function {
    { vector in
      try .checkedMap(target, vector, isTry: options.isTry) { (value: T) -> (Int128, UInt8) in
        guard let result = Decimal128.quotient(Int128(value), Int128(unit), shift: scale),
          Decimal128.fits(result, precision)
        else { return (0, 1) }
        return (result, 0)
      } failure: {
        CastRules.outOfRange("\($0)", target)
      }
    }
  }

  private static func toInterval<T: FixedWidthInteger & Sendable>(
    _ source: DataType, _ target: DataType, _: T.Type, _ unit: Int64, _ options: Options
  ) -> Function? {
    if case .decimal(_, let scale) = source {
      return { vector in
        try .checkedMap(target, vector, isTry: options.isTry) { (value: Int128) -> (T, UInt8) in
          guard let result = Decimal128.product(value, Int128(unit), from: scale, to: 0),
            let fitting = T(exactly: result)
          else { return (0, 1) }
          return (fitting, 0)
        } failure: {
          CastRules.overflow(decimalText($0, scale), source, target)
        }
      }
    }
    guard source.isIntegral, let widen = try? make(source, .long, options) else { return nil }
    return { vector in
      try .checkedMap(target, try widen(vector), isTry: options.isTry) { (value: Int64) -> (T, UInt8) in
        let (result, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow, let fitting = T(exactly: result) else { return (0, 1) }
        return (fitting, 0)
      } failure: {
        CastRules.overflow("\($0)", source, target)
      }
    }
  }
}

extension DataType.DayTimeField {
  /// Length of one unit.
  package var microseconds: Int64 {
    switch self {
    case .day: 86_400_000_000
    case .hour: 3_600_000_000
    case .minute: 60_000_000
    case .second: 1_000_000
    }
  }
}

extension DataType.YearMonthField {
  /// Length of one unit.
  package var months: Int32 { self == .year ? 12 : 1 }
}
