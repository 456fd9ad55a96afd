import MillraceColumnar

/// Strings put together.
enum ConcatFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "concat", "||", summary: "All values one behind the other; NULL if one is NULL.",
      example: "concat('Spark', 'SQL')"
    ) {
      (arguments: [Expression], context: BindingContext) in try bindConcat(arguments, context)
    },
    ScalarFunction(
      "concat_ws",
      summary: "All strings and elements of arrays that are not NULL, with the first argument between them.",
      example: "concat_ws(' ', 'Spark', 'SQL')"
    ) { (arguments: [Expression], context: BindingContext) in try bindWithSeparator(arguments, context) },
    ScalarFunction("elt", summary: "The argument at position `n`, counted from 1.", example: "elt(1, 'scala', 'java')")
    {
      (arguments: [Expression], context: BindingContext) in try bindElement(arguments, context)
    },
  ]

  private static func bindConcat(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    if arguments.isEmpty { return .string("") }
    if arguments.contains(where: { $0.type.elementType != nil }) {
      return try ArrayTransforms.concatenate(arguments, context)
    }
    let isBinary = arguments.allSatisfy { $0.type == .binary }
    let bound = try Arguments.coerce(
      "concat", arguments, [isBinary ? .binary : .string], counts: 1...Int.max, context)
    if bound.count == 1 { return bound[0] }
    let type: DataType = isBinary ? .binary : .string
    return Bind.call("concat", bound.flatMap { parts(of: $0, type) }, type) { vectors, count in
      let texts = vectors.map { (views: $0.views, step: $0.isConstant ? 0 : 1) }
      return RowLoop.strings(vectors, count, type: type) { row, writer in
        for text in texts { writer.append(text.views[row * text.step]) }
        return true
      }
    }
  }

  /// The values that a concat puts together, which another one can put together as well; any other expression alone.
  private static func parts(of expression: Expression, _ type: DataType) -> [Expression] {
    if case .call(let function, let arguments) = expression, function.name == "concat", expression.type == type {
      return arguments
    }
    return [expression]
  }

  private static func bindWithSeparator(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("concat_ws", arguments, 1...Int.max)
    let expected: [ExpectedType] = [.string, .oneOf([.string, .type(.array(.string))])]
    let bound = try Arguments.coerce("concat_ws", arguments, expected, counts: 1...Int.max, context)
    let hasLists = bound.contains { $0.type.elementType != nil }
    return Bind.call("concat_ws", bound, .string, isNullable: bound[0].isNullable) { vectors, count in
      if !hasLists { return joined(vectors, count) }
      return RowLoop.strings(vectors, count, strict: 1) { row, writer in
        var isFirst = true
        for vector in vectors.dropFirst() where !vector.isNull(row) {
          append(vector, row, vectors[0], &isFirst, &writer)
        }
        return true
      }
    }
  }

  /// The strings behind the first that are not NULL, with the first between them.
  private static func joined(_ vectors: [ColumnVector], _ count: Int) -> ColumnVector {
    let texts = vectors.map { (views: $0.views, step: $0.isConstant ? 0 : 1, nulls: $0.mayHaveNulls ? $0 : nil) }
    return RowLoop.strings(vectors, count, strict: 1) { row, writer in
      var isFirst = true
      for index in 1..<texts.count {
        if let nulls = texts[index].nulls, nulls.isNull(row) { continue }
        if !isFirst { writer.append(texts[0].views[row * texts[0].step]) }
        isFirst = false
        writer.append(texts[index].views[row * texts[index].step])
      }
      return true
    }
  }

  private static func append(
    _ vector: ColumnVector, _ row: Int, _ separator: ColumnVector, _ isFirst: inout Bool, _ writer: inout StringWriter
  ) {
    guard vector.type.elementType != nil else {
      if !isFirst { writer.append(separator.bytes(row)) }
      isFirst = false
      return writer.append(vector.bytes(row))
    }
    let elements = vector.children[0]
    for index in vector.values(as: ListView.self)[vector.slot(row)].range where !elements.isNull(index) {
      if !isFirst { writer.append(separator.bytes(row)) }
      isFirst = false
      writer.append(elements.bytes(index))
    }
  }

  private static func bindElement(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("elt", arguments, 2...Int.max)
    let isBinary = arguments.dropFirst().allSatisfy { $0.type == .binary }
    let bound = try Arguments.coerce(
      "elt", arguments, [.integer, isBinary ? .binary : .string], counts: 2...Int.max, context)
    let type: DataType = isBinary ? .binary : .string
    return Bind.call("elt", bound, type, canFail: true, isNullable: true) { vectors, count in
      var writer = StringWriter(rows: max(count, 1))
      for row in 0..<count {
        if vectors[0].isNull(row) {
          writer.endNull()
          continue
        }
        let index = vectors[0].int(row)
        guard index >= 1 && index < vectors.count else {
          throw MillraceError(
            "INVALID_ARRAY_INDEX", "`elt` asks for value \(index) of \(vectors.count - 1)",
            hint: "values are counted from 1")
        }
        if vectors[index].isNull(row) {
          writer.endNull()
        } else {
          writer.append(vectors[index].bytes(row))
          writer.end()
        }
      }
      return writer.finish(type, count: count)
    }
  }
}
