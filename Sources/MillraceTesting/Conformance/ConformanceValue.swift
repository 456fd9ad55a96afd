import MillraceColumnar
import MillraceCore

/// Values of the corpus: JSON read and compared by SQL type.
enum ConformanceValue {
  /// Rows of the corpus as values of a schema.
  static func rows(_ json: JSON?, _ schema: Schema) throws -> [[Value]] {
    try (json?.array ?? []).map { row in
      try zip(row.array ?? [], schema.fields).map { try value($0, $1.type) }
    }
  }

  /// One value.
  static func value(_ json: JSON, _ type: DataType) throws -> Value {
    if json == .null { return .null }
    switch type {
    case .boolean: return .boolean(json.bool ?? false)
    case .byte, .short, .integer, .long: return .integer(json.int ?? Int64(json.string ?? "") ?? 0)
    case .float, .double: return .double(double(json))
    case .decimal(_, let scale): return .decimal(decimal(json.string ?? "", scale))
    case .binary: return .binary(bytes(json.string ?? ""))
    case .date, .timestamp, .timestampNTZ: return .integer(try instant(json.string ?? "", type))
    case .array(let element, _): return .array(try (json.array ?? []).map { try value($0, element) })
    case .map(let key, let item, _):
      let entries = try (json.members ?? []).map {
        Value.MapEntry(try self.key($0.key, key), try value($0.value, item))
      }
      return .map(JavaHashOrder.ordered(entries))
    case .structure(let fields):
      return .structure(try fields.map { try value(json[$0.name] ?? .null, $0.type) })
    default: return .string(json.string ?? json.text)
    }
  }

  private static func key(_ text: String, _ type: DataType) throws -> Value {
    if type == .string { return .string(text) }
    if case .decimal = type { return try value(.string(text), type) }
    return try value((try? JSON(parsing: text)) ?? .string(text), type)
  }

  private static func double(_ json: JSON) -> Double {
    switch json {
    case .int(let number): Double(number)
    case .double(let number): number
    case .string("NaN"): .nan
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    default: 0
    }
  }

  private static func decimal(_ text: String, _ scale: Int) -> Int128 {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? String(parts[1]) : ""
    let padded = fraction + String(repeating: "0", count: max(0, scale - fraction.count))
    return Int128(String(parts.first ?? "0") + padded) ?? 0
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
      UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
    }
  }

  private static func instant(_ text: String, _ type: DataType) throws -> Int64 {
    var copy = text
    let parsed = copy.withUTF8 { raw -> Int64? in
      let bytes = UnsafeRawBufferPointer(raw)
      switch type {
      case .date: return TimestampText.date(bytes).map(Int64.init)
      case .timestamp: return TimestampText.timestamp(bytes, zone: .utc)
      default: return TimestampText.timestampNTZ(bytes)
      }
    }
    guard let parsed else { throw MillraceError("CONFORMANCE_FORMAT", "'\(text)' is no \(type)") }
    return parsed
  }

  /// Whether two values are the same by the corpus's rules: floating point within 1e-9, maps without order.
  static func equal(_ a: Value, _ b: Value, _ type: DataType) -> Bool {
    switch (a, b) {
    case (.null, .null): return true
    case (.double(let x), .double(let y)):
      if x.isNaN || y.isNaN { return x.isNaN && y.isNaN }
      if x == y { return true }
      let tolerance = type == .float ? 1e-6 : 1e-9
      return abs(x - y) <= tolerance * max(abs(x), abs(y))
    case (.array(let x), .array(let y)):
      let element = type.elementType ?? .void
      return x.count == y.count && zip(x, y).allSatisfy { equal($0, $1, element) }
    case (.structure(let x), .structure(let y)):
      let fields = type.fields ?? []
      return x.count == y.count && zip(zip(x, y), fields).allSatisfy { equal($0.0, $0.1, $1.type) }
    case (.map(let x), .map(let y)):
      guard x.count == y.count, case .map(let key, let item, _) = type else { return false }
      return x.allSatisfy { left in y.contains { equal(left.key, $0.key, key) && equal(left.value, $0.value, item) } }
    default: return a == b
    }
  }

  static func equal(_ a: [Value], _ b: [Value], _ schema: Schema) -> Bool {
    a.count == b.count && zip(zip(a, b), schema.fields).allSatisfy { equal($0.0, $0.1, $1.type) }
  }

  /// What differs between two lists of rows, nil if nothing does.
  static func difference(_ actual: [[Value]], _ expected: [[Value]], _ schema: Schema, isOrdered: Bool) -> String? {
    if isOrdered {
      if actual.count == expected.count && zip(actual, expected).allSatisfy({ equal($0, $1, schema) }) { return nil }
      return "rows \(show(actual, schema)), expected in this order \(show(expected, schema))"
    }
    var rest = expected
    var extra: [[Value]] = []
    for row in actual {
      if let index = rest.firstIndex(where: { equal(row, $0, schema) }) {
        rest.remove(at: index)
      } else {
        extra.append(row)
      }
    }
    if rest.isEmpty && extra.isEmpty { return nil }
    return "rows too many \(show(extra, schema)), missing \(show(rest, schema))"
  }

  static func show(_ rows: [[Value]], _ schema: Schema) -> String {
    let cells = schema.types.map { CellText($0, style: .cast) }
    let texts = rows.prefix(6).map { row -> String in
      let vectors = zip(row, schema.types).map { ColumnVector.of([$0], type: $1) }
      return "(" + zip(cells, vectors).map { $1.isNull(0) ? "NULL" : $0.string($1, 0) }.joined(separator: ", ") + ")"
    }
    return "[" + texts.joined(separator: " ") + (rows.count > 6 ? " … \(rows.count) in all" : "") + "]"
  }
}
