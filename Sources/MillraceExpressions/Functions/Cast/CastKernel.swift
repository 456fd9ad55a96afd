import MillraceColumnar

/// Makes the loop that casts a column, once per bound cast.
enum CastKernel {
  typealias Function = @Sendable (ColumnVector) throws -> ColumnVector

  struct Options: Sendable {
    /// Whether values that cannot be cast become NULL.
    var isTry: Bool
    /// Name of the session time zone.
    var timeZone: String
  }

  static func make(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function {
    if source == target { return { $0 } }
    if source == .void { return { .nulls(target, count: $0.count) } }
    if source == .variant {
      let cast = try VariantCast(isTry: options.isTry, timeZone: options.timeZone)
      return { try cast.cast($0, to: target) }
    }
    if target == .variant { return { try VariantConversion.convert($0) } }
    if let kernel = try text(source, target, options) { return kernel }
    if let kernel = try datetime(source, target, options) { return kernel }
    if let kernel = interval(source, target, options) { return kernel }
    if let kernel = try nested(source, target, options) { return kernel }
    switch target {
    case .boolean: return toBoolean(source)
    case .byte: return toIntegral(source, target, Int8.self, options.isTry)
    case .short: return toIntegral(source, target, Int16.self, options.isTry)
    case .integer: return toIntegral(source, target, Int32.self, options.isTry)
    case .long: return toIntegral(source, target, Int64.self, options.isTry)
    case .float: return toFloating(source, target, Float.self)
    case .double: return toFloating(source, target, Double.self)
    case .decimal(let precision, let scale): return toDecimal(source, precision, scale, options.isTry)
    default: throw CastRules.mismatch(source, target, isTry: options.isTry)
    }
  }

  // MARK: - To BOOLEAN

  private static func toBoolean(_ source: DataType) -> Function {
    switch source.physical {
    case .int8: { .map(.boolean, $0) { (value: Int8) -> UInt8 in value != 0 ? 1 : 0 } }
    case .int16: { .map(.boolean, $0) { (value: Int16) -> UInt8 in value != 0 ? 1 : 0 } }
    case .int32: { .map(.boolean, $0) { (value: Int32) -> UInt8 in value != 0 ? 1 : 0 } }
    case .int64: { .map(.boolean, $0) { (value: Int64) -> UInt8 in value != 0 ? 1 : 0 } }
    case .int128: { .map(.boolean, $0) { (value: Int128) -> UInt8 in value != 0 ? 1 : 0 } }
    case .float: { .map(.boolean, $0) { (value: Float) -> UInt8 in value != 0 ? 1 : 0 } }
    default: { .map(.boolean, $0) { (value: Double) -> UInt8 in value != 0 ? 1 : 0 } }
    }
  }

  // MARK: - To integers

  private static func toIntegral<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ source: DataType, _ target: DataType, _: T.Type, _ isTry: Bool
  ) -> Function {
    switch source {
    case .boolean: return { .map(target, $0) { (value: UInt8) -> T in T(truncatingIfNeeded: value) } }
    case .byte: return narrow(source, target, Int8.self, T.self, isTry)
    case .short: return narrow(source, target, Int16.self, T.self, isTry)
    case .integer: return narrow(source, target, Int32.self, T.self, isTry)
    case .long: return narrow(source, target, Int64.self, T.self, isTry)
    case .float: return { try truncate($0, source, target, Float.self, T.self, isTry) }
    case .decimal(_, let scale): return { try integral($0, source, target, scale, T.self, isTry) }
    default: return { try truncate($0, source, target, Double.self, T.self, isTry) }
    }
  }

  private static func narrow<S: FixedWidthInteger & Sendable, T: FixedWidthInteger & Sendable>(
    _ source: DataType, _ target: DataType, _: S.Type, _: T.Type, _ isTry: Bool
  ) -> Function {
    if S.bitWidth <= T.bitWidth { return { .map(target, $0) { (value: S) -> T in T(truncatingIfNeeded: value) } } }
    return { vector in
      try .checkedMap(target, vector, isTry: isTry) { (value: S) -> (T, S) in
        let result = T(truncatingIfNeeded: value)
        return (result, S(truncatingIfNeeded: result) ^ value)
      } failure: {
        CastRules.overflow("\($0)", source, target)
      }
    }
  }

  private static func truncate<S: BinaryFloatingPoint, T: FixedWidthInteger>(
    _ vector: ColumnVector, _ source: DataType, _ target: DataType, _: S.Type, _: T.Type, _ isTry: Bool
  ) throws -> ColumnVector {
    // The bounds are exact in S; the upper one is the first value that does not fit.
    let lower = S(T.min), upper = -S(T.min)
    return try .checkedMap(target, vector, isTry: isTry) { (value: S) -> (T, UInt8) in
      let whole = value.rounded(.towardZero)
      return whole >= lower && whole < upper ? (T(whole), 0) : (0, 1)
    } failure: {
      CastRules.overflow("\($0)", source, target)
    }
  }

