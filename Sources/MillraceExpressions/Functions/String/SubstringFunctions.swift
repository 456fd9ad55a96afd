import MillraceColumnar

/// Parts of strings by position or delimiter; nothing is copied.
enum SubstringFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "substring", "substr",
      summary: "`length` characters from position `start` on; negative positions count from the end.",
      example: "substring('Spark SQL', 5, 1)"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 2 ? arguments + [.integer(Int(Int32.max))] : arguments
      let bound = try Arguments.coerce(
        "substring", given, [.oneOf([.string, .binary]), .integer, .integer], counts: 2...3, context)
      return substring("substring", bound)
    },
    ScalarFunction("left", summary: "The first `length` characters.", example: "left('Spark SQL', 3)") {
      (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("left", arguments, [.oneOf([.string, .binary]), .integer], context)
      return substring("left", [bound[0], .integer(1), bound[1]])
    },
    ScalarFunction("right", summary: "The last `length` characters.", example: "right('Spark SQL', 3)") {
      (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("right", arguments, [.string, .integer], context)
      return Bind.call("right", bound, .string) { vectors, count in
        let (texts, lengths) = (vectors[0], vectors[1])
        return RowLoop.parts(vectors, count) { row in
          let length = lengths.int(row)
          return length <= 0
            ? StringView() : slice(texts.views[texts.slot(row)], -length, Int(Int32.max), isBinary: false)
        }
      }
    },
    ScalarFunction(
      "substring_index",
      summary: "What stands before occurrence `count` of the delimiter; behind it, from the end, if negative.",
      example: "substring_index('www.apache.org', '.', 2)",
      bind: Bind.fixed("substring_index", [.string, .string, .integer], .string) { vectors, count in
        RowLoop.parts(vectors, count) { row in
          substringIndex(vectors[0].bytes(row), vectors[1].bytes(row), vectors[2].int(row))
        }
      }),
    ScalarFunction(
      "split_part",
      summary: "Part `number` (from 1, negative from the end) of the string split at a delimiter, '' if there is none.",
      example: "split_part('11.12.13', '.', 3)",
      bind: Bind.fixed("split_part", [.string, .string, .integer], .string, canFail: true) { vectors, count in
        try RowLoop.parts(vectors, count) { row in
          try part(vectors[0].bytes(row), vectors[1].bytes(row), vectors[2].int(row))
        }
      }),
  ]

  /// `substring(value, start, length)` of prepared arguments.
  private static func substring(_ name: String, _ arguments: [Expression]) -> Expression {
    let type = arguments[0].type
    let isBinary = type == .binary
    return Bind.call(name, arguments, type) { vectors, count in
      let (texts, starts, lengths) = (vectors[0], vectors[1], vectors[2])
      return RowLoop.parts(vectors, count, type: type) { row in
        slice(texts.views[texts.slot(row)], starts.int(row), lengths.int(row), isBinary: isBinary)
      }
    }
  }

  /// `slice` of a view. Texts that lie in it, in ASCII, are cut without a branch on their length.
  @inline(__always)
  private static func slice(_ text: StringView, _ start: Int, _ length: Int, isBinary: Bool) -> StringView {
    if text.isInline && (isBinary || text.isInlineASCII) {
      let (from, end) = bounds(text.count, start, length)
      return text.inlinePart(from, max(from, end))
    }
    return longSlice(text, start, length, isBinary: isBinary)
  }

  /// In ASCII, positions are those of bytes; those from the start need a look only at what stands before the end.
  @inline(never)
  private static func longSlice(_ text: StringView, _ start: Int, _ length: Int, isBinary: Bool) -> StringView {
    text.withBytes { bytes in
      let (from, end) = bounds(bytes.count, start, length)
      // Where too few bytes are there, characters are.
      if end <= from { return StringView() }
      if isBinary || bytes.part(0..<(start < 0 ? bytes.count : end)).isASCII { return StringView(bytes, from..<end) }
      return slice(bytes, start, length, isBinary: false)
    }
  }

  /// Spark's rule: 0 is the first position too, and a start before the text uses up length.
  @inline(__always)
  private static func bounds(_ total: Int, _ start: Int, _ length: Int) -> (from: Int, end: Int) {
    let first = start > 0 ? start - 1 : start < 0 ? total + start : 0
    return (min(max(first, 0), total), min(total, first + length))
  }

  /// `length` characters, or bytes, from position `start` on.
  static func slice(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ length: Int, isBinary: Bool) -> StringView {
    let isByteWise = isBinary || bytes.isASCII
    // Positions from the start need no count of the characters.
    if !isByteWise && start >= 0 {
      let first = bytes.offset(ofCharacter: start > 0 ? start - 1 : 0)
      if length <= 0 { return StringView() }
      let rest = bytes.part(first..<bytes.count)
      return StringView(rest, 0..<rest.offset(ofCharacter: length))
    }
    let total = isByteWise ? bytes.count : bytes.characterCount
    let (from, end) = bounds(total, start, length)
    guard end > from else { return StringView() }
    if isByteWise { return StringView(bytes, from..<end) }
    return StringView(bytes, bytes.offset(ofCharacter: from)..<bytes.offset(ofCharacter: end))
  }

  private static func substringIndex(
    _ bytes: UnsafeRawBufferPointer, _ delimiter: UnsafeRawBufferPointer, _ count: Int
  ) -> StringView {
    if delimiter.count == 0 || count == 0 { return StringView() }
    if count > 0 {
      var at = -1
      for index in 0..<count {
        guard let hit = bytes.offset(of: delimiter, from: index == 0 ? 0 : at + 1) else {
          return StringView(bytes, 0..<bytes.count)
        }
        at = hit
      }
      return StringView(bytes, 0..<at)
    }
    var end = bytes.count
    for _ in 0..<(-count) {
      guard let hit = bytes.lastOffset(of: delimiter, before: end) else { return StringView(bytes, 0..<bytes.count) }
      end = hit + delimiter.count - 1
    }
    return StringView(bytes, (end + 1)..<bytes.count)
  }

  private static func part(
    _ bytes: UnsafeRawBufferPointer, _ delimiter: UnsafeRawBufferPointer, _ number: Int
  ) throws -> StringView {
    if number == 0 {
      throw MillraceError(
        "INVALID_INDEX_OF_ZERO", "part 0 was asked for; parts are counted from 1",
        hint: "count from 1, or from -1 at the end")
    }
    if delimiter.count == 0 { return number.magnitude == 1 ? StringView(bytes, 0..<bytes.count) : StringView() }
    var wanted = number
    if number < 0 {
      var parts = 1
      var at = 0
      while let hit = bytes.offset(of: delimiter, from: at) {
        parts += 1
        at = hit + delimiter.count
      }
      wanted = parts + number + 1
      if wanted < 1 { return StringView() }
    }
    var start = 0
    for _ in 1..<max(wanted, 1) {
      guard let hit = bytes.offset(of: delimiter, from: start) else { return StringView() }
      start = hit + delimiter.count
    }
    return StringView(bytes, start..<(bytes.offset(of: delimiter, from: start) ?? bytes.count))
  }
}
