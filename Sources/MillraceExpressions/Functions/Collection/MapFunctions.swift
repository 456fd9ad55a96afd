import MillraceColumnar

/// Functions that make maps and take them apart.
enum MapFunctions {
  static let functions: [ScalarFunction] = [
    ScalarFunction("map", summary: "A map of keys and values in turn.", example: "map('a', 1, 'b', 2)") {
      arguments, context in
      try makeMap(arguments, context)
    },
    part("map_keys", "The keys of a map.", 0),
    part("map_values", "The values of a map.", 1),
    ScalarFunction(
      "map_entries", summary: "The entries of a map as structs of key and value.", example: "map_entries(map('a', 1))"
    ) {
      arguments, _ in
      try Arguments.expectCount("map_entries", arguments, 1)
      let (map, key, value) = try CollectionBinding.asMap("map_entries", arguments[0], 0)
      let fields = [StructField("key", key, isNullable: false), StructField("value", value)]
      let type = DataType.array(element: .structure(fields), containsNull: false)
      return CollectionBinding.call("map_entries", [map], type: type, nullStops: 1) { arguments, _, _ in
        let map = arguments[0]
        let entries = ColumnVector.structure(fields, map.children, count: map.children[0].count)
        return relisted(map, type, [entries])
      }
    },
    ScalarFunction(
      "map_from_arrays", summary: "A map of an array of keys and an array of values.",
      example: "map_from_arrays(array('a'), array(1))"
    ) { arguments, context in try fromArrays(arguments, context) },
    ScalarFunction(
      "map_from_entries", summary: "A map of an array of structs of key and value.",
      example: "map_from_entries(array(struct('a', 1)))"
    ) { arguments, context in try fromEntries(arguments, context) },
    ScalarFunction("map_concat", summary: "The entries of all maps.", example: "map_concat(map('a', 1), map('b', 2))") {
      arguments, context in try concat(arguments, context)
    },
    ScalarFunction(
      "map_contains_key", summary: "Whether a map has a key.", example: "map_contains_key(map('a', 1), 'a')"
    ) { arguments, context in
      try Arguments.expectCount("map_contains_key", arguments, 2)
      guard arguments[1].type != .void else {
        throw MillraceError("DATATYPE_MISMATCH.NULL_TYPE", "`map_contains_key` cannot look for an untyped NULL")
      }
      let (map, key) = try CollectionBinding.mapAndKey(
        "map_contains_key", arguments[0], arguments[1], TypeCoercion.commonTypeWithoutStrings, context)
      return CollectionBinding.call("map_contains_key", [map, key], type: .boolean, nullStops: 2) {
        arguments, count, _ in
        let (rows, isConstant) = storedRows(arguments, count)
        let maps = Lists(arguments[0])
        let results = (0..<rows).map { row -> Value in
          if maps[row] == nil || arguments[1].isNull(row) { return .null }
          return .boolean(CollectionAccess.find(arguments[1], row, maps, row) != nil)
        }
        return ColumnVector.of(results, type: .boolean).repeated(isConstant, count)
      }
    },
    ScalarFunction(
      "str_to_map",
      summary: "A map of text such as `a:1,b:2`; the delimiters of entries and of key and value may be given.",
      example: "str_to_map('a:1,b:2', ',', ':')"
    ) { arguments, context in try fromText(arguments, context) },
  ]

  /// The lists of a vector over other children.
  static func relisted(_ column: ColumnVector, _ type: DataType, _ children: [ColumnVector]) -> ColumnVector {
    ColumnVector(
      type: type, count: column.count, values: column.buffer, validity: column.validity, isConstant: column.isConstant,
      children: children)
  }

