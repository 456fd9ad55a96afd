import MillraceColumnar

/// Functions that make VARIANT values and take them apart.
public enum VariantFunctions {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "parse_json", summary: "JSON text as a VARIANT.", example: "parse_json('{\"a\": [1, 2]}')"
    ) { arguments, context in try parse("parse_json", arguments, context, isTry: false) },
    ScalarFunction(
      "try_parse_json", summary: "JSON text as a VARIANT, NULL for what is no JSON.", example: "try_parse_json('{oops')"
    ) { arguments, context in try parse("try_parse_json", arguments, context, isTry: true) },
    ScalarFunction(
      "is_variant_null", summary: "Whether a VARIANT is JSON's null, which is not SQL's NULL.",
      example: "is_variant_null(parse_json('null'))"
    ) { arguments, context in
      let inputs = try variants("is_variant_null", arguments)
      return Bind.call("is_variant_null", inputs, .boolean, isNullable: false) { vectors, count in
        let (rows, isConstant) = storedRows(vectors, count)
        let flags = (0..<rows).map { row in
          !vectors[0].isNull(row) && VariantValue(vectors[0].bytes(row)).kind == .null
        }
        return ColumnVector.of(flags.map { .boolean($0) }, type: .boolean).repeated(isConstant, count)
      }
    },
    ScalarFunction(
      "variant_get", summary: "The part of a VARIANT at a path, as a VARIANT or as the type that is named.",
      example: "variant_get(parse_json('{\"a\": [1, 2]}'), '$.a[1]', 'int')"
    ) { arguments, context in try get("variant_get", arguments, context, isTry: false) },
    ScalarFunction(
      "try_variant_get",
      summary: "The part of a VARIANT at a path, NULL if it cannot be cast to the type that is named.",
      example: "try_variant_get(parse_json('{\"a\": \"x\"}'), '$.a', 'int')"
    ) { arguments, context in try get("try_variant_get", arguments, context, isTry: true) },
    ScalarFunction(
      "schema_of_variant", summary: "The schema of a VARIANT as DDL, with OBJECT for what would be a struct.",
      example: "schema_of_variant(parse_json('{\"a\": [1, 2.5]}'))"
    ) { arguments, context in
      let inputs = try variants("schema_of_variant", arguments)
      return Bind.call("schema_of_variant", inputs, .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          writer.append(VariantSchema.text(VariantSchema.of(VariantValue(vectors[0].bytes(row)))))
          return true
        }
      }
    },
    ScalarFunction(
      "to_variant_object", summary: "A struct, map or array as a VARIANT, with objects for structs and maps.",
      example: "to_variant_object(named_struct('a', 1))"
    ) { arguments, context in
      try Arguments.expectCount("to_variant_object", arguments, 1)
      let type = arguments[0].type
      guard type.isNested, VariantConversion.canConvert(type, allowsObjects: true) else {
        throw CastRules.mismatch(type, .variant, isTry: false)
      }
      return Bind.call("to_variant_object", arguments, .variant, canFail: true) { vectors, _ in
        try VariantConversion.convert(vectors[0])
      }
    },
  ]

  static let aggregates: [AggregateFunction] = [
    AggregateFunction(
      "schema_of_variant_agg", summary: "The schema that all VARIANT values of a group fit.",
      example: "schema_of_variant_agg(parse_json('1'))"
    ) { arguments, _ in VariantSchema.aggregate(try variants("schema_of_variant_agg", arguments)[0]) }
  ]

  /// `base:path`: the part at a path as a VARIANT.
  public static func extraction(
    _ base: Expression, _ path: String, _ context: BindingContext
  ) throws -> Expression {
    guard base.type == .variant else {
      throw MillraceError(
        "COLUMN_IS_NOT_VARIANT_TYPE", "the expression before ':' must be a VARIANT, but it is \(base.type.sql)",
        hint: "make one with parse_json")
    }
    return try get("variant_get", [base, .string(VariantPath.text(ofExtraction: path))], context, isTry: false)
  }

  static func duplicateKey(_ name: String) -> MillraceError {
    MillraceError(
      "VARIANT_DUPLICATE_KEY", "an object of a variant has two fields '\(name)'", hint: "remove or rename one of them")
  }

  /// One argument of type VARIANT, or NULL.
  private static func variants(_ name: String, _ arguments: [Expression]) throws -> [Expression] {
    try Arguments.expectCount(name, arguments, 1)
    return [try variant(name, arguments[0])]
  }

  private static func variant(_ name: String, _ argument: Expression) throws -> Expression {
    if argument.type == .void { return .null(.variant) }
    guard argument.type == .variant else { throw Arguments.unexpectedType(name, 0, argument.type, .type(.variant)) }
    return argument
  }

  private static func parse(
    _ name: String, _ arguments: [Expression], _ context: BindingContext, isTry: Bool
  ) throws -> Expression {
    try Arguments.expectCount(name, arguments, 1)
    let text = arguments[0].type == .void ? .null(.string) : arguments[0]
    guard text.type == .string else { throw Arguments.unexpectedType(name, 0, text.type, .string) }
    return Bind.call(name, [text], .variant, canFail: !isTry, isNullable: isTry ? true : nil) { vectors, count in
      let parser = VariantParser()
      return try RowLoop.strings(vectors, count, type: .variant) { row, writer in
        do throws(VariantParser.Failure) {
          writer.append(try parser.parse(vectors[0].bytes(row)))
          return true
        } catch {
          if isTry { return false }
          throw failure(error, vectors[0].bytes(row))
        }
      }
    }
  }

  private static func failure(_ failure: VariantParser.Failure, _ text: UnsafeRawBufferPointer) -> MillraceError {
    switch failure {
    case .duplicateKey(let name): duplicateKey(name)
    case .malformed:
      MillraceError(
        "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION",
        "this text is no JSON: \(String(decoding: text.prefix(200), as: UTF8.self))",
        hint: "use try_parse_json to get NULL instead")
    }
  }

  private static func get(
    _ name: String, _ arguments: [Expression], _ context: BindingContext, isTry: Bool
  ) throws -> Expression {
    try Arguments.expectCount(name, arguments, 2...3)
    let value = try variant(name, arguments[0])
    let path = arguments[1].type == .void ? .null(.string) : arguments[1]
    guard path.type == .string else { throw Arguments.unexpectedType(name, 1, path.type, .string) }
    let found = try part(name, value, path)
    guard arguments.count == 3 else { return found }
    guard case .string(let ddl) = try Arguments.constant(name, "type", arguments[2]) else {
      throw MillraceError("INVALID_SCHEMA.NON_STRING_LITERAL", "the type of `\(name)` must be a constant string")
    }
    guard let parse = context.parseSchema else {
      throw MillraceError("INTERNAL_ERROR", "no reader of types was given to `\(name)`", fault: .bug)
    }
    let target = try parse(ddl)
    guard VariantCast.canCast(to: target) else { throw CastRules.mismatch(.variant, target, isTry: isTry) }
    let cast = try VariantCast(isTry: isTry, timeZone: context.timeZone)
    let function = BoundFunction(
      isTry ? "try_variant_cast" : "variant_cast", variant: context.timeZone, type: target, canFail: !isTry
    ) { vectors, _, _ in try cast.cast(vectors[0], to: target) }
    return .call(function, [found])
  }

  /// The part of each value at a path, without a copy. A constant path is checked before any value is read.
  private static func part(_ name: String, _ value: Expression, _ path: Expression) throws -> Expression {
    if let text = path.constantText, Array(text.utf8).withUnsafeBytes({ VariantPath($0) == nil }) {
      throw VariantPath.malformed(text, name)
    }
    return Bind.call(name, [value, path], .variant, canFail: true, isNullable: true) { vectors, count in
      let (rows, isConstant) = storedRows(vectors, count)
      let parts = VariantColumn(vectors[0])
      var known: (text: [UInt8], path: VariantPath)?
      for row in 0..<rows {
        guard !vectors[0].isNull(row), !vectors[1].isNull(row) else {
          parts.append(nil)
          continue
        }
        let text = vectors[1].bytes(row)
        if known.map({ !$0.text.elementsEqual(text) }) ?? true {
          guard let path = VariantPath(text) else {
            throw VariantPath.malformed(String(decoding: text, as: UTF8.self), name)
          }
          known = (Array(text), path)
        }
        parts.append(known?.path.find(in: VariantValue(vectors[0].bytes(row))))
      }
      return parts.finish().repeated(isConstant, count)
    }
  }
}
