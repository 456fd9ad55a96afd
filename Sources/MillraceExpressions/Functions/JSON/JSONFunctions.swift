public import MillraceColumnar

/// `from_json`, `to_json` and `schema_of_json`.
public enum JSONFunctions {
  /// `from_json(text, schema, options)` once the schema is a type.
  public static func fromJSON(
    _ text: Expression, schema: DataType, options: Expression? = nil, _ context: BindingContext
  ) throws -> Expression {
    let name = "from_json"
    guard schema.isNested || schema == .variant else {
      throw MillraceError(
        "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA",
        "the schema of `from_json` must be a struct, array or map, not \(schema.sql)")
    }
    let settings = try JSONOptions(name, options, context, use: .reading)
    guard text.type == .string || text.type == .void else {
      throw Arguments.unexpectedType(name, 0, text.type, .string)
    }
    let input = try Arguments.coerce(name, [text], [.string], context)
    let type = schema.withNullableParts
    return CollectionBinding.call(
      name, input, type: type, variant: "\(settings.raw)", canFail: settings.mode == .failFast
    ) {
      arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      let reader = JSONRecordReader(type, settings, capacity: rows)
      for row in 0..<rows {
        if arguments[0].isNull(row) { reader.appendNull() } else { try reader.append(arguments[0].bytes(row)) }
      }
      return reader.finish().repeated(isConstant, count)
    }
  }

  /// A type given as a constant DDL string.
  static func schema(_ name: String, _ argument: Expression, _ context: BindingContext) throws -> DataType {
    guard argument.references.isEmpty, case .string(let text) = try Arguments.constant(name, "schema", argument) else {
      throw MillraceError(
        "INVALID_SCHEMA.NON_STRING_LITERAL",
        "the schema of `\(name)` must be a constant string such as 'a INT, b STRING'")
    }
    guard let parse = context.parseSchema else {
      throw MillraceError("INTERNAL_ERROR", "no reader of schemas was given to `\(name)`", fault: .bug)
    }
    return try parse(text)
  }

  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "from_json",
      summary: "JSON text as a value of the given schema; what does not fit becomes NULL, unless the mode is FAILFAST.",
      example: "from_json('{\"a\": 1}', 'a INT')"
    ) { arguments, context in
      try Arguments.expectCount("from_json", arguments, 2...3)
      return try fromJSON(
        arguments[0], schema: schema("from_json", arguments[1], context),
        options: arguments.count == 3 ? arguments[2] : nil, context)
    },
    ScalarFunction(
      "to_json", summary: "A struct, map, array or VARIANT as JSON text; NULL fields are left out.",
      example: "to_json(named_struct('a', 1))"
    ) { arguments, context in
      try Arguments.expectCount("to_json", arguments, 1...2)
      if arguments[0].type == .void { return .null(.string) }
      guard arguments[0].type.isNested || arguments[0].type == .variant else {
        throw MillraceError(
          "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA",
          "`to_json` takes a struct, map or array, not \(arguments[0].type.sql)")
      }
      let settings = try JSONOptions("to_json", arguments.count == 2 ? arguments[1] : nil, context, use: .writing)
      return CollectionBinding.call(
        "to_json", [arguments[0]], type: .string, variant: "\(settings.raw)", isNullable: arguments[0].isNullable
      ) { arguments, _, _ in JSONWriter.write(arguments[0], settings) }
    },
    ScalarFunction(
      "schema_of_json", summary: "The schema of constant JSON text as DDL.", example: "schema_of_json('{\"a\": [1]}')"
    ) { arguments, context in
      try Arguments.expectCount("schema_of_json", arguments, 1...2)
      guard [.string, .void].contains(arguments[0].type) else {
        throw Arguments.unexpectedType("schema_of_json", 0, arguments[0].type, .string)
      }
      guard case .string(let text) = try Arguments.constant("schema_of_json", "json", arguments[0]) else {
        throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_NULL", "the JSON text of `schema_of_json` is NULL")
      }
      let options = try JSONOptions(
        "schema_of_json", arguments.count == 2 ? arguments[1] : nil, context, use: .reading)
      return .literal(.string(try JSONSchema(options).infer(text).sql), .string)
    },
  ]
}

extension DataType {
  /// The same type with everything nullable, as read data is.
  var withNullableParts: DataType {
    switch self {
    case .array(let element, _): .array(element.withNullableParts)
    case .map(let key, let value, _): .map(key.withNullableParts, value.withNullableParts)
    case .structure(let fields): .structure(fields.map { StructField($0.name, $0.type.withNullableParts) })
    default: self
    }
  }
}

