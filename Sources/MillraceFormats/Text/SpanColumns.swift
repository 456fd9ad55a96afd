import CKernels
import MillraceColumnar

/// What all columns of one window share while spans become values.
struct SpanWindow {
  let base: UnsafePointer<UInt8>
  let owner: AnyObject
  /// Whether no byte has its high bit set, so that no text needs a check.
  let isASCII: Bool
  let rules: SpanRules
}

/// How a format writes values.
struct SpanRules {
  /// Whether numbers and booleans are plain text (CSV) rather than tokens of their own kind (JSON).
  var isText: Bool
  /// The zone of times that name none.
  var zone: TimeZoneRules
  /// Decodes the escapes of a span's bytes into memory of the same size; nil if an escape is not known.
  var unescape: @Sendable (UnsafePointer<UInt8>, Int, UnsafeMutablePointer<UInt8>) -> Int?
}

extension SpanWindow {
  /// Whether `column` makes values of a type out of plain text.
  static func isReadable(_ type: DataType) -> Bool {
    switch type {
    case .array, .map, .structure, .calendarInterval, .dayTimeInterval, .yearMonthInterval, .variant, .void: false
    default: true
    }
  }

  /// A column of a flat type. A value that does not fit becomes NULL and marks its row in `isBad`.
  func column(
    _ type: DataType, _ spans: UnsafePointer<UInt64>, _ count: Int, isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let isText = rules.isText
    switch type {
    case .string: return strings(type, spans, count, isBad)
    case .binary: return isText ? strings(type, spans, count, isBad) : base64(spans, count, isBad)
    case .boolean:
      return values(type, spans, count, isBad) { (text, length, kind) -> UInt8? in
        Self.boolean(text, length, kind, isText: isText)
      }
    case .byte: return integers(type, Int8.self, spans, count, isBad)
    case .short: return integers(type, Int16.self, spans, count, isBad)
    case .integer: return integers(type, Int32.self, spans, count, isBad)
    case .long: return integers(type, Int64.self, spans, count, isBad)
    case .float:
      return values(type, spans, count, isBad) { (text, length, kind) -> Float? in
        Self.floating(text, length, kind, isText: isText, NumberParsing.float)
      }
    case .double:
      return values(type, spans, count, isBad) { (text, length, kind) -> Double? in
        Self.floating(text, length, kind, isText: isText, NumberParsing.double)
      }
    case .decimal(let precision, let scale):
      return values(type, spans, count, isBad) { (text, length, kind) -> Int128? in
        guard kind == CK_NUMBER || kind == CK_TEXT else { return nil }
        let bytes = UnsafeRawBufferPointer(start: text, count: length)
        if case .value(let value) = NumberParsing.decimal(bytes, precision, scale) { return value }
        return nil
      }
    case .date:
      return values(type, spans, count, isBad) { (text, length, kind) -> Int32? in
        kind == CK_TEXT ? TimestampText.date(UnsafeRawBufferPointer(start: text, count: length)) : nil
      }
    case .timestamp, .timestampNTZ: return timestamps(type, spans, count, isBad)
    default: return .nulls(type, count: count)
    }
  }

  /// Fixed-width values; `parse` gives nil for a text that does not fit.
  @inline(__always)
  private func values<T: BitwiseCopyable>(
    _ type: DataType, _ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>,
    _ parse: (UnsafePointer<UInt8>, Int, UInt32) -> T?
  ) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * MemoryLayout<T>.stride)
    let target = buffer.base.assumingMemoryBound(to: T.self)
    var nulls = NullTracker(count: count)
    for row in 0..<count {
      let span = spans[row]
      if span == 0 {
        nulls.setNull(row)
        UnsafeMutableRawPointer(target + row).initializeMemory(
          as: UInt8.self, repeating: 0, count: MemoryLayout<T>.size)
      } else if let value = parse(base + ck_span_offset(span), ck_span_length(span), ck_span_kind(span)) {
        target[row] = value
      } else {
        nulls.setNull(row)
        UnsafeMutableRawPointer(target + row).initializeMemory(
          as: UInt8.self, repeating: 0, count: MemoryLayout<T>.size)
        isBad[row] = 1
      }
    }
    return ColumnVector(type: type, count: count, values: buffer, validity: nulls.validity)
  }

  private func integers<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: DataType, _: T.Type, _ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let isText = rules.isText
    let wanted = UInt32(isText ? CK_TEXT : CK_NUMBER)
    return values(type, spans, count, isBad) { (text, length, kind) -> T? in
      guard kind == wanted, let value = WholeNumber.parse(text, length, lenient: isText) else { return nil }
      return T(exactly: value)
    }
  }

  private func timestamps(
    _ type: DataType, _ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    var timestamps = TimestampSpans(type, rules)
    return values(type, spans, count, isBad) { (text, length, kind) -> Int64? in timestamps.parse(text, length, kind) }
  }

  private static func boolean(_ text: UnsafePointer<UInt8>, _ count: Int, _ kind: UInt32, isText: Bool) -> UInt8? {
    if kind == CK_TRUE { return 1 }
    if kind == CK_FALSE { return 0 }
    guard isText, kind == CK_TEXT else { return nil }
    if count == 4, text[0] | 0x20 == 0x74, text[1] | 0x20 == 0x72, text[2] | 0x20 == 0x75, text[3] | 0x20 == 0x65 {
      return 1
    }
    if count == 5, text[0] | 0x20 == 0x66, text[1] | 0x20 == 0x61, text[2] | 0x20 == 0x6C, text[3] | 0x20 == 0x73,
      text[4] | 0x20 == 0x65
    {
      return 0
    }
    return nil
  }

  /// A number that `parse` reads, rounded once.
  @inline(__always)
  private static func floating<T: BinaryFloatingPoint>(
    _ text: UnsafePointer<UInt8>, _ count: Int, _ kind: UInt32, isText: Bool, _ parse: (UnsafeRawBufferPointer) -> T?
  ) -> T? {
    let bytes = UnsafeRawBufferPointer(start: text, count: count)
    if isText && kind == CK_TEXT { return parse(bytes) }
    guard count > 0 else { return nil }
    if kind == CK_NUMBER && text[count - 1] &- 0x30 <= 9 { return parse(bytes) }
    // Of words, and of JSON strings, only those for what a JSON number cannot say.
    guard kind == CK_NUMBER || kind == CK_TEXT, count <= 9 else { return nil }
    switch String(decoding: bytes, as: UTF8.self) {
    case "NaN": return .nan
    case "Infinity", "+Infinity", "INF", "+INF": return .infinity
    case "-Infinity", "-INF": return -.infinity
    default: return nil
    }
  }
}
