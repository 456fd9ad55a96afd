import MillraceColumnar
import MillraceFormats

/// Makes late rows of one operator's input.
struct LateRowCapture: Sendable {
  let output: String
  let operatorName: String
  let operatorID: Int
  /// Columns of the rows.
  let schema: Schema
  /// Position of the event time among them; nil: the time by which a row is late stands for it.
  let time: Int?

  /// The rows `late` of a batch, as they are to be kept. `instants` are the times by which rows are late.
  func rows(_ batch: RecordBatch, _ late: Selection, instants: EventTimeColumn, watermark: Int64) throws -> LateRows {
    let chosen = batch.gathered(late)
    let times = ColumnBuilder(.timestamp, capacity: late.count), texts = ColumnBuilder(.string, capacity: late.count)
    let own = time.map { EventTimeColumn(chosen.columns[$0]) }
    let encoder = try JSONEncoding().makeEncoder(schema)
    let text = ByteBuffer()
    for row in 0..<chosen.rowCount {
      times.append(raw: own?[row] ?? instants[Int(late.rows[row])])
      text.truncate(to: 0)
      try encoder.encode(chosen, rows: row..<row + 1, into: text)
      texts.append(bytes: UnsafeRawBufferPointer(rebasing: text.bytes.dropLast()))
    }
    return LateRows(
      output: output, operatorName: operatorName, operatorID: operatorID, watermark: watermark,
      rows: RecordBatch(rowCount: chosen.rowCount, columns: [times.finish(), texts.finish()]))
  }
}

extension EventTimeColumn {
  /// The rows whose instant is at or before `time`.
  func rows(through time: Int64) -> Selection {
    let result = Selection(capacity: count)
    var found = 0
    for row in 0..<count {
      result.rows[found] = Int32(truncatingIfNeeded: row)
      found += self[row] <= time ? 1 : 0
    }
    return result.truncated(to: found)
  }
}

extension BatchContext {
  /// Keeps the rows of a batch that are late, where somebody wants them.
  func keepLate(_ batch: RecordBatch, _ instants: EventTimeColumn, through watermark: Int64, _ capture: LateRowCapture?)
    throws
  {
    guard let capture else { return }
    let late = instants.rows(through: watermark)
    if late.count == 0 { return }
    lateRows.append(try capture.rows(batch, late, instants: instants, watermark: watermark))
  }
}
