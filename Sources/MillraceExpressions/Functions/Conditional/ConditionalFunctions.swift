import MillraceColumnar

/// Functions that choose between values.
enum ConditionalFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "if", summary: "The second value if the condition is true, else the third.", example: "if(1 < 2, 'a', 'b')"
    ) {
      arguments, context in
      try Arguments.expectCount("if", arguments, 3)
      let isUntypedNull =
        arguments[0].type == .void && TypeCoercion.commonType(arguments.dropFirst().map(\.type)) != nil
      guard arguments[0].type == .boolean || isUntypedNull else {
        throw Arguments.unexpectedType("if", 0, arguments[0].type, .boolean)
      }
      return try BuiltinOperators.caseWhen([(arguments[0], arguments[1])], otherwise: arguments[2], name: "if", context)
    },
    ScalarFunction("coalesce", summary: "The first value that is not NULL.", example: "coalesce(NULL, 1)") {
      arguments, context in try coalesce("coalesce", arguments, 1...Int.max, context)
    },
    ScalarFunction("nvl", "ifnull", summary: "The first value, or the second if it is NULL.", example: "nvl(NULL, 1)") {
      arguments, context in try coalesce("nvl", arguments, 2...2, context)
    },
    ScalarFunction(
      "nvl2", summary: "The second value if the first is not NULL, else the third.", example: "nvl2(NULL, 2, 1)"
    ) {
      arguments, context in
      try Arguments.expectCount("nvl2", arguments, 3)
      let isPresent = BuiltinOperators.isNotNull(arguments[0])
      return try BuiltinOperators.caseWhen([(isPresent, arguments[1])], otherwise: arguments[2], name: "nvl2", context)
    },
    ScalarFunction("nullif", summary: "NULL if the values are equal, else the first.", example: "nullif(2, 2)") {
      arguments, context in
      try Arguments.expectCount("nullif", arguments, 2)
      return try nullIf(arguments[0], arguments[1], context)
    },
    ScalarFunction("nullifzero", summary: "NULL instead of zero.", example: "nullifzero(0)") { arguments, context in
      try Arguments.expectCount("nullifzero", arguments, 1)
      return try nullIf(arguments[0], .literal(.integer(0), .integer), context)
    },
    ScalarFunction("zeroifnull", summary: "Zero instead of NULL.", example: "zeroifnull(NULL)") { arguments, context in
      try Arguments.expectCount("zeroifnull", arguments, 1)
      return try coalesce("zeroifnull", arguments + [.literal(.integer(0), .integer)], 2...2, context)
    },
    ScalarFunction(
      "nanvl", summary: "The first number, or the second if it is NaN.", example: "nanvl(double('NaN'), 1.0)"
    ) {
      arguments, context in
      let values = try Arguments.coerce("nanvl", arguments, [.fractional, .fractional], context)
      let isNumber = try BuiltinOperators.not(try isNaN(values[0]), context)
      return try BuiltinOperators.caseWhen(
        [(BuiltinOperators.isNull(values[0]), .null(values[0].type)), (isNumber, values[0])], otherwise: values[1],
        name: "nanvl", context)
    },
    ScalarFunction("isnan", summary: "Whether the number is NaN; false for NULL.", example: "isnan(double('NaN'))") {
      arguments, context in
      try isNaN(try Arguments.coerce("isnan", arguments, [.fractional], context)[0])
    },
    ScalarFunction("greatest", summary: "The greatest value, NULLs left out.", example: "greatest(1, 3, 2)") {
      arguments, context in try Extreme.bind("greatest", arguments, wantsGreater: true, context)
    },
    ScalarFunction("least", summary: "The smallest value, NULLs left out.", example: "least(1, 3, 2)") {
      arguments, context in try Extreme.bind("least", arguments, wantsGreater: false, context)
    },
  ]

  private static func coalesce(
    _ name: String, _ arguments: [Expression], _ counts: ClosedRange<Int>, _ context: BindingContext
  ) throws -> Expression {
    try Arguments.expectCount(name, arguments, counts)
    let values = try Arguments.unify(name, arguments, context)
    return values.count == 1 ? values[0] : .coalesce(values, values[0].type)
  }

  private static func nullIf(_ value: Expression, _ other: Expression, _ context: BindingContext) throws -> Expression {
    let isEqual = try BuiltinOperators.equal(value, other, context)
    return .conditional([Expression.Branch(isEqual, .null(value.type))], otherwise: value, value.type)
  }

  private static func isNaN(_ value: Expression) throws -> Expression {
    .operation("isnan", .boolean, [value], neverNull: true) { vectors, _, _ in
      let vector = vectors[0]
      let found: ColumnVector =
        vector.type == .float
        ? .map(.boolean, vector) { (number: Float) -> UInt8 in number != number ? 1 : 0 }
        : .map(.boolean, vector) { (number: Double) -> UInt8 in number != number ? 1 : 0 }
      return found.nullsAsFalse()
    }
  }

  /// The conditional form of `decode`: value, then pairs of candidate and result, then an optional default. NULL
  /// matches NULL.
  static func decode(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("decode", arguments, 3...Int.max)
    var branches: [(Expression, Expression)] = []
    var index = 1
    while index + 1 < arguments.count {
      branches.append(
        (try BuiltinOperators.nullSafeEqual(arguments[0], arguments[index], context), arguments[index + 1]))
      index += 2
    }
    let otherwise = index < arguments.count ? arguments[index] : nil
    return try BuiltinOperators.caseWhen(branches, otherwise: otherwise, name: "decode", context)
  }
}

extension BuiltinOperators {
  /// CASE WHEN: conditions cast to BOOLEAN, values to their common type. Without `otherwise` the rest is NULL.
  package static func caseWhen(
    _ branches: [(condition: Expression, value: Expression)], otherwise: Expression?, name: String = "case",
    _ context: BindingContext
  ) throws -> Expression {
    let values = try Arguments.unify(name, branches.map(\.value) + (otherwise.map { [$0] } ?? []), context)
    let type = values[0].type
    let bound = try zip(branches, values).map { branch, value in
      Expression.Branch(try Arguments.coerce(name, [branch.condition], [.boolean], context)[0], value)
    }
    return .conditional(bound, otherwise: otherwise == nil ? .null(type) : values[values.count - 1], type)
  }
}

extension ColumnVector {
  /// A boolean vector with false for NULL.
  func nullsAsFalse() -> ColumnVector {
    guard mayHaveNulls else { return self }
    if isConstant { return isNull(0) ? .constant(.boolean(false), type: .boolean, count: count) : self }
    let out = MemoryBuffer(capacity: count)
    let target = out.base.assumingMemoryBound(to: UInt8.self)
    let values = values(as: UInt8.self)
    for row in 0..<count { target[row] = isNull(row) ? 0 : values[row] }
    return ColumnVector(type: .boolean, count: count, values: out)
  }
}
