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
    let order = order()
    var left = try order.filter { index in
      try with(index, waits: false) { try worker.settle(share, index, into: $0) } == nil
    }
    while let next = left.first {
      // It waits only where all that are left are taken.
      let done = try left.firstIndex { index in
        try with(index, waits: false) { try worker.settle(share, index, into: $0) } != nil
      }
      if done == nil { try with(next, waits: true) { try worker.settle(share, next, into: $0) } }
      left.remove(at: done ?? 0)
    }
  }

  /// Batches of rows that may wait for a partition that another worker adds to.
  private static let waitingLimit = 8

  /// Adds rows, of which `waiting` has those of each partition, and removes them; those of a partition that is taken are left for later, unless
  /// they are many or `waits` says so. Several workers may call at once.
  func add(_ waiting: inout [[AggregationRows]], waits: Bool = false) throws {
    for index in order() where index < waiting.count && !waiting[index].isEmpty {
      let rows = waiting[index]
      let mustWait = waits || rows.count >= Self.waitingLimit
      let added: Void? = try with(index, waits: mustWait) { target in for part in rows { try target.add(part) } }
      if added != nil { waiting[index].removeAll(keepingCapacity: true) }
    }
  }

  /// The partitions, from another one on for each caller.
  private func order() -> [Int] {
    let first = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    return cells.indices.map { (first &+ $0) & (cells.count - 1) }
  }

  /// `body` of a partition's groups; nil if another worker has them and this one is not to wait.
  @discardableResult
  private func with<Result>(_ index: Int, waits: Bool, _ body: (GroupAccumulation) throws -> Result) rethrows -> Result?
  {
    let plan = plan
    if waits { return try cells[index].partition.withLock { try body($0.accumulation(plan)) } }
    return try cells[index].partition.withLockIfAvailable { try body($0.accumulation(plan)) }
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
