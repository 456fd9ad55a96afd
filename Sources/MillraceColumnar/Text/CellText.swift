/// The text of values of one type, as a cast to STRING gives it or as tables show it.
public struct CellText: Sendable {
  /// Where casts and tables differ.
  public enum Style: Sendable {
    /// NULL inside of arrays, maps and structs is `null`; BINARY is its bytes.
    case cast
    /// NULL is `NULL`; BINARY is `[01 AB]`.
    case table
  }

  private let type: DataType
  private let style: Style
  private let local: @Sendable (Int64) -> Int64
  private let children: [CellText]

  /// Texts of `type`. `local` turns an instant into microseconds of the local clock; without it TIMESTAMP shows UTC.
  public init(_ type: DataType, style: Style = .cast, local: @escaping @Sendable (Int64) -> Int64 = { $0 }) {
    self.type = type
    self.style = style
    self.local = local
    children = type.childTypes.map { CellText($0, style: style, local: local) }
  }

  /// The text of one value.
  public func string(_ value: Value) -> String {
    let buffer = ByteBuffer()
    append(.constant(value, type: type, count: 1), 0, to: buffer)
    return String(decoding: buffer.bytes, as: UTF8.self)
  }

  /// The text of one row.
  public func string(_ vector: ColumnVector, _ row: Int) -> String {
    let buffer = ByteBuffer()
    append(vector, row, to: buffer)
    return String(decoding: buffer.bytes, as: UTF8.self)
  }

  /// Appends the text of one row of a vector of the type.
  public func append(_ vector: ColumnVector, _ row: Int, to buffer: ByteBuffer) {
    if type == .void || vector.isNull(row) { return buffer.append(style == .cast ? "null" : "NULL") }
    let at = vector.slot(row)
    switch type {
    case .void: break
    case .boolean: buffer.append(vector.values(as: UInt8.self)[at] != 0 ? "true" : "false")
    case .byte: number(Int64(vector.values(as: Int8.self)[at]), buffer)
    case .short: number(Int64(vector.values(as: Int16.self)[at]), buffer)
    case .integer: number(Int64(vector.values(as: Int32.self)[at]), buffer)
    case .long: number(vector.values(as: Int64.self)[at], buffer)
    case .float:
      let value = vector.values(as: Float.self)[at]
      write(buffer) { NumberText.write(value, to: $0) }
    case .double:
      let value = vector.values(as: Double.self)[at]
      write(buffer) { NumberText.write(value, to: $0) }
    case .decimal(_, let scale):
      let value = vector.values(as: Int128.self)[at]
      write(buffer) { NumberText.write(value, scale: scale, to: $0) }
    case .string: buffer.append(vector.bytes(row))
    case .binary: binary(vector.bytes(row), buffer)
    case .variant: VariantText(local: local).append(VariantValue(vector.bytes(row)), to: buffer)
    case .date:
      let days = Int(vector.values(as: Int32.self)[at])
      write(buffer) { DateTimeText.write(days: days, to: $0) }
    case .timestamp, .timestampNTZ:
      let stored = vector.values(as: Int64.self)[at]
      let shown = type == .timestamp ? local(stored) : stored
      write(buffer) { DateTimeText.write(microseconds: shown, to: $0) }
    case .dayTimeInterval(let from, let to):
      buffer.append(IntervalText.dayTime(vector.values(as: Int64.self)[at], from, to))
    case .yearMonthInterval(let from, let to):
      buffer.append(IntervalText.yearMonth(vector.values(as: Int32.self)[at], from, to))
    case .calendarInterval: buffer.append(IntervalText.calendar(vector.values(as: CalendarInterval.self)[at]))
    case .array: list(vector, at, 0x5B, 0x5D, buffer)
    case .map: list(vector, at, 0x7B, 0x7D, buffer)
    case .structure: structure(vector, row, buffer)
    }
  }

  private func number(_ value: Int64, _ buffer: ByteBuffer) {
    write(buffer) { NumberText.write(value, to: $0) }
  }

  private func write(_ buffer: ByteBuffer, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
    buffer.advance(body(buffer.reserve(NumberText.capacity).assumingMemoryBound(to: UInt8.self)))
  }

  private func binary(_ bytes: UnsafeRawBufferPointer, _ buffer: ByteBuffer) {
    if style == .cast { return buffer.append(bytes) }
    buffer.append(0x5B)
    for (index, byte) in bytes.enumerated() {
      if index > 0 { buffer.append(0x20) }
      for digit in [byte >> 4, byte & 15] { buffer.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
    }
    buffer.append(0x5D)
  }

  /// An array, or a map, which has a second child for its values.
  private func list(_ vector: ColumnVector, _ at: Int, _ open: UInt8, _ close: UInt8, _ buffer: ByteBuffer) {
    let range = vector.values(as: ListView.self)[at].range
    buffer.append(open)
    for element in range {
      if element > range.lowerBound { buffer.append(", ") }
      children[0].append(vector.children[0], element, to: buffer)
      if children.count > 1 {
        buffer.append(" -> ")
        children[1].append(vector.children[1], element, to: buffer)
      }
    }
    buffer.append(close)
  }

  private func structure(_ vector: ColumnVector, _ row: Int, _ buffer: ByteBuffer) {
    buffer.append(0x7B)
    for (index, child) in vector.children.enumerated() {
      if index > 0 { buffer.append(", ") }
      children[index].append(child, vector.isConstant && !child.isConstant ? 0 : row, to: buffer)
    }
    buffer.append(0x7D)
  }
}
