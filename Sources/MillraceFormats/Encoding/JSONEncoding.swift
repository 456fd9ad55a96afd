import CKernels
import Glibc
public import MillraceColumnar
import MillraceCore

/// One JSON object per line, as Spark's JSON sink writes rows: NULL fields are left out, times are ISO.
public struct JSONEncoding: Encoding {
  /// `json`.
  public let name = "json"
  private let zone: TimeZoneRules

  /// Makes the encoding; times are written in `zone`.
  public init(zone: TimeZoneRules = .utc) { self.zone = zone }

  /// An encoder for rows of `schema`.
  public func makeEncoder(_ schema: Schema) throws -> any Encoder {
    JSONEncoder(JSONValueWriter(.structure(schema.fields), zone: zone))
  }
}

/// Writes rows as JSON objects.
final class JSONEncoder: Encoder {
  let header: [UInt8] = []
  private let object: JSONValueWriter

  init(_ object: JSONValueWriter) { self.object = object }

  func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws {
    var writer = ByteWriter(out)
    for row in rows {
      object.writeObject(batch.columns, row, &writer)
      writer.reserve(1)
      writer.put(0x0A)
    }
    writer.finish()
  }
}

/// Writes values of one type as JSON. Made once per encoder; nothing is decided by name or text while rows are written.
final class JSONValueWriter: Sendable {
  private enum Form: UInt8 {
    case void, string, binary, variant, bare, number, quoted, array, map, structure
  }

  private let type: DataType
  private let form: Form
  private let zone: TimeZoneRules
  private let children: [JSONValueWriter]
  /// `,"name":` of each field, and where each begins and ends; room behind, so that 16 bytes at a time can be copied.
  private let keys: MemoryBuffer
  private let keyEnds: [Int]

  init(_ type: DataType, zone: TimeZoneRules) {
    self.type = type
    self.zone = zone
    children = type.childTypes.map { JSONValueWriter($0, zone: zone) }
    var texts: [UInt8] = []
    var ends = [0]
    for field in type.fields ?? [] {
      var text = ","
      JSON.quote(field.name, into: &text)
      texts += Array((text + ":").utf8)
      ends.append(texts.count)
    }
    keys = texts.withUnsafeBytes { MemoryBuffer(copying: $0) }
    keyEnds = ends
    form =
      switch type {
      case .string: .string
      case .binary: .binary
      case .variant: .variant
      case .float, .double: .number
      case .array: .array
      case .map: .map
      case .structure: .structure
      case .void: .void
      case .boolean, .byte, .short, .integer, .long, .decimal: .bare
      default: .quoted
      }
  }

  /// The fields of row `row` as an object.
  func writeObject(_ columns: [ColumnVector], _ row: Int, _ writer: inout ByteWriter) {
    writer.reserve(2)
    writer.put(0x7B)
    var isFirst = true
    for index in columns.indices {
      let column = columns[index]
      let child = children[index]
      if child.form == .void || column.isNull(row) { continue }
      let start = keyEnds[index] + (isFirst ? 1 : 0)
      isFirst = false
      writer.append(UnsafeRawBufferPointer(start: keys.base + start, count: keyEnds[index + 1] - start))
      child.writeValue(column, row, &writer)
    }
    writer.reserve(1)
    writer.put(0x7D)
  }

  /// The value of row `row`, `null` if it is NULL.
  private func write(_ vector: ColumnVector, _ row: Int, _ writer: inout ByteWriter) {
    if form == .void || vector.isNull(row) { return writer.append(Self.null) }
    writeValue(vector, row, &writer)
  }

  /// The value of row `row`, which is not NULL.
  private func writeValue(_ vector: ColumnVector, _ row: Int, _ writer: inout ByteWriter) {
    switch form {
    case .void: break
    case .string: Self.writeString(vector.bytes(row), &writer)
    case .binary: writeBinary(vector.bytes(row), &writer)
    case .variant: writer.append(variant: vector.bytes(row), zone: zone)
    case .bare: _ = writer.appendScalar(type, vector, vector.slot(row), zone: zone)
    case .number: writeNumber(vector, vector.slot(row), &writer)
    case .quoted:
      writer.reserve(1)
      writer.put(0x22)
      _ = writer.appendScalar(type, vector, vector.slot(row), zone: zone)
      writer.reserve(1)
      writer.put(0x22)
    case .array: writeArray(vector, vector.slot(row), &writer)
    case .map: writeMap(vector, vector.slot(row), &writer)
    case .structure: writeObject(vector.children, vector.isConstant ? 0 : row, &writer)
    }
  }

