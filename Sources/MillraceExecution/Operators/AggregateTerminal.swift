import MillraceColumnar

/// Partial aggregation on a worker, in a table of its own. When that grows large without taking in many rows per group, its groups
/// go to the table that all workers share, so that a key is not held by each of them; then so do the rows that follow, for a while
/// without a table in between.
final class AggregateTerminal: StageTerminal {
  let worker: WorkerGroups
  private let shared: SharedGroups?

  /// `shared` is nil where partial results must stay with their worker because their order may show.
  init(_ worker: WorkerGroups, shared: SharedGroups?) {
    self.worker = worker
    self.shared = shared
  }

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws { try worker.add(batch, context, shared) }

  func endBatch(_ context: TaskContext) throws { try worker.endWaiting(shared) }
}
