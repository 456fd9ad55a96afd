import MillraceCore
import Synchronization

/// Input that appears index by index, for all sources of a case at once: what appears between the looks of two sources is seen by neither
/// before the first of them looks again, so that no batch has the input of one alone.
final class StreamScript: Sendable {
  private struct State {
    /// Inputs that sources may offer once all look anew.
    var available = 0
    /// Inputs that they may offer now.
    var seen = 0
    /// Sources that have looked since.
    var looked: Set<ObjectIdentifier> = []
  }

  private let state = Mutex(State())

  /// Inputs that a source may offer.
  func count(for source: ScriptSource) -> Int {
    state.withLock { state in
      if state.looked.isEmpty || state.looked.contains(ObjectIdentifier(source)) {
        state.seen = state.available
        state.looked = []
      }
      state.looked.insert(ObjectIdentifier(source))
      return state.seen
    }
  }

  /// Forgets which sources have looked: there are others from now on.
  func restart() { state.withLock { $0.looked = [] } }

  /// Lets sources offer the inputs before `count`.
  func release(_ count: Int) { state.withLock { $0.available = count } }
}

/// A stream whose micro-batches are given: one input index to a batch.
final class ScriptSource: RowSource {
  let schema: Schema
  private let name: String
  private let batches: [RecordBatch]
  private let script: StreamScript
  /// Whether an empty input is a batch of its own, as an empty file is.
  private let emptyCounts: Bool

  init(name: String, schema: Schema, batches: [RecordBatch], script: StreamScript, emptyCounts: Bool) {
    self.name = name
    self.schema = schema
    self.batches = batches
    self.script = script
    self.emptyCounts = emptyCounts
  }

  var description: String { "script[\(name)]" }

  func freeze() throws {}

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    var next = Int(offset?.json.int ?? 0)
    let end = min(script.count(for: self), batches.count)
    if !emptyCounts { while next < end && batches[next].rowCount == 0 { next += 1 } }
    guard next < end else { return nil }
    return SourcePlan(
      splits: [SourceSplit(name: "\(name) \(next)", payload: .int(Int64(next)))], end: Offset(.int(Int64(next + 1))))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    plan.end ?? Offset(.int(0))
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let batch = batches[Int(split.payload.int ?? 0)]
    return OneBatch(RecordBatch(rowCount: batch.rowCount, columns: columns.map { batch.columns[$0] }))
  }

  private final class OneBatch: RowReader {
    private var batch: RecordBatch?
    init(_ batch: RecordBatch) { self.batch = batch }
    func next() throws -> RecordBatch? {
      defer { batch = nil }
      return batch?.rowCount == 0 ? nil : batch
    }
    func close() {}
  }
}
