import MillraceColumnar

/// The operators under their names as functions, and the TRY forms.
enum OperatorFunctions {
  static let all: [ScalarFunction] = arithmetic + attempts + bits + comparisons + logic

  private typealias Binary = @Sendable (Expression, Expression, BindingContext) throws -> Expression

  private static func binary(
    _ name: String, _ alias: String? = nil, summary: String, example: String, _ body: @escaping Binary
  ) -> ScalarFunction {
    let bind: @Sendable ([Expression], BindingContext) throws -> Expression = { arguments, context in
      try Arguments.expectCount(name, arguments, 2)
      return try body(arguments[0], arguments[1], context)
    }
    guard let alias else { return ScalarFunction(name, summary: summary, example: example, bind: bind) }
    return ScalarFunction(name, alias, summary: summary, example: example, bind: bind)
  }

  private static func unary(
    _ name: String, _ alias: String? = nil, summary: String, example: String,
    _ body: @escaping @Sendable (Expression, BindingContext) throws -> Expression
  ) -> ScalarFunction {
    let bind: @Sendable ([Expression], BindingContext) throws -> Expression = { arguments, context in
      try Arguments.expectCount(name, arguments, 1)
      return try body(arguments[0], context)
    }
    guard let alias else { return ScalarFunction(name, summary: summary, example: example, bind: bind) }
    return ScalarFunction(name, alias, summary: summary, example: example, bind: bind)
  }

  private static func arithmetic(
    _ op: ArithmeticOperator, isTry: Bool = false
  ) -> Binary {
    { try BuiltinOperators.arithmetic(op, $0, $1, isTry: isTry, $2) }
  }

  private static let arithmetic: [ScalarFunction] = [
    ScalarFunction("+", summary: "Sum of two values, or the value itself.", example: "1 + 2") { arguments, context in
      try Arguments.expectCount("+", arguments, 1...2)
      if arguments.count == 1 { return try BuiltinOperators.plus(arguments[0], context) }
      return try BuiltinOperators.add(arguments[0], arguments[1], context)
    },
    ScalarFunction("-", summary: "Difference of two values, or the value negated.", example: "3 - 1") {
      arguments, context in
      try Arguments.expectCount("-", arguments, 1...2)
      if arguments.count == 1 { return try BuiltinOperators.negate(arguments[0], context) }
      return try BuiltinOperators.subtract(arguments[0], arguments[1], context)
    },
    binary("*", summary: "Product of two values.", example: "2 * 3", arithmetic(.multiply)),
    binary("/", summary: "Quotient as DOUBLE or DECIMAL.", example: "3 / 2", arithmetic(.divide)),
    binary(
      "mod", "%", summary: "Remainder with the sign of the dividend.", example: "mod(-7, 3)", arithmetic(.remainder)),
    binary("div", summary: "Whole part of a quotient as BIGINT.", example: "7 div 2", arithmetic(.integralDivide)),
    binary("pmod", summary: "Remainder that is not negative.", example: "pmod(-7, 3)", arithmetic(.positiveRemainder)),
    unary("negative", summary: "The value negated.", example: "negative(1)") { try BuiltinOperators.negate($0, $1) },
    unary("positive", summary: "The value itself.", example: "positive(1)") { try BuiltinOperators.plus($0, $1) },
    unary("abs", summary: "The value without its sign.", example: "abs(-1)") { try Sign.abs($0, $1) },
  ]

  private static let attempts: [ScalarFunction] = [
    binary("try_add", summary: "Sum, NULL on overflow.", example: "try_add(1, 2)", arithmetic(.add, isTry: true)),
    binary(
      "try_subtract", summary: "Difference, NULL on overflow.", example: "try_subtract(2, 1)",
      arithmetic(.subtract, isTry: true)),
    binary(
      "try_multiply", summary: "Product, NULL on overflow.", example: "try_multiply(2, 3)",
      arithmetic(.multiply, isTry: true)),
    binary(
      "try_divide", summary: "Quotient, NULL on division by zero.", example: "try_divide(3, 0)",
      arithmetic(.divide, isTry: true)),
    binary(
      "try_mod", summary: "Remainder, NULL on division by zero.", example: "try_mod(3, 0)",
      arithmetic(.remainder, isTry: true)),
  ]

