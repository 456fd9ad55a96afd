import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceState

/// The groups of a streaming aggregation whose keys are in one partition. Used by one thread at a time.
final class StatePartition {
  let store: any StateStore
  private let plan: AggregationPlan
  private let mode: OutputMode
  private let eventTime: KeyEncoder.EventTime?
  /// Groups by the time of their key; nil where none ever goes.
  private let due: DueKeys?
  /// For session windows.
  private var sessions: SessionIndex?
  /// By how much the input can be behind the watermark, because an operator below holds rows back.
  private let delay: Int64
  /// The groups that the batch changed, where their rows are asked for afterwards.
  private var withheld: GroupAccumulation?
  /// All groups, where they stay in their accumulators.
  private var resident: GroupAccumulation?
  /// Groups that end at or before it are gone already.
  private var evictedTo = Int64.min

  /// What a batch came to.
  struct Outcome {
    var rows: [RecordBatch] = []
    var updated: Int64 = 0
    var removed: Int64 = 0
    var dropped: Int64 = 0
    /// Time that removing took.
    var removalMicroseconds: Int64 = 0

    /// The same with other rows.
    func reduced(_ change: BatchChange) throws -> Outcome {
      var reduced = self
      reduced.rows = try rows.compactMap(change)
      return reduced
    }
  }

  init(
    _ store: any StateStore, _ plan: AggregationPlan, mode: OutputMode, eventTime: KeyEncoder.EventTime?, delay: Int64
  ) {
    self.store = store
    self.plan = plan
    self.mode = mode
    self.eventTime = eventTime
    self.delay = delay
    due = mode == .complete ? nil : eventTime.map { DueKeys(store, .key($0.column)) }
  }

  /// Takes in a batch's groups. With `withholds` no rows come out in update and complete mode before they are asked for.
  func run(_ batch: GroupAccumulation, _ context: BatchContext, withholds: Bool = false) throws -> Outcome {
    var outcome = Outcome()
    let updated = try merged(batch, context.lateWatermark, &outcome)
    if withholds {
      withheld = updated
      return outcome
    }
    var removal: Int64 = 0
    switch mode {
    case .update:
      if updated.groupCount > 0 { outcome.rows = [try updated.finish()] }
      _ = try context.timing(&removal) { try evict(context.watermark, &outcome) }
    case .append:
      outcome.rows = try context.timing(&removal) {
        try context.isEndOfInput ? close(&outcome) : evict(context.watermark, &outcome)
      }
    case .complete: outcome.rows = try everything(updated)
    }
    outcome.removalMicroseconds = removal
    return outcome
  }

  /// The batch's groups with what the state had for them; puts them into the state.
  private func merged(_ batch: GroupAccumulation, _ lateWatermark: Int64, _ outcome: inout Outcome) throws
    -> GroupAccumulation
  {
    var result = batch
    // Complete mode keeps all groups, so that nothing is late for them; sessions are not taken up again once they are over.
    if let eventTime, mode != .complete || plan.sessions != nil {
      let keys = batch.flatKeys()
      let open = openGroups(keys[eventTime.column], eventTime, after: lateWatermark &- delay)
      if open.count < batch.groupCount {
        outcome.dropped = Int64(batch.groupCount - open.count)
        result = GroupAccumulation(plan)
        try result.merge(
          keys: keys.map { $0.gathered(open) }, states: try batch.states().map { $0.gathered(open) }, count: open.count)
      }
    }
    outcome.updated = Int64(result.groupCount)
    if result.groupCount == 0 { return result }
    if let sessions = plan.sessions { return try merged(sessions, result, &outcome) }
    if store.rowCount > 0 { return try mergedWithState(result) }
    try put(result)
    return result
  }

  private func put(_ groups: GroupAccumulation) throws {
    let values = try groups.states()
    if let store = store as? MemoryStateStore, store.rowCount == 0,
      ProfileLane.usingState({ store.adopt(groups.table, values: values) })
    {
      return
    }
    try store.measured.put(keys: groups.flatKeys(), values: values, count: groups.groupCount)
  }

