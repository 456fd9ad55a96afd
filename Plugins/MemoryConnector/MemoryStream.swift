public import MillraceCore
import Synchronization

/// Rows in memory that queries read as a stream. Every row keeps its place, so a query can be restarted from any offset.
public final class MemoryStream: Sendable {
  /// The stream's name in its hub.
  public let name: String
  /// Its columns.
  public let schema: Schema
  private let hub: MemoryHub
  private let stored = Mutex<[(start: Int64, batch: RecordBatch)]>([])

  init(name: String, schema: Schema, hub: MemoryHub) {
    self.name = name
    self.schema = schema
    self.hub = hub
  }

  /// Adds rows; each has one value per column.
  public func addData(_ rows: [[Value]]) { add(.of(rows, schema: schema)) }

  /// Adds a batch.
  public func add(_ batch: RecordBatch) {
    let owned = RecordBatch(rowCount: batch.rowCount, columns: batch.columns.map { $0.detached() })
    hub.add([(self, owned)])
  }

  /// Rows added so far.
  public var rowCount: Int64 {
    stored.withLock { stored in stored.last.map { $0.start + Int64($0.batch.rowCount) } ?? 0 }
  }

  /// The offset behind all rows so far; a query has processed them when it has committed this.
  public var endOffset: Offset { MemorySource.offset(rowCount) }

  func append(_ batch: RecordBatch) {
    stored.withLock { stored in
      let start = stored.last.map { $0.start + Int64($0.batch.rowCount) } ?? 0
      stored.append((start, batch))
    }
  }

  /// The rows of a range, as they were added.
  func batches(_ range: Range<Int64>) -> [RecordBatch] {
    stored.withLock { stored in
      stored.compactMap { start, batch in
        let overlap = range.clamped(to: start..<start + Int64(batch.rowCount))
        if overlap.isEmpty { return nil }
        if overlap.count == batch.rowCount { return batch }
        return batch.gathered(.range(Int(overlap.lowerBound - start)..<Int(overlap.upperBound - start)))
      }
    }
  }
}