  private static let bits: [ScalarFunction] = [
    binary("&", summary: "Bits set in both.", example: "3 & 5") { try BuiltinOperators.bitAnd($0, $1, $2) },
    binary("|", summary: "Bits set in either.", example: "3 | 5") { try BuiltinOperators.bitOr($0, $1, $2) },
    binary("^", summary: "Bits set in one only.", example: "3 ^ 5") { try BuiltinOperators.bitXor($0, $1, $2) },
    unary("~", summary: "All bits turned.", example: "~ 0") { try BuiltinOperators.bitNot($0, $1) },
    binary("shiftleft", "<<", summary: "Bits moved left.", example: "shiftleft(2, 1)") {
      try BuiltinOperators.shiftLeft($0, $1, $2)
    },
    binary("shiftright", ">>", summary: "Bits moved right, the sign kept.", example: "shiftright(4, 1)") {
      try BuiltinOperators.shiftRight($0, $1, $2)
    },
    binary(
      "shiftrightunsigned", ">>>", summary: "Bits moved right, zeros filled in.", example: "shiftrightunsigned(4, 1)"
    ) {
      try BuiltinOperators.shiftRightUnsigned($0, $1, $2)
    },
  ]

  private static let comparisons: [ScalarFunction] = [
    binary("=", "==", summary: "Whether two values are equal.", example: "2 = 2") {
      try BuiltinOperators.equal($0, $1, $2)
    },
    binary("!=", "<>", summary: "Whether two values differ.", example: "1 != 2") {
      try BuiltinOperators.notEqual($0, $1, $2)
    },
    binary("<", summary: "Whether the first value is smaller.", example: "1 < 2") {
      try BuiltinOperators.less($0, $1, $2)
    },
    binary("<=", summary: "Whether the first value is not greater.", example: "2 <= 2") {
      try BuiltinOperators.lessOrEqual($0, $1, $2)
    },
    binary(">", summary: "Whether the first value is greater.", example: "2 > 1") {
      try BuiltinOperators.greater($0, $1, $2)
    },
    binary(">=", summary: "Whether the first value is not smaller.", example: "2 >= 1") {
      try BuiltinOperators.greaterOrEqual($0, $1, $2)
    },
    binary("<=>", "equal_null", summary: "Equality under which NULL equals NULL.", example: "NULL <=> NULL") {
      try BuiltinOperators.nullSafeEqual($0, $1, $2)
    },
    ScalarFunction("between", summary: "Whether a value lies in a closed range.", example: "between(2, 1, 3)") {
      arguments, context in
      try Arguments.expectCount("between", arguments, 3)
      return try BuiltinOperators.between(arguments[0], arguments[1], arguments[2], context)
    },
    ScalarFunction("in", summary: "Whether a value is in a list.", example: "1 IN (1, 2)") { arguments, context in
      try Arguments.expectCount("in", arguments, 2...Int.max)
      return try BuiltinOperators.isIn(arguments[0], Array(arguments.dropFirst()), context)
    },
  ]

  private static let logic: [ScalarFunction] = [
    binary("and", summary: "Whether both are true.", example: "true AND false") {
      try BuiltinOperators.and($0, $1, $2)
    },
    binary("or", summary: "Whether one is true.", example: "true OR false") { try BuiltinOperators.or($0, $1, $2) },
    unary("not", "!", summary: "The opposite.", example: "NOT true") { try BuiltinOperators.not($0, $1) },
    unary("isnull", summary: "Whether the value is NULL.", example: "isnull(NULL)") { value, _ in
      BuiltinOperators.isNull(value)
    },
    unary("isnotnull", summary: "Whether the value is not NULL.", example: "isnotnull(1)") { value, _ in
      BuiltinOperators.isNotNull(value)
    },
  ]
}
