import MillraceColumnar

extension CastKernel {
  /// Casts from and to STRING and BINARY; nil for all others.
  static func text(_ source: DataType, _ target: DataType, _ options: Options) throws -> Function? {
    switch (source, target) {
    case (.string, .binary), (.binary, .string): return { $0.retyped(target) }
    case (_, .string): return try toText(source, options)
    case (.string, .boolean): return { try parse($0, target, options, BooleanText.parse) }
    case (.string, .byte): return { try integers($0, target, options, Int8.self) }
    case (.string, .short): return { try integers($0, target, options, Int16.self) }
    case (.string, .integer): return { try integers($0, target, options, Int32.self) }
    case (.string, .long): return { try integers($0, target, options, Int64.self) }
    case (.string, .float): return { try parse($0, target, options, NumberParsing.float) }
    case (.string, .double): return { try parse($0, target, options, NumberParsing.double) }
    case (.string, .decimal(let precision, let scale)):
      return { vector in
        try parse(vector, target, options) { bytes in
          switch NumberParsing.decimal(bytes, precision, scale) {
          case .value(let value): return value
          case .malformed: return nil
          case .outOfRange:
            if options.isTry { return nil }
            throw CastRules.outOfRange(String(decoding: bytes, as: UTF8.self), target)
          case .tooManyDigits:
            if options.isTry { return nil }
            throw CastRules.tooManyDigits(String(decoding: bytes, as: UTF8.self))
          }
        }
      }
    default: return nil
    }
  }

  /// Reads every text with `body`; texts that it does not take fail with `CAST_INVALID_INPUT`.
  static func parse<R>(
    _ vector: ColumnVector, _ target: DataType, _ options: Options, _ body: (UnsafeRawBufferPointer) throws -> R?
  ) throws -> ColumnVector {
    try .parseMap(target, vector, isTry: options.isTry, body) { CastRules.invalidInput($0, target) }
  }

  private static func integers<T: FixedWidthInteger>(
    _ vector: ColumnVector, _ target: DataType, _ options: Options, _: T.Type
  ) throws -> ColumnVector {
    try .parseIntegers(target, vector, as: T.self, isTry: options.isTry) { CastRules.invalidInput($0, target) }
  }

  // MARK: - To STRING

  private static func toText(_ source: DataType, _ options: Options) throws -> Function {
    switch source.physical {
    case .int8: return { write($0, Int8.self) { NumberText.write(Int64($0), to: $1) } }
    case .int16: return { write($0, Int16.self) { NumberText.write(Int64($0), to: $1) } }
    case .int32 where source == .integer: return { write($0, Int32.self) { NumberText.write(Int64($0), to: $1) } }
    case .int64 where source == .long: return { write($0, Int64.self) { NumberText.write($0, to: $1) } }
    case .float: return { write($0, Float.self) { NumberText.write($0, to: $1) } }
    case .double: return { write($0, Double.self) { NumberText.write($0, to: $1) } }
    case .int128:
      guard case .decimal(_, let scale) = source else { break }
      return { write($0, Int128.self) { NumberText.write($0, scale: scale, to: $1) } }
    case .int32 where source == .date: return { write($0, Int32.self) { DateTimeText.write(days: Int($0), to: $1) } }
    default: break
    }
    let zone = try TimeZoneRules.required(options.timeZone)
    let cells = CellText(source) { zone.local(fromUTC: $0) }
    return { vector in
      let stored = vector.isConstant ? 1 : vector.count
      var writer = StringWriter(rows: stored)
      let text = ByteBuffer()
      for row in 0..<stored {
        if vector.isNull(row) {
          writer.endNull()
          continue
        }
        text.removeAll()
        cells.append(vector, row, to: text)
        writer.append(text.bytes)
        writer.end()
      }
      return writer.finish(.string, count: vector.count, isConstant: vector.isConstant)
    }
  }

  /// A text of at most `NumberText.capacity` bytes per value.
  private static func write<S>(
    _ vector: ColumnVector, _: S.Type, _ body: (S, UnsafeMutablePointer<UInt8>) -> Int
  ) -> ColumnVector {
    let stored = vector.isConstant ? 1 : vector.count
    var writer = StringWriter(rows: stored)
    let values = vector.values(as: S.self)
    for row in 0..<stored {
      if vector.isNull(row) {
        writer.endNull()
        continue
      }
      let target = writer.reserve(NumberText.capacity).assumingMemoryBound(to: UInt8.self)
      writer.advance(body(values[row], target))
      writer.end()
    }
    return writer.finish(.string, count: vector.count, isConstant: vector.isConstant)
  }
}

/// BOOLEAN in text.
enum BooleanText {
  /// `t`, `true`, `y`, `yes`, `1` and their opposites, in any case, white space around skipped.
  static func parse(_ bytes: UnsafeRawBufferPointer) -> UInt8? {
    switch word(NumberParsing.trimmed(bytes)) {
    case 0x74, 0x7472_7565, 0x79, 0x79_6573, 0x31: 1
    case 0x66, 0x66_616C_7365, 0x6E, 0x6E6F, 0x30: 0
    default: nil
    }
  }

  /// `true` or `false` in any case, and nothing else.
  static func parseWord(_ bytes: UnsafeRawBufferPointer) -> UInt8? {
    switch word(bytes) {
    case 0x7472_7565: 1
    case 0x66_616C_7365: 0
    default: nil
    }
  }

  /// Up to five bytes in lower case, the last one lowest; 0 for other texts.
  private static func word(_ text: UnsafeRawBufferPointer) -> UInt64 {
    if text.count > 5 { return 0 }
    return text.reduce(0) { $0 << 8 | UInt64($1 >= 0x41 && $1 <= 0x5A ? $1 | 0x20 : $1) }
  }
}
