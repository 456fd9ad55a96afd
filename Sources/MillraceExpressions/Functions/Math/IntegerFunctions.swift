import MillraceColumnar

/// Functions of whole numbers and their digits.
enum IntegerFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("factorial", summary: "n!; NULL outside of 0…20.", example: "factorial(5)") { arguments, context in
      let values = try Arguments.coerce("factorial", arguments, [.integer], context)
      return .operation("factorial", .long, values, alwaysNullable: true) { vectors, _, _ in
        try .tryMap(.long, vectors[0]) { (n: Int32) -> Int64? in
          n < 0 || n > 20 ? nil : (0..<Int64(n)).reduce(1) { $0 * ($1 + 1) }
        }
      }
    },
    ScalarFunction("bin", summary: "The number in binary digits.", example: "bin(13)") { arguments, context in
      let values = try Arguments.coerce("bin", arguments, [.long], context)
      return text("bin", values) { number, writer in
        writer.append(String(UInt64(bitPattern: number), radix: 2))
      }
    },
    ScalarFunction("hex", summary: "A number or bytes in hexadecimal digits.", example: "hex(17)") {
      arguments, context in
      let expected = ExpectedType.oneOf([.long, .binary, .string])
      let values = try Arguments.coerce("hex", arguments, [expected], context)
      guard values[0].type == .long else { return hexOfBytes(values) }
      return text("hex", values) { number, writer in
        writer.append(String(UInt64(bitPattern: number), radix: 16, uppercase: true))
      }
    },
    ScalarFunction("unhex", summary: "Bytes from hexadecimal digits; NULL if they are none.", example: "unhex('41')") {
      arguments, context in
      let values = try Arguments.coerce("unhex", arguments, [.string], context)
      return .operation("unhex", .binary, values, alwaysNullable: true) { vectors, _, _ in
        ColumnVector.mapStrings(.binary, vectors[0]) { bytes, writer in unhex(bytes, &writer) }
      }
    },
    ScalarFunction("conv", summary: "Digits of a number in another base.", example: "conv('100', 2, 10)") {
      arguments, context in
      let values = try Arguments.coerce("conv", arguments, [.string, .integer, .integer], context)
      return .operation("conv", .string, values, alwaysNullable: true, canFail: true) { vectors, count, _ in
        try BaseConversion.convert(vectors, count)
      }
    },
    ScalarFunction(
      "width_bucket", summary: "Number of the equal bucket that holds a value.",
      example: "width_bucket(5.3, 0.2, 10.6, 5)"
    ) {
      arguments, context in
      var arguments = arguments
      if arguments.count == 4, arguments[0].type.isInterval, arguments[0].type != .calendarInterval {
        // Intervals of one kind count by their months or microseconds.
        let type: DataType = arguments[0].type.physical == .int32 ? .integer : .long
        for index in 0..<3 {
          guard arguments[index].type.isInterval, arguments[index].type.physical == type.physical else { break }
          let units = BoundFunction("interval_units", type: type, isNullable: arguments[index].isNullable) {
            vectors, _, _ in vectors[0].retyped(type)
          }
          arguments[index] = try Expression.call(units, [arguments[index]]).cast(to: .double, context)
        }
      }
      let values = try Arguments.coerce("width_bucket", arguments, [.double, .double, .double, .long], context)
      return .operation("width_bucket", .long, values, alwaysNullable: true) { vectors, count, _ in
        WidthBucket.compute(vectors, count)
      }
    },
    ScalarFunction("bit_count", summary: "Number of bits that are set.", example: "bit_count(7)") {
      arguments, context in
      let expected = ExpectedType.oneOf([.integral, .boolean])
      if arguments.first?.type == .string { throw Arguments.unexpectedType("bit_count", 0, .string, expected) }
      let values = try Arguments.coerce("bit_count", arguments, [expected], context)
      return .operation("bit_count", .integer, values) { vectors, _, _ in
        let wide = try CastKernel.make(vectors[0].type, .long, .init(isTry: false, timeZone: "UTC"))(vectors[0])
        return .map(.integer, wide) { (value: Int64) -> Int32 in Int32(value.nonzeroBitCount) }
      }
    },
    ScalarFunction(
      "bit_get", "getbit", summary: "The bit at a position, counted from the right.", example: "bit_get(11, 0)"
    ) {
      arguments, context in
      let values = try Arguments.coerce("bit_get", arguments, [.integral, .integer], context)
      let width = values[0].type.physical.stride * 8
      return .operation("bit_get", .byte, values, canFail: true) { vectors, _, _ in
        let wide = try CastKernel.make(vectors[0].type, .long, .init(isTry: false, timeZone: "UTC"))(vectors[0])
        return try .checkedMap(.byte, wide, vectors[1], isTry: false) { (value: Int64, at: Int32) -> (Int8, UInt8) in
          at < 0 || at >= width ? (0, 1) : (Int8(value >> Int64(at) & 1), 0)
        } failure: { _, at in
          MillraceError(
            "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE", "bit position \(at) of bit_get is not in 0..<\(width)")
        }
      }
    },
    bitmap("bitmap_bit_position", "Position of the bit of a number within its bitmap.") { value in
      value > 0 ? (value - 1) % bitmapSize : (0 &- value) % bitmapSize
    },
    bitmap("bitmap_bucket_number", "Number of the bitmap that a number belongs to.") { value in
      value > 0 ? 1 + (value - 1) / bitmapSize : value / bitmapSize
    },
  ]

  /// Bits of one bitmap of 4 KiB.
  private static let bitmapSize: Int64 = 8 * 4096

  private static func bitmap(
    _ name: String, _ summary: String, _ body: @escaping @Sendable (Int64) -> Int64
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(123)") { arguments, context in
      let values = try Arguments.coerce(name, arguments, [.long], context)
      return .operation(name, .long, values) { vectors, _, _ in .map(.long, vectors[0], body) }
    }
  }

  private static func text(
    _ name: String, _ values: [Expression], _ body: @escaping @Sendable (Int64, inout StringWriter) -> Void
  ) -> Expression {
    .operation(name, .string, values) { vectors, count, _ in
      let numbers = vectors[0].values(as: Int64.self)
      return RowLoop.strings(vectors, count) { row, writer in
        body(numbers[row], &writer)
        return true
      }
    }
  }

  private static func hexOfBytes(_ values: [Expression]) -> Expression {
    .operation("hex", .string, values) { vectors, _, _ in
      ColumnVector.mapStrings(.string, vectors[0]) { bytes, writer in
        let target = writer.reserve(bytes.count * 2)
        for (index, byte) in bytes.enumerated() {
          target.storeBytes(of: hexDigit(byte >> 4), toByteOffset: index * 2, as: UInt8.self)
          target.storeBytes(of: hexDigit(byte & 15), toByteOffset: index * 2 + 1, as: UInt8.self)
        }
        writer.advance(bytes.count * 2)
        return true
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }

  private static func unhex(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) -> Bool {
    var index = 0
    // An odd count means that the first digit stands alone.
    if bytes.count & 1 != 0 {
      guard let value = HexDigit.value(bytes[0]) else { return false }
      writer.append(value)
      index = 1
    }
    while index < bytes.count {
      guard let high = HexDigit.value(bytes[index]), let low = HexDigit.value(bytes[index + 1]) else { return false }
      writer.append(high << 4 | low)
      index += 2
    }
    return true
  }
}

/// `conv`.
enum BaseConversion {
  static func convert(_ vectors: [ColumnVector], _ count: Int) throws -> ColumnVector {
    var writer = StringWriter(rows: count)
    let from = vectors[1].values(as: Int32.self), to = vectors[2].values(as: Int32.self)
    for row in 0..<count {
      let hasNull = vectors.contains { $0.isNull(row) }
      if !hasNull,
        let text = try convert(vectors[0].bytes(row), Int(from[vectors[1].slot(row)]), Int(to[vectors[2].slot(row)]))
      {
        writer.append(text)
        writer.end()
      } else {
        writer.endNull()
      }
    }
    return writer.finish(.string, count: count)
  }

  /// Digits up to the first that is none count; a negative target base means a signed result.
  private static func convert(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ to: Int) throws -> String? {
    guard (2...36).contains(from), (2...36).contains(abs(to)) else { return nil }
    let text = NumberParsing.trimmed(bytes)
    guard text.count > 0 else { return nil }
    let isNegative = text[0] == 0x2D
    var value: UInt64 = 0
    for byte in text.dropFirst(isNegative ? 1 : 0) {
      guard let digit = Character(UnicodeScalar(byte)).hexOrLetterValue, digit < from else { break }
      let (scaled, tooLarge) = value.multipliedReportingOverflow(by: UInt64(from))
      let (next, overflow) = scaled.addingReportingOverflow(UInt64(digit))
      if tooLarge || overflow { throw OperatorErrors.overflow("conv", .long) }
      value = next
    }
    if isNegative && to > 0 {
      // The two's complement of a negative number, unless it exceeds 63 bits.
      value = Int64(bitPattern: value) < 0 ? .max : 0 &- value
    }
    if to > 0 { return String(value, radix: to, uppercase: true) }
    let signed = isNegative ? 0 &- Int64(bitPattern: value) : Int64(bitPattern: value)
    return String(signed, radix: -to, uppercase: true)
  }
}

extension Character {
  fileprivate var hexOrLetterValue: Int? {
    guard let ascii = asciiValue else { return nil }
    switch ascii {
    case 0x30...0x39: return Int(ascii) - 0x30
    case 0x41...0x5A: return Int(ascii) - 0x37
    case 0x61...0x7A: return Int(ascii) - 0x57
    default: return nil
    }
  }
}

/// `width_bucket`.
enum WidthBucket {
  static func compute(_ vectors: [ColumnVector], _ count: Int) -> ColumnVector {
    let out = MemoryBuffer(capacity: count * 8)
    let target = out.base.assumingMemoryBound(to: Int64.self)
    var nulls = NullTracker(count: count)
    let numbers = vectors[0..<3].map { $0.values(as: Double.self) }
    let buckets = vectors[3].values(as: Int64.self)
    for row in 0..<count {
      let result =
        vectors.contains { $0.isNull(row) }
        ? nil
        : bucket(
          numbers[0][vectors[0].slot(row)], numbers[1][vectors[1].slot(row)], numbers[2][vectors[2].slot(row)],
          buckets[vectors[3].slot(row)])
      if let result { target[row] = result } else { nulls.setNull(row) }
    }
    return ColumnVector(type: .long, count: count, values: out, validity: nulls.validity)
  }

  private static func bucket(_ value: Double, _ low: Double, _ high: Double, _ count: Int64) -> Int64? {
    guard count > 0, count < .max, !value.isNaN, low.isFinite, high.isFinite, low != high else { return nil }
    let lower = min(low, high), upper = max(low, high)
    if low < high {
      if value < lower { return 0 }
      if value >= upper { return count + 1 }
      return Int64(Double(count) * (value - lower) / (upper - lower)) + 1
    }
    if value > upper { return 0 }
    if value <= lower { return count + 1 }
    return Int64(Double(count) * (upper - value) / (upper - lower)) + 1
  }
}
