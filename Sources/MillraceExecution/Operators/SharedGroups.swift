import MillraceColumnar
import Synchronization

/// Groups of all workers by partition of their keys: those of a batch, or those of the state where they are resident.
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
    /// The state, where its groups are to be resident.
    var state: ResidentState?
  }

  init(_ plan: AggregationPlan, workers: Int) {
    self.plan = plan
    takesRows = workers <= PartialGroups.partitionCount
  }

  /// The groups of `state` are those that workers add to, if they can be resident.
  func reside(in state: ResidentState) {
    let given = Batch(state: state)
    batch.withLock { $0.state = given.state }
  }

  /// Whether workers add to the groups of the state.
  var isResident: Bool { batch.withLock { $0.state?.isResident ?? false } }

  /// Groups of `context` come now; those of another batch, which failed, go. Each chain says so, the first one counts.
  func begin(_ context: BatchContext) throws {
    let begun: Batch? = batch.withLock { batch in
      defer { batch.context = context }
      return batch.context !== context ? batch : nil
    }
    guard let begun else { return }
    // A state in one partition has few groups, and workers keep theirs.
    let residents = try begun.state?.begin(context) ?? []
    for (index, cell) in cells.enumerated() {
      let given = Partition(groups: residents.count == cells.count ? residents[index] : nil)
      cell.partition.withLock { $0 = given }
    }
  }

  /// Whether workers may hand rows on: more of them than there are partitions would wait for each other.
  let takesRows: Bool

  /// Number of partitions.
  var partitionCount: Int { cells.count }

  /// Merges a worker's groups into the partitions. Several workers may call at once.
  func add(_ worker: WorkerGroups) throws {
    let share = try worker.share(cells.count)
    try forEachPartition { index, target in try worker.settle(share, index, into: target) }
  }

  /// Adds rows, of which `selections` has those of each partition. Several workers may call at once.
  func add(_ rows: AggregationRows, _ selections: [Selection]) throws {
    try forEachPartition { index, target in
      if selections[index].count > 0 { try target.add(rows.gathered(selections[index])) }
    }
  }

  /// Each worker begins with another partition and leaves those that are taken for later; it waits only where all that are left are taken.
  private func forEachPartition(_ body: (Int, GroupAccumulation) throws -> Void) throws {
    let first = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    let plan = plan
    func isDone(_ index: Int) throws -> Bool {
      try cells[index].partition.withLockIfAvailable { try body(index, $0.accumulation(plan)) } != nil
    }
    var left: [Int] = []
    for step in cells.indices {
      let index = (first &+ step) & (cells.count - 1)
      if try !isDone(index) { left.append(index) }
    }
    while let next = left.first {
      if let done = try left.firstIndex(where: isDone) {
        left.remove(at: done)
      } else {
        left.removeFirst()
        try cells[next].partition.withLock { try body(next, $0.accumulation(plan)) }
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
