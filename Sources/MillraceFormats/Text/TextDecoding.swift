import CKernels
public import MillraceColumnar
import MillraceCore

/// Lines as they are: `value STRING`, or a string column of another name.
public struct TextDecoding: Decoding {
  /// Always `text`.
  public let name = "text"
  /// The one string column, a line without its terminator.
  public let schema: Schema

  /// Makes the decoding.
  public init(column: String = "value") { schema = Schema([StructField(column, .string)]) }

  /// Makes a decoder that gives each line as often as `columns` asks for it (0 or 1 times in practice). `filters` are
  /// not used.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    TextDecoder(columns: columns)
  }
}

/// Gives a view of each line; nothing is copied.
final class TextDecoder: Decoder {
  private var lines = LineIndex()
  private let columnCount: Int
  let badRecordCount: Int64 = 0

  init(columns: [Int]) { columnCount = columns.count }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    // What is only counted need not be found, where each line is a record.
    if columnCount == 0 && origin.grouping == nil {
      return RecordBatch(rowCount: LineIndex.count(in: bytes), columns: [])
    }
    try lines.find(in: bytes, of: origin)
    let count = lines.count
    guard let base = bytes.baseAddress else {
      let none = (0..<columnCount).map { _ in ColumnVector.of([], type: .string) }
      return RecordBatch(rowCount: count, columns: none)
    }
    let values = MemoryBuffer(capacity: count * MemoryLayout<StringView>.stride)
    let views = values.base.assumingMemoryBound(to: StringView.self)
    let spans = lines.spans.base
    for row in 0..<count {
      views[row] = StringView(padded: base + ck_span_offset(spans[row]), ck_span_length(spans[row]))
    }
    let column = ColumnVector(type: .string, count: count, values: values, owners: [owner])
    return RecordBatch(rowCount: count, columns: Array(repeating: column, count: columnCount))
  }
}

extension DecoderFormat {
  /// Lines of text.
  public static let text = DecoderFormat(name: "text", summary: "Each line as it is, in the column value STRING") {
    _, schema, _ in
    guard let schema else { return TextDecoding() }
    guard schema.fields.count == 1, schema.fields[0].type == .string else {
      throw MillraceError(
        "SCHEMA_NOT_ALLOWED", "decode 'text' has one column, a STRING",
        hint: "leave the schema out, or name a decoder that makes columns, such as json or csv")
    }
    return TextDecoding(column: schema.fields[0].name)
  }
}
