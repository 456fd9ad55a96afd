import MillraceColumnar

/// `to_number`, `try_to_number` and `to_char` of numbers.
enum NumberFormatFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "to_number", summary: "A decimal out of a text by a format.", example: "to_number('$78.12', '$99.99')"
    ) {
      arguments, context in try bindParse("to_number", arguments, isTry: false, context)
    },
    ScalarFunction(
      "try_to_number", summary: "The same, NULL if the text does not match.", example: "try_to_number('x', '9')"
    ) {
      arguments, context in try bindParse("try_to_number", arguments, isTry: true, context)
    },
    ScalarFunction(
      "to_char", "to_varchar", summary: "A number, date or binary value as text by a format.",
      example: "to_char(454, '999')"
    ) { arguments, context in try bindFormat(arguments, context) },
  ]

  private static func pattern(_ name: String, _ argument: Expression) throws -> NumberPattern? {
    guard case .string(let text) = try Arguments.constant(name, "format", argument) else { return nil }
    return try NumberPattern(text)
  }

  private static func bindParse(
    _ name: String, _ arguments: [Expression], isTry: Bool, _ context: BindingContext
  ) throws -> Expression {
    let values = try Arguments.coerce(name, arguments, [.string, .string], context)
    guard let pattern = try pattern(name, values[1]) else { return .null(.systemDecimal) }
    return .operation(
      name, variant: values[1].fingerprint, pattern.type, [values[0]], alwaysNullable: isTry, canFail: !isTry
    ) { vectors, _, _ in
      try .parseMap(pattern.type, vectors[0], isTry: isTry, { pattern.parse($0) }) { bytes in
        MillraceError(
          "INVALID_FORMAT.MISMATCH_INPUT",
          "the text '\(String(decoding: bytes, as: UTF8.self))' does not match the number format of \(name)",
          hint: "use try_to_number to get NULL instead")
      }
    }
  }

  private static func bindFormat(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("to_char", arguments, 2)
    let type = arguments[0].type
    // Dates and bytes have functions of their own.
    let other = type.isDatetime ? "date_format" : nil
    if type == .binary {
      return try bytesAsText(arguments[0], format: arguments[1], context)
    }
    if let other, let function = FunctionRegistry.builtin.scalar(other) {
      return try function.bind(arguments.map { .expression($0) }, context)
    }
    let values = try Arguments.coerce("to_char", arguments, [.decimal, .string], context)
    guard let pattern = try pattern("to_char", values[1]), case .decimal(_, let scale) = values[0].type else {
      return .null(.string)
    }
    return .operation("to_char", variant: values[1].fingerprint, .string, [values[0]]) { vectors, count, _ in
      let numbers = vectors[0].values(as: Int128.self)
      return RowLoop.strings(vectors, count) { row, writer in
        pattern.format(numbers[row], scale: scale).withUnsafeBytes { writer.append($0) }
        return true
      }
    }
  }

  /// Bytes in one of the codings that Spark has for them.
  private static func bytesAsText(
    _ bytes: Expression, format: Expression, _ context: BindingContext
  ) throws -> Expression {
    guard format.references.isEmpty else {
      throw MillraceError("NON_FOLDABLE_ARGUMENT", "the argument format of `to_char` must be a constant")
    }
    guard let coding = format.constantText?.lowercased() else { return .null(.string) }
    let name = coding == "utf-8" ? "decode" : coding
    guard ["base64", "hex", "utf-8"].contains(coding), let function = FunctionRegistry.builtin.scalar(name) else {
      throw MillraceError(
        "INVALID_PARAMETER_VALUE.BINARY_FORMAT", "`to_char` cannot write binary values as '\(coding)'",
        hint: "base64, hex or utf-8")
    }
    return try function.bind((name == "decode" ? [bytes, format] : [bytes]).map { .expression($0) }, context)
  }
}
