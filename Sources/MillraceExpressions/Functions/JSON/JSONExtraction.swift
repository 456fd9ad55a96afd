import MillraceColumnar

/// Functions that read parts of JSON text: `get_json_object`, `json_array_length`, `json_object_keys`.
enum JSONExtraction {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "get_json_object",
      summary: "What a path such as $.a[0].b leads to, as text; NULL if there is nothing or the text is not JSON.",
      example: "get_json_object('{\"a\": [1, 2]}', '$.a[1]')"
    ) { arguments, context in
      let inputs = try Arguments.coerce("get_json_object", arguments, [.strict(.string), .strict(.string)], context)
      return CollectionBinding.call("get_json_object", inputs, type: .string) { arguments, count, _ in
        getObject(arguments, count)
      }
    },
    ScalarFunction(
      "json_array_length", summary: "Number of elements of the outermost array; NULL if there is none.",
      example: "json_array_length('[1, 2, 3]')"
    ) { arguments, context in
      let inputs = try Arguments.coerce("json_array_length", arguments, [.strict(.string)], context)
      return CollectionBinding.call("json_array_length", inputs, type: .integer) { arguments, count, _ in
        let (rows, isConstant) = storedRows(arguments, count)
        let lengths = (0..<rows).map { row -> Value in
          if arguments[0].isNull(row) { return .null }
          var scanner = JSONScanner(arguments[0].bytes(row))
          guard scanner.peek() == .array else { return .null }
          var length: Int64 = 0
          let isWhole = scanner.forEachElement { scanner in
            length += 1
            return scanner.skipValue(depth: 1)
          }
          return isWhole ? .integer(length) : .null
        }
        return ColumnVector.of(lengths, type: .integer).repeated(isConstant, count)
      }
    },
    ScalarFunction(
      "json_object_keys", summary: "The names of the outermost object; NULL if there is none.",
      example: "json_object_keys('{\"a\": 1, \"b\": 2}')"
    ) { arguments, context in
      let inputs = try Arguments.coerce("json_object_keys", arguments, [.strict(.string)], context)
      return CollectionBinding.call("json_object_keys", inputs, type: .array(.string)) { arguments, count, _ in
        keys(arguments, count)
      }
    },
  ]

  private static func getObject(_ arguments: [ColumnVector], _ count: Int) -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let out = ByteBuffer()
    var constantPath: JSONPath?
    if arguments[1].isConstant && rows > 0 {
      guard !arguments[1].isNull(0), let path = JSONPath(arguments[1].bytes(0)) else {
        return .nulls(.string, count: count)
      }
      constantPath = path
    }
    var writer = StringWriter(rows: rows)
    for row in 0..<rows {
      out.removeAll()
      guard !arguments[0].isNull(row),
        let path = constantPath ?? (arguments[1].isNull(row) ? nil : JSONPath(arguments[1].bytes(row)))
      else {
        writer.endNull()
        continue
      }
      var scanner = JSONScanner(arguments[0].bytes(row))
      if JSONPathReader(path, out).read(&scanner) == .found {
        writer.append(out.bytes)
        writer.end()
      } else {
        writer.endNull()
      }
    }
    return writer.finish(.string, count: rows).repeated(isConstant, count)
  }

  private static func keys(_ arguments: [ColumnVector], _ count: Int) -> ColumnVector {
    let (rows, isConstant) = storedRows(arguments, count)
    let builder = ColumnBuilder(.array(.string), capacity: rows)
    let scratch = ByteBuffer()
    for row in 0..<rows {
      guard !arguments[0].isNull(row) else {
        builder.appendNull()
        continue
      }
      var check = JSONScanner(arguments[0].bytes(row))
      guard check.peek() == .object, check.skipValue() else {
        builder.appendNull()
        continue
      }
      var scanner = JSONScanner(arguments[0].bytes(row))
      _ = scanner.forEachField { scanner, name in
        scratch.removeAll()
        name.append(to: scratch)
        builder.children[0].append(bytes: scratch.bytes)
        return scanner.skipValue(depth: 1)
      }
      builder.appendList()
    }
    return builder.finish().repeated(isConstant, count)
  }
}

/// `json_tuple`: several fields of an object at once, as text.
enum JSONTuple {
  /// One column per name; `arguments` are the text and the names.
  static func extract(_ arguments: [ColumnVector], _ count: Int) -> [ColumnVector] {
    let width = arguments.count - 1
    var writers = (0..<width).map { _ in StringWriter(rows: count) }
    let out = ByteBuffer()
    for row in 0..<count {
      var ranges = [Range<Int>?](repeating: nil, count: width)
      out.removeAll()
      let names = (1...width).map { arguments[$0].isNull(row) ? nil : Array(arguments[$0].bytes(row)) }
      if !arguments[0].isNull(row), !fill(arguments[0].bytes(row), names, out, &ranges) {
        ranges = [Range<Int>?](repeating: nil, count: width)
      }
      for index in 0..<width {
        if let range = ranges[index] {
          writers[index].append(UnsafeRawBufferPointer(rebasing: out.bytes[range]))
          writers[index].end()
        } else {
          writers[index].endNull()
        }
      }
    }
    return writers.map { $0.finish(.string, count: count) }
  }

  private static func fill(
    _ text: UnsafeRawBufferPointer, _ names: [[UInt8]?], _ out: ByteBuffer, _ ranges: inout [Range<Int>?]
  ) -> Bool {
    var scanner = JSONScanner(text)
    guard scanner.peek() == .object else { return false }
    return scanner.forEachField { scanner, name in
      guard let index = names.firstIndex(where: { $0.map { name.equals($0) } ?? false }), scanner.peek() != .null else {
        return scanner.skipValue(depth: 1)
      }
      let start = out.count
      if scanner.peek() == .string {
        guard let text = scanner.string() else { return false }
        text.append(to: out)
      } else if !scanner.copyValue(to: out, depth: 1) {
        return false
      }
      for other in names.indices where names[other] == names[index] && ranges[other] == nil {
        ranges[other] = start..<out.count
      }
      return true
    }
  }
}
