import MillraceColumnar

/// The character sets that Spark's `encode` and `decode` allow.
enum CharacterSet: String, Sendable {
  case ascii = "US-ASCII"
  case latin1 = "ISO-8859-1"
  case utf8 = "UTF-8"
  case utf16BigEndian = "UTF-16BE"
  case utf16LittleEndian = "UTF-16LE"
  case utf16 = "UTF-16"
  case utf32 = "UTF-32"

  /// Throws `INVALID_PARAMETER_VALUE.CHARSET`.
  init(named name: String) throws {
    guard let found = CharacterSet(rawValue: name.uppercased()) else {
      throw MillraceError(
        "INVALID_PARAMETER_VALUE.CHARSET", "character set '\(name)' is not known",
        hint: "US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE, UTF-16 or UTF-32")
    }
    self = found
  }

  /// A call of `encode` or `decode`; a constant character set is looked up here.
  static func call(
    _ name: String, _ arguments: [Expression], _ type: DataType,
    _ body: @escaping @Sendable (CharacterSet, UnsafeRawBufferPointer, inout StringWriter) throws -> Void
  ) throws -> Expression {
    let fixed = try arguments[1].constantText.map { try CharacterSet(named: $0) }
    return Bind.call(name, arguments, type, canFail: true) { vectors, count in
      try RowLoop.strings(vectors, count, type: type) { row, writer in
        let set = try fixed ?? CharacterSet(named: String(decoding: vectors[1].bytes(row), as: UTF8.self))
        try body(set, vectors[0].bytes(row), &writer)
        return true
      }
    }
  }

  /// Appends a string's bytes in this set.
  func encode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    switch self {
    case .utf8: writer.append(bytes)
    case .ascii, .latin1:
      let limit: UInt32 = self == .ascii ? 128 : 256
      for scalar in text.unicodeScalars {
        guard scalar.value < limit else { throw malformed("encode", "the character '\(scalar)'") }
        writer.append(UInt8(scalar.value))
      }
    case .utf16, .utf16BigEndian, .utf16LittleEndian:
      if self == .utf16 && !text.isEmpty { Self.append(0xFEFF, isBig: true, &writer) }
      for unit in text.utf16 { Self.append(unit, isBig: self != .utf16LittleEndian, &writer) }
    case .utf32:
      for scalar in text.unicodeScalars {
        Self.append(UInt16(scalar.value >> 16), isBig: true, &writer)
        Self.append(UInt16(truncatingIfNeeded: scalar.value), isBig: true, &writer)
      }
    }
  }

  private static func append(_ unit: UInt16, isBig: Bool, _ writer: inout StringWriter) {
    let high = UInt8(unit >> 8), low = UInt8(truncatingIfNeeded: unit)
    writer.append(isBig ? high : low)
    writer.append(isBig ? low : high)
  }

  /// Appends the string that bytes of this set mean.
  func decode(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) throws {
    switch self {
    case .utf8:
      guard bytes.isASCII || String(validating: bytes, as: UTF8.self) != nil else {
        throw malformed("decode", "a byte sequence")
      }
      writer.append(bytes)
    case .ascii, .latin1:
      for byte in bytes {
        if self == .ascii && byte > 127 { throw malformed("decode", "the byte \(byte)") }
        writer.append(String(Unicode.Scalar(byte)))
      }
    case .utf16, .utf16BigEndian, .utf16LittleEndian: writer.append(try decodeUnits(bytes))
    case .utf32:
      for start in stride(from: 0, to: bytes.count, by: 4) {
        guard start + 4 <= bytes.count,
          let scalar = Unicode.Scalar(bytes[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        else { throw malformed("decode", "a byte sequence") }
        writer.append(String(scalar))
      }
    }
  }

  private func decodeUnits(_ bytes: UnsafeRawBufferPointer) throws -> String {
    guard bytes.count % 2 == 0 else { throw malformed("decode", "an odd number of bytes") }
    var isBig = self != .utf16LittleEndian
    var units: [UInt16] = []
    for start in stride(from: 0, to: bytes.count, by: 2) {
      let unit = UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1])
      if start == 0 && self == .utf16 && (unit == 0xFEFF || unit == 0xFFFE) {
        isBig = unit == 0xFEFF
      } else {
        units.append(isBig ? unit : unit.byteSwapped)
      }
    }
    guard let text = String(validating: units, as: UTF16.self) else { throw malformed("decode", "a byte sequence") }
    return text
  }

  private func malformed(_ name: String, _ what: String) -> MillraceError {
    MillraceError("MALFORMED_CHARACTER_CODING", "`\(name)` met \(what) that \(rawValue) does not have")
  }
}
