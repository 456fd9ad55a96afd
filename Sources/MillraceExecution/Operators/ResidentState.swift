import MillraceColumnar
import MillraceCore

/// The groups of a streaming aggregation that stay in their accumulators from batch to batch: batches add to them, and the stores ask
/// them for what changed.
///
/// Otherwise each batch has groups of its own, and what the state has for them is looked up, merged and put back. That is left for stores
/// that keep values themselves, and where groups must be looked at first: because they can be too late, because sessions grow together, or
/// because an accumulator has partial results only of all groups.
final class ResidentState {
  private let partitions: [StatePartition]
  /// By partition; empty where the stores cannot do with it, nil before the first batch.
  private var groups: [GroupAccumulation]?
  /// The batch that began last; weak, since the next one's context may stand at the same address.
  private weak var context: BatchContext?
  /// Whether it has begun to change the groups and has not ended.
  private var isUnsettled = false

  /// Nil where the groups of these partitions can never stay.
  init?(_ partitions: [StatePartition]) {
    guard partitions.allSatisfy(\.mayReside) else { return nil }
    self.partitions = partitions
  }

  /// Whether the groups stay, once the first batch has begun.
  var isResident: Bool { groups?.isEmpty == false }

  /// A batch begins, or goes on: the groups of each partition, or none. The first time after the stores were restored.
  func begin(_ context: BatchContext) throws -> [GroupAccumulation] {
    if let groups, self.context === context { return groups }
    if isUnsettled {
      throw MillraceError(
        "INTERNAL_ERROR", "a batch came after one that failed halfway through its changes of state", fault: .bug)
    }
    let groups = try self.groups ?? reside()
    self.groups = groups
    self.context = context
    isUnsettled = !groups.isEmpty
    return groups
  }

  private func reside() throws -> [GroupAccumulation] {
    guard partitions.allSatisfy(\.canReside) else { return [] }
    return try partitions.map { try $0.reside() }
  }

  /// Merges what workers have into the groups; then `body` with each partition. Results by partition.
  func settle<Result>(
    _ workers: [WorkerGroups], _ pool: WorkerPool, _ body: (Int) throws -> Result
  ) throws -> [Result] {
    guard let groups else { return [] }
    let groupCount = workers.reduce(0) { $0 + $1.groups.groupCount }
    let isParallel = groupCount >= PartialGroups.parallelFrom
    let shares = try pool.map(workers.count, isParallel: isParallel) { try workers[$0].share(groups.count) }
    let results = try pool.map(groups.count, isParallel: isParallel || isLarge) { index in
      groups[index].reserve(shares.map { $0.count(index) }.max() ?? 0)
      for (worker, share) in zip(workers, shares) { try worker.settle(share, index, into: groups[index]) }
      return try body(index)
    }
    _ = try pool.map(workers.count, isParallel: isParallel) { workers[$0].park() }
    isUnsettled = false
    return results
  }

  /// Whether so much has changed that rows come out faster on many threads.
  private var isLarge: Bool {
    partitions.reduce(0) { $0 + $1.touchedCount } >= PartialGroups.parallelFrom
  }
}
