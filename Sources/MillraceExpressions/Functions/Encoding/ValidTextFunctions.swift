import MillraceColumnar

/// Bytes as text and what of them is valid UTF-8: `to_binary`, `is_valid_utf8` and their like.
enum ValidTextFunctions {
  static let all: [ScalarFunction] = [
    toBinary("to_binary", "The bytes of a text by a format: 'hex' (the default), 'utf-8' or 'base64'.", isTry: false),
    toBinary("try_to_binary", "The same, NULL if the text is not of the format.", isTry: true),
    ScalarFunction(
      "is_valid_utf8", summary: "Whether the bytes are UTF-8.", example: "is_valid_utf8(x'61')",
      bind: Bind.fixed("is_valid_utf8", [.oneOf([.string, .binary])], .boolean) { vectors, count in
        RowLoop.flags(vectors, count) { row in String(validating: vectors[0].bytes(row), as: UTF8.self) != nil }
      }),
    ScalarFunction(
      "make_valid_utf8", summary: "The bytes as text, with U+FFFD for what is not UTF-8.",
      example: "make_valid_utf8(x'61FF')",
      bind: Bind.fixed("make_valid_utf8", [.oneOf([.string, .binary])], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          writer.append(String(decoding: vectors[0].bytes(row), as: UTF8.self))
          return true
        }
      }),
    validated("validate_utf8", "The bytes as text; an error if they are not UTF-8.", isTry: false),
    validated("try_validate_utf8", "The bytes as text; NULL if they are not UTF-8.", isTry: true),
    ScalarFunction(
      "quote", summary: "The text in single quotes, with a backslash before those inside.", example: "quote('it''s')",
      bind: Bind.fixed("quote", [.string], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          writer.append(UInt8(ascii: "'"))
          for byte in vectors[0].bytes(row) {
            if byte == UInt8(ascii: "'") { writer.append(UInt8(ascii: "\\")) }
            writer.append(byte)
          }
          writer.append(UInt8(ascii: "'"))
          return true
        }
      }),
    ScalarFunction(
      "bitmap_count", summary: "Number of the bits that are set.", example: "bitmap_count(x'FF01')",
      bind: Bind.fixed("bitmap_count", [.binary], .long) { vectors, count in
        RowLoop.values(.long, vectors, count) { row -> Int64? in
          vectors[0].bytes(row).reduce(into: Int64(0)) { $0 += Int64($1.nonzeroBitCount) }
        }
      }),
  ]

  private static func toBinary(_ name: String, _ summary: String, isTry: Bool) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)('616263', 'hex')") {
      (arguments: [Expression], context: BindingContext) in
      try Arguments.expectCount(name, arguments, 1...2)
      let text = try Arguments.coerce(name, [arguments[0]], [.string], context)[0]
      let format = arguments.count == 2 ? try Arguments.constant(name, "format", arguments[1]) : .string("hex")
      guard case .string(let word) = format else { return .null(.binary) }
      guard let decode = decoders[word.lowercased()] else {
        throw MillraceError(
          "DATATYPE_MISMATCH.INVALID_ARG_VALUE", "`\(name)` does not know the format '\(word)'",
          hint: "one of: hex, utf-8, base64")
      }
      return Bind.call(
        name, [text], .binary, variant: word.lowercased(), canFail: !isTry, isNullable: isTry ? true : nil
      ) { vectors, count in
        try RowLoop.strings(vectors, count, type: .binary) { row, writer in
          if decode(vectors[0].bytes(row), &writer) { return true }
          if isTry { return false }
          let shown = String(decoding: vectors[0].bytes(row).prefix(100), as: UTF8.self)
          throw MillraceError(
            "CONVERSION_INVALID_INPUT", "the text '\(shown)' is not of the format \(word)",
            hint: "use try_to_binary to get NULL instead")
        }
      }
    }
  }

  private typealias Decoder = @Sendable (UnsafeRawBufferPointer, inout StringWriter) -> Bool

  private static let decoders: [String: Decoder] = {
    let plain: Decoder = { bytes, writer in
      writer.append(bytes)
      return true
    }
    return [
      "hex": { hex($0, &$1) }, "utf-8": plain, "utf8": plain, "base64": { isBase64($0) && Base64.decode($0, &$1) },
    ]
  }()

  /// Whether a text holds nothing but characters of base 64 and blanks, with the padding right if there is any.
  private static func isBase64(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var characters = 0, padding = 0
    for byte in bytes {
      switch byte {
      case 0x20, 0x09, 0x0A, 0x0D: break
      case UInt8(ascii: "="): padding += 1
      case UInt8(ascii: "+"), UInt8(ascii: "/"), 0x30...0x39, 0x41...0x5A, 0x61...0x7A:
        if padding > 0 { return false }
        characters += 1
      default: return false
      }
    }
    return padding == 0 ? characters % 4 != 1 : padding <= 2 && (characters + padding) % 4 == 0
  }

  /// A missing first digit is zero.
  private static func hex(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) -> Bool {
    guard bytes.allSatisfy({ HexDigit.value($0) != nil }) else { return false }
    var at = bytes.count % 2
    if at == 1, let first = HexDigit.value(bytes[0]) { writer.append(first) }
    while at < bytes.count {
      writer.append((HexDigit.value(bytes[at]) ?? 0) << 4 | (HexDigit.value(bytes[at + 1]) ?? 0))
      at += 2
    }
    return true
  }

  private static func validated(_ name: String, _ summary: String, isTry: Bool) -> ScalarFunction {
    ScalarFunction(
      name, summary: summary, example: "\(name)('abc')",
      bind: Bind.fixed(
        name, [.oneOf([.string, .binary])], .string, canFail: !isTry, isNullable: isTry ? true : nil
      ) { vectors, count in
        try RowLoop.strings(vectors, count) { row, writer in
          let bytes = vectors[0].bytes(row)
          if bytes.isASCII || String(validating: bytes, as: UTF8.self) != nil {
            writer.append(bytes)
            return true
          }
          if isTry { return false }
          throw MillraceError(
            "INVALID_UTF8_STRING", "a byte sequence is not UTF-8", hint: "use try_validate_utf8 or make_valid_utf8")
        }
      })
  }
}
