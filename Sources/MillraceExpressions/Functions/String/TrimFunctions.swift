import MillraceColumnar

/// Trimming and padding.
enum TrimFunctions {
  static let all: [ScalarFunction] = [
    trim(
      "trim", "The string without blanks, or the characters of the first argument, at both ends.",
      "trim('    SparkSQL   ')", true, true),
    trim(
      "ltrim", "The string without blanks, or the characters of the first argument, at the start.",
      "ltrim('    SparkSQL   ')", true, false),
    trim(
      "rtrim", "The string without blanks, or the characters of the first argument, at the end.",
      "rtrim('    SparkSQL   ')", false, true),
    ScalarFunction(
      "btrim", summary: "The string without blanks, or the characters of the second argument, at both ends.",
      example: "btrim('SSparkSQLS', 'SL')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("btrim", arguments, [.string, .string], counts: 1...2, context)
      return call("btrim", bound, true, true)
    },
    pad(
      "lpad", "The string filled up on the left, or cut, to `length` characters.", "lpad('hi', 5, '??')", isLeft: true),
    pad(
      "rpad", "The string filled up on the right, or cut, to `length` characters.", "rpad('hi', 5, '??')", isLeft: false
    ),
  ]

  /// With two arguments Spark takes the characters first.
  private static func trim(_ name: String, _ summary: String, _ example: String, _ atStart: Bool, _ atEnd: Bool)
    -> ScalarFunction
  {
    ScalarFunction(name, summary: summary, example: example) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce(name, arguments, [.string, .string], counts: 1...2, context)
      return call(name, Array(bound.reversed()), atStart, atEnd)
    }
  }

  private static func call(_ name: String, _ arguments: [Expression], _ atStart: Bool, _ atEnd: Bool) -> Expression {
    Bind.call(name, arguments, .string) { vectors, count in
      RowLoop.parts(vectors, count) { row in
        let bytes = vectors[0].bytes(row)
        if vectors.count == 1 { return trimmedBlanks(bytes, atStart, atEnd) }
        return trimmed(bytes, vectors[1].bytes(row), atStart, atEnd)
      }
    }
  }

  @inline(__always)
  private static func trimmedBlanks(_ bytes: UnsafeRawBufferPointer, _ atStart: Bool, _ atEnd: Bool) -> StringView {
    var start = 0, end = bytes.count
    if atStart { while start < end && bytes[start] == 0x20 { start += 1 } }
    if atEnd { while end > start && bytes[end - 1] == 0x20 { end -= 1 } }
    return StringView(bytes, start..<end)
  }

  private static func trimmed(
    _ bytes: UnsafeRawBufferPointer, _ characters: UnsafeRawBufferPointer, _ atStart: Bool, _ atEnd: Bool
  ) -> StringView {
    var start = 0, end = bytes.count
    while atStart && start < end {
      let width = min(utf8Length(bytes[start]), end - start)
      guard holds(characters, bytes.part(start..<(start + width))) else { break }
      start += width
    }
    while atEnd && end > start {
      var first = end - 1
      while first > start && bytes[first] & 0xC0 == 0x80 { first -= 1 }
      guard holds(characters, bytes.part(first..<end)) else { break }
      end = first
    }
    return StringView(bytes, start..<end)
  }

  /// Whether one character is among several.
  private static func holds(_ characters: UnsafeRawBufferPointer, _ one: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < characters.count {
      let width = min(utf8Length(characters[at]), characters.count - at)
      if width == one.count && characters.matches(one, at: at) { return true }
      at += width
    }
    return false
  }

  private static func pad(_ name: String, _ summary: String, _ example: String, isLeft: Bool) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: example) { (arguments: [Expression], context: BindingContext) in
      if let first = arguments.first, first.type == .binary, arguments.count == 2 || arguments.last?.type == .binary {
        return try padBytes(name, arguments, isLeft: isLeft, context)
      }
      let given = arguments.count == 2 ? arguments + [.string(" ")] : arguments
      let bound = try Arguments.coerce(name, given, [.string, .integer, .string], counts: 2...3, context)
      return Bind.call(name, bound, .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          pad(vectors[0].bytes(row), vectors[1].int(row), vectors[2].bytes(row), isLeft, &writer)
          return true
        }
      }
    }
  }

  /// Bytes filled up with bytes, by default with zeros.
  private static func padBytes(
    _ name: String, _ arguments: [Expression], isLeft: Bool, _ context: BindingContext
  ) throws -> Expression {
    let given = arguments.count == 2 ? arguments + [.literal(.binary([0]), .binary)] : arguments
    let bound = try Arguments.coerce(name, given, [.binary, .integer, .binary], context)
    return Bind.call(name, bound, .binary) { vectors, count in
      RowLoop.strings(vectors, count, type: .binary) { row, writer in
        let bytes = vectors[0].bytes(row), length = vectors[1].int(row), filler = vectors[2].bytes(row)
        let kept = bytes.part(0..<min(bytes.count, max(length, 0)))
        if !isLeft { writer.append(kept) }
        if !filler.isEmpty {
          for index in 0..<max(length - bytes.count, 0) { writer.append(filler[index % filler.count]) }
        }
        if isLeft { writer.append(kept) }
        return true
      }
    }
  }

  private static func pad(
    _ bytes: UnsafeRawBufferPointer, _ length: Int, _ filler: UnsafeRawBufferPointer, _ isLeft: Bool,
    _ writer: inout StringWriter
  ) {
    if length <= 0 { return }
    let missing = length - bytes.characterCount
    if missing <= 0 { return writer.append(bytes.part(0..<bytes.offset(ofCharacter: length))) }
    if !isLeft { writer.append(bytes) }
    let fillerLength = filler.characterCount
    if filler.count == 1 {
      writer.append(repeating: filler[0], missing)
    } else if fillerLength > 0 {
      for _ in 0..<(missing / fillerLength) { writer.append(filler) }
      writer.append(filler.part(0..<filler.offset(ofCharacter: missing % fillerLength)))
    }
    if isLeft { writer.append(bytes) }
  }
}
