import MillraceCore
import Synchronization

/// Input that appears index by index, for all sources of a case at once.
final class StreamScript: Sendable {
  private let available = Mutex(0)

  /// Inputs that sources may offer.
  var count: Int { available.withLock { $0 } }

  /// Lets sources offer the inputs before `count`.
  func release(_ count: Int) { available.withLock { $0 = count } }
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
    let end = min(script.count, batches.count)
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
