public import MillraceCore
import Synchronization

/// What a memory sink received, batch by batch. It outlives the query, and holds each batch once.
public final class MemoryTable: Sendable {
  /// One micro-batch.
  public struct Batch: Sendable {
    /// The batch's number.
    public var batchID: Int64
    /// Its rows in the order of arrival.
    public var rows: [[Value]]
  }

  private struct State: Sendable {
    var schema = Schema()
    var outputMode = OutputMode.append
    var batches: [Batch] = []
    /// The last batch that is complete.
    var committed: Int64?
    /// Whether the last of `batches` is still being received.
    var isOpen = false
    var failures: Set<Int64> = []
    var attempts: [Int64: Int] = [:]

    /// Adds rows to the batch that is being received, beginning it with its first.
    mutating func add(_ part: Batch) {
      if isOpen, batches.last?.batchID == part.batchID {
        batches[batches.count - 1].rows += part.rows
      } else {
        batches.append(part)
      }
      isOpen = true
    }
  }

  /// The table's name in its hub.
  public let name: String
  private let state = Mutex(State())

  init(name: String) { self.name = name }

  /// Columns of the rows; empty before a query wrote.
  public var schema: Schema { state.withLock { $0.schema } }

  /// All batches in order.
  public var batches: [Batch] { state.withLock { $0.batches } }

  /// The table as a query on it sees it: the last batch in complete mode, the rows of all batches in the others.
  public var rows: [[Value]] {
    state.withLock { state in
      state.outputMode == .complete ? state.batches.last?.rows ?? [] : state.batches.flatMap(\.rows)
    }
  }

  /// How often a batch was received in full, failed attempts included.
  public func attempts(batchID: Int64) -> Int { state.withLock { $0.attempts[batchID, default: 0] } }

  /// Makes the sink throw `MEMORY_SINK_FAILURE` the first time it has received all rows of each of these batches.
  public func failOnce(atBatches batchIDs: Set<Int64>) { state.withLock { $0.failures.formUnion(batchIDs) } }

  /// Forgets all batches.
  public func removeAll() {
    state.withLock { state in
      state.batches = []
      state.committed = nil
      state.isOpen = false
      state.attempts = [:]
    }
  }

  func prepare(_ schema: Schema, _ outputMode: OutputMode) {
    state.withLock { state in
      state.schema = schema
      state.outputMode = outputMode
      state.isOpen = false
    }
  }

  /// The last batch that is there whole.
  var lastBatchID: Int64? { state.withLock { $0.committed } }

  /// Adds a part of a batch.
  func show(_ part: Batch) { state.withLock { $0.add(part) } }

  func keep(_ batch: Batch) throws {
    try state.withLock { state in
      state.attempts[batch.batchID, default: 0] += 1
      if state.failures.remove(batch.batchID) != nil {
        throw MillraceError(
          "MEMORY_SINK_FAILURE", "batch \(batch.batchID) of '\(name)' was told to fail", fault: .external)
      }
      state.add(batch)
      state.committed = batch.batchID
      state.isOpen = false
    }
  }
}
