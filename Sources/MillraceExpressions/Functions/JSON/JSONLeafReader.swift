import MillraceColumnar

/// Reads numbers, strings and times out of JSON as Spark's `from_json` does: what does not fit the type is refused.
final class JSONLeafReader {
  private let scratch = ByteBuffer(capacity: 256)
  private let zone: TimeZoneRules
  private let timestamps: DateTimeReader?
  private let localTimestamps: DateTimeReader?
  private let dates: DateTimeReader?

  init(_ options: JSONOptions) {
    zone = options.zone
    timestamps = options.timestampPattern.map { DateTimeReader($0, zone: options.zone) }
    localTimestamps = options.timestampNTZPattern.map { DateTimeReader($0, zone: .utc) }
    dates = options.datePattern.map { DateTimeReader($0, zone: .utc) }
  }

  /// Appends the next value; false, with nothing appended, if it does not fit.
  func read(_ type: DataType, _ kind: JSONScanner.Kind, _ scanner: inout JSONScanner, _ builder: ColumnBuilder) -> Bool
  {
    switch type {
    case .boolean:
      guard kind == .boolean, let flag = scanner.boolean() else { return false }
      builder.append(boolean: flag)
      return true
    case .byte: return integer(Int8.self, kind, &scanner, builder)
    case .short: return integer(Int16.self, kind, &scanner, builder)
    case .integer: return integer(Int32.self, kind, &scanner, builder)
    case .long: return integer(Int64.self, kind, &scanner, builder)
    case .float:
      guard let value = double(kind, &scanner) else { return false }
      builder.append(raw: Float(value))
      return true
    case .double:
      guard let value = double(kind, &scanner) else { return false }
      builder.append(raw: value)
      return true
    case .decimal(let precision, let scale):
      guard kind == .number || kind == .string, let bytes = text(kind, &scanner),
        case .value(let value) = NumberParsing.decimal(bytes, precision, scale)
      else { return false }
      builder.append(raw: value)
      return true
    case .string: return string(kind, &scanner, builder)
    case .timestamp:
      if kind == .number {
        guard let number = scanner.number(), number.isInteger,
          let seconds = NumberParsing.integer(number.bytes, as: Int64.self)
        else { return false }
        builder.append(raw: seconds &* 1_000_000)
        return true
      }
      return time(kind, &scanner, builder, as: Int64.self) { [zone, timestamps] bytes in
        timestamps.map { $0.parse(bytes)?.instant } ?? TimestampText.timestamp(bytes, zone: zone)
      }
    case .timestampNTZ:
      return time(kind, &scanner, builder, as: Int64.self) { [localTimestamps] bytes in
        localTimestamps.map { $0.parse(bytes)?.local } ?? TimestampText.timestampNTZ(bytes, allowsZone: false)
      }
    case .date:
      return time(kind, &scanner, builder, as: Int32.self) { [dates] bytes in
        guard let dates else { return TimestampText.date(bytes) }
        return dates.parse(bytes).map { Int32(truncatingIfNeeded: CivilDateTime.split($0.local).day) }
      }
    case .binary:
      guard kind == .string, let bytes = text(kind, &scanner), let decoded = Base64Text.decode(bytes) else {
        return false
      }
      decoded.withUnsafeBytes { builder.append(bytes: $0) }
      return true
    default: return false
    }
  }

  /// Appends the name of a field as the key of a map.
  func readKey(_ type: DataType, _ name: JSONText, _ builder: ColumnBuilder) -> Bool {
    guard type == .string else {
      builder.appendNull()
      return false
    }
    if name.hasEscapes {
      scratch.removeAll()
      name.append(to: scratch)
      builder.append(bytes: scratch.bytes)
    } else {
      builder.append(bytes: name.bytes)
    }
    return true
  }

  private func integer<T: FixedWidthInteger>(
    _: T.Type, _ kind: JSONScanner.Kind, _ scanner: inout JSONScanner, _ builder: ColumnBuilder
  ) -> Bool {
    guard kind == .number, let number = scanner.number(), number.isInteger,
      let value = NumberParsing.integer(number.bytes, as: T.self)
    else { return false }
    builder.append(raw: value)
    return true
  }

  private func double(_ kind: JSONScanner.Kind, _ scanner: inout JSONScanner) -> Double? {
    guard kind == .number || kind == .string, let bytes = text(kind, &scanner) else { return nil }
    if kind == .number, let first = bytes.first, first == 0x2D || (first >= 0x30 && first <= 0x39), bytes.last != 0x79,
      bytes.last != 0x46
    {
      return NumberParsing.double(bytes)
    }
    switch String(decoding: bytes, as: UTF8.self) {
    case "NaN": return .nan
    case "Infinity", "+Infinity", "INF", "+INF": return .infinity
    case "-Infinity", "-INF": return -.infinity
    default: return nil
    }
  }

  /// The text of a string, escapes resolved, or of a number.
  private func text(_ kind: JSONScanner.Kind, _ scanner: inout JSONScanner) -> UnsafeRawBufferPointer? {
    if kind == .number { return scanner.number()?.bytes }
    guard let text = scanner.string() else { return nil }
    if !text.hasEscapes { return text.bytes }
    scratch.removeAll()
    text.append(to: scratch)
    return scratch.bytes
  }

  /// A string as it is; anything else as its JSON text.
  private func string(_ kind: JSONScanner.Kind, _ scanner: inout JSONScanner, _ builder: ColumnBuilder) -> Bool {
    if kind == .string {
      guard let bytes = text(kind, &scanner) else { return false }
      builder.append(bytes: bytes)
      return true
    }
    scratch.removeAll()
    guard scanner.copyValue(to: scratch) else { return false }
    builder.append(bytes: scratch.bytes)
    return true
  }

  private func time<T>(
    _ kind: JSONScanner.Kind, _ scanner: inout JSONScanner, _ builder: ColumnBuilder, as _: T.Type,
    _ parse: (UnsafeRawBufferPointer) -> T?
  ) -> Bool {
    guard kind == .string, let bytes = text(kind, &scanner), let value = parse(bytes) else { return false }
    builder.append(raw: value)
    return true
  }
}

/// A parser of one pattern that several rows share.
final class DateTimeReader {
  private var parser: DateTimeParser

  init(_ pattern: DateTimePattern, zone: TimeZoneRules) { parser = DateTimeParser(pattern, zone: zone) }

  func parse(_ bytes: UnsafeRawBufferPointer) -> DateTimeParser.Result? { parser.parse(bytes) }
}
