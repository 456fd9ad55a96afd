import MillraceColumnar

/// `from_csv`, `to_csv` and `schema_of_csv`.
enum CSVFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "from_csv", summary: "A line of CSV as a struct of the given schema; fields that do not fit become NULL.",
      example: "from_csv('1,abc', 'a INT, b STRING')"
    ) { (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("from_csv", arguments, 2...3)
      guard arguments[0].type == .string || arguments[0].type == .void else {
        throw Arguments.unexpectedType("from_csv", 0, arguments[0].type, .string)
      }
      let line = try arguments[0].cast(to: .string, context)
      let options = try Options("from_csv", arguments.count == 3 ? arguments[2] : nil)
      return try read(line, try JSONFunctions.schema("from_csv", arguments[1], context), options, context)
    },
    ScalarFunction("to_csv", summary: "A struct as a line of CSV.", example: "to_csv(named_struct('a', 1, 'b', 'x'))") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("to_csv", arguments, 1...2)
      return try write(arguments[0], try Options("to_csv", arguments.count == 2 ? arguments[1] : nil), context)
    },
    ScalarFunction("schema_of_csv", summary: "The schema of a constant line of CSV.", example: "schema_of_csv('1,abc')")
    {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("schema_of_csv", arguments, 1...2)
      guard case .string(var text) = try Arguments.constant("schema_of_csv", "csv", arguments[0]) else {
        throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_NULL", "the line of `schema_of_csv` must not be NULL")
      }
      let row = try Options("schema_of_csv", arguments.count == 2 ? arguments[1] : nil).row
      let types = try text.withUTF8 { utf8 -> [String] in
        let line = UnsafeRawBufferPointer(utf8)
        return try row.fields(line, limit: .max).map { field in
          try inferred(String(decoding: field.made ?? Array(line[field.range]), as: UTF8.self), context).sql
        }
      }
      let columns = types.enumerated().map { "_c\($0.offset): \($0.element)" }
      return .string("STRUCT<\(columns.joined(separator: ", "))>")
    },
  ]

  /// The options that the functions know, by Spark's names in any case.
  private struct Options {
    var row = CSVRow()
    var dateFormat: String?
    var timestampFormat: String?
    var corruptColumn: String?
    var fails = false
    /// Tells calls apart.
    var text = ""

    init(_ name: String, _ argument: Expression?) throws {
      guard let argument else { return }
      guard case .map(let entries) = try Arguments.constant(name, "options", argument) else { return }
      for entry in entries {
        guard case .string(let key) = entry.key, case .string(let value) = entry.value else { continue }
        text += "\(key)=\(value);"
        switch key.lowercased() {
        case "sep", "delimiter": if !value.isEmpty { row.separator = Array(value.utf8) }
        case "quote": row.quote = value.utf8.first ?? 0
        case "escape": row.escape = value.utf8.first ?? 0
        case "nullvalue": row.null = Array(value.utf8)
        case "quoteall": row.quotesAll = value.lowercased() == "true"
        case "dateformat": dateFormat = value
        case "timestampformat": timestampFormat = value
        case "columnnameofcorruptrecord": corruptColumn = value
        case "mode": try setMode(value, name)
        default: break
        }
      }
    }

    private mutating func setMode(_ value: String, _ name: String) throws {
      switch value.uppercased() {
      case "PERMISSIVE": fails = false
      case "FAILFAST": fails = true
      default:
        throw MillraceError(
          "PARSE_MODE_UNSUPPORTED", "`\(name)` does not know the mode \(value)", hint: "use PERMISSIVE or FAILFAST")
      }
    }
  }

  // MARK: Reading

  /// The line's fields, each cast to its column's type.
  private static func read(
    _ line: Expression, _ schema: DataType, _ options: Options, _ context: BindingContext
  ) throws -> Expression {
    guard let columns = schema.fields else {
      throw MillraceError(
        "INVALID_SCHEMA.NON_STRUCT_TYPE", "the schema of `from_csv` must be columns such as 'a INT, b STRING'")
    }
    let values = columns.filter { $0.name != options.corruptColumn }
    let fields = self.fields(of: line, count: values.count, options)
    var parts: [(StructField, Expression)] = []
    var fits = Expression.literal(.boolean(true), .boolean)
    for (index, column) in values.enumerated() {
      let text = try CollectionAccess.subscriptExpression(fields, .integer(index), context)
      let value = try read(text, as: column.type, options, context)
      parts.append((column, value))
      fits = .and(fits, .or(BuiltinOperators.isNull(text), BuiltinOperators.isNotNull(value)))
    }
    var arguments: [Expression] = []
    for column in columns {
      arguments.append(.string(column.name))
      if let part = parts.first(where: { $0.0.name == column.name }) {
        arguments.append(part.1)
      } else {
        arguments.append(.conditional([.init(fits, .null(.string))], otherwise: line, .string))
      }
    }
    guard let structure = FunctionRegistry.builtin.scalar("named_struct") else { return .null(schema) }
    let result = try structure.bind(arguments.map { .expression($0) }, context)
    var branches = [Expression.Branch(BuiltinOperators.isNull(line), .null(result.type))]
    if options.fails {
      branches.append(.init(try BuiltinOperators.not(required(fits, of: line), context), .null(result.type)))
    }
    return .conditional(branches, otherwise: result, result.type)
  }

  /// The condition, or an error where it is false: the mode FAILFAST.
  private static func required(_ fits: Expression, of line: Expression) -> Expression {
    Bind.call("csv_required", [fits, line], .boolean, canFail: true) { vectors, count in
      try RowLoop.flags(vectors, count) { row in
        if vectors[0].values(as: UInt8.self)[vectors[0].slot(row)] != 0 { return true }
        throw JSONOptions.malformed(vectors[1].bytes(row))
      }
    }
  }

  /// As many strings as there are columns; NULL where the line is shorter or a field stands for NULL.
  private static func fields(of line: Expression, count wanted: Int, _ options: Options) -> Expression {
    let type = DataType.array(.string)
    return Bind.call("csv_fields", [line], type, variant: "\(wanted);\(options.text)") { vectors, count in
      let lists = (0..<count).map { row -> Value in
        if vectors[0].isNull(row) { return .null }
        let line = vectors[0].bytes(row)
        let found = options.row.fields(line, limit: wanted).map { field -> Value in
          let bytes = field.made ?? Array(line[field.range])
          return bytes == options.row.null || bytes.isEmpty ? .null : .string(String(decoding: bytes, as: UTF8.self))
        }
        return .array(found + Array(repeating: .null, count: wanted - found.count))
      }
      return .of(lists, type: type)
    }
  }

  private static func read(
    _ text: Expression, as type: DataType, _ options: Options, _ context: BindingContext
  ) throws -> Expression {
    let format = type == .date ? options.dateFormat : type.isTimestamp ? options.timestampFormat : nil
    if let format, let function = FunctionRegistry.builtin.scalar(type == .date ? "try_to_date" : "try_to_timestamp") {
      return try function.bind([.expression(text), .expression(.string(format))], context).cast(to: type, context)
    }
    if type == .string { return text }
    guard !type.isNested else {
      throw MillraceError("UNSUPPORTED_DATATYPE", "CSV has no values of type \(type.sql)")
    }
    let value = try Cast.bind(text, to: type, isTry: true, context: context)
    guard type.isNumeric, let trim = FunctionRegistry.builtin.scalar("trim") else { return value }
    // Blanks around a number are no part of it in SQL, but are in CSV.
    let isBare = try BuiltinOperators.equal(try trim.bind([.expression(text)], context), text, context)
    return .conditional([.init(isBare, value)], otherwise: .null(type), type)
  }

  // MARK: Writing

  private static func write(_ value: Expression, _ options: Options, _ context: BindingContext) throws -> Expression {
    guard let columns = value.type.fields else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE", "`to_csv` takes a STRUCT, but its argument is \(value.type.sql)")
    }
    let texts = try columns.map { column -> Expression in
      let field = try CollectionAccess.fieldAccess(value, column.name, context)
      let format =
        column.type == .date
        ? options.dateFormat
        : column.type.isTimestamp ? options.timestampFormat ?? "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" : nil
      guard let format, let function = FunctionRegistry.builtin.scalar("date_format") else {
        return try field.cast(to: .string, context)
      }
      return try function.bind([.expression(field), .expression(.string(format))], context)
    }
    return Bind.call("to_csv", [value] + texts, .string, variant: options.text, isNullable: value.isNullable) {
      vectors, count in
      RowLoop.strings(vectors, count, strict: 1) { row, writer in
        for (index, vector) in vectors.dropFirst().enumerated() {
          if index > 0 { for byte in options.row.separator { writer.append(byte) } }
          if vector.isNull(row) {
            for byte in options.row.null { writer.append(byte) }
          } else {
            options.row.write(vector.bytes(row), &writer)
          }
        }
        return true
      }
    }
  }

  // MARK: Inference

  /// The narrowest of the types that Spark infers for a field.
  private static func inferred(_ text: String, _ context: BindingContext) throws -> DataType {
    if text.isEmpty { return .string }
    for type in [DataType.integer, .long, .double, .date, .timestamp, .boolean] {
      if type == .boolean, !["true", "false"].contains(text.lowercased()) { continue }
      let hasClock = text.contains(":")
      if type == .date, !text.contains("-") || hasClock { continue }
      if type == .timestamp, !hasClock { continue }
      let value = try Cast.bind(.string(text), to: type, isTry: true, context: context).constantValue()
      if value != .null, text == text.trimmed { return type }
    }
    return .string
  }
}

extension String {
  /// Without blanks at its ends.
  fileprivate var trimmed: String {
    var characters = Substring(self)
    while characters.first == " " { characters.removeFirst() }
    while characters.last == " " { characters.removeLast() }
    return String(characters)
  }
}
