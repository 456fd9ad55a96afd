import MillraceCore

/// Makes the rows of one split: `timestamp` and `value`, counted up.
final class RateRows: RowReader {
  static let schema = Schema([StructField("timestamp", .timestamp), StructField("value", .long)])
  private static let batchSize: Int64 = 8192
  private let columns: [Int]
  /// Microseconds that the row of a value carries.
  private let time: (Int64) -> Int64
  private let end: Int64
  private var position: Int64

  init(_ split: SourceSplit, columns: [Int], time: @escaping (Int64) -> Int64) throws {
    guard let from = split.payload["from"]?.int, let to = split.payload["to"]?.int, from <= to else {
      throw MillraceError("SOURCE_OFFSET", "'\(split.payload.text)' is no split of a rate source")
    }
    self.columns = columns
    self.time = time
    position = from
    end = to
  }

  /// Cuts a range into at most `parts` ranges of about equal size.
  static func splits(_ range: Range<Int64>, parts: Int) -> [Range<Int64>] {
    let count = range.upperBound - range.lowerBound
    let parts = min(Int64(max(parts, 1)), max(count, 1))
    return (0..<parts).map { part in
      let (quotient, rest) = count.quotientAndRemainder(dividingBy: parts)
      let from = range.lowerBound + part * quotient + min(part, rest)
      return from..<from + quotient + (part < rest ? 1 : 0)
    }
  }

  func next() throws -> RecordBatch? {
    let count = min(end - position, RateRows.batchSize)
    if count <= 0 { return nil }
    let values = position..<position + count
    position += count
    return RecordBatch(
      rowCount: Int(count),
      columns: columns.map { column in
        let builder = ColumnBuilder(RateRows.schema.fields[column].type, capacity: Int(count))
        for value in values { builder.append(raw: column == 0 ? time(value) : value) }
        return builder.finish()
      })
  }

  func close() {}
}
