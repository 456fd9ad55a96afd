import MillraceColumnar

/// Functions that look for elements: `array_contains`, `array_position`, `array_min`, `array_max`, `arrays_overlap`, `array_join`.
enum ArraySearch {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "array_contains", summary: "Whether an array has a value; NULL if it does not but has a NULL.",
      example: "array_contains(array(1, 2), 2)"
    ) { arguments, context in
      try Arguments.expectCount("array_contains", arguments, 2)
      if arguments.contains(where: { $0.type == .void }) {
        throw MillraceError(
          "DATATYPE_MISMATCH.NULL_TYPE", "`array_contains` cannot look for an untyped NULL", hint: "cast the NULL")
      }
      let (array, element) = try CollectionBinding.arrayAndElement(
        "array_contains", arguments[0], arguments[1], common: TypeCoercion.commonTypeWithoutStrings, context)
      return CollectionBinding.call("array_contains", [array, element], type: .boolean, nullStops: 2) {
        arguments, count, _ in
        search(arguments, count, .boolean) { (found: Int?, hasNull: Bool) -> UInt8? in
          found != nil ? 1 : hasNull ? nil : 0
        }
      }
    },
    ScalarFunction(
      "array_position", summary: "Position of the first element equal to a value, counted from 1; 0 if there is none.",
      example: "array_position(array(3, 2, 1), 1)"
    ) { arguments, context in
      try Arguments.expectCount("array_position", arguments, 2)
      if arguments[0].type == .void {
        throw MillraceError("DATATYPE_MISMATCH.NULL_TYPE", "`array_position` cannot look into an untyped NULL")
      }
      let (array, element) = try CollectionBinding.arrayAndElement(
        "array_position", arguments[0], arguments[1], context)
      return CollectionBinding.call("array_position", [array, element], type: .long, nullStops: 2) {
        arguments, count, _ in
        search(arguments, count, .long) { (found: Int?, _: Bool) -> Int64? in found.map { Int64($0 + 1) } ?? 0 }
      }
    },
    extreme("array_min", "The least element that is not NULL.", sign: -1),
    extreme("array_max", "The greatest element that is not NULL.", sign: 1),
    ScalarFunction(
      "arrays_overlap", summary: "Whether two arrays share an element that is not NULL.",
      example: "arrays_overlap(array(1, 2), array(2, 3))"
    ) { arguments, context in
      try Arguments.expectCount("arrays_overlap", arguments, 2)
      let arrays = try ArraySets.unified("arrays_overlap", arguments, context)
      return CollectionBinding.call("arrays_overlap", arrays, type: .boolean, nullStops: 2) { arguments, count, _ in
        overlap(arguments, count)
      }
    },
    ScalarFunction(
      "array_join", summary: "The elements joined by a delimiter; NULLs are left out or replaced.",
      example: "array_join(array('a', 'b'), '-')"
    ) { arguments, context in
      let inputs = try Arguments.coerce(
        "array_join", arguments, [.type(.array(.string)), .strict(.string), .strict(.string)], counts: 2...3, context)
      return CollectionBinding.call("array_join", inputs, type: .string) { arguments, count, _ in join(arguments, count)
      }
    },
  ]

  /// `result` gets the position in the array of the first equal element, and whether a NULL was seen.
  private static func search<R>(
    _ arguments: [ColumnVector], _ count: Int, _ type: DataType, _ result: (Int?, Bool) -> R?
  ) -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let arrays = Lists(arguments[0])
    let elements = arrays.elements, wanted = arguments[1]
    let out = MemoryBuffer(capacity: rows * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    var nulls = NullTracker(count: rows)
    for row in 0..<rows {
      guard let range = arrays[row], !wanted.isNull(row) else {
        nulls.setNull(row)
        continue
      }
      var found: Int?
      var hasNull = false
      for index in range {
        if elements.isNull(index) {
          hasNull = true
        } else if ValueOrder.compareValues(elements, index, wanted, row) == 0 {
          found = index - range.lowerBound
          break
        }
      }
      if let value = result(found, hasNull) { target[row] = value } else { nulls.setNull(row) }
    }
    return ColumnVector(type: type, count: rows, values: out, validity: nulls.validity).repeated(isConstant, count)
  }

  private static func extreme(_ name: String, _ summary: String, sign: Int) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(array(1, 3, 2))") { arguments, context in
      try Arguments.expectCount(name, arguments, 1)
      let array = try CollectionBinding.asArray(name, arguments[0], 0, context)
      let element = array.type.elementType ?? .void
      guard element.isOrderable else {
        throw MillraceError(
          "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "`\(name)` cannot compare values of type \(element.sql)")
      }
      return CollectionBinding.call(name, [array], type: element, nullStops: 1) { arguments, count, _ in
        let (rows, isConstant) = storedRows(arguments, count)
        let arrays = Lists(arguments[0])
        let elements = arrays.elements
        let picks = (0..<rows).map { row -> Int32 in
          var best = -1
          for index in arrays[row] ?? 0..<0 where !elements.isNull(index) {
            if best < 0 || ValueOrder.compareValues(elements, index, elements, best).signum() == sign { best = index }
          }
          return Int32(best)
        }
        return elements.picked(picks).repeated(isConstant, count)
      }
    }
  }

  private static func overlap(_ arguments: [ColumnVector], _ count: Int) -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let left = Lists(arguments[0]), right = Lists(arguments[1])
    let results = (0..<rows).map { row -> Value in
      guard let a = left[row], let b = right[row] else { return .null }
      var hasNull = false
      for i in a {
        for j in b {
          if left.elements.isNull(i) || right.elements.isNull(j) {
            hasNull = true
          } else if ValueOrder.compareValues(left.elements, i, right.elements, j) == 0 {
            return .boolean(true)
          }
        }
      }
      return hasNull ? .null : .boolean(false)
    }
    return ColumnVector.of(results, type: .boolean).repeated(isConstant, count)
  }

  private static func join(_ arguments: [ColumnVector], _ count: Int) -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let arrays = Lists(arguments[0])
    let delimiter = arguments[1]
    let replacement = arguments.count > 2 ? arguments[2] : nil
    var writer = StringWriter(rows: rows)
    for row in 0..<rows {
      guard let range = arrays[row], !delimiter.isNull(row), replacement?.isNull(row) != true else {
        writer.endNull()
        continue
      }
      var isFirst = true
      for index in range {
        let isNull = arrays.elements.isNull(index)
        if isNull && replacement == nil { continue }
        if !isFirst { writer.append(delimiter.bytes(row)) }
        isFirst = false
        if isNull, let replacement {
          writer.append(replacement.bytes(row))
        } else {
          writer.append(arrays.elements.bytes(index))
        }
      }
      writer.end()
    }
    return writer.finish(.string, count: rows).repeated(isConstant, count)
  }
}
