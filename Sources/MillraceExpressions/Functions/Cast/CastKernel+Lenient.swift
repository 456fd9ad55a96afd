import MillraceColumnar

extension CastKernel {
  /// Whether a cast outside of ANSI mode gives a value for every value.
  static func isTotal(_ source: DataType, _ target: DataType) -> Bool {
    target.isIntegral && (source.isIntegral || source.isFractional)
  }

  /// Kernels of casts that give other values outside of ANSI mode than TRY_CAST does; nil: as TRY_CAST.
  static func lenient(_ source: DataType, _ target: DataType) throws -> Function? {
    switch target {
    case .byte: toIntegral(source, target, Int8.self)
    case .short: toIntegral(source, target, Int16.self)
    case .integer: toIntegral(source, target, Int32.self)
    case .long: toIntegral(source, target, Int64.self)
    default: nil
    }
  }

  private static func toIntegral<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ source: DataType, _ target: DataType, _: T.Type
  ) -> Function? {
    switch source {
    case .byte: { .map(target, $0) { (value: Int8) -> T in T(truncatingIfNeeded: value) } }
    case .short: { .map(target, $0) { (value: Int16) -> T in T(truncatingIfNeeded: value) } }
    case .integer: { .map(target, $0) { (value: Int32) -> T in T(truncatingIfNeeded: value) } }
    case .long: { .map(target, $0) { (value: Int64) -> T in T(truncatingIfNeeded: value) } }
    case .float: { .map(target, $0) { (value: Float) -> T in saturated(Double(value)) } }
    case .double: { .map(target, $0) { (value: Double) -> T in saturated(value) } }
    case .string: { fromText($0, target) }
    default: nil
    }
  }

  /// Java's narrowing: through LONG for LONG and through INT for the others, each at its ends; not a number is 0.
  private static func saturated<T: FixedWidthInteger & SignedInteger>(_ value: Double) -> T {
    if value.isNaN { return 0 }
    if T.bitWidth == 64 { return T(truncatingIfNeeded: whole(value, Int64.self)) }
    return T(truncatingIfNeeded: whole(value, Int32.self))
  }

  private static func whole<T: FixedWidthInteger & SignedInteger>(_ value: Double, _: T.Type) -> T {
    if value >= -Double(T.min) { return .max }
    return value <= Double(T.min) ? .min : T(value)
  }

  /// A text's digits in front of the point; what stands behind it must be digits, too.
  private static func fromText(_ vector: ColumnVector, _ target: DataType) -> ColumnVector {
    let builder = ColumnBuilder(.string, capacity: vector.count)
    for row in 0..<vector.count {
      if vector.isNull(row) {
        builder.appendNull()
        continue
      }
      let bytes = vector.bytes(row)
      let point = bytes.firstIndex(of: UInt8(ascii: "."))
      let isFraction = point.map { bytes[($0 + 1)...].allSatisfy { $0 >= 0x30 && $0 <= 0x39 } } ?? false
      if let point, isFraction, point > 0 {
        builder.append(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<point]))
      } else {
        builder.append(bytes: bytes)
      }
    }
    let kernel = try? make(.string, target, Options(isTry: true, timeZone: "UTC"))
    return (try? kernel?(builder.finish())) ?? .nulls(target, count: vector.count)
  }
}
