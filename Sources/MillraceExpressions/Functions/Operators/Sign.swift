import MillraceColumnar

/// Unary minus and plus, and the functions that share their rules.
enum Sign {
  static func negate(_ value: Expression, _ context: BindingContext) throws -> Expression {
    if case .literal(let number, let type) = value, let negated = negated(number, type) {
      return .literal(negated, type)
    }
    let argument = try operand("-", value, context)
    let type = argument.type
    if !context.isAnsi, type.isIntegral {
      return try Arithmetic.bind(.subtract, .literal(.integer(0), type), argument, isTry: false, context)
    }
    let kernel = negateKernel(type)
    return .operation("negative", type, [argument], canFail: type.isIntegral || type.isInterval) { vectors, _, _ in
      try kernel(vectors[0])
    }
  }

  static func plus(_ value: Expression, _ context: BindingContext) throws -> Expression {
    try operand("+", value, context)
  }

  /// A literal stays one, as the type of decimal arithmetic depends on it.
  private static func negated(_ value: Value, _ type: DataType) -> Value? {
    switch value {
    case .integer(let number) where type.isIntegral:
      let lowest: Int64 = type == .long ? .min : -(1 << Int64(type.physical.stride * 8 - 1))
      return number == lowest ? nil : .integer(-number)
    case .double(let number): return .double(-number)
    case .decimal(let number): return .decimal(-number)
    default: return nil
    }
  }

  private static func operand(_ name: String, _ value: Expression, _ context: BindingContext) throws -> Expression {
    if value.type == .string || value.type == .void { return try value.cast(to: .double, context) }
    guard value.type.isNumeric || value.type.isInterval else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "the operand of `\(name)` must be a number or an interval, but it is \"\(value.type.sql)\"")
    }
    return value
  }

  private static func negateKernel(_ type: DataType) -> @Sendable (ColumnVector) throws -> ColumnVector {
    switch type.physical {
    case .int8: return integral(type, Int8.self, name: "-") { 0 &- $0 }
    case .int16: return integral(type, Int16.self, name: "-") { 0 &- $0 }
    case .int32: return integral(type, Int32.self, name: "-") { 0 &- $0 }
    case .int64: return integral(type, Int64.self, name: "-") { 0 &- $0 }
    case .int128: return { .map(type, $0) { (value: Int128) -> Int128 in 0 &- value } }
    case .float: return { .map(type, $0) { (value: Float) -> Float in -value } }
    case .interval:
      return { vector in
        .map(type, vector) { (value: CalendarInterval) -> CalendarInterval in
          CalendarInterval(months: 0 &- value.months, days: 0 &- value.days, microseconds: 0 &- value.microseconds)
        }
      }
    default: return { .map(type, $0) { (value: Double) -> Double in -value } }
    }
  }

  /// A change of sign, which fails for the lowest value only.
  private static func integral<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ type: DataType, _: T.Type, name: String, _ body: @escaping @Sendable (T) -> T
  ) -> @Sendable (ColumnVector) throws -> ColumnVector {
    { vector in
      try .checkedMap(type, vector, isTry: false) { (value: T) -> (T, UInt8) in
        (body(value), value == T.min ? 1 : 0)
      } failure: { value in
        type.isInterval
          ? OperatorErrors.intervalOverflow("\(name) interval")
          : MillraceError("ARITHMETIC_OVERFLOW", "\(name)(\(value)) does not fit into \(type.sql)")
      }
    }
  }

  /// `abs(value)`.
  static func abs(_ value: Expression, _ context: BindingContext) throws -> Expression {
    let argument = try operand("abs", value, context)
    let type = argument.type
    let kernel: @Sendable (ColumnVector) throws -> ColumnVector
    let wraps = !context.isAnsi && type.isIntegral
    switch type.physical {
    case .int8 where wraps: kernel = wrappingMagnitude(type, Int8.self)
    case .int16 where wraps: kernel = wrappingMagnitude(type, Int16.self)
    case .int32 where wraps: kernel = wrappingMagnitude(type, Int32.self)
    case .int64 where wraps: kernel = wrappingMagnitude(type, Int64.self)
    case .int8: kernel = integral(type, Int8.self, name: "abs") { $0 < 0 ? 0 &- $0 : $0 }
    case .int16: kernel = integral(type, Int16.self, name: "abs") { $0 < 0 ? 0 &- $0 : $0 }
    case .int32: kernel = integral(type, Int32.self, name: "abs") { $0 < 0 ? 0 &- $0 : $0 }
    case .int64: kernel = integral(type, Int64.self, name: "abs") { $0 < 0 ? 0 &- $0 : $0 }
    case .int128: kernel = { .map(type, $0) { (value: Int128) -> Int128 in value < 0 ? 0 &- value : value } }
    case .float: kernel = { .map(type, $0) { (value: Float) -> Float in value.magnitude } }
    case .double: kernel = { .map(type, $0) { (value: Double) -> Double in value.magnitude } }
    default: throw Arguments.unexpectedType("abs", 0, type, .numeric)
    }
    let canFail = type.isIntegral && !wraps || type.isInterval
    return .operation("abs", type, [argument], canFail: canFail) { vectors, _, _ in try kernel(vectors[0]) }
  }

  /// Outside of ANSI mode the lowest value stays what it is.
  private static func wrappingMagnitude<T: FixedWidthInteger & SignedInteger & Sendable>(_ type: DataType, _: T.Type)
    -> @Sendable (ColumnVector) throws -> ColumnVector
  {
    { .map(type, $0) { (value: T) -> T in value < 0 ? 0 &- value : value } }
  }
}
