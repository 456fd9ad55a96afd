import MillraceCore
import MillraceFormats

/// Cells of JSON text that become arrays, maps and structs, a batch at a time.
final class SQLiteJSONCells {
  private let decoder: any Decoder
  private var lines = ByteBuffer()

  /// For values of a nested type; throws if JSON has none for it.
  init(_ type: DataType) throws {
    decoder = try JSONDecoding(schema: Schema([StructField("v", type)]), badRecords: .fail)
      .makeDecoder(columns: [0], filters: [])
  }

  /// Takes the next cell; nil for NULL.
  func append(_ text: UnsafeRawBufferPointer?) {
    guard let text else { return lines.append("{}\n") }
    lines.append("{\"v\":")
    for byte in text { lines.append(byte == 0x0A || byte == 0x0D ? 0x20 : byte) }
    lines.append("}\n")
  }

  /// The values of all cells since the last call; throws if one of them is none.
  func finish() throws -> ColumnVector {
    let count = lines.count
    let bytes = lines.take()
    lines = ByteBuffer()
    return try decoder.decode(
      UnsafeRawBufferPointer(start: bytes.base, count: count), owner: bytes,
      origin: RecordOrigin(name: "cell", offset: 0)
    ).columns[0]
  }
}
