package import MillraceColumnar

/// Strings with parts replaced.
package enum ReplaceFunctions {
  /// What `mask` puts for capitals, small letters, digits and others where it is not told; NULL keeps the character.
  package static let maskDefaults: [Value] = [.string("X"), .string("x"), .string("n"), .null]

  static let all: [ScalarFunction] = [
    ScalarFunction(
      "replace", summary: "The string with every occurrence of the second replaced by the third, or removed.",
      example: "replace('ABCabc', 'abc', 'DEF')"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 2 ? arguments + [.string("")] : arguments
      let bound = try Arguments.coerce("replace", given, [.string, .string, .string], counts: 2...3, context)
      return Bind.call("replace", bound, .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          replace(vectors[0].bytes(row), vectors[1].bytes(row), vectors[2].bytes(row), &writer)
          return true
        }
      }
    },
    ScalarFunction(
      "translate",
      summary:
        "The string with each character of the second replaced by the one at its place in the third, or removed.",
      example: "translate('AaBbCc', 'abc', '123')",
      bind: Bind.fixed("translate", [.string, .string, .string], .string) { vectors, count in translate(vectors, count)
      }),
    ScalarFunction(
      "overlay",
      summary: "The string with `length` characters (as many as the replacement has) from `position` on replaced.",
      example: "overlay('Spark SQL', '_', 6)"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 3 ? arguments + [.integer(-1)] : arguments
      let binaries = given.prefix(2).filter { $0.type == .binary }.count
      if given.count == 4, binaries == 1, !given.prefix(2).contains(where: { $0.type == .void }) {
        throw MillraceError(
          "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "`overlay` takes two strings or two binary values, not one of each")
      }
      let isBinary = binaries == 2
      let type: DataType = isBinary ? .binary : .string
      let bound = try Arguments.coerce(
        "overlay", given, [.type(type), .type(type), .integer, .integer], counts: 3...4, context)
      return Bind.call("overlay", bound, type) { vectors, count in
        RowLoop.strings(vectors, count, type: type) { row, writer in
          let bytes = vectors[0].bytes(row), replacement = vectors[1].bytes(row)
          let position = vectors[2].int(row)
          let own = isBinary ? replacement.count : replacement.characterCount
          let length = vectors[3].int(row) >= 0 ? vectors[3].int(row) : own
          SubstringFunctions.slice(bytes, 1, position - 1, isBinary: isBinary).withBytes { writer.append($0) }
          writer.append(replacement)
          SubstringFunctions.slice(bytes, position + length, Int(Int32.max), isBinary: isBinary).withBytes {
            writer.append($0)
          }
          return true
        }
      }
    },
    ScalarFunction(
      "repeat", summary: "The string `count` times.", example: "repeat('123', 2)",
      bind: Bind.fixed("repeat", [.string, .integer], .string, canFail: true) { vectors, count in
        try RowLoop.strings(vectors, count) { row, writer in
          let bytes = vectors[0].bytes(row)
          let times = max(vectors[1].int(row), 0)
          if bytes.isEmpty { return true }
          guard times <= Int(Int32.max) / bytes.count else {
            throw MillraceError(
              "COLLECTION_SIZE_LIMIT_EXCEEDED.FUNCTION", "`repeat` would make a string of more than 2 GiB",
              hint: "repeat it less often")
          }
          for _ in 0..<times { writer.append(bytes) }
          return true
        }
      }),
    ScalarFunction(
      "space", summary: "So many blanks.", example: "space(2)",
      bind: Bind.fixed("space", [.integer], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          for _ in 0..<max(vectors[0].int(row), 0) { writer.append(0x20) }
          return true
        }
      }),
    ScalarFunction(
      "reverse", summary: "The characters of a string, or the elements of an array, in reverse order.",
      example: "reverse('Spark SQL')"
    ) {
      (arguments: [Expression], context: BindingContext) in
      if arguments.count == 1, arguments[0].type.elementType != nil { return ArrayTransforms.reverse(arguments[0]) }
      if arguments.count == 1, arguments[0].type == .binary {
        return Bind.call("reverse", arguments, .binary) { vectors, count in
          RowLoop.strings(vectors, count, type: .binary) { row, writer in
            for byte in vectors[0].bytes(row).reversed() { writer.append(byte) }
            return true
          }
        }
      }
      let bound = try Arguments.coerce("reverse", arguments, [.string], context)
      return Bind.call("reverse", bound, .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          reverse(vectors[0].bytes(row), &writer)
          return true
        }
      }
    },
    ScalarFunction(
      "mask",
      summary: "The string with capitals, small letters and digits replaced by 'X', 'x' and 'n', or by what is given.",
      example: "mask('abcd-EFGH-8765-4321')"
    ) { (arguments: [Expression], context: BindingContext) in try bindMask(arguments, context) },
  ]

  private static func replace(
    _ bytes: UnsafeRawBufferPointer, _ needle: UnsafeRawBufferPointer, _ replacement: UnsafeRawBufferPointer,
    _ writer: inout StringWriter
  ) {
    var copied = 0
    if needle.count > 0 {
      while let hit = bytes.offset(of: needle, from: copied) {
        writer.append(bytes.part(copied..<hit))
        writer.append(replacement)
        copied = hit + needle.count
      }
    }
    writer.append(bytes.part(copied..<bytes.count))
  }

  private static func reverse(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
    var end = bytes.count
    while end > 0 {
      var first = end - 1
      while first > 0 && bytes[first] & 0xC0 == 0x80 { first -= 1 }
      writer.append(bytes.part(first..<end))
      end = first
    }
  }

  private static func translate(_ vectors: [ColumnVector], _ count: Int) -> ColumnVector {
    var known: (from: StringView, to: StringView)?
    var map = CharacterMap { $0 }
    return RowLoop.strings(vectors, count) { row, writer in
      let from = vectors[1].views[vectors[1].slot(row)], to = vectors[2].views[vectors[2].slot(row)]
      if !(known.map { $0.from == from && $0.to == to } ?? false) {
        known = (from, to)
        var changes: [Unicode.Scalar: Unicode.Scalar?] = [:]
        var targets = Array(to.string.unicodeScalars)[...]
        for scalar in from.string.unicodeScalars {
          let target = targets.popFirst()
          if changes[scalar] == nil { changes[scalar] = .some(target) }
        }
        map = CharacterMap { [changes] in changes[$0] ?? $0 }
      }
      map.write(vectors[0].bytes(row), to: &writer)
      return true
    }
  }

  /// Replacements for capitals, small letters, digits and others; NULL keeps the character.
  private static func bindMask(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("mask", arguments, 1...5)
    var marks: [Unicode.Scalar?] = []
    for (index, fallback) in maskDefaults.enumerated() {
      let value =
        index + 1 < arguments.count ? try Arguments.constant("mask", "\(index + 2)", arguments[index + 1]) : fallback
      if case .string(let text) = value {
        guard let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1 else {
          throw MillraceError(
            "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE", "a replacement of `mask` must be one character, not '\(text)'")
        }
        marks.append(scalar)
      } else {
        marks.append(nil)
      }
    }
    let bound = try Arguments.coerce("mask", [arguments[0]], [.strict(.string)], context)
    let chosen = marks
    let map = CharacterMap { scalar in
      let properties = scalar.properties
      let kind =
        properties.isUppercase
        ? 0 : properties.isLowercase ? 1 : properties.generalCategory == .decimalNumber ? 2 : 3
      return chosen[kind] ?? scalar
    }
    return Bind.call("mask", bound, .string, variant: "\(marks)") { vectors, count in
      RowLoop.strings(vectors, count) { row, writer in
        map.write(vectors[0].bytes(row), to: &writer)
        return true
      }
    }
  }
}

