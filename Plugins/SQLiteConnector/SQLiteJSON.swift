import MillraceCore

/// Nested values as JSON text, the form in which a table holds them.
enum SQLiteJSON {
  /// Appends one cell.
  static func write(_ column: ColumnVector, _ row: Int, into out: ByteBuffer) {
    if column.type == .void || column.isNull(row) { return out.append("null") }
    let slot = column.slot(row)
    switch column.type {
    case .boolean: out.append(column.values(as: UInt8.self)[slot] != 0 ? "true" : "false")
    case .byte: out.append(String(column.values(as: Int8.self)[slot]))
    case .short: out.append(String(column.values(as: Int16.self)[slot]))
    case .integer, .yearMonthInterval: out.append(String(column.values(as: Int32.self)[slot]))
    case .long, .dayTimeInterval: out.append(String(column.values(as: Int64.self)[slot]))
    case .float: write(Double(column.values(as: Float.self)[slot]), "\(column.values(as: Float.self)[slot])", into: out)
    case .double: write(column.values(as: Double.self)[slot], "\(column.values(as: Double.self)[slot])", into: out)
    case .string: quote(column.bytes(row), into: out)
    case .binary: quoteBase64(column.bytes(row), into: out)
    case .date:
      cell(into: out, isQuoted: true) { DateTimeText.write(days: Int(column.values(as: Int32.self)[slot]), to: $0) }
    case .timestamp, .timestampNTZ:
      cell(into: out, isQuoted: true) { DateTimeText.write(microseconds: column.values(as: Int64.self)[slot], to: $0) }
    case .decimal(_, let scale):
      cell(into: out, isQuoted: false) {
        NumberText.write(column.values(as: Int128.self)[slot], scale: scale, to: $0)
      }
    case .calendarInterval:
      let interval = column.values(as: CalendarInterval.self)[slot]
      out.append("[\(interval.months),\(interval.days),\(interval.microseconds)]")
    case .variant: VariantText().append(VariantValue(column.bytes(row)), to: out)
    case .void: out.append("null")
    case .array: list(column.values(as: ListView.self)[slot].range, column.children[0], into: out)
    case .map: map(column, column.values(as: ListView.self)[slot].range, into: out)
    case .structure(let fields):
      for (index, field) in fields.enumerated() {
        out.append(index == 0 ? "{" : ",")
        quote(field.name, into: out)
        out.append(":")
        let child = column.children[index]
        write(child, column.isConstant && !child.isConstant ? 0 : row, into: out)
      }
      out.append(fields.isEmpty ? "{}" : "}")
    }
  }

  private static func list(_ range: Range<Int>, _ elements: ColumnVector, into out: ByteBuffer) {
    out.append("[")
    for row in range {
      if row > range.lowerBound { out.append(",") }
      write(elements, row, into: out)
    }
    out.append("]")
  }

  /// An object; keys that are no strings become the text of their JSON.
  private static func map(_ column: ColumnVector, _ range: Range<Int>, into out: ByteBuffer) {
    let keys = column.children[0]
    out.append("{")
    for row in range {
      if row > range.lowerBound { out.append(",") }
      if keys.type == .string {
        write(keys, row, into: out)
      } else {
        let key = ByteBuffer(capacity: 64)
        write(keys, row, into: key)
        let isQuoted = key.bytes.first == UInt8(ascii: "\"")
        if isQuoted { out.append(key.bytes) } else { quote(key.bytes, into: out) }
      }
      out.append(":")
      write(column.children[1], row, into: out)
    }
    out.append("}")
  }

  /// JSON has no numbers for NaN and the infinities: they become strings, as in Spark.
  private static func write(_ number: Double, _ text: String, into out: ByteBuffer) {
    if number.isFinite {
      out.append(text)
    } else {
      out.append(number.isNaN ? "\"NaN\"" : number > 0 ? "\"Infinity\"" : "\"-Infinity\"")
    }
  }

  private static func cell(into out: ByteBuffer, isQuoted: Bool, _ format: (UnsafeMutablePointer<UInt8>) -> Int) {
    if isQuoted { out.append(UInt8(ascii: "\"")) }
    out.advance(format(out.reserve(NumberText.capacity).assumingMemoryBound(to: UInt8.self)))
    if isQuoted { out.append(UInt8(ascii: "\"")) }
  }

  private static func quote(_ text: String, into out: ByteBuffer) {
    var copy = text
    copy.withUTF8 { quote(UnsafeRawBufferPointer($0), into: out) }
  }

  private static func quote(_ text: UnsafeRawBufferPointer, into out: ByteBuffer) {
    out.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      case 0x0A: out.append("\\n")
      case 0x0D: out.append("\\r")
      case 0x09: out.append("\\t")
      case 0..<0x20:
        out.append("\\u00")
        hexadecimal(byte, into: out)
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// Bytes in base 64, as Spark writes them in JSON.
  private static func quoteBase64(_ bytes: UnsafeRawBufferPointer, into out: ByteBuffer) {
    let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    out.append(UInt8(ascii: "\""))
    var at = 0
    while at < bytes.count {
      let rest = bytes.count - at
      let word =
        UInt32(bytes[at]) << 16 | (rest > 1 ? UInt32(bytes[at + 1]) << 8 : 0) | (rest > 2 ? UInt32(bytes[at + 2]) : 0)
      for digit in 0..<4 {
        out.append(digit <= rest ? digits.utf8Start[Int(word >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "="))
      }
      at += 3
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func hexadecimal(_ byte: UInt8, into out: ByteBuffer) {
    for digit in [byte >> 4, byte & 15] {
      out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }
}