  private static func part(_ name: String, _ summary: String, _ index: Int) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(map('a', 1))") { arguments, _ in
      try Arguments.expectCount(name, arguments, 1)
      let (map, key, value) = try CollectionBinding.asMap(name, arguments[0], 0)
      let type = DataType.array(element: index == 0 ? key : value, containsNull: index == 1)
      return CollectionBinding.call(name, [map], type: type, nullStops: 1) { arguments, _, _ in
        relisted(arguments[0], type, [arguments[0].children[index]])
      }
    }
  }

  /// Throws if a map of the vector has a NULL key or two equal keys.
  static func checked(_ column: ColumnVector) throws -> ColumnVector {
    let maps = Lists(column)
    let keys = maps.elements
    if keys.type == .string, hasFewDistinctKeys(column, maps) { return column }
    let encoded = RowCodec([keys.type]).encode([keys], rowCount: keys.count)
    let seen = GroupedSet()
    for row in 0..<(column.isConstant ? min(column.count, 1) : column.count) {
      guard let range = maps[row] else { continue }
      for index in range {
        if keys.isNull(index) {
          throw MillraceError("NULL_MAP_KEY", "a map cannot have NULL as a key", hint: "filter out NULL keys first")
        }
        if range.count > 1 && !seen.insert(encoded.views[index], group: UInt32(truncatingIfNeeded: row)) {
          throw MillraceError(
            "DUPLICATED_MAP_KEY", "the key \(JavaText.text(keys, index)) occurs twice in a map",
            hint: "remove the duplicate, for instance with GROUP BY")
        }
      }
    }
    return column
  }

  /// Whether each map is small, and its keys are strings of which no two are equal; false says nothing.
  private static func hasFewDistinctKeys(_ column: ColumnVector, _ maps: Lists) -> Bool {
    let keys = maps.elements
    if keys.mayHaveNulls || keys.isConstant { return false }
    let views = keys.views
    for row in 0..<(column.isConstant ? min(column.count, 1) : column.count) {
      guard let range = maps[row] else { continue }
      if range.count > 16 { return false }
      for index in range {
        for other in range.lowerBound..<index where views[other] == views[index] { return false }
      }
    }
    return true
  }

  private static func makeMap(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    guard arguments.count % 2 == 0 else {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`map` takes keys and values in turn, but got \(arguments.count) arguments"
      )
    }
    if arguments.isEmpty {
      let type = DataType.map(key: .void, value: .void, valueContainsNull: false)
      return CollectionBinding.call("map", [], type: type, isNullable: false) { _, count, _ in
        .constant(.map([]), type: type, count: count)
      }
    }
    let even = arguments.indices.filter { $0 % 2 == 0 }
    let keys = try unify(even.map { arguments[$0] }, "CREATE_MAP_KEY_DIFF_TYPES", context)
    guard !keys[0].type.containsMap, !keys[0].type.containsVariant else {
      throw MillraceError(
        "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE", "a map cannot have keys of the type \(keys[0].type.sql)")
    }
    let values = try unify(even.map { arguments[$0 + 1] }, "CREATE_MAP_VALUE_DIFF_TYPES", context)
    let type = DataType.map(
      key: keys[0].type, value: values[0].type, valueContainsNull: values.contains(where: \.isNullable))
    let pairs = keys.count
    return CollectionBinding.call("map", keys + values, type: type, isNullable: false, canFail: true) {
      arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      let one = arguments.map { isConstant ? $0.constant(count: 1) : $0.flattened() }
      var picks: [Int32] = []
      var maker = ListMaker(arguments, rowCount: count)
      for row in 0..<rows {
        for pair in 0..<pairs {
          picks.append(Int32(truncatingIfNeeded: pair * rows + row))
          maker.append(0)
        }
        maker.end()
      }
      let keys = ColumnVector.concatenated(one.prefix(pairs).map { $0.flattened() }).picked(picks).flattened()
      let values = ColumnVector.concatenated(one.dropFirst(pairs).map { $0.flattened() }).picked(picks).flattened()
      return try checked(maker.finish(type, children: [keys, values]))
    }
  }

  private static func unify(_ values: [Expression], _ code: String, _ context: BindingContext) throws -> [Expression] {
    guard let type = TypeCoercion.commonType(values.map(\.type)) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.\(code)", "`map` was given values of types " + values.map(\.type.sql).joined(separator: ", ")
      )
    }
    return try values.map { try $0.cast(to: type, context) }
  }

  private static func fromArrays(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("map_from_arrays", arguments, 2)
    let arrays = try arguments.enumerated().map {
      try CollectionBinding.asArray("map_from_arrays", $0.element, $0.offset, context)
    }
    let type = DataType.map(arrays[0].type.elementType ?? .void, arrays[1].type.elementType ?? .void)
    return CollectionBinding.call("map_from_arrays", arrays, type: type, canFail: true, nullStops: 2) {
      arguments, count, _ in
      let sources = arguments.map { Lists($0) }
      var maker = ListMaker(arguments, rowCount: count)
      var values: [Int32] = []
      for row in 0..<maker.rows {
        guard let a = sources[0][row], let b = sources[1][row] else {
          maker.endNull()
          continue
        }
        guard a.count == b.count else {
          throw MillraceError(
            "_LEGACY_ERROR_TEMP_2128", "map_from_arrays was given \(a.count) keys and \(b.count) values",
            hint: "pass arrays of one length")
        }
        for index in a { maker.append(index) }
        for index in b { values.append(Int32(truncatingIfNeeded: index)) }
        maker.end()
      }
      let keys = sources[0].elements.picked(maker.picked).flattened()
      return try checked(maker.finish(type, children: [keys, sources[1].elements.picked(values).flattened()]))
    }
  }

  private static func fromEntries(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("map_from_entries", arguments, 1)
    _ = try CollectionBinding.typedArray("map_from_entries", arguments[0], 0)
    guard let fields = arguments[0].type.elementType?.fields, fields.count == 2 else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "`map_from_entries` takes an array of structs of two fields, not \(arguments[0].type.sql)")
    }
    let type = DataType.map(fields[0].type, fields[1].type)
    return CollectionBinding.call("map_from_entries", arguments, type: type, canFail: true) { arguments, count, _ in
      let arrays = Lists(arguments[0])
      let entries = arrays.elements.flattened()
      var maker = ListMaker(arguments, rowCount: count)
      for row in 0..<maker.rows {
        guard let range = arrays[row], !range.contains(where: { entries.isNull($0) }) else {
          maker.endNull()
          continue
        }
        for index in range { maker.append(index) }
        maker.end()
      }
      let parts = entries.children.map { $0.flattened().picked(maker.picked).flattened() }
      return try checked(maker.finish(type, children: parts))
    }
  }

  private static func concat(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let areMaps = arguments.allSatisfy { if case .map = $0.type { true } else { false } }
    let maps = areMaps ? arguments : []
    guard areMaps, let type = TypeCoercion.commonType(maps.map(\.type)) ?? (maps.isEmpty ? .map(.string, .string) : nil)
    else {
      throw MillraceError(
        areMaps ? "DATATYPE_MISMATCH.DATA_DIFF_TYPES" : "DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES",
        "`map_concat` takes maps of one type, not " + maps.map(\.type.sql).joined(separator: ", "))
    }
    let inputs = try maps.map { try $0.cast(to: type, context) }
    return CollectionBinding.call("map_concat", inputs, type: type, canFail: true) { arguments, count, _ in
      if arguments.isEmpty { return .constant(.map([]), type: type, count: count) }
      let sources = arguments.map { Lists($0) }
      var maker = ListMaker(arguments, rowCount: count)
      for row in 0..<maker.rows {
        let ranges = sources.compactMap { $0[row] }
        guard ranges.count == sources.count else {
          maker.endNull()
          continue
        }
        var shift = 0
        for (source, range) in Swift.zip(sources, ranges) {
          for index in range { maker.append(shift + index) }
          shift += source.elements.count
        }
        maker.end()
      }
      let children = (0..<2).map { part in
        ColumnVector.concatenated(sources.map { $0.column.children[part].flattened() }).picked(maker.picked).flattened()
      }
      return try checked(maker.finish(type, children: children))
    }
  }

  private static func fromText(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let inputs = try Arguments.coerce(
      "str_to_map", arguments, [.strict(.string), .strict(.string), .strict(.string)], counts: 1...3, context)
    let type = DataType.map(.string, .string)
    let defaults: [Expression] = [.literal(.string(","), .string), .literal(.string(":"), .string)]
    let full = inputs + defaults.dropFirst(inputs.count - 1)
    let splitEntries = try full[1].constantText.map { try SplitFunction.splitter($0) }
    let splitPairs = try full[2].constantText.map { try SplitFunction.splitter($0) }
    return CollectionBinding.call("str_to_map", full, type: type, canFail: true, nullStops: 3) { arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      let text = rowsWithoutNull(arguments, rows)
      let all = ColumnVector.constant(.integer(-1), type: .integer, count: rows)
      let lists =
        try splitEntries?([text, all], rows) ?? SplitFunction.perRow([text, arguments[1], all], rows)
      let entries = lists.flattened()
      let parts = entries.children[0]
      let two = ColumnVector.constant(.integer(2), type: .integer, count: parts.count)
      let pairs =
        try splitPairs?([parts, two], parts.count)
        ?? SplitFunction.perRow([parts, repeated(arguments[2], over: entries), two], parts.count)
      return try checked(relisted(entries, type, sides(of: pairs))).repeated(isConstant, count)
    }
  }

  /// The first column, with NULL where any of them is.
  private static func rowsWithoutNull(_ columns: [ColumnVector], _ rows: Int) -> ColumnVector {
    if !columns.dropFirst().contains(where: \.mayHaveNulls) { return columns[0] }
    let picks = (0..<rows).map { row in columns.contains { $0.isNull(row) } ? -1 : Int32(truncatingIfNeeded: row) }
    return columns[0].gatheredOrNull(picks, count: rows)
  }

  /// The value of each list's row for each of its elements.
  private static func repeated(_ column: ColumnVector, over lists: ColumnVector) -> ColumnVector {
    let ranges = Lists(lists)
    var picks = [Int32](repeating: -1, count: ranges.elements.count)
    for row in 0..<lists.count {
      for index in ranges[row] ?? 0..<0 { picks[index] = Int32(truncatingIfNeeded: row) }
    }
    return column.gatheredOrNull(picks, count: picks.count)
  }

  /// First and second element of each list, NULL where there is none.
  private static func sides(of pairs: ColumnVector) -> [ColumnVector] {
    let ranges = Lists(pairs)
    return (0...1).map { side in
      let picks = (0..<pairs.count).map { row -> Int32 in
        guard let range = ranges[row], range.count > side else { return -1 }
        return Int32(truncatingIfNeeded: range.lowerBound + side)
      }
      return ranges.elements.gatheredOrNull(picks, count: picks.count)
    }
  }
}
