import MillraceCore
import Synchronization

/// The same number of rows each time it is asked. The offset is Spark's: rows so far and the next batch's timestamp in
/// milliseconds, `{"offset":3,"timestamp":1000}`.
final class RateMicroBatchSource: RowSource {
  let schema = RateRows.schema
  private let rowsPerBatch: Int64
  private let startTimestamp: Int64
  private let advance: Int64
  private let partitions: Int?
  private let batchesLeft = Mutex<Int?>(nil)

  init(rowsPerBatch: Int64, startTimestamp: Int64, advance: Int64, partitions: Int?) {
    self.rowsPerBatch = rowsPerBatch
    self.startTimestamp = startTimestamp
    self.advance = advance
    self.partitions = partitions
  }

  var description: String { "rate-micro-batch[\(rowsPerBatch) rows/batch]" }

  func start(after offset: Offset?) throws { _ = try parts(offset) }

  /// There is always more: a run over what is there takes one batch.
  func freeze() throws { batchesLeft.withLock { $0 = 1 } }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let (rows, timestamp) = try parts(offset)
    let isDone = batchesLeft.withLock { left in
      if left == 0 { return true }
      left = left.map { $0 - 1 }
      return false
    }
    if isDone { return nil }
    let (end, overflow) = rows.addingReportingOverflow(rowsPerBatch)
    let (next, late) = timestamp.addingReportingOverflow(advance)
    if overflow || late {
      throw MillraceError("RATE_OVERFLOW", "there are more than \(rows) rows or \(timestamp) milliseconds to count")
    }
    let splits = RateRows.splits(rows..<end, parts: partitions ?? limit.parallelism).map { part in
      SourceSplit(
        name: "rate-micro-batch",
        payload: .dictionary(["from": .int(part.lowerBound), "to": .int(part.upperBound), "timestamp": .int(timestamp)])
      )
    }
    return SourcePlan(splits: splits, end: Offset(.dictionary(["offset": .int(end), "timestamp": .int(next)])))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    if let end = plan.end { return end }
    let (rows, timestamp) = try parts(offset)
    return Offset(.dictionary(["offset": .int(rows + rowsPerBatch), "timestamp": .int(timestamp + advance)]))
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let timestamp = (split.payload["timestamp"]?.int ?? 0) * 1000
    return try RateRows(split, columns: columns) { _ in timestamp }
  }

  private func parts(_ offset: Offset?) throws -> (rows: Int64, timestamp: Int64) {
    guard let offset else { return (0, startTimestamp) }
    guard let rows = offset.json["offset"]?.int, let timestamp = offset.json["timestamp"]?.int else {
      throw MillraceError("SOURCE_OFFSET", "'\(offset.json.text)' is no offset of a rate-micro-batch source")
    }
    return (rows, timestamp)
  }
}