/// Texts with each character replaced by another or removed; ASCII by a table.
private struct CharacterMap: Sendable {
  private let map: @Sendable (Unicode.Scalar) -> Unicode.Scalar?
  /// Of each ASCII character, what comes in its place; nil where that is more than one byte for some.
  private let table: [Int16]?
  private static let removed: Int16 = -1

  init(_ map: @escaping @Sendable (Unicode.Scalar) -> Unicode.Scalar?) {
    self.map = map
    let targets = (0..<128).map { map(Unicode.Scalar(UInt8($0))) }
    let isNarrow = targets.allSatisfy { $0.map(\.isASCII) ?? true }
    table = isNarrow ? targets.map { $0.map { Int16($0.value) } ?? Self.removed } : nil
  }

  func write(_ bytes: UnsafeRawBufferPointer, to writer: inout StringWriter) {
    if let table, bytes.isASCII {
      let target = writer.reserve(bytes.count).assumingMemoryBound(to: UInt8.self)
      var used = 0
      table.withUnsafeBufferPointer { table in
        for byte in bytes {
          let mark = table[Int(byte)]
          target[used] = UInt8(truncatingIfNeeded: mark)
          used &+= mark == Self.removed ? 0 : 1
        }
      }
      return writer.advance(used)
    }
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      if let target = map(scalar) { writer.append(target) }
    }
  }
}
