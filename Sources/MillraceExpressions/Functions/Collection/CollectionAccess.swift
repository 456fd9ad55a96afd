package import MillraceColumnar

/// Access to parts of arrays, maps and structs: `a[i]`, `m[k]`, `s.field`, `element_at` and `get`.
public enum CollectionAccess {
  /// `base[index]`: an array element counted from 0, the value of a map key, or a struct field named by a literal.
  public static func subscriptExpression(
    _ base: Expression, _ index: Expression, _ context: BindingContext
  ) throws -> Expression {
    switch base.type {
    case .array(let element, _):
      let number = try Arguments.coerce("[]", [index], [.integral], context)[0].cast(to: .long, context)
      let mode: IndexMode = context.isAnsi ? .fail : .null
      return CollectionBinding.call(
        "array_subscript", [base, number], type: element, canFail: context.isAnsi, nullStops: 2
      ) { arguments, count, _ in
        try pickElements(arguments, count, mode, isOneBased: false)
      }
    case .map(let key, let value, _):
      return lookup("map_subscript", base, try keyArgument("[]", index, key, context), value)
    case .structure:
      guard case .literal(.string(let name), _) = index else { throw notExtractable(base) }
      return try fieldAccess(base, name, context)
    default: throw notExtractable(base)
    }
  }

  /// `base.name`: a struct field, that field of every struct in an array, or the value of a map's string key.
  public static func fieldAccess(_ base: Expression, _ name: String, _ context: BindingContext) throws -> Expression {
    switch base.type {
    case .structure(let fields):
      let index = try fieldIndex(fields, name)
      return CollectionBinding.call(
        "get_struct_field", [base], type: fields[index].type, variant: fields[index].name, nullStops: 1
      ) {
        arguments, count, _ in field(arguments[0], index, count)
      }
    case .array(.structure(let fields), _):
      let index = try fieldIndex(fields, name)
      let type = DataType.array(fields[index].type)
      return CollectionBinding.call("get_array_struct_fields", [base], type: type, variant: fields[index].name) {
        arguments, _, _ in
        let array = arguments[0]
        return ColumnVector(
          type: type, count: array.count, values: array.buffer, validity: array.validity, isConstant: array.isConstant,
          children: [field(array.children[0], index, array.children[0].count)])
      }
    case .map(let key, let value, _):
      return lookup("map_subscript", base, try keyArgument(".", .literal(.string(name), .string), key, context), value)
    case .array: throw Arguments.unexpectedType("[]", 1, .string, .integral)
    default: throw notExtractable(base)
    }
  }

  /// The name that a column computed by `expression` has by itself, if it has one.
  static func ownName(_ expression: Expression) -> String? {
    switch expression {
    case .attribute(let attribute): return attribute.name
    case .call(let function, _) where function.name == "get_struct_field" || function.name == "get_array_struct_fields":
      return function.variant
    default: return nil
    }
  }

  private static func notExtractable(_ base: Expression) -> MillraceError {
    MillraceError(
      "INVALID_EXTRACT_BASE_FIELD_TYPE", "a value of type \(base.type.sql) has no parts to extract",
      hint: "extract from a STRUCT, ARRAY or MAP")
  }

  /// Position of the field of that name, upper and lower case alike; throws `FIELD_NOT_FOUND` and `AMBIGUOUS_REFERENCE_TO_FIELDS`.
  package static func fieldIndex(_ fields: [StructField], _ name: String) throws -> Int {
    let wanted = name.lowercased()
    let found = fields.indices.filter { fields[$0].name.lowercased() == wanted }
    if found.count == 1 { return found[0] }
    if found.count > 1 {
      throw MillraceError(
        "AMBIGUOUS_REFERENCE_TO_FIELDS", "the field \(name) appears \(found.count) times in the struct")
    }
    throw MillraceError(
      "FIELD_NOT_FOUND", "the struct has no field \(name)",
      hint: "its fields are " + fields.map(\.name).joined(separator: ", "))
  }

