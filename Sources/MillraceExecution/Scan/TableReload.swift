import MillraceExpressions
import MillracePlan

/// When a table that streams are joined with is read anew.
public enum TableReload: Sendable, Hashable {
  /// It is read once when the query starts.
  case never
  /// It is read for each batch, or once in each epoch of the continuous trigger; as Spark does with tables and files.
  case eachBatch
  /// It is read for the first batch that begins so many microseconds after it was last read, by the query's clock.
  case interval(Int64)

  /// What holds for rows that come from two tables.
  func combined(with other: TableReload) -> TableReload {
    switch (self, other) {
    case (.eachBatch, _), (_, .eachBatch): .eachBatch
    case (.never, let rest), (let rest, .never): rest
    case (.interval(let a), .interval(let b)): .interval(min(a, b))
    }
  }
}

/// Tells whether rows of tables that were read are still good.
final class ReloadSchedule {
  private let reload: TableReload
  private var last: (batchID: Int64, timestamp: Int64)?

  init(_ reload: TableReload) { self.reload = reload }

  /// Whether rows outlive the batch that they were read in.
  var keepsRows: Bool { reload != .eachBatch }

  /// Whether the tables must be read for this batch.
  func isDue(_ context: BatchContext) -> Bool {
    guard let last else { return true }
    return switch reload {
    case .never: false
    case .eachBatch: last.batchID != context.batchID
    case .interval(let interval):
      last.batchID != context.batchID && context.evaluation.batchTimestamp - last.timestamp >= interval
    }
  }

  /// The tables were read for this batch.
  func loaded(_ context: BatchContext) { last = (context.batchID, context.evaluation.batchTimestamp) }
}
