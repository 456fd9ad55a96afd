import MillraceColumnar
import MillraceExpressions
import Synchronization

/// Partial aggregation on a worker, in a table of its own. When that grows large without taking in many rows per group, its groups
/// go to the table that all workers share, so that a key is not held by each of them.
final class AggregateTerminal: StageTerminal {
  /// Groups of a worker's table at which it is asked whether they should go; the table fits into the caches until then.
  private static let firstCheck = 1 << 16
  /// Rows per group from which a worker's table pays for itself.
  private static let worthwhileRatio = 3

  private(set) var accumulation: GroupAccumulation
  private let plan: AggregationPlan
  private let shared: SharedGroups?
  private var nextCheck = AggregateTerminal.firstCheck
  private var rowCount = 0

  /// `shared` is nil where partial results must stay with their worker because their order may show.
  init(_ plan: AggregationPlan, shared: SharedGroups?) {
    self.plan = plan
    self.shared = shared
    accumulation = GroupAccumulation(plan)
  }

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws {
    try accumulation.add(batch, context.evaluation)
    rowCount += batch.rowCount
    if accumulation.groupCount >= nextCheck { try check() }
  }

  private func check() throws {
    guard let shared, rowCount < accumulation.groupCount * Self.worthwhileRatio else {
      nextCheck *= 2
      return
    }
    try shared.add(accumulation)
    accumulation = GroupAccumulation(plan)
    accumulation.reserve(Self.firstCheck)
    rowCount = 0
    nextCheck = Self.firstCheck
  }

  func endSplit(_ context: TaskContext) throws {}
}

/// Groups of all workers by partition of their keys.
final class SharedGroups: Sendable {
  private struct Partition: @unchecked Sendable {
    var groups: GroupAccumulation?
  }

  private final class Cell: Sendable {
    let partition = Mutex(Partition())
  }

  private let plan: AggregationPlan
  private let cells = (0..<PartialGroups.partitionCount).map { _ in Cell() }
  private let turn = Atomic<Int>(0)
  /// The batch whose groups these are.
  private let batch = Mutex(Batch())

  private struct Batch: @unchecked Sendable {
    weak var context: BatchContext?
  }

  init(_ plan: AggregationPlan) { self.plan = plan }

  /// Groups of `context` come now; those of another batch, which failed, go. Each chain says so, the first one counts.
  func begin(_ context: BatchContext) {
    let isNew = batch.withLock { batch in
      defer { batch.context = context }
      return batch.context !== context
    }
    if isNew { _ = take() }
  }

  /// Merges a worker's groups into the partitions. Several workers may call at once; each begins with another partition.
  func add(_ groups: GroupAccumulation) throws {
    let selections = groups.table.partitioned(cells.count)
    let states = try groups.states()
    let first = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    for step in cells.indices {
      let index = (first &+ step) & (cells.count - 1)
      let selection = selections[index]
      let keys = groups.keys(selection)
      let values = states.map { $0.gathered(selection) }
      try cells[index].partition.withLock { partition in
        let target = partition.groups ?? GroupAccumulation(plan)
        partition.groups = target
        try target.merge(keys: keys, states: values, count: selection.count)
      }
    }
  }

  /// The groups of each partition, of which this then has none; empty if no worker gave any.
  func take() -> [GroupAccumulation] {
    let taken = cells.map { cell in
      cell.partition.withLock { partition in
        defer { partition.groups = nil }
        return partition
      }
    }
    if taken.allSatisfy({ $0.groups == nil }) { return [] }
    return taken.map { $0.groups ?? GroupAccumulation(plan) }
  }
}
