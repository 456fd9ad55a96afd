import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// `transformWithState` in a query.
final class TransformWithStateOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let node: TransformNode
  /// By partition.
  private let runners: [StateProgramRunner]
  private let stores: [any StateStore]
  private let pool: WorkerPool
  private let keys: [Int]
  private let input: [Int]
  /// Where rows of the input and of the output have their event time.
  private let inputTime: Int?
  private let outputTime: Int?
  private let delay: Int64
  /// Nil in a bounded query.
  private let metricsIndex: Int?
  private let late: LateRowCapture?
  /// Rows for the first batch, with the places of their keys and of the columns that the program sees.
  private let initial: (rows: any PhysicalOperator, keys: [Int], columns: [Int])?

  init(
    _ child: any PhysicalOperator, _ node: TransformNode, initial: (any PhysicalOperator)?, stores: [any StateStore],
    metricsIndex: Int?, late: LateRowCapture? = nil, pool: WorkerPool
  ) {
    self.pool = pool
    self.child = child
    self.initial = initial.flatMap { rows in
      node.initialState.map { state in
        let columns = state.plan.output
        return (
          rows, state.keys.compactMap { columns.firstIndex(of: $0) },
          state.columns.compactMap { columns.firstIndex(of: $0) }
        )
      }
    }
    self.late = late
    self.node = node
    self.stores = stores
    self.metricsIndex = metricsIndex
    runners = stores.map { store in
      StateProgramRunner(
        node.program.makeProgram(), store, keyTypes: node.keys.map(\.type), outputTypes: node.output.map(\.type),
        timeMode: node.timeMode)
    }
    let columns = node.child.output
    keys = node.keys.compactMap { key in columns.firstIndex(of: key) }
    input = node.input.compactMap { column in columns.firstIndex(of: column) }
    let times = node.child.eventTimes
    inputTime = node.timeMode == .eventTime ? columns.firstIndex { times.delays[$0.id] != nil } : nil
    outputTime = node.eventTimeColumn.flatMap { column in node.output.firstIndex(of: column) }
    delay = node.child.watermarkDelay
  }

  /// When a timer or the end of a value's life asks for a batch, by processing time.
  func nextDue() throws -> Int64? {
    node.timeMode == .processingTime ? try runners.compactMap { try $0.nextDue() }.min() : nil
  }

  func close() { for runner in runners { runner.close() } }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    // A bounded query is over when its one batch is.
    defer { if metricsIndex == nil { close() } }
    var metrics = StateOperatorMetrics(operatorName: "transformWithStateExec")
    let batches = try child.execute(context).map { try onTime($0, context, &metrics) }.filter { $0.rowCount > 0 }
    let rows =
      batches.isEmpty
      ? RecordBatch.of([], schema: Schema(node.child.output.map(\.field))) : RecordBatch.concatenated(batches)
    // At the end of all input every timer of event time is due.
    let watermark = metricsIndex == nil || context.isEndOfInput ? Int64.max : context.watermark &- delay
    let times = StateTimes(processing: context.evaluation.batchTimestamp, watermark: watermark)
    var update: Int64 = 0
    let begun = try context.timing(&update) { try begin(context, times) }
    let outcomes = try context.timing(&update) {
      try partitioned(rows, keys: keys, columns: input) { runner, rows, keys in
        try runner.run(rows, keyColumns: keys, times)
      }
    }
    metrics.updateMicroseconds = update
    metrics.rowsUpdated = begun
    for (outcome, store) in zip(outcomes, stores) {
      try checkTimes(outcome.rows, context.lateWatermark &- delay)
      metrics.rowsUpdated += outcome.updated
      metrics.rowsRemoved += outcome.removed
      metrics.rowsTotal += Int64(store.rowCount)
      metrics.memoryUsedBytes += Int64(store.memoryBytes)
    }
    if let metricsIndex { context.stateOperators[metricsIndex] = metrics }
    return outcomes.map(\.rows).filter { $0.rowCount > 0 }
  }

  /// Calls `body` for each partition, side by side, with its rows: the columns that the program sees, and those of the keys.
  private func partitioned<Result>(
    _ rows: RecordBatch, keys: [Int], columns: [Int],
    _ body: (StateProgramRunner, RecordBatch, [ColumnVector]) throws -> Result
  ) throws -> [Result] {
    let seen = RecordBatch(rowCount: rows.rowCount, columns: columns.map { rows.columns[$0] })
    let keyColumns = keys.map { rows.columns[$0] }
    if runners.count == 1 { return [try body(runners[0], seen, keyColumns)] }
    let parts = Self.parts(keyColumns, node.keys.map(\.type), count: rows.rowCount, of: runners.count)
    return try pool.map(runners.count, isParallel: true) { index in
      try body(runners[index], seen.gathered(parts[index]), keyColumns.map { $0.gathered(parts[index]) })
    }
  }

  /// The rows of each partition, in their order. A key is always in the same one.
  private static func parts(_ keys: [ColumnVector], _ types: [DataType], count: Int, of partitions: Int) -> [Selection]
  {
    let encoder = KeyEncoder(types: types)
    let table = GroupTable(keyTypes: encoder.flatTypes)
    let groups = encoder.groups(of: keys, count: count, in: table)
    var partOfGroup = [Int](repeating: 0, count: table.groupCount)
    for (part, members) in table.partitioned(partitions).enumerated() {
      for place in 0..<members.count { partOfGroup[Int(members.rows[place])] = part }
    }
    var parts = [[Int]](repeating: [], count: partitions)
    for (row, group) in groups.enumerated() { parts[partOfGroup[Int(group)]].append(row) }
    return parts.map { Selection($0) }
  }

  /// In the first batch of the query's life makes state of the initial rows. A batch that is run again finds no state and does the same.
  private func begin(_ context: BatchContext, _ times: StateTimes) throws -> Int64 {
    guard let initial, context.batchID == 0 else { return 0 }
    let batches = try initial.rows.execute(context).filter { $0.rowCount > 0 }
    if batches.isEmpty { return 0 }
    let rows = RecordBatch.concatenated(batches)
    return try partitioned(rows, keys: initial.keys, columns: initial.columns) { runner, rows, keys in
      rows.rowCount == 0 ? 0 : try runner.begin(with: rows, keyColumns: keys, times)
    }.reduce(0, +)
  }

  /// Leaves out rows at or before the watermark.
  private func onTime(_ batch: RecordBatch, _ context: BatchContext, _ metrics: inout StateOperatorMetrics) throws
    -> RecordBatch
  {
    guard let inputTime, metricsIndex != nil else { return batch }
    let instants = EventTimeColumn(batch.columns[inputTime]), watermark = context.lateWatermark &- delay
    let kept = instants.rows(after: watermark)
    if kept.count == batch.rowCount { return batch }
    metrics.rowsDroppedByWatermark += Int64(batch.rowCount - kept.count)
    try context.keepLate(batch, instants, through: watermark, late)
    return batch.gathered(kept)
  }

  /// Operators above would drop rows behind the watermark of the batch before as late. Timers give rows between that and this batch's.
  private func checkTimes(_ rows: RecordBatch, _ watermark: Int64) throws {
    guard let outputTime, metricsIndex != nil else { return }
    let times = EventTimeColumn(rows.columns[outputTime])
    for row in 0..<rows.rowCount where times[row] < watermark {
      throw MillraceError(
        "EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED",
        "the stateful processor gave a row whose event time \(CellText(.timestamp).string(.integer(times[row]))) lies before the watermark \(CellText(.timestamp).string(.integer(watermark)))",
        hint: "give rows the time of what made them due, such as the timer's")
    }
  }
}
