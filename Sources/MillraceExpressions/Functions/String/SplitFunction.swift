import MillraceColumnar

/// `split`: the parts between matches of a pattern, as views into the string.
enum SplitFunction {
  static let function = ScalarFunction(
    "split",
    summary:
      "The parts of the string between matches of the pattern, at most `limit` if that is positive; empty parts are kept.",
    example: "split('oneAtwoBthree', '[ABC]')"
  ) { (arguments: [Expression], context: BindingContext) in
    let given = arguments.count == 2 ? arguments + [.integer(-1)] : arguments
    let bound = try Arguments.coerce("split", given, [.string, .string, .integer], counts: 2...3, context)
    let type = DataType.array(element: .string, containsNull: false)
    guard let text = bound[1].constantText else {
      return Bind.call("split", bound, type, canFail: true) { try perRow($0, $1) }
    }
    let split = try splitter(text)
    return Bind.call("split", [bound[0], bound[2]], type, variant: "(\(text))") { try split($0, $1) }
  }

  /// What splits texts, the first of its columns, at a pattern; the second has the limits.
  static func splitter(_ text: String) throws -> @Sendable ([ColumnVector], Int) throws -> ColumnVector {
    if let literal = literal(text), !literal.isEmpty {
      return { vectors, count in splitLiteral(vectors, count, literal) }
    }
    let pattern = text.isEmpty ? nil : try CompiledPattern(text)
    return { vectors, count in
      var cursor = PatternCursor(pattern)
      return try RowLoop.lists(vectors, count) { row, writer in
        let limit = partLimit(vectors[1].int(row))
        if pattern == nil {
          splitCharacters(vectors[0].bytes(row), limit, &writer)
        } else {
          try split(vectors[0].bytes(row), try cursor.matcher(StringView()), limit, &writer)
        }
        return true
      }
    }
  }

  /// Spark takes 0 as no limit, unlike Java.
  private static func partLimit(_ limit: Int) -> Int { limit <= 0 ? .max : limit }

  /// The bytes that a pattern without special characters stands for.
  static func literal(_ pattern: String) -> [UInt8]? {
    var result: [UInt8] = []
    var isEscaped = false
    for byte in pattern.utf8 {
      if isEscaped {
        if byte > 127 || isASCIIAlphanumeric(byte) { return nil }
        result.append(byte)
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if "^$.|?*+()[{".utf8.contains(byte) {
        return nil
      } else {
        result.append(byte)
      }
    }
    return isEscaped ? nil : result
  }

  private static func splitLiteral(_ vectors: [ColumnVector], _ count: Int, _ separator: [UInt8]) -> ColumnVector {
    let value = vectors[0], limits = vectors[1]
    let isConstant = value.isConstant && limits.isConstant && count > 0
    let rows = isConstant ? 1 : count
    let isPadded = StringListWriter.isPadded(value)
    var writer = StringListWriter(rows: rows)
    let isPlain = !value.isConstant && !value.mayHaveNulls && limits.isConstant && !limits.isNull(0)
    if isPlain && isPadded && separator.count == 1 && count > 0 && partLimit(limits.int(0)) == .max {
      writer.split(rows: value.views, at: separator[0])
      return writer.finish(count: count, owners: value.owners)
    }
    for row in 0..<rows {
      if value.isNull(row) || limits.isNull(row) {
        writer.endNull()
        continue
      }
      let limit = partLimit(limits.int(row))
      if separator.count == 1 {
        writer.split(value.bytes(row), at: separator[0], limit: limit, isPadded: isPadded)
      } else {
        separator.withUnsafeBytes { writer.split(value.bytes(row), at: $0, limit: limit) }
      }
    }
    return writer.finish(count: count, isConstant: isConstant, owners: value.owners)
  }

  /// Splits each text at a pattern of its own: texts, patterns and limits.
  static func perRow(_ vectors: [ColumnVector], _ count: Int) throws -> ColumnVector {
    var cursor = PatternCursor(nil)
    return try RowLoop.lists(vectors, count) { row, writer in
      let pattern = vectors[1].views[vectors[1].slot(row)]
      let limit = partLimit(vectors[2].int(row))
      if pattern.count == 0 {
        splitCharacters(vectors[0].bytes(row), limit, &writer)
      } else {
        try split(vectors[0].bytes(row), try cursor.matcher(pattern), limit, &writer)
      }
      return true
    }
  }

  /// The empty pattern: one part per character, the last with the rest.
  private static func splitCharacters(_ bytes: UnsafeRawBufferPointer, _ limit: Int, _ writer: inout StringListWriter) {
    var at = 0
    while at < bytes.count && writer.elementCount + 1 < limit {
      let end = min(at + utf8Length(bytes[at]), bytes.count)
      writer.append(StringView(bytes, at..<end))
      at = end
    }
    if at < bytes.count || bytes.count == 0 { writer.append(StringView(bytes, at..<bytes.count)) }
  }

  /// As Java: an empty match at the start separates nothing.
  private static func split(
    _ bytes: UnsafeRawBufferPointer, _ matcher: PatternMatcher, _ limit: Int, _ writer: inout StringListWriter
  ) throws {
    var start = 0
    if limit > 1 {
      try matcher.findAll(bytes) {
        let first = matcher.offsets[0], end = matcher.offsets[1]
        if end == 0 { return true }
        writer.append(StringView(bytes, start..<first))
        start = end
        return writer.elementCount + 1 < limit
      }
    }
    writer.append(StringView(bytes, start..<bytes.count))
  }
}
