import MillraceColumnar

/// The arithmetic operators of two numbers.
enum ArithmeticOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case remainder = "%"
  case integralDivide = "div"
  case positiveRemainder = "pmod"

  /// For error messages of TRY functions and names of calls.
  func name(isTry: Bool) -> String { isTry ? "try_\(rawValue)" : rawValue }
}

/// Types and kernels of arithmetic on numbers; dates and intervals are in `IntervalArithmetic`.
enum Arithmetic {
  /// `left op right` for numbers, with strings promoted as Spark does.
  static func bind(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    // Outside of ANSI mode nothing fails: integers wrap around, and what has no value is NULL.
    let isLenient = !context.isAnsi && !isTry
    let (left, right) = try promoteStrings(op, left, right, isTry: isTry, context)
    if left.type == .void, right.type == .void { return .null(op == .integralDivide ? .long : .double) }
    guard isNumericOrNull(left.type), isNumericOrNull(right.type), left.type != .void || right.type != .void
    else { throw OperatorErrors.mismatch(op.rawValue, left, right, "(\"NUMERIC\" or \"INTERVAL\")") }
    if left.type.isDecimal || right.type.isDecimal, !left.type.isFractional, !right.type.isFractional {
      return try DecimalOperators.bind(op, left, right, isTry: isTry || isLenient, context)
    }
    let type = try operandType(op, left, right)
    let arguments = [try left.cast(to: type, context), try right.cast(to: type, context)]
    let isDivision = [.divide, .remainder, .positiveRemainder, .integralDivide].contains(op)
    let wraps = isLenient && type.isIntegral && (!isDivision || op == .integralDivide)
    let kernel = wraps ? wrapping(op, type) : kernel(op, type, isTry || isLenient)
    let canFail = context.isAnsi && !isTry && (type.isIntegral || isDivision)
    return .operation(
      op.name(isTry: isTry), op == .integralDivide ? .long : type, arguments,
      alwaysNullable: isTry || isDivision, canFail: canFail
    ) { vectors, _, _ in try kernel(vectors[0], vectors[1]) }
  }

  private static func isNumericOrNull(_ type: DataType) -> Bool { type.isNumeric || type == .void }

  private static func promoteStrings(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, isTry: Bool, _ context: BindingContext
  ) throws -> (Expression, Expression) {
    if !context.isAnsi, left.type == .string || right.type == .string { return try doubles(op, left, right, context) }
    guard (left.type == .string) != (right.type == .string), let type = TypeCoercion.commonType(left.type, right.type),
      type.isNumeric
    else { return (left, right) }
    func number(_ operand: Expression) throws -> Expression {
      try Cast.bind(operand, to: type, isTry: isTry, context: context)
    }
    return (try number(left), try number(right))
  }

  /// Outside of ANSI mode a string makes doubles of both sides, and one that is no number is NULL.
  private static func doubles(
    _ op: ArithmeticOperator, _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> (Expression, Expression) {
    let isNumber = [left.type, right.type].allSatisfy { $0 == .string || isNumericOrNull($0) }
    guard isNumber, op != .integralDivide else {
      throw MillraceError(
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
        "the operands of `\(op.rawValue)` are \"\(left.type.sql)\" and \"\(right.type.sql)\"",
        hint: "cast the string to the type that it is meant to have")
    }
    return (try left.cast(to: .double, context), try right.cast(to: .double, context))
  }

  private static func operandType(_ op: ArithmeticOperator, _ left: Expression, _ right: Expression) throws -> DataType
  {
    if op == .divide { return .double }
    if op == .integralDivide, left.type.isFractional || right.type.isFractional {
      let wanted = "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL\")"
      // Spark makes doubles of a decimal and a double before it looks for whole numbers.
      let isOneType = left.type.isDecimal || right.type.isDecimal
      throw OperatorErrors.mismatch(op.rawValue, left, right, wanted, isOneType: isOneType)
    }
    guard let type = TypeCoercion.commonType(left.type, right.type) else {
      throw OperatorErrors.mismatch(op.rawValue, left, right, "\"NUMERIC\"")
    }
    return op == .integralDivide ? .long : type
  }

  typealias BinaryKernel = @Sendable (ColumnVector, ColumnVector) throws -> ColumnVector

  private static func kernel(_ op: ArithmeticOperator, _ type: DataType, _ isTry: Bool) -> BinaryKernel {
    switch type {
    case .byte: integral(op, type, Int8.self, isTry)
    case .short: integral(op, type, Int16.self, isTry)
    case .integer: integral(op, type, Int32.self, isTry)
    case .long: integral(op, type, Int64.self, isTry)
    case .float: floating(op, type, Float.self, isTry)
    default: floating(op, type, Double.self, isTry)
    }
  }

  // MARK: - Integers

  /// Sums, differences, products and whole quotients that wrap around on overflow; a quotient by zero is NULL.
  private static func wrapping(_ op: ArithmeticOperator, _ type: DataType) -> BinaryKernel {
    switch type {
    case .byte: wrapping(op, type, Int8.self)
    case .short: wrapping(op, type, Int16.self)
    case .integer: wrapping(op, type, Int32.self)
    default: wrapping(op, type, Int64.self)
    }
  }

  private static func wrapping<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ op: ArithmeticOperator, _ type: DataType, _: T.Type
  ) -> BinaryKernel {
    switch op {
    case .add: return { .map(type, $0, $1) { (x: T, y: T) -> T in x &+ y } }
    case .subtract: return { .map(type, $0, $1) { (x: T, y: T) -> T in x &- y } }
    case .multiply: return { .map(type, $0, $1) { (x: T, y: T) -> T in x &* y } }
    default:
      return { a, b in
        try .checkedMap(.long, a, b, isTry: true) { (x: T, y: T) -> (Int64, UInt8) in
          if y == 0 { return (0, 1) }
          return (y == -1 ? 0 &- Int64(x) : Int64(x / y), 0)
        } failure: { _, _ in
          OperatorErrors.divideByZero
        }
      }
    }
  }

