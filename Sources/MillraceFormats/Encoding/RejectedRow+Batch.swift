public import MillraceColumnar
public import MillraceCore

extension RejectedRow {
  /// A row of a batch that a sink's target refused. `encoder` is one of `JSONEncoding` for the batch's columns.
  public init(
    _ batch: RecordBatch, row: Int, encoder: any Encoder, code: String, message: String, column: String? = nil
  ) throws {
    let text = ByteBuffer(capacity: 256)
    try encoder.encode(batch, rows: row..<row + 1, into: text)
    let end = text.bytes.last == 0x0A ? text.count - 1 : text.count
    self.init(
      record: String(decoding: text.bytes.prefix(end), as: UTF8.self), code: code, message: message, column: column)
  }
}
