import MillraceColumnar
import Synchronization

/// What a worker has aggregated of a batch.
///
/// Where the groups of the state are resident, the table goes on to the next batch if many rows came to each key: most of its keys come again,
/// and of those it knows already where the state has them. Used by one thread at a time, but for `settle`.
final class WorkerGroups {
  /// Rows per group from which a worker's table pays for itself.
  static let worthwhileRatio = 3
  /// Groups of a worker's table at which it is asked whether they should go; the table fits into the caches until then.
  private static let firstCheck = 1 << 16
  /// Rows per group in a batch from which finding the places of all groups once more takes no time to speak of.
  private static let replaceableRatio = 64
  /// Rows that are handed on before a table of the worker's own is tried again.
  private static let handedOn = 1 << 21

  private(set) var groups: GroupAccumulation
  /// Where the table waits for the next batch.
  private let idle: IdleWorkers?
  private var nextCheck = WorkerGroups.firstCheck
  /// Rows that came into the table.
  private var rowCount = 0
  /// The same of this batch.
  private var batchRowCount = 0
  /// Rows that are still to be handed on.
  private var toHandOn = 0
  /// Rows that were handed on, by partition, and wait there for another worker to be done.
  private var waiting: [[AggregationRows]] = []
  /// Groups that the state has; they came with batches before.
  private var settledCount = 0
  /// The same by partition, those of the batch included whose groups are being given to the state.
  private var settledCounts: [Int] = []
  /// The row of each of them in its partition of the state.
  private var rows = MemoryBuffer(capacity: 0)
  /// The partition of each.
  private var partitions = MemoryBuffer(capacity: 0)

  init(_ plan: AggregationPlan, idle: IdleWorkers? = nil) {
    groups = GroupAccumulation(plan, countsRows: idle != nil)
    self.idle = idle
  }

  /// Groups and their partial results by partition.
  struct Share {
    /// Groups that the state has, and those that it may not have.
    var settled: [Selection]
    var new: [Selection]
    var states: [ColumnVector]

    /// Groups of a partition.
    func count(_ partition: Int) -> Int { settled[partition].count + new[partition].count }
  }

  /// Adds rows of a batch, or hands them on.
  func add(_ batch: RecordBatch, _ context: TaskContext, _ shared: SharedGroups?) throws {
    if let shared, toHandOn > 0 {
      toHandOn -= batch.rowCount
      return try handOn(batch, context, shared)
    }
    try groups.add(batch, context.evaluation)
    rowCount += batch.rowCount
    batchRowCount += batch.rowCount
    if groups.groupCount >= nextCheck { try check(shared) }
  }

  private func handOn(_ batch: RecordBatch, _ context: TaskContext, _ shared: SharedGroups) throws {
    if waiting.isEmpty { waiting = Array(repeating: [], count: shared.partitionCount) }
    var rows = try groups.plan.inputs(of: batch, context.evaluation)
    let (parts, hashes) = groups.table.partition(rows.keys, count: rows.count, into: shared.partitionCount)
    rows.hashes = hashes
    for (index, part) in parts.enumerated() where part.count > 0 { waiting[index].append(rows.gathered(part)) }
    try shared.add(&waiting)
  }

  /// Adds what waits. To be called before the groups of a batch are taken.
  func endWaiting(_ shared: SharedGroups?) throws {
    try shared?.add(&waiting, waits: true)
  }

  private func check(_ shared: SharedGroups?) throws {
    guard let shared, rowCount < groups.groupCount * Self.worthwhileRatio else {
      nextCheck *= 2
      return
    }
    try shared.add(self)
    forget()
    if shared.takesRows { toHandOn = Self.handedOn } else { groups.reserve(Self.firstCheck) }
  }

  /// Begins with another table.
  private func forget() {
    groups = GroupAccumulation(groups.plan, countsRows: idle != nil)
    rowCount = 0
    batchRowCount = 0
    nextCheck = Self.firstCheck
    settledCount = 0
    settledCounts = []
  }

  // MARK: Giving to the state

  /// What this batch brought, by partition. The memory in which keys are found is free for the tables of the partitions afterwards, where
  /// no batch follows soon.
  func share(_ partitionCount: Int) throws -> Share {
    let states = try groups.states()
    let share = Share(
      settled: settledGroups(partitionCount), new: groups.table.partitioned(partitionCount, from: settledCount),
      states: states)
    if idle != nil { makeRoom(share.new) }
    if idle == nil || batchRowCount >= groups.groupCount * Self.replaceableRatio { groups.table.releaseSlots() }
    return share
  }

