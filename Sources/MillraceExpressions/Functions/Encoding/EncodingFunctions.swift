import Glibc
import MillraceColumnar

/// Encodings of bytes.
enum EncodingFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "base64", summary: "Binary value as base 64 text.", example: "base64('Spark SQL')",
      bind: Bind.fixed("base64", [.oneOf([.strict(.binary), .strict(.string)])], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          Base64.encode(vectors[0].bytes(row), &writer)
          return true
        }
      }),
    ScalarFunction(
      "unbase64", summary: "Binary value of base 64 text.", example: "unbase64('U3BhcmsgU1FM')",
      bind: Bind.fixed("unbase64", [.string], .binary, canFail: true) { vectors, count in
        try RowLoop.strings(vectors, count, type: .binary) { row, writer in
          if Base64.decode(vectors[0].bytes(row), &writer) { return true }
          let text = String(decoding: vectors[0].bytes(row).prefix(100), as: UTF8.self)
          throw MillraceError("CONVERSION_INVALID_INPUT", "the text '\(text)' is not base 64")
        }
      }),
    ScalarFunction("encode", summary: "The bytes of a string in a character set.", example: "encode('abc', 'utf-8')") {
      (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("encode", arguments, [.string, .string], context)
      return try CharacterSet.call("encode", bound, .binary) { try $0.encode($1, &$2) }
    },
    ScalarFunction(
      "decode",
      summary:
        "The string of bytes in a character set; with more arguments the result beside the first equal candidate.",
      example: "decode(encode('abc', 'utf-8'), 'utf-8')"
    ) { (arguments: [Expression], context: BindingContext) in
      if arguments.count > 2 { return try ConditionalFunctions.decode(arguments, context) }
      let bound = try Arguments.coerce("decode", arguments, [.binary, .string], context)
      return try CharacterSet.call("decode", bound, .string) { try $0.decode($1, &$2) }
    },
    ScalarFunction(
      "url_encode", summary: "The string in the form of a URL's query.",
      example: "url_encode('https://spark.apache.org')",
      bind: Bind.fixed("url_encode", [.string], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          urlEncode(vectors[0].bytes(row), &writer)
          return true
        }
      }),
    urlDecode("url_decode", "The string that a URL's query means.", isTry: false),
    urlDecode("try_url_decode", "The string that a URL's query means, NULL if it is broken.", isTry: true),
    ScalarFunction("uuid", summary: "A random UUID for each row.", example: "uuid()") {
      (arguments: [Expression], _: BindingContext) in
      try Arguments.expectCount("uuid", arguments, 0)
      let function = BoundFunction("uuid", type: .string, isNullable: false, isDeterministic: false) { _, count, _ in
        uuids(count)
      }
      return .call(function, [])
    },
  ]

  private static let hexDigits = Array("0123456789ABCDEF".utf8)

  private static func writeHex(_ byte: UInt8, _ writer: inout StringWriter) {
    writer.append(hexDigits[Int(byte >> 4)])
    writer.append(hexDigits[Int(byte & 15)])
  }

  private static func urlEncode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
    for byte in bytes {
      if isASCIIAlphanumeric(byte) || ".-*_".utf8.contains(byte) {
        writer.append(byte)
      } else if byte == 0x20 {
        writer.append(UInt8(ascii: "+"))
      } else {
        writer.append(UInt8(ascii: "%"))
        writeHex(byte, &writer)
      }
    }
  }

  private static func urlDecode(_ name: String, _ summary: String, isTry: Bool) -> ScalarFunction {
    ScalarFunction(
      name, summary: summary, example: "\(name)('https%3A%2F%2Fspark.apache.org')",
      bind: Bind.fixed(name, [.string], .string, canFail: !isTry, isNullable: isTry ? true : nil) { vectors, count in
        try RowLoop.strings(vectors, count) { row, writer in
          let bytes = vectors[0].bytes(row)
          if urlDecode(bytes, &writer) { return true }
          if isTry { return false }
          throw MillraceError(
            "CANNOT_DECODE_URL", "the text '\(String(decoding: bytes.prefix(200), as: UTF8.self))' is no encoded URL",
            hint: "try_url_decode gives NULL for such texts")
        }
      })
  }

  private static func urlDecode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) -> Bool {
    var at = 0
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "%") {
        guard at + 2 < bytes.count, let high = HexDigit.value(bytes[at + 1]),
          let low = HexDigit.value(bytes[at + 2])
        else {
          return false
        }
        writer.append(high << 4 | low)
        at += 3
      } else {
        writer.append(bytes[at] == UInt8(ascii: "+") ? 0x20 : bytes[at])
        at += 1
      }
    }
    return true
  }

  /// From the system's random bytes, a block of them at a time.
  private static func uuids(_ count: Int) -> ColumnVector {
    var writer = StringWriter(rows: max(count, 1))
    let block = 16
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2 * block) { words in
      for row in 0..<count {
        let place = row % block
        if place == 0 { fill(words) }
        UUIDText.append(words[2 * place], words[2 * place + 1], to: &writer)
        writer.end()
      }
    }
    return writer.finish(.string, count: count)
  }

  private static func fill(_ words: UnsafeMutableBufferPointer<UInt64>) {
    // Up to 256 bytes come at once.
    if let base = words.baseAddress, getentropy(base, words.count * 8) == 0 { return }
    var generator = SystemRandomNumberGenerator()
    for index in words.indices { words[index] = generator.next() }
  }
}

