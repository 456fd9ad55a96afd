import MillraceColumnar

/// Lengths, and characters as numbers.
enum LengthFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "length", "char_length", "character_length", "len",
      summary: "Characters of a string, or bytes of a binary value.",
      example: "length('Spark SQL ')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("length", arguments, [.oneOf([.string, .binary])], context)
      let isBinary = bound[0].type == .binary
      return Bind.call("length", bound, .integer) { vectors, count in
        let value = vectors[0], views = value.views
        return RowLoop.values(.integer, vectors, count) { row -> Int32? in
          if isBinary { return Int32(truncatingIfNeeded: views[row].count) }
          return Int32(truncatingIfNeeded: views[row].inlineCharacterCount ?? value.bytes(row).characterCount)
        }
      }
    },
    ScalarFunction(
      "octet_length", summary: "Bytes of a string or binary value.", example: "octet_length('Spark')",
      bind: Bind.fixed("octet_length", [.oneOf([.string, .binary])], .integer) { vectors, count in
        ColumnVector.map(.integer, vectors[0]) { (view: StringView) -> Int32 in Int32(truncatingIfNeeded: view.count) }
      }),
    ScalarFunction(
      "bit_length", summary: "Bits of a string or binary value.", example: "bit_length('Spark')",
      bind: Bind.fixed("bit_length", [.oneOf([.string, .binary])], .integer) { vectors, count in
        ColumnVector.map(.integer, vectors[0]) { (view: StringView) -> Int32 in
          Int32(truncatingIfNeeded: view.count * 8)
        }
      }),
    ScalarFunction(
      "ascii", summary: "Number of the first character, 0 for an empty string.", example: "ascii('222')",
      bind: Bind.fixed("ascii", [.string], .integer) { vectors, count in
        RowLoop.values(.integer, vectors, count) { row -> Int32? in
          let bytes = vectors[0].bytes(row)
          if bytes.count == 0 { return 0 }
          if bytes[0] < 128 { return Int32(bytes[0]) }
          return String(decoding: bytes.prefix(4), as: UTF8.self).unicodeScalars.first.map { Int32($0.value) }
        }
      }),
    ScalarFunction(
      "chr", "char", summary: "The character of a number modulo 256, '' for negative numbers.", example: "chr(65)",
      bind: Bind.fixed("chr", [.long], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          let number = vectors[0].long(row)
          if number >= 0 { writer.append(String(Unicode.Scalar(UInt8(truncatingIfNeeded: number)))) }
          return true
        }
      }),
  ]
}
