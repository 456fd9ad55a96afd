public import MillraceColumnar
import MillraceCore

/// Lines as they are, out of a single string column. NULL is an empty line.
public struct TextEncoding: Encoding {
  /// `text`.
  public let name = "text"

  /// Makes the encoding.
  public init() {}

  /// An encoder for rows of one string column.
  public func makeEncoder(_ schema: Schema) throws -> any Encoder {
    guard schema.count == 1, schema.fields[0].type == .string else {
      throw MillraceError(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "text takes a single column of type STRING, not \(schema.ddl)",
        hint: "select one string, for instance with concat_ws or to_json")
    }
    return TextEncoder()
  }
}

/// Writes strings as lines.
final class TextEncoder: Encoder {
  let header: [UInt8] = []

  func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws {
    let column = batch.columns[0]
    var writer = ByteWriter(out)
    for row in rows {
      if !column.isNull(row) { writer.append(column.bytes(row)) }
      writer.reserve(1)
      writer.put(0x0A)
    }
    writer.finish()
  }
}

extension EncoderFormat {
  /// Lines of text.
  public static let text = EncoderFormat(name: "text", summary: "A single string column, one line per row") { _ in
    TextEncoding()
  }
}