/// The type of JSON text as Spark infers it: fields by name, numbers BIGINT, DECIMAL or DOUBLE, what is unknown STRING.
struct JSONSchema {
  private let readsPrimitivesAsStrings: Bool
  private let prefersDecimal: Bool
  private let grammar: JSONGrammar

  init(_ options: JSONOptions) {
    readsPrimitivesAsStrings = options.raw["primitivesasstring"]?.lowercased() == "true"
    prefersDecimal = options.raw["prefersdecimal"]?.lowercased() == "true"
    grammar = JSONGrammar(options.raw)
  }

  func infer(_ text: String) throws -> DataType {
    if text.allSatisfy(\.isWhitespace) { return .string }
    var copy = text
    let type = copy.withUTF8 { bytes -> DataType? in
      var scanner = JSONScanner(UnsafeRawBufferPointer(bytes), grammar)
      return infer(&scanner, 0)
    }
    guard let type else { throw Array(text.utf8).withUnsafeBytes { JSONOptions.malformed($0) } }
    return Self.canonical(type)
  }

  private func infer(_ scanner: inout JSONScanner, _ depth: Int) -> DataType? {
    if depth > JSONScanner.depthLimit { return nil }
    switch scanner.peek() {
    case .object:
      var fields: [StructField] = []
      let isWhole = scanner.forEachField { scanner, name in
        let out = ByteBuffer(capacity: 64)
        name.append(to: out)
        guard let type = infer(&scanner, depth + 1) else { return false }
        fields.append(StructField(String(decoding: out.bytes, as: UTF8.self), type))
        return true
      }
      return isWhole ? .structure(fields.sorted { $0.name < $1.name }) : nil
    case .array:
      var element = DataType.void
      let isWhole = scanner.forEachElement { scanner in
        guard let type = infer(&scanner, depth + 1) else { return false }
        element = Self.merged(element, type)
        return true
      }
      return isWhole ? .array(element) : nil
    case .string: return scanner.string() == nil ? nil : .string
    case .number:
      guard let number = scanner.number() else { return nil }
      if readsPrimitivesAsStrings { return .string }
      if !number.isInteger { return prefersDecimal ? decimal(number) ?? .double : .double }
      if NumberParsing.integer(number.bytes, as: Int64.self) != nil { return .long }
      let digits = number.bytes.count - (number.bytes.first == 0x2D ? 1 : 0)
      return digits <= 38 ? .decimal(precision: digits, scale: 0) : .double
    case .boolean: return scanner.boolean() == nil ? nil : readsPrimitivesAsStrings ? .string : .boolean
    case .null: return scanner.null() ? .void : nil
    case .end, .other: return nil
    }
  }

  /// The decimal of exactly the digits of a number without an exponent.
  private func decimal(_ number: JSONNumber) -> DataType? {
    let digits = number.bytes.filter { $0 >= 0x30 && $0 <= 0x39 }
    guard number.isFinite, !number.bytes.contains(where: { $0 | 0x20 == 0x65 }) else { return nil }
    let scale = number.bytes.lastIndex(of: 0x2E).map { number.bytes.count - $0 - 1 } ?? 0
    let precision = max(digits.drop { $0 == 0x30 }.count, scale)
    return precision <= 38 ? .decimal(precision: precision, scale: scale) : nil
  }

  private static func merged(_ left: DataType, _ right: DataType) -> DataType {
    switch (left, right) {
    case _ where left == right: return left
    case (.void, let other), (let other, .void): return other
    case (.structure(let a), .structure(let b)): return .structure(a.united(with: b, merged))
    case (.array(let a, _), .array(let b, _)): return .array(merged(a, b))
    default:
      if left.isNumeric && right.isNumeric { return TypeCoercion.commonType(left, right) ?? .double }
      return .string
    }
  }

  /// What stayed unknown becomes STRING.
  private static func canonical(_ type: DataType) -> DataType {
    switch type {
    case .void: .string
    case .array(let element, _): .array(canonical(element))
    case .structure(let fields): .structure(fields.map { StructField($0.name, canonical($0.type)) })
    default: type
    }
  }
}

extension [StructField] {
  /// The fields of both by name, in the order of the names; the types of those that are in both are merged. For schemas of JSON.
  func united(with others: [StructField], _ merge: (DataType, DataType) -> DataType) -> [StructField] {
    var fields = self
    for field in others {
      if let index = fields.firstIndex(where: { $0.name == field.name }) {
        fields[index].type = merge(fields[index].type, field.type)
      } else {
        fields.append(field)
      }
    }
    return fields.sorted { $0.name < $1.name }
  }
}
