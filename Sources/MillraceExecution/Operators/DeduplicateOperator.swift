import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// DISTINCT and dropDuplicates: the first row of each key. Over a stream the keys seen are kept as state.
final class DeduplicateOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let keys: KeyEncoder
  private let columns: [Int]
  private let state: State?
  /// Keys by the time at which they can go; nil where they stay.
  private let due: DueKeys?

  /// What a streaming deduplication keeps.
  struct State {
    var store: any StateStore
    var metricsIndex: Int
    /// Where the key has its event time, so that old keys can go.
    var eventTime: KeyEncoder.EventTime?
    /// Position of the event-time column of the rows: late rows are dropped.
    var rowTime: Int?
    /// By how much the input can be behind the watermark, because an operator below holds rows back.
    var inputDelay: Int64 = 0
    /// Makes late rows to keep, where somebody wants them.
    var late: LateRowCapture?
    /// For dropDuplicatesWithinWatermark: how long a key is kept after its row's event time.
    var delay: Int64?
  }

  init(_ child: any PhysicalOperator, keys positions: [Int], types: [DataType], state: State?) {
    self.child = child
    columns = positions
    keys = KeyEncoder(types: types)
    self.state = state
    due = state.flatMap { state in
      if state.delay != nil { return DueKeys(state.store, .value(0)) }
      return state.eventTime.map { DueKeys(state.store, .key($0.column)) }
    }
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let batches = try child.execute(context)
    guard let state else {
      let table = GroupTable(keyTypes: keys.flatTypes)
      return batches.compactMap { batch in
        let first = firstRows(batch, table)
        return first.count == 0 ? nil : first.count == batch.rowCount ? batch : batch.gathered(first)
      }
    }
    return try stateful(batches, state, context)
  }

  /// Rows whose key is not in the table yet; puts the keys in.
  private func firstRows(_ batch: RecordBatch, _ table: GroupTable) -> Selection {
    let flat = keys.encode(columns.map { batch.columns[$0] }, count: batch.rowCount)
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: batch.rowCount)
    let isNew = UnsafeMutablePointer<UInt8>.allocate(capacity: batch.rowCount)
    defer {
      groups.deallocate()
      isNew.deallocate()
    }
    table.findOrInsert(flat, count: batch.rowCount, into: groups, isNew: isNew)
    let rows = Selection(capacity: batch.rowCount)
    var count = 0
    for row in 0..<batch.rowCount {
      rows.rows[count] = Int32(truncatingIfNeeded: row)
      count += Int(isNew[row])
    }
    return rows.truncated(to: count)
  }

  private func stateful(_ batches: [RecordBatch], _ state: State, _ context: BatchContext) throws -> [RecordBatch] {
    var metrics = StateOperatorMetrics(operatorName: state.delay == nil ? "dedupe" : "dedupeWithinWatermark")
    var output: [RecordBatch] = []
    let start = context.clock.monotonicNanoseconds()
    for whole in batches {
      let batch = try onTime(whole, state, context, &metrics)
      if batch.rowCount == 0 { continue }
      let first = firstRows(batch, GroupTable(keyTypes: keys.flatTypes))
      let candidates = batch.gathered(first)
      let flat = keys.encode(columns.map { candidates.columns[$0] }, count: candidates.rowCount)
      let known = try state.store.measured.get(keys: flat, count: candidates.rowCount)
      let found = known.found.values(as: UInt8.self)
      let fresh = Selection((0..<candidates.rowCount).filter { found[known.found.slot($0)] == 0 })
      if fresh.count == 0 { continue }
      let rows = candidates.gathered(fresh)
      try state.store.measured.put(
        keys: flat.map { $0.gathered(fresh) }, values: [expiry(rows, state)], count: fresh.count)
      metrics.rowsUpdated += Int64(fresh.count)
      output.append(rows)
    }
    metrics.updateMicroseconds = (context.clock.monotonicNanoseconds() - start) / 1000
    var removal: Int64 = 0
    try context.timing(&removal) { try evict(state, context, &metrics) }
    metrics.removalMicroseconds = removal
    metrics.rowsTotal = Int64(state.store.rowCount)
    metrics.memoryUsedBytes = Int64(state.store.memoryBytes)
    context.stateOperators[state.metricsIndex] = metrics
    return output
  }

  /// Drops rows at or before the watermark.
  private func onTime(
    _ batch: RecordBatch, _ state: State, _ context: BatchContext, _ metrics: inout StateOperatorMetrics
  ) throws -> RecordBatch {
    guard let column = state.rowTime else { return batch }
    let instants = EventTimeColumn(batch.columns[column]), watermark = context.lateWatermark &- state.inputDelay
    let kept = instants.rows(after: watermark)
    if kept.count == batch.rowCount { return batch }
    metrics.rowsDroppedByWatermark += Int64(batch.rowCount - kept.count)
    try context.keepLate(batch, instants, through: watermark, state.late)
    return batch.gathered(kept)
  }

  /// The instant of an event time: a timestamp, or the end of a window.
  static func instants(_ column: ColumnVector) -> ColumnVector {
    column.type.physical == .structure ? column.flattened().children.last ?? column : column
  }

  private func expiry(_ rows: RecordBatch, _ state: State) -> ColumnVector {
    guard let delay = state.delay, let column = state.rowTime else {
      return .constant(.integer(0), type: .long, count: rows.rowCount)
    }
    // A row without a time counts as one of 1970, as in Spark: it is forgotten at the next watermark.
    let times = DeduplicateOperator.instants(rows.columns[column])
    let result = MemoryBuffer(capacity: rows.rowCount * MemoryLayout<Int64>.stride)
    let expiries = result.base.assumingMemoryBound(to: Int64.self)
    let values = times.values(as: Int64.self)
    for row in 0..<rows.rowCount { expiries[row] = (times.isNull(row) ? 0 : values[times.slot(row)]) &+ delay }
    return ColumnVector(type: .long, count: rows.rowCount, values: result)
  }

  private func evict(_ state: State, _ context: BatchContext, _ metrics: inout StateOperatorMetrics) throws {
    guard let due else { return }
    let shift = state.delay != nil ? 0 : state.eventTime?.duration ?? 0
    let gone = try due.take(through: context.watermark &- state.inputDelay &- shift)
    metrics.rowsRemoved = Int64(gone?.count ?? 0)
  }
}
