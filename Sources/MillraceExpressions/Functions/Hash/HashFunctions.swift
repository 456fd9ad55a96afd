import MillraceColumnar

/// Hash functions over rows and over bytes.
enum HashFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("hash", summary: "Murmur3 of all values as INT.", example: "hash('a')") { arguments, _ in
      try check("hash", arguments)
      return .operation("hash", .integer, arguments, neverNull: true) { vectors, count, _ in
        Murmur3.hash(vectors, count, type: .integer, seed: 42)
      }
    },
    ScalarFunction("xxhash64", summary: "xxHash of all values as BIGINT.", example: "xxhash64('a')") { arguments, _ in
      try check("xxhash64", arguments)
      return .operation("xxhash64", .long, arguments, neverNull: true) { vectors, count, _ in
        XXHash64.hash(vectors, count, type: .long, seed: 42)
      }
    },
    ScalarFunction("crc32", summary: "Cyclic redundancy check of 32 bits as BIGINT.", example: "crc32('a')") {
      arguments, context in
      let values = try Arguments.coerce("crc32", arguments, [.binary], context)
      return .operation("crc32", .long, values) { vectors, _, _ in
        try .parseMap(.long, vectors[0], isTry: true) {
          Int64(CRC32.checksum($0))
        } failure: { _ in
          OperatorErrors.overflow("crc32", .long)
        }
      }
    },
    digest("md5", "MD5 in hexadecimal digits.", MD5.self),
    ScalarFunction("sha1", "sha", summary: "SHA-1 in hexadecimal digits.", example: "sha1('Spark')") {
      arguments, context in
      try bindDigest("sha1", arguments, SHA1.self, context)
    },
    ScalarFunction(
      "sha2", summary: "SHA-2 of 224, 256, 384 or 512 bits in hexadecimal digits.", example: "sha2('Spark', 256)"
    ) {
      arguments, context in try bindSHA2(arguments, context)
    },
  ]

  private static func check(_ name: String, _ arguments: [Expression]) throws {
    try Arguments.expectCount(name, arguments, 1...Int.max)
    if arguments.contains(where: { $0.type.containsVariant }) {
      throw MillraceError("DATATYPE_MISMATCH.HASH_VARIANT_TYPE", "`\(name)` takes no VARIANT")
    }
    guard arguments.contains(where: { holdsMap($0.type) }) else { return }
    throw MillraceError("DATATYPE_MISMATCH.HASH_MAP_TYPE", "`\(name)` takes no maps, as equal maps may differ in order")
  }

  private static func holdsMap(_ type: DataType) -> Bool {
    if case .map = type { return true }
    return type.childTypes.contains(where: holdsMap)
  }

  private static func digest<Kind: Digest>(_ name: String, _ summary: String, _: Kind.Type) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)('Spark')") { arguments, context in
      try bindDigest(name, arguments, Kind.self, context)
    }
  }

  private static func bindDigest<Kind: Digest>(
    _ name: String, _ arguments: [Expression], _: Kind.Type, _ context: BindingContext
  ) throws -> Expression {
    let values = try Arguments.coerce(name, arguments, [.binary], context)
    return .operation(name, .string, values) { vectors, _, _ in
      ColumnVector.mapStrings(.string, vectors[0]) { bytes, writer in
        writer.append(digest: Kind.self, of: bytes)
        return true
      }
    }
  }

  private static func bindSHA2(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    let values = try Arguments.coerce("sha2", arguments, [.binary, .integer], context)
    return .operation("sha2", .string, values, alwaysNullable: true) { vectors, count, _ in
      let isConstant = vectors[0].isConstant && vectors[1].isConstant
      let stored = isConstant ? 1 : count
      var writer = StringWriter(rows: stored)
      let lengths = vectors[1].values(as: Int32.self)
      for row in 0..<stored {
        if vectors[0].isNull(row) || vectors[1].isNull(row) {
          writer.endNull()
        } else if append(sha2: Int(lengths[vectors[1].slot(row)]), of: vectors[0].bytes(row), to: &writer) {
          writer.end()
        } else {
          writer.endNull()
        }
      }
      return writer.finish(.string, count: count, isConstant: isConstant)
    }
  }

  /// Appends the digest of so many bits; false if there is none.
  private static func append(sha2 bits: Int, of bytes: UnsafeRawBufferPointer, to writer: inout StringWriter) -> Bool {
    switch bits {
    case 224: writer.append(digest: SHA224.self, of: bytes)
    case 0, 256: writer.append(digest: SHA256.self, of: bytes)
    case 384: writer.append(digest: SHA384.self, of: bytes)
    case 512: writer.append(digest: SHA512.self, of: bytes)
    default: return false
    }
    return true
  }
}

extension StringWriter {
  /// Appends a digest in hexadecimal digits.
  fileprivate mutating func append<Kind: Digest>(digest: Kind.Type, of message: UnsafeRawBufferPointer) {
    let target = reserve(Kind.byteCount * 2).assumingMemoryBound(to: UInt8.self)
    withUnsafeTemporaryAllocation(byteCount: Kind.byteCount, alignment: 8) { bytes in
      guard let base = bytes.baseAddress else { return }
      Kind.digest(message, to: base)
      for (index, byte) in bytes.enumerated() {
        target[index &* 2] = HexDigit.lowercase(byte >> 4)
        target[index &* 2 &+ 1] = HexDigit.lowercase(byte & 15)
      }
    }
    advance(Kind.byteCount * 2)
  }
}

/// CRC-32 of IEEE 802.3, eight bytes at a step.
enum CRC32 {
  /// `tables[k][b]` is the checksum of byte b followed by k zeros.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      tables[byte] = (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 != 0 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var value: UInt32 = 0xFFFF_FFFF
      var index = 0
      while index + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(value)
        value = 0
        for step in 0..<8 {
          value ^= tables[(7 - step) << 8 | Int(truncatingIfNeeded: word >> UInt64(step * 8) & 0xFF)]
        }
        index += 8
      }
      while index < bytes.count {
        value = value >> 8 ^ tables[Int((value ^ UInt32(bytes[index])) & 0xFF)]
        index += 1
      }
      return ~value
    }
  }
}