  private static func integral<T: FixedWidthInteger & SignedInteger & Sendable>(
    _ op: ArithmeticOperator, _ type: DataType, _: T.Type, _ isTry: Bool
  ) -> BinaryKernel {
    let overflow: @Sendable (T, T) -> MillraceError = { OperatorErrors.overflow("\($0) \(op.rawValue) \($1)", type) }
    let zero: @Sendable (T, T) -> MillraceError = { _, _ in OperatorErrors.remainderByZero }
    switch op {
    case .add:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, T) in
          // The sign of the sum differs from both operands' exactly on overflow.
          let sum = x &+ y
          return (sum, (x ^ sum) & (y ^ sum) & T.min)
        } failure: {
          overflow($0, $1)
        }
      }
    case .subtract:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, T) in
          let difference = x &- y
          return (difference, (x ^ y) & (x ^ difference) & T.min)
        } failure: {
          overflow($0, $1)
        }
      }
    case .multiply:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          let (product, overflow) = x.multipliedReportingOverflow(by: y)
          return (product, overflow ? 1 : 0)
        } failure: {
          overflow($0, $1)
        }
      }
    case .remainder:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          y == 0 ? (0, 1) : (y == -1 ? 0 : x % y, 0)
        } failure: {
          zero($0, $1)
        }
      }
    case .positiveRemainder:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          if y == 0 { return (0, 1) }
          if y == -1 { return (0, 0) }
          let rest = x % y
          return (rest < 0 ? (rest &+ y) % y : rest, 0)
        } failure: {
          zero($0, $1)
        }
      }
    case .integralDivide, .divide:
      return { a, b in
        try .checkedMap(.long, a, b, isTry: isTry) { (x: T, y: T) -> (Int64, UInt8) in
          if y == 0 || (y == -1 && x == T.min) { return (0, 1) }
          return (Int64(x / y), 0)
        } failure: { x, y in
          y == 0 ? OperatorErrors.divideByZero : overflow(x, y)
        }
      }
    }
  }

  // MARK: - Floating numbers

  private static func floating<T: BinaryFloatingPoint & Sendable>(
    _ op: ArithmeticOperator, _ type: DataType, _: T.Type, _ isTry: Bool
  ) -> BinaryKernel {
    switch op {
    case .add: return { .map(type, $0, $1) { (x: T, y: T) -> T in x + y } }
    case .subtract: return { .map(type, $0, $1) { (x: T, y: T) -> T in x - y } }
    case .multiply: return { .map(type, $0, $1) { (x: T, y: T) -> T in x * y } }
    case .divide, .integralDivide:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          (x / y, y == 0 ? 1 : 0)
        } failure: {
          _, _ in
          OperatorErrors.divideByZero
        }
      }
    case .remainder:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          y == 0 ? (0, 1) : (x.truncatingRemainder(dividingBy: y), 0)
        } failure: { _, _ in
          OperatorErrors.remainderByZero
        }
      }
    case .positiveRemainder:
      return { a, b in
        try .checkedMap(type, a, b, isTry: isTry) { (x: T, y: T) -> (T, UInt8) in
          if y == 0 { return (0, 1) }
          let rest = x.truncatingRemainder(dividingBy: y)
          return (rest < 0 ? (rest + y).truncatingRemainder(dividingBy: y) : rest, 0)
        } failure: { _, _ in
          OperatorErrors.remainderByZero
        }
      }
    }
  }
}

extension Expression {
  /// A call whose result is null only if an argument is, unless said otherwise; `nullStops` tells of how many arguments a NULL decides.
  static func operation(
    _ name: String, variant: String = "", _ type: DataType, _ arguments: [Expression], alwaysNullable: Bool = false,
    neverNull: Bool = false, canFail: Bool = false, nullStops: Int? = nil, kernel: @escaping Kernel
  ) -> Expression {
    let isNullable = !neverNull && (alwaysNullable || arguments.contains(where: \.isNullable))
    var function = BoundFunction(
      name, variant: variant, type: type, isNullable: isNullable, canFail: canFail, kernel: kernel)
    function.nullStops = neverNull ? 0 : nullStops ?? arguments.count
    return .call(function, arguments)
  }
}
