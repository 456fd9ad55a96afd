import MillraceColumnar

/// `regexp_replace`.
enum RegexpReplace {
  static let function = ScalarFunction(
    "regexp_replace",
    summary:
      "The string with every match of the pattern (from character `position` on) replaced; `$1` and `${name}` are groups.",
    example: "regexp_replace('100-200', '(\\\\d+)', 'num')"
  ) { (arguments: [Expression], context: BindingContext) in
    let given = arguments.count == 3 ? arguments + [.integer(1)] : arguments
    let bound = try Arguments.coerce(
      "regexp_replace", given, [.string, .string, .string, .integer], counts: 3...4, context)
    if let position = bound[3].constantInteger, position < 1 {
      throw MillraceError(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
        "the position of `regexp_replace` must be at least 1, but it is \(position)")
    }
    return try RegexFunctions.call("regexp_replace", bound, .string) { vectors, count, pattern in
      try replace(vectors, count, pattern)
    }
  }

  private static func replace(_ vectors: [ColumnVector], _ count: Int, _ pattern: CompiledPattern?) throws
    -> ColumnVector
  {
    var cursor = PatternCursor(pattern)
    var known: (text: StringView, pattern: ObjectIdentifier, template: ReplacementTemplate)?
    return try RowLoop.strings(vectors, count) { row, writer in
      let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
      let text = vectors[2].views[vectors[2].slot(row)]
      let identity = ObjectIdentifier(matcher.pattern)
      var template = known.flatMap { $0.text == text && $0.pattern == identity ? $0.template : nil }
      let all = vectors[0].bytes(row)
      let start = all.offset(ofCharacter: vectors[3].int(row) - 1)
      if start >= all.count && vectors[3].int(row) > 1 {
        writer.append(all)
        return true
      }
      writer.append(all.part(0..<start))
      // As in Java, anchors and look-behind see the part from the position on as the whole text.
      let bytes = all.part(start..<all.count)
      var copied = 0
      try matcher.findAll(bytes) {
        let offsets = matcher.offsets
        writer.append(bytes.part(copied..<offsets[0]))
        // As in Java, what is wrong with a replacement matters where there is something to replace.
        let replacement = try template ?? ReplacementTemplate(text.string, matcher.pattern)
        if template == nil {
          template = replacement
          known = (text, identity, replacement)
        }
        replacement.write(bytes, offsets, &writer)
        copied = offsets[1]
        return true
      }
      writer.append(bytes.part(copied..<bytes.count))
      return true
    }
  }
}

/// A replacement with references to groups, Java's rules.
struct ReplacementTemplate {
  private enum Part {
    case text([UInt8])
    case group(Int)
  }
  private var parts: [Part] = []

  init(_ source: String, _ pattern: CompiledPattern) throws {
    let input = Array(source.utf8)
    var text: [UInt8] = []
    var at = 0
    while at < input.count {
      let byte = input[at]
      at += 1
      if byte == UInt8(ascii: "\\") {
        guard at < input.count else { throw Self.failure(source, pattern, "the character to be escaped is missing") }
        text.append(input[at])
        at += 1
      } else if byte == UInt8(ascii: "$") {
        if !text.isEmpty { parts.append(.text(text)) }
        text = []
        parts.append(.group(try Self.group(source, input, &at, pattern)))
      } else {
        text.append(byte)
      }
    }
    if !text.isEmpty { parts.append(.text(text)) }
  }

  private static func failure(_ source: String, _ pattern: CompiledPattern, _ reason: String) -> MillraceError {
    MillraceError(
      "INVALID_REGEXP_REPLACE", "replacement '\(source)' for '\(pattern.source)': \(reason)",
      hint: "write '\\\\$' for a dollar sign")
  }

  private static func group(_ source: String, _ input: [UInt8], _ at: inout Int, _ pattern: CompiledPattern) throws
    -> Int
  {
    guard at < input.count else { throw failure(source, pattern, "a group index is missing behind '$'") }
    if input[at] == UInt8(ascii: "{") {
      guard let end = input[at...].firstIndex(of: UInt8(ascii: "}")) else {
        throw failure(source, pattern, "'}' is missing")
      }
      let name = String(decoding: input[(at + 1)..<end], as: UTF8.self)
      guard let number = pattern.groupNames[name] else { throw failure(source, pattern, "there is no group {\(name)}") }
      at = end + 1
      return number
    }
    let isDigit = { (byte: UInt8) in byte >= 0x30 && byte <= 0x39 }
    guard isDigit(input[at]) else { throw failure(source, pattern, "'$' is followed by neither a number nor '{'") }
    var number = Int(input[at] - 0x30)
    at += 1
    if number > pattern.groupCount { throw failure(source, pattern, "there is no group \(number)") }
    while at < input.count, isDigit(input[at]), number * 10 + Int(input[at] - 0x30) <= pattern.groupCount {
      number = number * 10 + Int(input[at] - 0x30)
      at += 1
    }
    return number
  }

  /// Appends the replacement of one match.
  func write(_ bytes: UnsafeRawBufferPointer, _ offsets: UnsafeMutablePointer<Int>, _ writer: inout StringWriter) {
    for part in parts {
      switch part {
      case .text(let text): text.withUnsafeBytes { writer.append($0) }
      case .group(let number):
        let start = offsets[number * 2]
        if start >= 0 { writer.append(bytes.part(start..<offsets[number * 2 + 1])) }
      }
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Byte offset of character `index` (from 0), the end if there are not so many.
  func offset(ofCharacter index: Int) -> Int {
    if index <= 0 { return 0 }
    var at = 0
    var left = index
    while at < count && left > 0 {
      at += 1
      while at < count && self[at] & 0xC0 == 0x80 { at += 1 }
      left -= 1
    }
    return at
  }
}
