import MillraceColumnar
import Synchronization

/// The partial results of several workers, to be put together: by partitions of the keys, so that many groups are merged on
/// many threads, each in a table of its own.
final class PartialGroups {
  /// Partitions of a stateful aggregation, whose state is kept by partition. Part of the form of a checkpoint.
  static let partitionCount = 4
  /// Groups from which handing work to other threads pays.
  static let parallelFrom = 1 << 13

  private let parts: [GroupAccumulation]
  /// What was merged already, one entry per partition; empty if nothing was.
  private let merged: Mutex<Merged>
  private let plan: AggregationPlan

  /// At least one part.
  init(_ given: [GroupAccumulation], merged: [GroupAccumulation] = [], _ plan: AggregationPlan) {
    let parts = given.count == 1 ? given : given.filter { $0.groupCount > 0 }
    self.parts = parts.isEmpty ? [given[0]] : parts
    mergedCount = merged.count
    groupCount = (parts + merged).reduce(0) { $0 + $1.groupCount }
    self.merged = Mutex(Merged(partitions: merged))
    self.plan = plan
  }

  /// Number of parts.
  var count: Int { parts.count + mergedCount }

  /// Groups of all parts; a key counts in each part that has it.
  let groupCount: Int

  private let mergedCount: Int

  private struct Merged: @unchecked Sendable {
    var partitions: [GroupAccumulation?]
  }

  /// Gives away what was merged of a partition, so that its memory goes with the caller's last use.
  private func take(_ partition: Int) -> GroupAccumulation? {
    merged.withLock { merged in
      defer { merged.partitions[partition] = nil }
      return Merged(partitions: [merged.partitions[partition]])
    }.partitions[0]
  }

  /// Calls `body` with the merged groups of each partition and its number; results in the order of partitions.
  func merged<Result>(
    partitions: Int, _ pool: WorkerPool, _ body: (GroupAccumulation, Int) throws -> Result
  ) throws -> [Result] {
    precondition(mergedCount == 0 || mergedCount == partitions, "partitions are the same everywhere")
    if partitions == 1 && parts.count == 1 && mergedCount == 0 { return [try body(parts[0], 0)] }
    let isParallel = groupCount >= Self.parallelFrom
    let rows = try pool.map(parts.count, isParallel: isParallel) { part in
      (selections: parts[part].table.partitioned(partitions), states: try parts[part].states())
    }
    return try pool.map(partitions, isParallel: isParallel) { partition in
      let groups = mergedCount == 0 ? GroupAccumulation(plan) : take(partition) ?? GroupAccumulation(plan)
      groups.reserve(rows.map { $0.selections[partition].count }.max() ?? 0)
      for (part, rows) in zip(parts, rows) {
        let selection = rows.selections[partition]
        try groups.merge(
          keys: part.keys(selection), states: rows.states.map { $0.gathered(selection) }, count: selection.count)
      }
      return try body(groups, partition)
    }
  }

  /// In how many partitions a bounded aggregation puts the parts together. Several would lose the order in which groups first came, which
  /// reads better: only where that costs time.
  var resultPartitions: Int {
    count > 1 && groupCount >= Self.parallelFrom && plan.sessions == nil ? Self.partitionCount : 1
  }

  /// Keys and final results of all groups.
  func finished(_ pool: WorkerPool, reducing reduce: BatchChange) throws -> [RecordBatch] {
    try merged(partitions: resultPartitions, pool) { groups, _ in
      groups.groupCount == 0 ? nil : try reduce(try groups.mergingSessions().finish())
    }
    .compactMap { $0 }
  }
}