  private static func keyArgument(
    _ name: String, _ key: Expression, _ type: DataType, _ context: BindingContext
  ) throws -> Expression {
    guard type.matches(key.type) || TypeCoercion.canAssign(key.type, to: type) || key.type == .string else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "a key of type \(key.type.sql) cannot be looked up among keys of type \(type.sql)")
    }
    return try key.cast(to: type, context)
  }

  /// Field `index` of every struct; NULL where the struct is.
  static func field(_ column: ColumnVector, _ index: Int, _ count: Int) -> ColumnVector {
    let child = column.children[index]
    if column.isConstant {
      return column.isNull(0) ? .nulls(child.type, count: count) : child.constantOrFirst(count: count)
    }
    guard let validity = column.validity else { return child }
    let flat = child.flattened()
    return flat.withValidity(.and(flat.validity, validity))
  }

  private static func lookup(_ name: String, _ map: Expression, _ key: Expression, _ value: DataType) -> Expression {
    CollectionBinding.call(name, [map, key], type: value, nullStops: 2) { arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      let maps = Lists(arguments[0])
      let picks = (0..<rows).map { row -> Int32 in Int32(find(arguments[1], row, maps, row) ?? -1) }
      return maps.column.children[1].picked(picks).repeated(isConstant, count)
    }
  }

  /// Position of the entry of a map row whose key equals the value of another vector's row.
  static func find(_ keys: ColumnVector, _ keyRow: Int, _ maps: Lists, _ row: Int) -> Int? {
    if keys.isNull(keyRow) { return nil }
    return maps[row]?.first { ValueOrder.compareValues(maps.elements, $0, keys, keyRow) == 0 }
  }

  /// What an index outside the array does.
  enum IndexMode: Sendable {
    case fail, null
  }

  /// Elements by BIGINT index. From 1, negative counts from the end.
  private static func pickElements(
    _ arguments: [ColumnVector], _ count: Int, _ mode: IndexMode, isOneBased: Bool
  ) throws -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let arrays = Lists(arguments[0])
    let indexes = arguments[1].values(as: Int64.self)
    var picks: [Int32] = []
    picks.reserveCapacity(rows)
    for row in 0..<rows {
      guard let range = arrays[row], !arguments[1].isNull(row) else {
        picks.append(-1)
        continue
      }
      let index = indexes[arguments[1].slot(row)]
      let length = Int64(range.count)
      if isOneBased && index == 0 {
        throw MillraceError(
          "INVALID_INDEX_OF_ZERO", "the index 0 was used where indexes start at 1",
          hint: "count from 1, or from the end with -1")
      }
      let position = !isOneBased ? index : index > 0 ? index - 1 : index + length
      if position >= 0 && position < length {
        picks.append(Int32(truncatingIfNeeded: range.lowerBound + Int(position)))
      } else if mode == .null {
        picks.append(-1)
      } else {
        let code = isOneBased ? "INVALID_ARRAY_INDEX_IN_ELEMENT_AT" : "INVALID_ARRAY_INDEX"
        throw MillraceError(
          code, "the index \(index) is out of bounds of an array with \(length) elements",
          hint: isOneBased ? "use try_element_at to get NULL instead" : "use get to get NULL instead")
      }
    }
    return arrays.elements.picked(picks).repeated(isConstant, count)
  }

  private static func elementAt(
    _ name: String, _ arguments: [Expression], _ mode: IndexMode, _ context: BindingContext
  ) throws -> Expression {
    try Arguments.expectCount(name, arguments, 2)
    if case .map(_, let value, _) = arguments[0].type {
      let (map, key) = try CollectionBinding.mapAndKey(
        name, arguments[0], arguments[1], TypeCoercion.tightestCommonType, context)
      return lookup(name, map, key, value)
    }
    let array = try CollectionBinding.typedArray(name, arguments[0], 0)
    let index = try CollectionBinding.place(name, arguments[1], 1, context).cast(to: .long, context)
    return CollectionBinding.call(
      name, [array, index], type: array.type.elementType ?? .void, canFail: true, nullStops: 2
    ) { arguments, count, _ in
      try pickElements(arguments, count, mode, isOneBased: true)
    }
  }

  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "element_at",
      summary:
        "An element counted from 1 (from the end if negative), or the value of a map key; NULL for a missing key.",
      example: "element_at(array(1, 2, 3), -1)"
    ) { arguments, context in try elementAt("element_at", arguments, context.isAnsi ? .fail : .null, context) },
    ScalarFunction(
      "try_element_at", summary: "Like element_at, but NULL for an index out of bounds.",
      example: "try_element_at(array(1, 2), 5)"
    ) { arguments, context in try elementAt("try_element_at", arguments, .null, context) },
    ScalarFunction(
      "get", summary: "An element counted from 0; NULL for an index out of bounds.", example: "get(array(1, 2), 5)"
    ) { arguments, context in
      try Arguments.expectCount("get", arguments, 2)
      let array = try CollectionBinding.typedArray("get", arguments[0], 0)
      let index = try Arguments.coerce("get", [arguments[1]], [.integer], context)[0].cast(to: .long, context)
      return CollectionBinding.call("get", [array, index], type: array.type.elementType ?? .void, nullStops: 2) {
        arguments, count, _ in
        try pickElements(arguments, count, .null, isOneBased: false)
      }
    },
    size(["size", "cardinality"], "Number of elements of an array or entries of a map; NULL for NULL.", mapsToo: true),
    size(["array_size"], "Number of elements of an array.", mapsToo: false),
  ]

  private static func size(_ names: [String], _ summary: String, mapsToo: Bool) -> ScalarFunction {
    let name = names[0]
    return ScalarFunction(names: names, summary: summary, example: "\(name)(array(1, 2))") { arguments, _ in
      try Arguments.expectCount(name, arguments, 1)
      let argument = arguments[0].type == .void ? Expression.null(.array(.void)) : arguments[0]
      let wanted: ExpectedType = mapsToo ? .oneOf([.array, .map]) : .array
      guard wanted.accepts(argument.type) else { throw Arguments.unexpectedType(name, 0, argument.type, wanted) }
      return CollectionBinding.call(name, [argument], type: .integer, isNullable: argument.isNullable, nullStops: 1) {
        arguments, _, _ in
        .map(.integer, arguments[0]) { (list: ListView) in list.length }
      }
    }
  }
}
