import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Rows as JSON texts, and back.
enum JSONRows {
  /// Each row of a batch as a text.
  static func texts(_ batch: RecordBatch, _ encoder: any Encoder) throws -> [String] {
    let out = ByteBuffer()
    try encoder.encode(batch, rows: 0..<batch.rowCount, into: out)
    return out.bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Reads objects by a schema; a value that does not fit is an error.
  static func decoding(_ schema: Schema) throws -> any Decoding {
    try DecoderFormat.json.make(try Options([:], fields: DecoderFormat.json.fields, of: "json"), schema, .fail)
  }

  /// The text that a row has once it was read by a schema and written again, so that two spellings of a value are equal:
  /// `2026-01-01 00:00:00` and `2026-01-01T00:00:00Z`, 1 and 1.0 of a DOUBLE.
  static func normalized(_ row: JSON, _ schema: Schema) throws -> String {
    if let key = row.members?.first(where: { member in !schema.names.contains(member.key) })?.key {
      throw MillraceError(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION", "there is no column '\(key)'",
        hint: NearestName.of(key, among: schema.names).map { "did you mean '\($0)'?" }
          ?? "columns are: \(schema.names.joined(separator: ", "))")
    }
    let bytes = Array((row.text + "\n").utf8)
    let buffer = MemoryBuffer.zeroed(bytes.count)
    bytes.withUnsafeBytes { if let base = $0.baseAddress { memcpy(buffer.base, base, $0.count) } }
    let decoder = try decoding(schema).makeDecoder(columns: Array(0..<schema.count), filters: [])
    do {
      let batch = try decoder.decode(
        UnsafeRawBufferPointer(start: buffer.base, count: bytes.count), owner: buffer,
        origin: RecordOrigin(name: "row", offset: 0))
      return try texts(batch, try JSONEncoding().makeEncoder(schema)).first ?? "{}"
    } catch var error as MillraceError {
      // What helps with records of a source does not help here.
      error.hint = "the columns are: \(schema.ddl)"
      error.location = nil
      throw error
    }
  }

  /// The text of some columns of a row, NULL where it has none of that name.
  static func projected(_ text: String, _ columns: [String]) -> String {
    guard let row = try? JSON(parsing: text) else { return text }
    return JSON.object(columns.map { JSON.Member($0, row[$0] ?? .null) }).text
  }
}
