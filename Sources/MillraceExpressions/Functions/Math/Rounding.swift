import MillraceColumnar

/// `round`, `bround`, `ceil` and `floor`.
enum Rounding {
  enum Mode: String, Sendable {
    case round
    case bround
    case ceil
    case floor
  }

  static let all: [ScalarFunction] = [
    ScalarFunction("round", summary: "Rounds to so many decimal places, half away from zero.", example: "round(2.5, 0)")
    {
      arguments, context in try bindRound(.round, arguments, context)
    },
    ScalarFunction("bround", summary: "Rounds to so many decimal places, half to even.", example: "bround(2.5, 0)") {
      arguments, context in try bindRound(.bround, arguments, context)
    },
    ScalarFunction(
      "ceil", "ceiling", summary: "The smallest number of so many places not below.", example: "ceil(-0.1)"
    ) {
      arguments, context in try bindLimit(.ceil, arguments, context)
    },
    ScalarFunction("floor", summary: "The greatest number of so many places not above.", example: "floor(-0.1)") {
      arguments, context in try bindLimit(.floor, arguments, context)
    },
  ]

  // MARK: - Binding

  private static func places(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws -> Int? {
    guard arguments.count == 2 else { return 0 }
    let places = try Arguments.coerce(name, [arguments[1]], [.integer], context)[0]
    guard case .integer(let number) = try Arguments.constant(name, "scale", places) else { return nil }
    return Int(number)
  }

  private static func bindRound(_ mode: Mode, _ arguments: [Expression], _ context: BindingContext) throws -> Expression
  {
    try Arguments.expectCount(mode.rawValue, arguments, 1...2)
    let value = try Arguments.coerce(mode.rawValue, [arguments[0]], [.numeric], context)[0]
    let type = value.type
    let places = try places(mode.rawValue, arguments, context)
    if case .decimal(let precision, let scale) = type {
      let rounded = decimal(mode, value, precision, scale, places ?? 0)
      return places == nil ? .null(rounded.type) : rounded
    }
    guard let places else { return .null(type) }
    if type.isIntegral && places >= 0 { return value }
    let kernel: @Sendable (ColumnVector) throws -> ColumnVector
    switch type {
    case .byte: kernel = integral(mode, type, Int8.self, places)
    case .short: kernel = integral(mode, type, Int16.self, places)
    case .integer: kernel = integral(mode, type, Int32.self, places)
    case .long: kernel = integral(mode, type, Int64.self, places)
    case .float:
      kernel = {
        .map(type, $0) { (value: Float) -> Float in Float(floating(mode, Double(value.description) ?? .nan, places)) }
      }
    default: kernel = { .map(type, $0) { (value: Double) -> Double in floating(mode, value, places) } }
    }
    return .operation(mode.rawValue, variant: "\(places)", type, [value], canFail: type.isIntegral) { vectors, _, _ in
      try kernel(vectors[0])
    }
  }

  private static func bindLimit(_ mode: Mode, _ arguments: [Expression], _ context: BindingContext) throws -> Expression
  {
    try Arguments.expectCount(mode.rawValue, arguments, 1...2)
    if arguments.count == 2 {
      guard [.byte, .short, .integer, .void].contains(arguments[1].type) else {
        throw MillraceError(
          "NON_FOLDABLE_ARGUMENT", "the argument scale of `\(mode.rawValue)` must be a constant of type INT")
      }
      let value = try Arguments.coerce(mode.rawValue, [arguments[0]], [.decimal], context)[0]
      guard case .decimal(let precision, let scale) = value.type else { return value }
      guard let places = try places(mode.rawValue, arguments, context) else { return .null(value.type) }
      return decimal(mode, value, precision, scale, places)
    }
    let type = arguments[0].type
    if case .decimal(let precision, let scale) = type {
      return scale == 0 ? arguments[0] : decimal(mode, arguments[0], precision, scale, 0)
    }
    if type.isIntegral { return try arguments[0].cast(to: .long, context) }
    let value = try Arguments.coerce(mode.rawValue, arguments, [.double], context)[0]
    return .operation(mode.rawValue, .long, [value], canFail: true) { vectors, _, _ in
      try .checkedMap(.long, vectors[0], isTry: false) { (number: Double) -> (Int64, UInt8) in
        let whole = number.rounded(mode == .ceil ? .up : .down)
        if whole >= -0x1p63 && whole < 0x1p63 { return (Int64(whole), 0) }
        // As Java casts NaN, which Spark lets pass.
        return (0, whole.isNaN ? 0 : 1)
      } failure: {
        OperatorErrors.overflow("\(mode.rawValue)(\($0))", .long)
      }
    }
  }

  // MARK: - Decimals

  private static func decimal(
    _ mode: Mode, _ value: Expression, _ precision: Int, _ scale: Int, _ places: Int
  ) -> Expression {
    let integralDigits = precision - scale + 1
    let kept = max(0, min(scale, places))
    let wanted = places < 0 ? max(integralDigits, 1 - places) : integralDigits + kept
    let type = DataType.decimal(precision: min(wanted, DecimalRules.maxPrecision), scale: kept)
    let resultPrecision = min(wanted, DecimalRules.maxPrecision)
    return .operation(mode.rawValue, variant: "\(places)", type, [value], canFail: true) { vectors, _, _ in
      try .checkedMap(type, vectors[0], isTry: false) { (number: Int128) -> (Int128, UInt8) in
        let result = rounded(mode, number, dropping: min(scale - places, 38))
        guard let padded = places < 0 ? scaledUp(result, -places) : result, Decimal128.fits(padded, resultPrecision)
        else {
          return (0, 1)
        }
        return (padded, 0)
      } failure: {
        CastRules.outOfRange(CastKernel.decimalText($0, scale), type)
      }
    }
  }

  private static func scaledUp(_ value: Int128, _ places: Int) -> Int128? {
    if value == 0 { return 0 }
    guard places <= 38 else { return nil }
    let (result, overflow) = value.multipliedReportingOverflow(by: Decimal128.power(places))
    return overflow ? nil : result
  }

  /// The value without its last `dropping` digits.
  private static func rounded(_ mode: Mode, _ value: Int128, dropping: Int) -> Int128 {
    guard dropping > 0 else { return value }
    let divisor = Decimal128.power(dropping)
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
    if rest == 0 { return quotient }
    let away = quotient + (value < 0 ? -1 : 1)
    let distance = rest.magnitude, other = divisor.magnitude - rest.magnitude
    switch mode {
    case .round: return distance >= other ? away : quotient
    case .bround: return distance > other || distance == other && quotient & 1 != 0 ? away : quotient
    case .ceil: return value > 0 ? away : quotient
    case .floor: return value < 0 ? away : quotient
    }
  }

  // MARK: - Integers and floating numbers

  private static func integral<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ mode: Mode, _ type: DataType, _: T.Type, _ places: Int
  ) -> @Sendable (ColumnVector) throws -> ColumnVector {
    // All integers round to zero when more digits go than they have.
    let dropping = min(-places, 20)
    return { vector in
      try .checkedMap(type, vector, isTry: false) { (value: T) -> (T, UInt8) in
        let result = rounded(mode, Int128(value), dropping: dropping) * Decimal128.power(dropping)
        return T(exactly: result).map { ($0, 0) } ?? (0, 1)
      } failure: {
        MillraceError("ARITHMETIC_OVERFLOW", "\(mode.rawValue)(\($0), \(places)) does not fit into \(type.sql)")
      }
    }
  }

  /// Rounds the shortest decimal text of the number, so that 1.005 becomes 1.01.
  private static func floating(_ mode: Mode, _ value: Double, _ places: Int) -> Double {
    if !value.isFinite { return value }
    if value == 0 { return 0 }
    guard let (digits, exponent) = NumberParsing.shortestDigits(value) else { return value }
    let dropping = -exponent - places
    if dropping <= 0 { return value }
    let magnitude = dropping > 20 ? 0 : rounded(mode, Int128(digits), dropping: dropping)
    let result = Double(magnitude, exponent: exponent + dropping)
    return value < 0 && result != 0 ? -result : result
  }
}

extension Double {
  /// `digits · 10^exponent`.
  fileprivate init(_ digits: Int128, exponent: Int) {
    if exponent <= 0 && exponent >= -38 {
      self = Decimal128.double(digits, scale: -exponent)
    } else {
      self = Double("\(digits)e\(exponent)") ?? 0
    }
  }
}