/// UUIDs as text.
enum UUIDText {
  /// Appends one of version 4: random but for six fixed bits.
  static func append(_ high: UInt64, _ low: UInt64, to writer: inout StringWriter) {
    let first = high & ~0xF000 | 0x4000, second = low & ~(3 << 62) | 2 << 62
    let target = writer.reserve(36).assumingMemoryBound(to: UInt8.self)
    var place = 0
    for digit in 0..<32 {
      if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
        target[place] = 0x2D
        place &+= 1
      }
      let word = digit < 16 ? first : second
      target[place] = HexDigit.lowercase(UInt8(truncatingIfNeeded: word &>> UInt64(60 &- (digit & 15) &* 4)) & 15)
      place &+= 1
    }
    writer.advance(36)
  }
}

/// Base 64 with padding.
enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: 255, count: 256)
    for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
    return table
  }()

  static func encode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
    var at = 0
    while at < bytes.count {
      let left = bytes.count - at
      var word = UInt32(bytes[at]) << 16
      if left > 1 { word |= UInt32(bytes[at + 1]) << 8 }
      if left > 2 { word |= UInt32(bytes[at + 2]) }
      for place in 0..<4 {
        let digit = alphabet[Int(word >> UInt32(18 - place * 6) & 63)]
        writer.append(place <= left ? digit : UInt8(ascii: "="))
      }
      at += 3
    }
  }

  /// Java's MIME decoding: characters outside the alphabet are skipped; false for a cut-off group.
  static func decode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) -> Bool {
    var word: UInt32 = 0
    var digits = 0
    for byte in bytes {
      if byte == UInt8(ascii: "=") { break }
      let value = values[Int(byte)]
      if value == 255 { continue }
      word = word << 6 | UInt32(value)
      digits += 1
      if digits == 4 {
        for shift in [16, 8, 0] as [UInt32] { writer.append(UInt8(truncatingIfNeeded: word >> shift)) }
        (word, digits) = (0, 0)
      }
    }
    switch digits {
    case 0: return true
    case 2: writer.append(UInt8(truncatingIfNeeded: word >> 4))
    case 3:
      writer.append(UInt8(truncatingIfNeeded: word >> 10))
      writer.append(UInt8(truncatingIfNeeded: word >> 2))
    default: return false
    }
    return true
  }
}
