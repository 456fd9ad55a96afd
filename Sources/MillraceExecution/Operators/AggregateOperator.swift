import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// What an aggregation reads: partial results of chains, or rows.
enum AggregationInput {
  case chains([ChainPlan])
  case rows(any PhysicalOperator)

  /// All partial results of a batch in one.
  func accumulate(_ plan: AggregationPlan, _ context: BatchContext) throws -> GroupAccumulation {
    switch self {
    case .rows(let child):
      let accumulation = GroupAccumulation(plan)
      for batch in try child.execute(context) { try accumulation.add(batch, context.evaluation) }
      return accumulation
    case .chains(let inputs):
      var parts: [GroupAccumulation] = []
      for input in inputs {
        try input.group.run(context)
        parts += input.chain.terminals.compactMap { ($0 as? AggregateTerminal)?.accumulation }
        input.chain.terminals = []
      }
      let first = parts.first ?? GroupAccumulation(plan)
      for part in parts.dropFirst() { try first.merge(part) }
      return first
    }
  }
}

/// GROUP BY over a bounded input.
final class AggregateOperator: PhysicalOperator {
  private let plan: AggregationPlan
  private let input: AggregationInput

  init(_ plan: AggregationPlan, _ input: AggregationInput) {
    self.plan = plan
    self.input = input
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let accumulation = try input.accumulate(plan, context)
    accumulation.ensureGlobalGroup()
    return accumulation.groupCount == 0 ? [] : [try accumulation.mergingSessions().finish()]
  }
}

/// GROUP BY over a stream: partial results of a batch are merged into the state, and rows come out by output mode.
final class StatefulAggregateOperator: PhysicalOperator {
  private let plan: AggregationPlan
  private let input: AggregationInput
  private let mode: OutputMode
  private let store: any StateStore
  private let eventTime: KeyEncoder.EventTime?
  /// By how much the input can be behind the watermark, because an operator below holds rows back.
  private let delay: Int64
  private let metricsIndex: Int
  /// Groups that end at or before it are gone already.
  private var evictedTo = Int64.min

  init(
    _ plan: AggregationPlan, _ input: AggregationInput, mode: OutputMode, store: any StateStore,
    eventTime: KeyEncoder.EventTime?, delay: Int64, metricsIndex: Int
  ) {
    self.delay = delay
    self.plan = plan
    self.input = input
    self.mode = mode
    self.store = store
    self.eventTime = eventTime
    self.metricsIndex = metricsIndex
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let batch = try input.accumulate(plan, context)
    batch.ensureGlobalGroup()
    var metrics = StateOperatorMetrics(
      operatorName: plan.sessions == nil ? "stateStoreSave" : "sessionWindowStateStoreSaveExec")
    let updated = try merged(batch, context, &metrics)
    var output: [RecordBatch] = []
    if mode == .update, updated.groupCount > 0 { output.append(try updated.finish()) }
    if mode == .append || mode == .update {
      let closed = try evict(context, &metrics)
      if mode == .append { output += closed }
    }
    if mode == .complete { output += try everything() }
    metrics.rowsTotal = Int64(store.rowCount)
    metrics.memoryUsedBytes = Int64(store.memoryBytes)
    context.stateOperators[metricsIndex] = metrics
    return output
  }

  /// The batch's groups with what the state had for them; puts them into the state.
  private func merged(
    _ batch: GroupAccumulation, _ context: BatchContext, _ metrics: inout StateOperatorMetrics
  ) throws -> GroupAccumulation {
    var keys = batch.flatKeys()
    var states = try batch.states()
    var count = batch.groupCount
    var isWhole = true
    if let eventTime, mode != .complete {
      let open = openGroups(keys[eventTime.column], eventTime, after: context.lateWatermark &- delay)
      if open.count < count {
        metrics.rowsDroppedByWatermark = Int64(count - open.count)
        keys = keys.map { $0.gathered(open) }
        states = states.map { $0.gathered(open) }
        count = open.count
        isWhole = false
      }
    }
    metrics.rowsUpdated = Int64(count)
    if count == 0 { return GroupAccumulation(plan) }
    if let sessions = plan.sessions { return try merged(sessions, keys, states, count, &metrics) }
    let known = try store.get(keys: keys, count: count)
    let found = Selection(whereTrue: known.found)
    var result = batch
    if found.count > 0 || !isWhole {
      result = GroupAccumulation(plan)
      // What came before goes first, for aggregates that mind the order.
      try result.merge(
        keys: keys.map { $0.gathered(found) }, states: known.values.map { $0.gathered(found) }, count: found.count)
      try result.merge(keys: keys, states: states, count: count)
      keys = result.flatKeys()
      states = try result.states()
    }
    try store.put(keys: keys, values: states, count: count)
    return result
  }