  /// The groups that the state has to which rows came, by partition.
  private func settledGroups(_ partitionCount: Int) -> [Selection] {
    guard settledCount > 0, let counts = groups.rowCounts else {
      return (0..<partitionCount).map { _ in .range(0..<0) }
    }
    let numbers = partitions.base.assumingMemoryBound(to: UInt8.self)
    // Without guessing where the next one goes: each has room for all of its partition and one more.
    let selections = settledCounts.map { Selection(capacity: $0 + 1) }
    let chosen = selections.map(\.rows)
    return withUnsafeTemporaryAllocation(of: Int.self, capacity: partitionCount) { sizes in
      sizes.initialize(repeating: 0)
      chosen.withUnsafeBufferPointer { chosen in
        for group in 0..<settledCount {
          let number = Int(numbers[group])
          chosen[number][sizes[number]] = Int32(truncatingIfNeeded: group)
          sizes[number] &+= counts[group] != 0 ? 1 : 0
        }
      }
      return zip(selections, sizes).map { $0.truncated(to: $1) }
    }
  }

  /// Room for the rows of new groups, whose partitions are known.
  private func makeRoom(_ new: [Selection]) {
    let count = groups.groupCount
    rows = grown(rows, used: settledCount * 4, to: count * 4)
    partitions = grown(partitions, used: settledCount, to: count)
    let numbers = partitions.base.assumingMemoryBound(to: UInt8.self)
    settledCounts = settledCounts.isEmpty ? new.map(\.count) : zip(settledCounts, new).map { $0 + $1.count }
    for (partition, groups) in new.enumerated() {
      for index in 0..<groups.count { numbers[Int(groups.rows[index])] = UInt8(truncatingIfNeeded: partition) }
    }
  }

  private func grown(_ buffer: MemoryBuffer, used: Int, to size: Int) -> MemoryBuffer {
    if buffer.capacity >= size { return buffer }
    let larger = MemoryBuffer(capacity: size * 2)
    larger.base.copyMemory(from: buffer.base, byteCount: used)
    return larger
  }

  /// Merges a partition's groups into those of the state. Several threads may do that at once for different partitions.
  func settle(_ share: Share, _ partition: Int, into target: GroupAccumulation) throws {
    let rows = self.rows.base.assumingMemoryBound(to: UInt32.self)
    let settled = share.settled[partition], new = share.new[partition]
    if settled.count > 0 {
      let places = Selection(capacity: settled.count)
      for index in 0..<settled.count {
        places.rows[index] = Int32(bitPattern: rows[Int(truncatingIfNeeded: settled.rows[index])])
      }
      try target.merge(places, states: share.states.map { $0.gathered(settled) })
    }
    if new.count == 0 { return }
    let found = try target.merge(
      keys: groups.keys(new), states: share.states.map { $0.gathered(new) }, count: new.count)
    if idle == nil { return }
    for index in 0..<new.count { rows[Int(truncatingIfNeeded: new.rows[index])] = found[index] }
  }

  /// After the groups were settled: waits for the next batch where that is worth its memory and the time to look through the groups.
  func park() {
    guard let idle else { return }
    if toHandOn > 0 {
      if groups.groupCount > 0 { forget() }
    } else {
      guard batchRowCount >= groups.groupCount * Self.worthwhileRatio else { return }
      groups.clearValues()
      settledCount = groups.groupCount
    }
    batchRowCount = 0
    idle.put(self)
  }
}

/// The workers of a chain between two batches.
final class IdleWorkers: Sendable {
  private struct State: @unchecked Sendable {
    var workers: [WorkerGroups] = []
  }

  private let state = Mutex(State())

  /// One that waits, if any does.
  func take() -> WorkerGroups? {
    state.withLock { state in
      var taken = State()
      if let last = state.workers.popLast() { taken.workers.append(last) }
      return taken
    }.workers.first
  }

  /// Lets one wait.
  func put(_ worker: WorkerGroups) {
    let given = State(workers: [worker])
    state.withLock { $0.workers += given.workers }
  }
}
