import MillraceColumnar

/// Numbers and values as text.
enum FormatFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "format_string", "printf", summary: "Values put into a format as Java's `String.format` does.",
      example: "format_string('Hello World %d %s', 100, 'days')"
    ) { (arguments: [Expression], context: BindingContext) in try bindFormat(arguments, context) },
    ScalarFunction(
      "format_number", summary: "A number with commas between thousands and so many digits behind the point.",
      example: "format_number(12332.123456, 4)"
    ) { (arguments: [Expression], context: BindingContext) in try bindNumber(arguments, context) },
  ]

  private static func bindFormat(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("format_string", arguments, 1...Int.max)
    let format = try Arguments.coerce("format_string", [arguments[0]], [.string], context)[0]
    let values = try arguments.dropFirst().map { argument -> Expression in
      switch argument.type {
      case .byte, .short, .integer, .long, .float, .double, .decimal, .boolean, .string, .date, .timestamp,
        .timestampNTZ, .array, .structure, .map:
        argument
      default: try argument.cast(to: .string, context)
      }
    }
    let fixed = try format.constantText.map { try JavaFormat($0) }
    return Bind.call(
      "format_string", [format] + values, .string, canFail: true, isNullable: format.isNullable, nullStops: 1
    ) {
      vectors, count in
      let values = Array(vectors.dropFirst())
      return try RowLoop.strings(vectors, count, strict: 1) { row, writer in
        let format = try fixed ?? JavaFormat(String(decoding: vectors[0].bytes(row), as: UTF8.self))
        try format.write(values, row, &writer)
        return true
      }
    }
  }

  private static func bindNumber(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let digits: [DataType] = [.integer, .string, .void]
    if let number = arguments.first?.type, !number.isNumeric, number != .void {
      throw Arguments.unexpectedType("format_number", 0, number, .numeric)
    }
    if let type = arguments.dropFirst().first?.type, !digits.contains(type) {
      throw Arguments.unexpectedType("format_number", 1, type, .oneOf([.integer, .string]))
    }
    let bound = try Arguments.coerce("format_number", arguments, [.numeric, .oneOf([.integer, .string])], context)
    if bound[1].type == .string {
      let type = bound[0].type
      return Bind.call("format_number", bound, .string) { vectors, count in
        var known: (text: StringView, pattern: DecimalPattern)?
        return RowLoop.strings(vectors, count) { row, writer in
          let text = vectors[1].views[vectors[1].slot(row)]
          let pattern = known.flatMap { $0.text == text ? $0.pattern : nil } ?? DecimalPattern(text.string)
          known = (text, pattern)
          switch (vectors[0].value(row), type) {
          case (.integer(let number), _): writer.append(pattern.text(of: Int128(number), scale: 0))
          case (.decimal(let number), .decimal(_, let scale)): writer.append(pattern.text(of: number, scale: scale))
          case (.double(let number), _): writer.append(pattern.text(of: number))
          default: return false
          }
          return true
        }
      }
    }
    let type = bound[0].type
    return Bind.call("format_number", bound, .string, isNullable: true, nullStops: 2) { vectors, count in
      RowLoop.strings(vectors, count) { row, writer in
        let digits = vectors[1].int(row)
        if digits < 0 { return false }
        var text: String
        switch (vectors[0].value(row), type) {
        case (.integer(let number), _): text = NumberFormat.fixed(Int128(number), scale: 0, digits: digits)
        case (.decimal(let number), .decimal(_, let scale)):
          text = NumberFormat.fixed(number, scale: scale, digits: digits)
        case (.double(let number), _):
          NumberFormat.appendGrouped(number, digits: digits, to: &writer)
          return true
        default: return false
        }
        text.withUTF8 { NumberFormat.appendGrouped(UnsafeRawBufferPointer($0), to: &writer) }
        return true
      }
    }
  }
}