  /// The groups with what the state has for them; puts them into it.
  private func mergedWithState(_ batch: GroupAccumulation) throws -> GroupAccumulation {
    let keys = batch.flatKeys()
    let (known, places) = try store.measured.find(keys: keys, count: batch.groupCount)
    let found = Selection(whereTrue: known.found)
    let foundStates = known.values.map { $0.gathered(found) }
    guard plan.isOrderSensitive, found.count > 0 else {
      // A row of the lookup is a group of the batch.
      try batch.merge(found, states: foundStates)
      try store.measured.put(keys: keys, values: try batch.states(), count: batch.groupCount, at: places)
      return batch
    }
    // What came before goes first.
    let result = GroupAccumulation(plan)
    try result.merge(keys: keys.map { $0.gathered(found) }, states: foundStates, count: found.count)
    try result.merge(keys: keys, states: try batch.states(), count: batch.groupCount)
    try put(result)
    return result
  }

  /// The batch's sessions merged with each other and with those of the state that they touch.
  private func merged(_ merger: SessionMerger, _ batch: GroupAccumulation, _ outcome: inout Outcome) throws
    -> GroupAccumulation
  {
    let index = try sessionIndex(merger)
    let keys = batch.flatKeys(), count = batch.groupCount
    let known = index.sessions(ofKeysLike: keys, count: count)
    let allKeys = zip(known.keys, keys).map { ColumnVector.concatenated([$0, $1]) }
    let merged = merger.merge(allKeys, count: known.count + count)
    var isTouched = [Bool](repeating: false, count: merged.sessionCount)
    for row in known.count..<known.count + count { isTouched[merged.sessions[row]] = true }
    let gone = Selection((0..<known.count).filter { isTouched[merged.sessions[$0]] })
    let result = GroupAccumulation(plan)
    // Rows of `merged` and their states; what came before goes first.
    var rows = Array(known.count..<known.count + count)
    var states = try batch.states()
    if gone.count > 0 {
      let goneKeys = known.keys.map { $0.gathered(gone) }
      let goneStates = try store.measured.get(keys: goneKeys, count: gone.count).values
      states = zip(goneStates, states).map { ColumnVector.concatenated([$0, $1]) }
      rows = (0..<gone.count).map { Int(gone.rows[$0]) } + rows
      try store.measured.remove(keys: goneKeys, count: gone.count)
      index.remove(goneKeys, count: gone.count)
    }
    if plan.isOrderSensitive {
      // Sessions that become one go by their starts, as in Spark.
      let places = Dictionary(uniqueKeysWithValues: zip(rows, rows.indices))
      let order = merged.order.compactMap { places[$0] }
      rows = order.map { rows[$0] }
      states = states.map { $0.gathered(Selection(order)) }
    }
    let taken = Selection(rows)
    try result.merge(keys: merged.keys.map { $0.gathered(taken) }, states: states, count: taken.count)
    let resultKeys = result.flatKeys()
    try store.measured.put(keys: resultKeys, values: try result.states(), count: result.groupCount)
    index.insert(resultKeys, count: result.groupCount)
    outcome.updated = Int64(result.groupCount)
    return result
  }

  /// The index of the sessions in the store, made when it is first needed.
  private func sessionIndex(_ merger: SessionMerger) throws -> SessionIndex {
    if let sessions { return sessions }
    let index = SessionIndex(merger)
    try store.measured.scan { keys, _, count in index.insert(keys, count: count) }
    sessions = index
    return index
  }

  private func openGroups(_ times: ColumnVector, _ eventTime: KeyEncoder.EventTime, after watermark: Int64) -> Selection
  {
    let values = times.values(as: Int64.self)
    let open = Selection(capacity: times.count)
    var count = 0
    for row in 0..<times.count {
      open.rows[count] = Int32(truncatingIfNeeded: row)
      let isOpen = times.isNull(row) || values[times.slot(row)] &+ eventTime.duration > watermark
      count += isOpen ? 1 : 0
    }
    return open.truncated(to: count)
  }

  /// Removes groups that ended at or before the watermark and gives their results in append mode.
  private func evict(_ watermark: Int64, _ outcome: inout Outcome) throws -> [RecordBatch] {
    let watermark = watermark &- delay
    guard let eventTime, let due, watermark > evictedTo else { return [] }
    evictedTo = watermark
    guard let closed = try due.take(through: watermark &- eventTime.duration) else { return [] }
    sessions?.remove(closed.keys, count: closed.count)
    outcome.removed = Int64(closed.count)
    return mode == .append ? [try plan.finish(keys: closed.keys, states: closed.values, count: closed.count)] : []
  }

