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
      let options = try Options("from_csv", arguments.count == 3 ? arguments[2] : nil, context)
      return try read(line, try JSONFunctions.schema("from_csv", arguments[1], context), options, context)
    },
    ScalarFunction("to_csv", summary: "A struct as a line of CSV.", example: "to_csv(named_struct('a', 1, 'b', 'x'))") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("to_csv", arguments, 1...2)
      return try write(
        arguments[0], try Options("to_csv", arguments.count == 2 ? arguments[1] : nil, context, use: .writing), context)
    },
    ScalarFunction("schema_of_csv", summary: "The schema of a constant line of CSV.", example: "schema_of_csv('1,abc')")
    {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount("schema_of_csv", arguments, 1...2)
      guard [.string, .void].contains(arguments[0].type) else {
        throw Arguments.unexpectedType("schema_of_csv", 0, arguments[0].type, .string)
      }
      guard case .string(var text) = try Arguments.constant("schema_of_csv", "csv", arguments[0]) else {
        throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_NULL", "the line of `schema_of_csv` must not be NULL")
      }
      let row = try Options("schema_of_csv", arguments.count == 2 ? arguments[1] : nil, context).row
      let types = try text.withUTF8 { utf8 -> [String] in
        let line = UnsafeRawBufferPointer(utf8)
        var fields: [String] = []
        var scratch: [UInt8] = []
        row.forEachField(line, limit: .max, &scratch) { fields.append(String(decoding: $1, as: UTF8.self)) }
        return try fields.map { try inferred($0, context).sql }
      }
      let columns = types.enumerated().map { "_c\($0.offset): \($0.element)" }
      return .string("STRUCT<\(columns.joined(separator: ", "))>")
    },
  ]

  /// The options of CSV, beside those that JSON has too.
  private struct Options {
    var row = CSVRow()
    let common: JSONOptions
    /// Tells calls apart.
    let text: String

    init(_ name: String, _ argument: Expression?, _ context: BindingContext, use: DateTimePattern.Use = .reading) throws
    {
      common = try JSONOptions(name, argument, context, use: use)
      let raw = common.raw
      text = raw.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value);" }.joined()
      if let separator = raw["sep"] ?? raw["delimiter"], !separator.isEmpty { row.separator = Array(separator.utf8) }
      if let quote = raw["quote"] { row.quote = quote.utf8.first ?? 0 }
      if let escape = raw["escape"] { row.escape = escape.utf8.first ?? 0 }
      if let null = raw["nullvalue"] { row.null = Array(null.utf8) }
      row.quotesAll = raw["quoteall"]?.lowercased() == "true"
    }

    /// The pattern of a date or timestamp, if one is given.
    func format(of type: DataType) -> String? {
      type == .date ? common.raw["dateformat"] : type.isTimestamp ? common.raw["timestampformat"] : nil
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
    let values = columns.filter { $0.name != options.common.corruptRecordColumn }
    let fields = self.fields(of: line, count: values.count, options)
    var parts: [(StructField, Expression)] = []
    var fits = Expression.literal(.boolean(true), .boolean)
    for (index, column) in values.enumerated() {
      let text = try CollectionAccess.fieldAccess(fields, "c\(index)", context)
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
    if options.common.mode == .failFast {
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

  /// A struct of as many strings, `c0` and so on; NULL where the line is shorter or a field stands for NULL.
  private static func fields(of line: Expression, count wanted: Int, _ options: Options) -> Expression {
    let type = DataType.structure((0..<wanted).map { StructField("c\($0)", .string, isNullable: true) })
    return Bind.call("csv_fields", [line], type, variant: "\(wanted);\(options.text)", isNullable: false) {
      vectors, count in
      var columns = (0..<wanted).map { _ in StringWriter(rows: max(count, 1)) }
      var scratch: [UInt8] = []
      let format = options.row
      let null = format.null
      for row in 0..<count {
        var found = 0
        if !vectors[0].isNull(row) {
          format.forEachField(vectors[0].bytes(row), limit: wanted, &scratch) { number, bytes in
            found = number + 1
            if bytes.isEmpty || bytes.elementsEqual(null) { return columns[number].endNull() }
            columns[number].append(bytes)
            columns[number].end()
          }
        }
        while found < wanted {
          columns[found].endNull()
          found += 1
        }
      }
      let children = columns.map { $0.finish(.string, count: count) }
      return ColumnVector(type: type, count: count, values: MemoryBuffer(capacity: 0), children: children)
    }
  }

  private static func read(
    _ text: Expression, as type: DataType, _ options: Options, _ context: BindingContext
  ) throws -> Expression {
    if let format = options.format(of: type),
      let function = FunctionRegistry.builtin.scalar(type == .date ? "try_to_date" : "try_to_timestamp")
    {
      return try function.bind([.expression(text), .expression(.string(format))], context).cast(to: type, context)
    }
    if type == .string { return text }
    guard !type.isNested else {
      throw MillraceError("UNSUPPORTED_DATATYPE", "CSV has no values of type \(type.sql)")
    }
    if type == .boolean { return truth(of: text) }
    var digits = text
    if type.isDecimal, let replace = FunctionRegistry.builtin.scalar("replace") {
      digits = try replace.bind([.expression(text), .expression(.string(","))], context)
    }
    let value = try Cast.bind(digits, to: type, isTry: true, context: context)
    guard type.isNumeric, !type.isFractional, let trim = FunctionRegistry.builtin.scalar("trim") else { return value }
    // Blanks around a number are no part of it in SQL, but are in CSV, as Java reads whole numbers and decimals.
    let isBare = try BuiltinOperators.equal(try trim.bind([.expression(text)], context), text, context)
    return .conditional([.init(isBare, value)], otherwise: .null(type), type)
  }

  /// `true` and `false` in any case; CSV knows no other words for them.
  private static func truth(of text: Expression) -> Expression {
    Bind.call("csv_boolean", [text], .boolean, isNullable: true) { vectors, count in
      RowLoop.values(.boolean, vectors, count) { row -> UInt8? in BooleanText.parseWord(vectors[0].bytes(row)) }
    }
  }

  // MARK: Writing

  private static func write(_ value: Expression, _ options: Options, _ context: BindingContext) throws -> Expression {
    guard let columns = value.type.fields else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE", "`to_csv` takes a STRUCT, but its argument is \(value.type.sql)")
    }
    let texts = try columns.map { column -> Expression in
      let field = try CollectionAccess.fieldAccess(value, column.name, context)
      let format = options.format(of: column.type) ?? (column.type.isTimestamp ? "yyyy-MM-dd'T'HH:mm:ss.SSSXXX" : nil)
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
