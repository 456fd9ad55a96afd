import MillraceColumnar
import MillraceExpressions
import Synchronization

/// Partial aggregation on a worker, in a table of its own. When that grows large without taking in many rows per group, its groups
/// go to the table that all workers share, so that a key is not held by each of them; then so do the rows that follow, for a while
/// without a table in between.
final class AggregateTerminal: StageTerminal {
  /// Groups of a worker's table at which it is asked whether they should go; the table fits into the caches until then.
  private static let firstCheck = 1 << 16
  /// Rows per group from which a worker's table pays for itself.
  private static let worthwhileRatio = 3
  /// Rows that are handed on before a table of the worker's own is tried again.
  private static let handedOn = 1 << 21

  private(set) var accumulation: GroupAccumulation
  private let plan: AggregationPlan
  private let shared: SharedGroups?
  private var nextCheck = AggregateTerminal.firstCheck
  private var rowCount = 0
  /// Rows that are still to be handed on.
  private var toHandOn = 0

  /// `shared` is nil where partial results must stay with their worker because their order may show.
  init(_ plan: AggregationPlan, shared: SharedGroups?) {
    self.plan = plan
    self.shared = shared
    accumulation = GroupAccumulation(plan)
  }

  func consume(_ batch: RecordBatch, _ context: TaskContext) throws {
    if let shared, toHandOn > 0 {
      toHandOn -= batch.rowCount
      let rows = try plan.inputs(of: batch, context.evaluation)
      return try shared.add(
        rows, accumulation.table.partition(rows.keys, count: rows.count, into: shared.partitionCount))
    }
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
    if shared.takesRows { toHandOn = Self.handedOn } else { accumulation.reserve(Self.firstCheck) }
    rowCount = 0
    nextCheck = Self.firstCheck
  }

  func endSplit(_ context: TaskContext) throws {}
}

/// Groups of all workers by partition of their keys.
final class SharedGroups: Sendable {
  private struct Partition: @unchecked Sendable {
    var groups: GroupAccumulation?

    mutating func accumulation(_ plan: AggregationPlan) -> GroupAccumulation {
      let accumulation = groups ?? GroupAccumulation(plan)
      groups = accumulation
      return accumulation
    }
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

  init(_ plan: AggregationPlan, workers: Int) {
    self.plan = plan
    takesRows = workers <= PartialGroups.partitionCount
  }

  /// Groups of `context` come now; those of another batch, which failed, go. Each chain says so, the first one counts.
  func begin(_ context: BatchContext) {
    let isNew = batch.withLock { batch in
      defer { batch.context = context }
      return batch.context !== context
    }
    if isNew { _ = take() }
  }

  /// Whether workers may hand rows on: more of them than there are partitions would wait for each other.
  let takesRows: Bool

  /// Number of partitions.
  var partitionCount: Int { cells.count }

  /// Merges a worker's groups into the partitions. Several workers may call at once.
  func add(_ groups: GroupAccumulation) throws {
    let selections = groups.table.partitioned(cells.count)
    let states = try groups.states()
    try forEachPartition { index, target in
      let selection = selections[index]
      let values = states.map { $0.gathered(selection) }
      try target.merge(keys: groups.keys(selection), states: values, count: selection.count)
    }
  }

  /// Adds rows, of which `selections` has those of each partition. Several workers may call at once.
  func add(_ rows: AggregationRows, _ selections: [Selection]) throws {
    try forEachPartition { index, target in
      if selections[index].count > 0 { try target.add(rows.gathered(selections[index])) }
    }
  }

  /// Each worker begins with another partition and leaves those that are taken for later.
  private func forEachPartition(_ body: (Int, GroupAccumulation) throws -> Void) throws {
    let first = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    let plan = plan
    var busy: [Int] = []
    for step in cells.indices {
      let index = (first &+ step) & (cells.count - 1)
      let done: Void? = try cells[index].partition.withLockIfAvailable { try body(index, $0.accumulation(plan)) }
      if done == nil { busy.append(index) }
    }
    for index in busy { try cells[index].partition.withLock { try body(index, $0.accumulation(plan)) } }
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
