import MillraceCore
import Synchronization

/// Reads a memory stream. The offset is the number of rows read.
final class MemorySource: RowSource {
  private let stream: MemoryStream
  private let hub: MemoryHub
  private let partitions: Int
  private let frozenEnd = Mutex<Int64?>(nil)

  init(_ stream: MemoryStream, hub: MemoryHub, partitions: Int) {
    self.stream = stream
    self.hub = hub
    self.partitions = partitions
  }

  static func offset(_ rows: Int64) -> Offset { Offset(.dictionary(["version": .int(1), "rows": .int(rows)])) }

  var description: String { "memory[\(stream.name)]" }
  var schema: Schema { stream.schema }

  func start(after offset: Offset?) throws {
    hub.endRound()
    let rows = try MemorySource.rows(offset)
    if rows > stream.rowCount {
      throw MillraceError(
        "SOURCE_DATA_LOST",
        "memory stream '\(stream.name)' has \(stream.rowCount) rows, the checkpoint has read \(rows)",
        hint: "rows in memory end with the process: use a new checkpoint")
    }
  }

  func freeze() throws { frozenEnd.withLock { $0 = stream.rowCount } }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let start = try MemorySource.rows(offset)
    var end = hub.visibleRows(of: stream, to: self)
    if let frozen = frozenEnd.withLock({ $0 }) { end = min(max(end, frozen), frozen) }
    if let rows = limit.rows { end = min(end, start + max(rows, 1)) }
    if end <= start { return nil }
    let size = max((end - start + Int64(partitions) - 1) / Int64(partitions), 1)
    let splits = stride(from: start, to: end, by: Int64.Stride(size)).map { from in
      SourceSplit(
        name: stream.name, payload: .dictionary(["from": .int(from), "to": .int(min(from + size, end))]))
    }
    return SourcePlan(splits: splits, end: MemorySource.offset(end))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    if let end = plan.end { return end }
    if let end = plan.splits.last?.payload["to"]?.int { return MemorySource.offset(end) }
    return MemorySource.offset(try MemorySource.rows(offset))
  }

  func backlog(after offset: Offset?) -> Int64? {
    (try? MemorySource.rows(offset)).map { max(stream.rowCount - $0, 0) }
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    guard let from = split.payload["from"]?.int, let to = split.payload["to"]?.int, from <= to, to <= stream.rowCount
    else {
      throw MillraceError(
        "SOURCE_DATA_LOST", "memory stream '\(stream.name)' does not have the rows \(split.payload.text) any more")
    }
    return Reader(stream.batches(from..<to), columns: columns)
  }

  private static func rows(_ offset: Offset?) throws -> Int64 {
    guard let offset else { return 0 }
    guard let rows = offset.json["rows"]?.int else {
      throw MillraceError("SOURCE_OFFSET", "'\(offset.json.text)' is no offset of a memory stream")
    }
    return rows
  }

  private final class Reader: RowReader {
    private var batches: ArraySlice<RecordBatch>
    private let columns: [Int]

    init(_ batches: [RecordBatch], columns: [Int]) {
      self.batches = batches[...]
      self.columns = columns
    }

    func next() throws -> RecordBatch? {
      batches.popFirst().map { batch in
        RecordBatch(rowCount: batch.rowCount, columns: columns.map { batch.columns[$0] })
      }
    }

    func close() {}
  }
}