  /// Removes all groups and gives their results: none will get another row.
  private func close(_ outcome: inout Outcome) throws -> [RecordBatch] {
    var rows: [RecordBatch] = []
    var gone: [(keys: [ColumnVector], count: Int)] = []
    try store.measured.scan { keys, values, count in
      rows.append(try plan.finish(keys: keys, states: values, count: count))
      gone.append((keys, count))
    }
    for (keys, count) in gone {
      try store.measured.remove(keys: keys, count: count)
      sessions?.remove(keys, count: count)
      outcome.removed += Int64(count)
    }
    return rows
  }

  /// The results of all groups, of which the batch has changed `updated`.
  private func everything(_ updated: GroupAccumulation) throws -> [RecordBatch] {
    if updated.groupCount == store.rowCount { return updated.groupCount == 0 ? [] : [try updated.finish()] }
    return try everything()
  }

  private func everything() throws -> [RecordBatch] {
    if let resident { return resident.groupCount == 0 ? [] : [try resident.finish()] }
    return try finished { try store.measured.scan($0) }
  }

  // MARK: Groups that stay in their accumulators

  /// Whether that is possible for all that is known before the state is.
  var mayReside: Bool {
    mode != .append && due == nil && plan.sessions == nil && plan.isSelective && store is MemoryStateStore
  }

  /// Whether it is possible with the state that there is.
  var canReside: Bool { (store as? MemoryStateStore)?.denseTable != nil }

  /// The groups with what the store has for them, which they keep from now on.
  func reside() throws -> GroupAccumulation {
    guard let memory = store as? MemoryStateStore,
      let groups = try ProfileLane.usingState({ try GroupAccumulation(plan, residentIn: memory) })
    else {
      throw MillraceError("INTERNAL_ERROR", "the groups of this state cannot stay in accumulators", fault: .bug)
    }
    resident = groups
    return groups
  }

  /// Groups that the batch has changed or added.
  var touchedCount: Int { (store as? MemoryStateStore)?.touchedCount ?? 0 }

  /// What a batch came to that was added to the groups.
  func settled(withholds: Bool) throws -> Outcome {
    var outcome = Outcome()
    outcome.updated = Int64(touchedCount)
    if !withholds { outcome.rows = mode == .complete ? try everything() : try touched() }
    return outcome
  }

  /// The results of the groups that the batch has changed.
  private func touched() throws -> [RecordBatch] {
    guard let memory = store as? MemoryStateStore else { return [] }
    return try finished { try store.measured.scanTouched(of: memory, $0) }
  }

  // MARK: Rows apart from their batch

  /// Whether the rows that come out are told by the groups that changed since they came out last, however many batches that were.
  var mayWithhold: Bool {
    switch mode {
    case .append: false
    case .complete: true
    // What is removed in between would be missing.
    case .update: due == nil && plan.sessions == nil && store is MemoryStateStore
    }
  }

  /// The rows of the batch come out with those of a later one.
  func postpone() {
    withheld = nil
    if mode == .update { (store as? MemoryStateStore)?.markDue() }
  }

  /// The rows of the batch, where its rows were withheld, and of those before it that were postponed.
  func emitDue(afterPostponed: Bool) throws -> [RecordBatch] {
    let updated = withheld
    withheld = nil
    if mode == .complete { return try updated.map { try everything($0) } ?? everything() }
    guard afterPostponed, let memory = store as? MemoryStateStore else {
      if resident != nil { return try touched() }
      return try updated.flatMap { $0.groupCount == 0 ? nil : [try $0.finish()] } ?? []
    }
    memory.markDue()
    return try finished { try store.measured.takeDue(from: memory, $0) }
  }

  /// The rows of all groups.
  func emitEverything() throws -> [RecordBatch] {
    withheld = nil
    return try everything()
  }

  /// Results of the groups that `scan` gives.
  private func finished(
    _ scan: ((_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws -> Void
  ) throws -> [RecordBatch] {
    var rows: [RecordBatch] = []
    try scan { keys, values, count in rows.append(try plan.finish(keys: keys, states: values, count: count)) }
    return rows
  }
}
