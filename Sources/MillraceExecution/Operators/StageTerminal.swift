package import MillraceColumnar
import MillraceCore

/// Where a worker's batches end up: one instance per worker and chain.
package protocol StageTerminal: AnyObject {
  /// Takes a batch of split `context.splitIndex`.
  func consume(_ batch: RecordBatch, _ context: TaskContext) throws
  /// A split was read to its end.
  func endSplit(_ context: TaskContext) throws
  /// The worker has no more rows of the batch. Some may have come after the end of its own last split, from windows that others read.
  func endBatch(_ context: TaskContext) throws
}

extension StageTerminal {
  /// Nothing to do between splits.
  package func endSplit(_ context: TaskContext) throws {}
  /// Nothing is left to do.
  package func endBatch(_ context: TaskContext) throws {}
}

/// Keeps the rows, by split.
final class CollectTerminal: StageTerminal {
  private(set) var batches: [(split: Int, batch: RecordBatch)] = []

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws {
    batches.append(
      (context.splitIndex, RecordBatch(rowCount: batch.rowCount, columns: batch.columns.map { $0.detached() })))
  }
}

/// Encodes and compresses rows where they were made, by split.
final class EncodeTerminal: StageTerminal {
  private let encoder: any BlockEncoder
  private(set) var blocks: [(split: Int, blocks: [FinishedBlock])] = []

  init(_ encoder: any BlockEncoder) { self.encoder = encoder }

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws { try encoder.add(batch) }

  func endSplit(_ context: TaskContext) throws {
    let finished = try encoder.finish()
    if !finished.isEmpty { blocks.append((context.splitIndex, finished)) }
  }
}