  /// The batch's sessions merged with each other and with those of the state that they touch.
  private func merged(
    _ sessions: SessionMerger, _ keys: [ColumnVector], _ states: [ColumnVector], _ count: Int,
    _ metrics: inout StateOperatorMetrics
  ) throws -> GroupAccumulation {
    let index = sessions.index(keys, count: count)
    var oldKeys = keys.map { [$0.gathered(Selection(capacity: 0))] }
    var oldStates = states.map { [$0.gathered(Selection(capacity: 0))] }
    var oldCount = 0
    try store.scan { keys, values, count in
      let rows = sessions.known(keys, count: count, in: index)
      if rows.count == 0 { return }
      for (column, key) in keys.enumerated() { oldKeys[column].append(key.gathered(rows)) }
      for (column, value) in values.enumerated() { oldStates[column].append(value.gathered(rows)) }
      oldCount += rows.count
    }
    let allKeys = zip(oldKeys, keys).map { ColumnVector.concatenated($0 + [$1]) }
    let allStates = zip(oldStates, states).map { ColumnVector.concatenated($0 + [$1]) }
    let merged = sessions.merge(allKeys, count: oldCount + count)
    var isTouched = [Bool](repeating: false, count: merged.sessionCount)
    for row in oldCount..<oldCount + count { isTouched[merged.sessions[row]] = true }
    let rows = Selection((0..<oldCount + count).filter { isTouched[merged.sessions[$0]] })
    let gone = Selection((0..<oldCount).filter { isTouched[merged.sessions[$0]] })
    let result = GroupAccumulation(plan)
    try result.merge(
      keys: merged.keys.map { $0.gathered(rows) }, states: allStates.map { $0.gathered(rows) }, count: rows.count)
    if gone.count > 0 { try store.remove(keys: allKeys.map { $0.gathered(gone) }, count: gone.count) }
    try store.put(keys: result.flatKeys(), values: try result.states(), count: result.groupCount)
    metrics.rowsUpdated = Int64(result.groupCount)
    return result
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

  /// Removes groups that ended at or before the watermark and gives their results.
  private func evict(_ context: BatchContext, _ metrics: inout StateOperatorMetrics) throws -> [RecordBatch] {
    let watermark = context.watermark &- delay
    guard let eventTime, watermark > evictedTo else { return [] }
    let closed = GroupAccumulation(plan)
    try store.scan { keys, values, count in
      let times = keys[eventTime.column]
      let ends = times.values(as: Int64.self)
      let ended = (0..<count).filter { !times.isNull($0) && ends[times.slot($0)] &+ eventTime.duration <= watermark }
      if ended.isEmpty { return }
      let rows = Selection(ended)
      try closed.merge(
        keys: keys.map { $0.gathered(rows) }, states: values.map { $0.gathered(rows) }, count: rows.count)
    }
    evictedTo = watermark
    if closed.groupCount == 0 { return [] }
    try store.remove(keys: closed.flatKeys(), count: closed.groupCount)
    metrics.rowsRemoved = Int64(closed.groupCount)
    return mode == .append ? [try closed.finish()] : []
  }

  private func everything() throws -> [RecordBatch] {
    let all = GroupAccumulation(plan)
    try store.scan { keys, values, count in try all.merge(keys: keys, states: values, count: count) }
    return all.groupCount == 0 ? [] : [try all.finish()]
  }
}
