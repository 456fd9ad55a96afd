import MillraceColumnar

/// Functions that rearrange the elements of arrays.
enum ArrayTransforms {
  static let functions: [ScalarFunction] = [
    ScalarFunction("array", summary: "An array of the arguments.", example: "array(1, 2, 3)") { arguments, context in
      try makeArray(arguments, context)
    },
    ScalarFunction(
      "array_repeat", summary: "An array of one value repeated.", example: "array_repeat('a', 3)"
    ) { arguments, context in
      try Arguments.expectCount("array_repeat", arguments, 2)
      let times = try Arguments.coerce("array_repeat", arguments, [.any, .strict(.integer)], context)[1]
      let type = DataType.array(element: arguments[0].type, containsNull: arguments[0].isNullable)
      return CollectionBinding.call("array_repeat", [arguments[0], times], type: type, canFail: true) {
        arguments, count, _ in
        let counts = arguments[1].values(as: Int32.self)
        return try build(arguments, count, type, [arguments[0].flattened()]) { row, maker in
          if arguments[1].isNull(row) { return false }
          try maker.append(row, times: max(Int(counts[arguments[1].slot(row)]), 0))
          return true
        }
      }
    },
    unary("array_compact", "The elements that are not NULL.") { elements, range, maker in
      for index in range where !elements.isNull(index) { maker.append(index) }
    },
    adding("array_append", "The array with a value at its end.", atEnd: true),
    adding("array_prepend", "The array with a value at its start.", atEnd: false),
    ScalarFunction(
      "array_insert", summary: "The array with a value put at a position counted from 1, or from the end if negative.",
      example: "array_insert(array(1, 3), 2, 2)"
    ) { arguments, context in try insert(arguments, context) },
    ScalarFunction(
      "slice", summary: "Part of an array: start counted from 1, or from the end if negative, and length.",
      example: "slice(array(1, 2, 3, 4), 2, 2)"
    ) { arguments, context in try slice(arguments, context) },
    ScalarFunction(
      "flatten", summary: "The elements of the arrays in an array.", example: "flatten(array(array(1), array(2, 3)))"
    ) {
      arguments, context in try flatten(arguments, context)
    },
    ScalarFunction(
      "sort_array",
      summary: "The elements in ascending (default) or descending order; NULLs are first ascending, last descending.",
      example: "sort_array(array(3, NULL, 1))"
    ) { arguments, context in try sortArray(arguments, context) },
    ScalarFunction(
      "arrays_zip", summary: "An array of structs of the n-th elements; shorter arrays are filled up with NULL.",
      example: "arrays_zip(array(1, 2), array('a', 'b'))"
    ) { arguments, context in try zip(arguments, context) },
  ]

  /// Builds lists of picks; `body` gives false for NULL.
  private static func build(
    _ arguments: [ColumnVector], _ count: Int, _ type: DataType, _ sources: [ColumnVector],
    _ body: (Int, inout ListMaker) throws -> Bool
  ) rethrows -> ColumnVector {
    var maker = ListMaker(arguments, rowCount: count)
    for row in 0..<maker.rows {
      if try body(row, &maker) { maker.end() } else { maker.endNull() }
    }
    return maker.finish(type, sources)
  }

