import MillraceColumnar

/// Operators on the bits of integers.
enum Bitwise {
  enum Operation: String, Sendable {
    case and = "&"
    case or = "|"
    case xor = "^"
  }

  enum Shift: String, Sendable {
    case left = "shiftleft"
    case right = "shiftright"
    case rightUnsigned = "shiftrightunsigned"
  }

  static func bind(
    _ op: Operation, _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> Expression {
    if left.type == .void, right.type == .void { return .null(.integer) }
    guard let type = TypeCoercion.commonType(left.type, right.type), type.isIntegral else {
      throw OperatorErrors.mismatch(op.rawValue, left, right, "\"INTEGRAL\"")
    }
    let arguments = [try left.cast(to: type, context), try right.cast(to: type, context)]
    let kernel = kernel(op, type)
    return .operation(op.rawValue, type, arguments) { vectors, _, _ in kernel(vectors[0], vectors[1]) }
  }

  private static func kernel(_ op: Operation, _ type: DataType) -> Comparison.Function {
    switch type.physical {
    case .int8: loop(op, type, Int8.self)
    case .int16: loop(op, type, Int16.self)
    case .int32: loop(op, type, Int32.self)
    default: loop(op, type, Int64.self)
    }
  }

  private static func loop<T: FixedWidthInteger & Sendable>(_ op: Operation, _ type: DataType, _: T.Type)
    -> Comparison.Function
  {
    switch op {
    case .and: { .map(type, $0, $1) { (x: T, y: T) -> T in x & y } }
    case .or: { .map(type, $0, $1) { (x: T, y: T) -> T in x | y } }
    case .xor: { .map(type, $0, $1) { (x: T, y: T) -> T in x ^ y } }
    }
  }

  static func not(_ value: Expression, _ context: BindingContext) throws -> Expression {
    let arguments = try Arguments.coerce("~", [value], [.integral], context)
    let type = arguments[0].type
    return .operation("~", type, arguments) { vectors, _, _ in
      switch type.physical {
      case .int8: .map(type, vectors[0]) { (x: Int8) -> Int8 in ~x }
      case .int16: .map(type, vectors[0]) { (x: Int16) -> Int16 in ~x }
      case .int32: .map(type, vectors[0]) { (x: Int32) -> Int32 in ~x }
      default: .map(type, vectors[0]) { (x: Int64) -> Int64 in ~x }
      }
    }
  }

  /// Only the low 5 (INT) or 6 (BIGINT) bits of the count matter, as in Java.
  static func shift(
    _ direction: Shift, _ value: Expression, _ count: Expression, _ context: BindingContext
  ) throws -> Expression {
    let expected = ExpectedType.oneOf([.integer, .long])
    let arguments = try Arguments.coerce(direction.rawValue, [value, count], [expected, .integer], context)
    let type = arguments[0].type
    return .operation(direction.rawValue, type, arguments) { vectors, _, _ in
      if type == .integer {
        switch direction {
        case .left: .map(type, vectors[0], vectors[1]) { (x: Int32, n: Int32) -> Int32 in x &<< n }
        case .right: .map(type, vectors[0], vectors[1]) { (x: Int32, n: Int32) -> Int32 in x &>> n }
        case .rightUnsigned:
          .map(type, vectors[0], vectors[1]) { (x: UInt32, n: Int32) -> UInt32 in x &>> UInt32(bitPattern: n) }
        }
      } else {
        switch direction {
        case .left: .map(type, vectors[0], vectors[1]) { (x: Int64, n: Int32) -> Int64 in x &<< Int64(n) }
        case .right: .map(type, vectors[0], vectors[1]) { (x: Int64, n: Int32) -> Int64 in x &>> Int64(n) }
        case .rightUnsigned:
          .map(type, vectors[0], vectors[1]) { (x: UInt64, n: Int32) -> UInt64 in x &>> UInt64(UInt32(bitPattern: n)) }
        }
      }
    }
  }
}
