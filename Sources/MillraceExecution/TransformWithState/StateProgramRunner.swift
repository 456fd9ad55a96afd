package import MillraceColumnar
package import MillraceCore
import MillraceExpressions
package import MillracePlan

/// Runs the program of a `transformWithState` over batches: rows first, key by key in the order in which keys come, then the timers that
/// are due, then the ends of values' lives. Used by one thread at a time.
package final class StateProgramRunner {
  private let program: any StateProgram
  private let state: BatchState
  private let keys: KeyEncoder
  private let outputTypes: [DataType]
  private var isInitialized = false

  /// What a batch came to.
  package struct Outcome {
    package var rows: RecordBatch
    package var updated: Int64
    package var removed: Int64
  }

  /// A runner over a store whose columns are those that the static functions tell.
  package init(
    _ program: any StateProgram, _ store: any StateStore, keyTypes: [DataType], outputTypes: [DataType],
    timeMode: TimeMode
  ) {
    self.program = program
    self.outputTypes = outputTypes
    keys = KeyEncoder(types: keyTypes)
    state = BatchState(store, keyTypes: keys.flatTypes, timeMode: timeMode)
  }

  /// Key columns of the store for grouping keys of the given types.
  package static func storeKeyTypes(_ keyTypes: [DataType]) -> [DataType] {
    BatchState.keyTypes(KeyEncoder(types: keyTypes).flatTypes)
  }

  /// Value columns of the store.
  package static var storeValueTypes: [DataType] { BatchState.valueTypes }

  /// When the next timer or end of a value's life is due, in microseconds of the time mode's time.
  package func nextDue() throws -> Int64? {
    try initialize()
    return state.nextDue
  }

  private func initialize() throws {
    if isInitialized { return }
    try state.load()
    try program.initialize(state)
    try state.flush()
    isInitialized = true
  }

  /// Makes state of rows, in their order within each key, before the first batch; gives how many parts of state that set.
  package func begin(with rows: RecordBatch, keyColumns: [ColumnVector], _ times: StateTimes) throws -> Int64 {
    try initialize()
    let groups = try state.begin(times, keys.encode(keyColumns, count: rows.rowCount), count: rows.rowCount)
    let (order, starts) = Self.sorted(groups, groupCount: state.groupCount)
    let decoded = try keys.decode(state.keyColumns(), count: state.groupCount)
    for group in 0..<state.groupCount {
      state.enter(UInt32(group))
      for place in starts[group]..<starts[group + 1] {
        try called(for: decoded, group, "handleInitialState") {
          try program.handleInitialState(decoded, group, rows, Int(order.rows[place]), times)
        }
      }
    }
    try state.flush()
    return state.updated
  }

  /// Takes in a batch; `keyColumns` are those of `rows`' keys.
  package func run(_ rows: RecordBatch, keyColumns: [ColumnVector], _ times: StateTimes) throws -> Outcome {
    try initialize()
    let groups = try state.begin(times, keys.encode(keyColumns, count: rows.rowCount), count: rows.rowCount)
    let output = outputTypes.map { ColumnBuilder($0) }
    if rows.rowCount > 0 {
      let (order, starts) = Self.sorted(groups, groupCount: state.groupCount)
      let sorted = rows.gathered(order)
      let decoded = try keys.decode(state.keyColumns(), count: state.groupCount)
      for group in 0..<state.groupCount {
        state.enter(UInt32(group))
        try called(for: decoded, group, "handleInputRows") {
          try program.handleRows(decoded, group, sorted, starts[group]..<starts[group + 1], times, output)
        }
      }
    }
    try fire(times, output)
    try state.flush()
    let columns = output.map { $0.finish() }
    return Outcome(
      rows: RecordBatch(rowCount: columns.first?.count ?? 0, columns: columns), updated: state.updated,
      removed: state.removed)
  }

  private func fire(_ times: StateTimes, _ output: [ColumnBuilder]) throws {
    let due = try state.due()
    if due.isEmpty { return }
    let decoded = try keys.decode(state.keyColumns(), count: state.groupCount)
    for one in due where one.isTimer {
      state.enter(one.group)
      // A timer that was fired for may delete others that are due.
      guard try state.timers().contains(one.time) else { continue }
      try state.deleteTimer(one.time)
      try called(for: decoded, Int(one.group), "handleExpiredTimer") {
        try program.handleTimer(decoded, Int(one.group), expiry: one.time, times, output)
      }
    }
    for one in due where !one.isTimer {
      state.enter(one.group)
      try program.expire(one.variable, one.part)
    }
  }

  /// Row numbers so that rows of a group are neighbours in their old order, and where each group begins.
  private static func sorted(_ groups: [UInt32], groupCount: Int) -> (Selection, [Int]) {
    var starts = [Int](repeating: 0, count: groupCount + 1)
    for group in groups { starts[Int(group) + 1] += 1 }
    for group in 0..<groupCount { starts[group + 1] += starts[group] }
    var next = starts
    let order = Selection(capacity: groups.count)
    for (row, group) in groups.enumerated() {
      order.rows[next[Int(group)]] = Int32(truncatingIfNeeded: row)
      next[Int(group)] += 1
    }
    return (order.truncated(to: groups.count), starts)
  }

  private func called(for keys: [ColumnVector], _ row: Int, _ step: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as MillraceError where error.code.hasPrefix("STATE") {
      throw error
    } catch {
      let key = zip(keys, self.keys.types).map { CellText($1).string($0.value(row)) }.joined(separator: ", ")
      throw MillraceError(
        "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR", "\(step) of the stateful processor failed for the key (\(key))",
        hint: "the batch comes again with the same rows and state when the query is started again", cause: error)
    }
  }

  /// The query ends.
  package func close() {
    if isInitialized { program.close() }
    isInitialized = false
  }
}