  private static func unary(
    _ name: String, _ summary: String, _ body: @escaping @Sendable (ColumnVector, Range<Int>, inout ListMaker) -> Void
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(array(1, NULL, 2))") { arguments, context in
      try Arguments.expectCount(name, arguments, 1)
      let array = try CollectionBinding.asArray(name, arguments[0], 0, context)
      return pickCall(name, array, body)
    }
  }

  private static func pickCall(
    _ name: String, _ array: Expression, variant: String = "",
    _ body: @escaping @Sendable (ColumnVector, Range<Int>, inout ListMaker) -> Void
  ) -> Expression {
    let type = array.type
    return CollectionBinding.call(
      name, [array], type: type, variant: variant, isNullable: array.isNullable, nullStops: 1
    ) {
      arguments, count, _ in
      let arrays = Lists(arguments[0])
      return build(arguments, count, type, [arrays.elements]) { row, maker in
        guard let range = arrays[row] else { return false }
        body(arrays.elements, range, &maker)
        return true
      }
    }
  }

  /// `reverse` of an array; the string form is another function's.
  static func reverse(_ array: Expression) -> Expression {
    pickCall("reverse", array) { _, range, maker in
      for index in range.reversed() { maker.append(index) }
    }
  }

  /// `concat` of arrays; the string form is another function's.
  static func concatenate(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let arrays = try Arguments.unify("concat", arguments, context)
    if arguments.contains(where: { $0.type == .void }) || arrays[0].type.elementType == nil {
      throw MillraceError(
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "`concat` takes arrays or strings, not both",
        hint: "put a single value into array(…)")
    }
    let type = arrays[0].type
    return CollectionBinding.call("concat", arrays, type: type) { arguments, count, _ in
      let sources = arguments.map { Lists($0) }
      let elements = sources.map(\.elements)
      return build(arguments, count, type, elements) { row, maker in
        var shift = 0
        for source in sources {
          guard let range = source[row] else {
            return false
          }
          for index in range { maker.append(shift + index) }
          shift += source.elements.count
        }
        return true
      }
    }
  }

  private static func makeArray(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let values = arguments.isEmpty ? [] : try Arguments.unify("array", arguments, context)
    let type = DataType.array(element: values.first?.type ?? .void, containsNull: values.contains(where: \.isNullable))
    return CollectionBinding.call("array", values, type: type, isNullable: false) { arguments, count, _ in
      if arguments.isEmpty { return .constant(.array([]), type: type, count: count) }
      let (rows, isConstant) = storedRows(arguments, count)
      return build(arguments, count, type, arguments.map { isConstant ? $0.constant(count: 1) : $0 }) { row, maker in
        for index in arguments.indices { maker.append(index * rows + row) }
        return true
      }
    }
  }

  private static func adding(_ name: String, _ summary: String, atEnd: Bool) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(array(1, 2), 3)") { arguments, context in
      try Arguments.expectCount(name, arguments, 2)
      let (array, element) = try CollectionBinding.arrayAndElement(
        name, try CollectionBinding.typedArray(name, arguments[0], 0), arguments[1], compares: false, context)
      let type = array.type
      return CollectionBinding.call(name, [array, element], type: type, nullStops: 1) { arguments, count, _ in
        let arrays = Lists(arguments[0])
        let shift = arrays.elements.count
        return build(arguments, count, type, [arrays.elements, arguments[1]]) { row, maker in
          guard let range = arrays[row] else { return false }
          if !atEnd { maker.append(shift + row) }
          for index in range { maker.append(index) }
          if atEnd { maker.append(shift + row) }
          return true
        }
      }
    }
  }

  private static func insert(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("array_insert", arguments, 3)
    let position =
      arguments[0].type.elementType == nil
      ? arguments[1] : try CollectionBinding.place("array_insert", arguments[1], 1, context)
    let (array, element) = try CollectionBinding.arrayAndElement(
      "array_insert", arguments[0], arguments[2], compares: false, comparesFirst: true, context)
    let type = array.type
    return CollectionBinding.call("array_insert", [array, position, element], type: type, canFail: true, nullStops: 2) {
      arguments, count, _ in
      let arrays = Lists(arguments[0])
      let shift = arrays.elements.count
      let positions = arguments[1].values(as: Int32.self)
      return try build(arguments, count, type, [arrays.elements, arguments[2]]) { row, maker in
        guard let range = arrays[row], !arguments[1].isNull(row) else { return false }
        let position = Int(positions[arguments[1].slot(row)])
        if position == 0 {
          throw MillraceError(
            "INVALID_INDEX_OF_ZERO", "the index 0 was used where indexes start at 1",
            hint: "count from 1, or from the end with -1")
        }
        // Position -1 is behind the last element; what lies outside is filled up with NULL.
        let at = position > 0 ? position - 1 : range.count + position + 1
        if at < 0 {
          maker.append(shift + row)
          for _ in at..<(-1) { maker.append(-1) }
          maker.append(-1)
          for index in range { maker.append(index) }
          return true
        }
        for index in range.prefix(at) { maker.append(index) }
        for _ in range.count..<max(at, range.count) { maker.append(-1) }
        maker.append(shift + row)
        for index in range.dropFirst(at) { maker.append(index) }
        return true
      }
    }
  }

  /// Only the list views change; the elements are shared.
  private static func slice(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("slice", arguments, 3)
    let array = try CollectionBinding.asArray("slice", arguments[0], 0, context)
    let numbers = try Arguments.coerce("slice", Array(arguments.dropFirst()), [.integer, .integer], context)
    let type = array.type
    return CollectionBinding.call("slice", [array] + numbers, type: type, canFail: true, nullStops: 3) {
      arguments, count, _ in
      let (rows, isConstant) = storedRows(arguments, count)
      let arrays = Lists(arguments[0])
      let starts = arguments[1].values(as: Int32.self), lengths = arguments[2].values(as: Int32.self)
      var lists: [ListView] = []
      var nulls = NullTracker(count: rows)
      for row in 0..<rows {
        guard let range = arrays[row], !arguments[1].isNull(row), !arguments[2].isNull(row) else {
          nulls.setNull(row)
          lists.append(ListView(offset: 0, length: 0))
          continue
        }
        let start = Int(starts[arguments[1].slot(row)]), length = Int(lengths[arguments[2].slot(row)])
        if start == 0 {
          throw MillraceError("INVALID_PARAMETER_VALUE.START", "slice was given the start 0", hint: "count from 1")
        }
        if length < 0 { throw MillraceError("INVALID_PARAMETER_VALUE.LENGTH", "slice was given the length \(length)") }
        let from = start > 0 ? start - 1 : range.count + start
        let isInside = from >= 0 && from < range.count
        lists.append(
          ListView(
            offset: range.lowerBound + (isInside ? from : 0), length: isInside ? min(length, range.count - from) : 0))
      }
      return ListColumn.make(type, lists, arguments[0].children, validity: nulls.validity).repeated(isConstant, count)
    }
  }

  private static func flatten(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("flatten", arguments, 1)
    let array = try CollectionBinding.typedArray("flatten", arguments[0], 0)
    guard let type = array.type.elementType, type.elementType != nil else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "`flatten` takes an array of arrays, not \(array.type.sql)")
    }
    return CollectionBinding.call("flatten", [array], type: type, nullStops: 1) { arguments, count, _ in
      let arrays = Lists(arguments[0])
      let inner = Lists(arrays.elements)
      return build(arguments, count, type, [inner.elements]) { row, maker in
        guard let range = arrays[row], !range.contains(where: { arrays.elements.isNull($0) }) else { return false }
        for list in range { for index in inner[list] ?? 0..<0 { maker.append(index) } }
        return true
      }
    }
  }

  private static func sortArray(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("sort_array", arguments, 1...2)
    let array = try CollectionBinding.asArray("sort_array", arguments[0], 0, context)
    var isAscending = true
    if arguments.count == 2 {
      guard case .boolean(let flag) = try Arguments.constant("sort_array", "ascendingOrder", arguments[1]) else {
        throw Arguments.unexpectedType("sort_array", 1, arguments[1].type, .boolean)
      }
      isAscending = flag
    }
    return try sorted("sort_array", array, isAscending: isAscending, nullsFirst: isAscending)
  }

  /// The elements in their natural order.
  static func sorted(_ name: String, _ array: Expression, isAscending: Bool, nullsFirst: Bool) throws -> Expression {
    guard array.type.elementType?.isOrderable == true else {
      throw MillraceError("DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "`\(name)` cannot sort \(array.type.sql)")
    }
    return pickCall(name, array, variant: "\(isAscending)\(nullsFirst)") { elements, range, maker in
      var rows = range.filter { !elements.isNull($0) }.map { Int32(truncatingIfNeeded: $0) }
      rows.withUnsafeMutableBufferPointer { ValueSorter.sort($0, by: elements) }
      let nullCount = range.count - rows.count
      if nullsFirst { for _ in 0..<nullCount { maker.append(-1) } }
      if isAscending {
        for row in rows { maker.append(Int(row)) }
      } else {
        for row in rows.reversed() { maker.append(Int(row)) }
      }
      if !nullsFirst { for _ in 0..<nullCount { maker.append(-1) } }
    }
  }

  private static func zip(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let arrays = try arguments.enumerated().map {
      try CollectionBinding.asArray("arrays_zip", $0.element, $0.offset, context)
    }
    let fields = arrays.enumerated().map { index, array in
      StructField(CollectionAccess.ownName(array) ?? "\(index)", array.type.elementType ?? .void)
    }
    let type = DataType.array(element: .structure(fields), containsNull: false)
    return CollectionBinding.call("arrays_zip", arrays, type: type) { arguments, count, _ in
      if arguments.isEmpty { return .constant(.array([]), type: type, count: count) }
      let sources = arguments.map { Lists($0) }
      var picks = sources.map { _ in [Int32]() }
      var maker = ListMaker(arguments, rowCount: count)
      for row in 0..<maker.rows {
        let ranges = sources.compactMap { $0[row] }
        guard ranges.count == sources.count else {
          maker.endNull()
          continue
        }
        for step in 0..<(ranges.map(\.count).max() ?? 0) {
          for (index, range) in ranges.enumerated() {
            picks[index].append(step < range.count ? Int32(truncatingIfNeeded: range.lowerBound + step) : -1)
          }
          maker.append(0)
        }
        maker.end()
      }
      let children = Swift.zip(sources, picks).map { $0.elements.picked($1).flattened() }
      let structs = ColumnVector.structure(fields, children, count: picks[0].count)
      return maker.finish(type, children: [structs])
    }
  }
}