  private static let null = Array("null".utf8)

  /// NaN and infinities are strings.
  private func writeNumber(_ vector: ColumnVector, _ slot: Int, _ writer: inout ByteWriter) {
    let isFinite =
      type == .double ? vector.values(as: Double.self)[slot].isFinite : vector.values(as: Float.self)[slot].isFinite
    writer.reserve(NumberText.capacity + 2)
    if !isFinite { writer.put(0x22) }
    _ = writer.appendScalar(type, vector, slot, zone: zone)
    if !isFinite {
      writer.reserve(1)
      writer.put(0x22)
    }
  }

  /// A string in quotes. Bytes that are no UTF-8 become U+FFFD, so that the output is JSON whatever came in.
  static func writeString(_ bytes: UnsafeRawBufferPointer, _ writer: inout ByteWriter) {
    writer.reserve(bytes.count * 6 + 18)
    writer.put(0x22)
    if let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count > 0 {
      var hasHigh: Int32 = 0
      let length = ck_json_escape(base, bytes.count, writer.cursor, &hasHigh)
      if hasHigh != 0 && ck_utf8_prefix(base, bytes.count) < bytes.count {
        var repaired = String(decoding: bytes, as: UTF8.self)
        repaired.reserveCapacity(repaired.utf8.count + 16)
        writer.reserve(repaired.utf8.count * 6 + 18)
        repaired.withUTF8 { text in
          if let start = text.baseAddress { writer.advance(ck_json_escape(start, text.count, writer.cursor, &hasHigh)) }
        }
      } else {
        writer.advance(length)
      }
    }
    writer.reserve(1)
    writer.put(0x22)
  }

  private func writeBinary(_ bytes: UnsafeRawBufferPointer, _ writer: inout ByteWriter) {
    let text = ByteBuffer(capacity: bytes.count * 4 / 3 + 8)
    Base64.encode(bytes, into: text)
    writer.reserve(text.count + 2)
    writer.put(0x22)
    writer.append(text.bytes)
    writer.reserve(1)
    writer.put(0x22)
  }

  private func writeArray(_ vector: ColumnVector, _ slot: Int, _ writer: inout ByteWriter) {
    Self.writeList(vector, slot, 0x5B, 0x5D, &writer) { element, writer in
      children[0].write(vector.children[0], element, &writer)
    }
  }

  private func writeMap(_ vector: ColumnVector, _ slot: Int, _ writer: inout ByteWriter) {
    Self.writeList(vector, slot, 0x7B, 0x7D, &writer) { entry, writer in
      writeKey(vector.children[0], entry, &writer)
      writer.reserve(1)
      writer.put(0x3A)
      children[1].write(vector.children[1], entry, &writer)
    }
  }

  /// What `body` writes for each element of the list in `slot`, with commas between and a bracket at either end.
  @inline(__always)
  private static func writeList(
    _ vector: ColumnVector, _ slot: Int, _ open: UInt8, _ close: UInt8, _ writer: inout ByteWriter,
    _ body: (Int, inout ByteWriter) -> Void
  ) {
    let range = vector.values(as: ListView.self)[slot].range
    writer.reserve(1)
    writer.put(open)
    for element in range {
      if element > range.lowerBound {
        writer.reserve(1)
        writer.put(0x2C)
      }
      body(element, &writer)
    }
    writer.reserve(1)
    writer.put(close)
  }

  /// Keys are strings whatever their type.
  private func writeKey(_ vector: ColumnVector, _ row: Int, _ writer: inout ByteWriter) {
    if vector.type == .string { return Self.writeString(vector.bytes(row), &writer) }
    let text = ByteBuffer(capacity: 64)
    CellText(vector.type, style: .cast, local: zone.local(fromUTC:)).append(vector, row, to: text)
    // 16 bytes more can be read behind a buffer's bytes.
    Self.writeString(text.bytes, &writer)
  }
}

extension EncoderFormat {
  /// JSON lines.
  public static let json = EncoderFormat(
    name: "json", summary: "One JSON object per line; NULL fields are left out", fields: [ZoneOption.field]
  ) { options in
    JSONEncoding(zone: try ZoneOption.zone(options))
  }
}