  private static func integral<T: FixedWidthInteger>(
    _ vector: ColumnVector, _ source: DataType, _ target: DataType, _ scale: Int, _: T.Type, _ isTry: Bool
  ) throws -> ColumnVector {
    let divisor = Decimal128.power(scale)
    return try .checkedMap(target, vector, isTry: isTry) { (value: Int128) -> (T, UInt8) in
      let whole: Int128
      if let small = Int64(exactly: value), let smallDivisor = Int64(exactly: divisor) {
        whole = Int128(small / smallDivisor)
      } else {
        whole = value / divisor
      }
      guard let result = T(exactly: whole) else { return (0, 1) }
      return (result, 0)
    } failure: {
      CastRules.overflow(decimalText($0, scale), source, target)
    }
  }

  // MARK: - To floating numbers

  private static func toFloating<T: BinaryFloatingPoint & Sendable>(
    _ source: DataType, _ target: DataType, _: T.Type
  ) -> Function {
    switch source {
    case .boolean: return { .map(target, $0) { (value: UInt8) -> T in T(value) } }
    case .byte: return { .map(target, $0) { (value: Int8) -> T in T(value) } }
    case .short: return { .map(target, $0) { (value: Int16) -> T in T(value) } }
    case .integer: return { .map(target, $0) { (value: Int32) -> T in T(value) } }
    case .long: return { .map(target, $0) { (value: Int64) -> T in T(value) } }
    case .float: return { .map(target, $0) { (value: Float) -> T in T(value) } }
    case .decimal(_, let scale):
      return { .map(target, $0) { (value: Int128) -> T in T(Decimal128.double(value, scale: scale)) } }
    default: return { .map(target, $0) { (value: Double) -> T in T(value) } }
    }
  }

  // MARK: - To DECIMAL

  private static func toDecimal(_ source: DataType, _ precision: Int, _ scale: Int, _ isTry: Bool) -> Function {
    switch source {
    case .boolean: return { try decimal($0, precision, scale, UInt8.self, isTry) }
    case .byte: return { try decimal($0, precision, scale, Int8.self, isTry) }
    case .short: return { try decimal($0, precision, scale, Int16.self, isTry) }
    case .integer: return { try decimal($0, precision, scale, Int32.self, isTry) }
    case .long: return { try decimal($0, precision, scale, Int64.self, isTry) }
    case .decimal(_, let from): return { try rescale($0, from, precision, scale, isTry) }
    case .float: return { try decimal($0, precision, scale, Float.self, isTry) { Double($0.description) ?? .nan } }
    default: return { try decimal($0, precision, scale, Double.self, isTry) { $0 } }
    }
  }

  private static func decimal<S: FixedWidthInteger>(
    _ vector: ColumnVector, _ precision: Int, _ scale: Int, _: S.Type, _ isTry: Bool
  ) throws -> ColumnVector {
    let target = DataType.decimal(precision: precision, scale: scale)
    let factor = Decimal128.power(scale)
    let limit = Decimal128.power(precision - scale)
    return try .checkedMap(target, vector, isTry: isTry) { (value: S) -> (Int128, UInt8) in
      let wide = Int128(value)
      return (wide &* factor, wide < limit && wide > -limit ? 0 : 1)
    } failure: {
      CastRules.outOfRange("\($0)", target)
    }
  }

  private static func decimal<S: BinaryFloatingPoint & CustomStringConvertible>(
    _ vector: ColumnVector, _ precision: Int, _ scale: Int, _: S.Type, _ isTry: Bool, _ widen: (S) -> Double
  ) throws -> ColumnVector {
    let target = DataType.decimal(precision: precision, scale: scale)
    return try .tryMap(target, vector) { (value: S) throws -> Int128? in
      if !value.isFinite { return nil }
      if let result = Decimal128.decimal(widen(value), precision: precision, scale: scale) { return result }
      if isTry { return nil }
      throw CastRules.outOfRange("\(value)", target)
    }
  }

  private static func rescale(
    _ vector: ColumnVector, _ from: Int, _ precision: Int, _ scale: Int, _ isTry: Bool
  ) throws -> ColumnVector {
    let target = DataType.decimal(precision: precision, scale: scale)
    return try .checkedMap(target, vector, isTry: isTry) { (value: Int128) -> (Int128, UInt8) in
      guard let result = Decimal128.rescaled(value, from: from, to: scale), Decimal128.fits(result, precision) else {
        return (0, 1)
      }
      return (result, 0)
    } failure: {
      CastRules.outOfRange(decimalText($0, from), target)
    }
  }

  /// A decimal for a message.
  static func decimalText(_ value: Int128, _ scale: Int) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.capacity) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let count = NumberText.write(value, scale: scale, to: base)
      return String(decoding: buffer[0..<count], as: UTF8.self)
    }
  }
}
