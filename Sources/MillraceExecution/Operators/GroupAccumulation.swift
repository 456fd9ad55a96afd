import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What an aggregation computes, fixed when the query is planned.
struct AggregationPlan: Sendable {
  let keys: KeyEncoder
  let aggregates: [NamedAggregate]
  /// Functions as they accumulate: DISTINCT ones wrapped.
  let functions: [BoundAggregate]
  /// Evaluates keys, then the arguments of each aggregate, then its filter.
  let evaluator: Evaluator
  /// For session windows: how groups are merged.
  let sessions: SessionMerger?

  init(_ node: AggregateNode, input: [Attribute]) throws {
    keys = KeyEncoder(expressions: node.grouping.map(\.expression))
    aggregates = node.aggregates
    let session = node.grouping.firstIndex { SessionWindow.isSession($0.expression) }
    let keys = self.keys
    sessions = session.map { SessionMerger(start: keys.firstColumn(of: $0), flatTypes: keys.flatTypes) }
    functions = node.aggregates.map { $0.isDistinct ? $0.function.distinct() : $0.function }
    let inputs = zip(node.aggregates, functions).flatMap { aggregate, function in
      function.arguments + (aggregate.filter.map { [$0] } ?? [])
    }
    evaluator = try Evaluator(keys.expressions + inputs, input: input)
  }

  /// What the rows of a batch add to their groups.
  func inputs(of batch: RecordBatch, _ context: EvaluationContext) throws -> AggregationRows {
    let values = try evaluator.evaluate(batch, context)
    let keyCount = keys.expressions.count
    return AggregationRows(
      count: batch.rowCount, keys: keys.encode(Array(values[..<keyCount]), count: batch.rowCount),
      values: Array(values[keyCount...]))
  }

  /// Types of the columns that carry partial results.
  var stateTypes: [DataType] { functions.flatMap(\.stateTypes) }

  /// Whether the order of rows may show in the result.
  var isOrderSensitive: Bool { functions.contains(where: \.isOrderSensitive) }
}

/// Rows on their way into groups.
struct AggregationRows {
  var count: Int
  /// Flat key columns.
  var keys: [ColumnVector]
  /// The arguments of each aggregate, then its filter if it has one.
  var values: [ColumnVector]

  func gathered(_ selection: Selection) -> AggregationRows {
    AggregationRows(
      count: selection.count, keys: keys.map { $0.gathered(selection) }, values: values.map { $0.gathered(selection) })
  }
}

/// Groups and their partial results; grows batch by batch. Used by one thread at a time.
final class GroupAccumulation {
  let plan: AggregationPlan
  let table: GroupTable
  private let accumulators: [any Accumulator]
  /// The accumulator whose counting the table does where it can, if there is one.
  private let rowCounter: Int?
  /// Whether the table may have counted rows that the accumulator does not know of.
  private var hasRowCounts = false
  private var groups: UnsafeMutablePointer<UInt32>
  private var capacity = 0

  init(_ plan: AggregationPlan) {
    self.plan = plan
    table = GroupTable(keyTypes: plan.keys.flatTypes)
    let accumulators = plan.functions.map { $0.makeAccumulator() }
    self.accumulators = accumulators
    rowCounter = accumulators.indices.first { index in
      plan.aggregates[index].filter == nil && (accumulators[index] as? any RowCountingAccumulator)?.rowCounts != nil
    }
    groups = .allocate(capacity: 1)
  }

  deinit { groups.deallocate() }

  var groupCount: Int { table.groupCount }

  /// Makes room for `count` groups.
  func reserve(_ count: Int) {
    table.reserve(count)
    for accumulator in accumulators { accumulator.reserve(groupCount: count) }
  }

  private func makeRoom(_ count: Int) {
    guard count > capacity else { return }
    groups.deallocate()
    capacity = max(count, capacity * 2)
    groups = .allocate(capacity: capacity)
  }

  /// Adds rows.
  func add(_ batch: RecordBatch, _ context: EvaluationContext) throws {
    try add(try plan.inputs(of: batch, context))
  }

  /// Adds rows whose keys and arguments are computed.
  func add(_ rows: AggregationRows) throws {
    makeRoom(rows.count)
    let isCounted = table.findOrInsert(rows.keys, count: rows.count, into: groups, countsRows: rowCounter != nil)
    if isCounted { hasRowCounts = true }
    let values = rows.values
    var next = 0
    for (index, accumulator) in accumulators.enumerated() {
      accumulator.reserve(groupCount: table.groupCount)
      let argumentCount = plan.functions[index].arguments.count
      let arguments = Array(values[next..<next + argumentCount])
      next += argumentCount
      if isCounted && index == rowCounter { continue }
      guard plan.aggregates[index].filter != nil else {
        try accumulator.update(groups: groups, rowCount: rows.count, arguments: arguments)
        continue
      }
      try updateFiltered(accumulator, arguments, Selection(whereTrue: values[next]))
      next += 1
    }
  }

  private func updateFiltered(_ accumulator: any Accumulator, _ arguments: [ColumnVector], _ rows: Selection) throws {
    if rows.count == 0 { return }
    let chosen = UnsafeMutablePointer<UInt32>.allocate(capacity: rows.count)
    defer { chosen.deallocate() }
    for index in 0..<rows.count { chosen[index] = groups[Int(rows.rows[index])] }
    try accumulator.update(groups: chosen, rowCount: rows.count, arguments: arguments.map { $0.gathered(rows) })
  }

  /// Makes sure that a global aggregate has its one group.
  func ensureGlobalGroup() {
    guard plan.keys.expressions.isEmpty, table.groupCount == 0 else { return }
    makeRoom(1)
    table.findOrInsert(plan.keys.encode([], count: 1), count: 1, into: groups)
    for accumulator in accumulators { accumulator.reserve(groupCount: 1) }
  }

  /// Adds partial results of `count` keys.
  func merge(keys: [ColumnVector], states: [ColumnVector], count: Int) throws {
    if count == 0 { return }
    makeRoom(count)
    table.findOrInsert(keys, count: count, into: groups)
    try merge(groups, states: states, count: count)
  }

  /// Adds partial results of groups that are there already.
  func merge(_ rows: Selection, states: [ColumnVector]) throws {
    if rows.count == 0 { return }
    try rows.rows.withMemoryRebound(to: UInt32.self, capacity: rows.count) {
      try merge($0, states: states, count: rows.count)
    }
  }

  private func merge(_ groups: UnsafePointer<UInt32>, states: [ColumnVector], count: Int) throws {
    var next = 0
    for (index, accumulator) in accumulators.enumerated() {
      accumulator.reserve(groupCount: table.groupCount)
      let width = plan.functions[index].stateTypes.count
      try accumulator.merge(groups: groups, rowCount: count, states: Array(states[next..<next + width]))
      next += width
    }
  }

  /// Flat key columns of all groups.
  func flatKeys() -> [ColumnVector] { table.keyColumns() }

  /// Flat key columns of some groups.
  func keys(_ groups: Selection) -> [ColumnVector] {
    groups.rows.withMemoryRebound(to: UInt32.self, capacity: groups.count) {
      table.keyColumns($0, count: groups.count)
    }
  }

  /// Gives the counting accumulator what the table has counted.
  private func settleRowCounts() {
    guard hasRowCounts, let rowCounter, let counter = accumulators[rowCounter] as? any RowCountingAccumulator else {
      return
    }
    hasRowCounts = false
    counter.reserve(groupCount: groupCount)
    if let counts = counter.rowCounts { table.takeRowCounts(addingTo: counts) }
  }

  /// Columns of partial results of all groups.
  func states() throws -> [ColumnVector] {
    settleRowCounts()
    return try accumulators.flatMap { accumulator in
      accumulator.reserve(groupCount: groupCount)
      return try accumulator.states(groupCount: groupCount)
    }
  }

  /// Keys and final results of all groups.
  func finish() throws -> RecordBatch {
    settleRowCounts()
    let keys = try plan.keys.decode(flatKeys(), count: groupCount)
    let results = try accumulators.map { accumulator in
      accumulator.reserve(groupCount: groupCount)
      return try accumulator.finish(groupCount: groupCount)
    }
    return RecordBatch(rowCount: groupCount, columns: keys + results)
  }
}

extension AggregationPlan {
  /// Final results of distinct keys from their partial results.
  func finish(keys flatKeys: [ColumnVector], states: [ColumnVector], count: Int) throws -> RecordBatch {
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: max(count, 1))
    defer { groups.deallocate() }
    for row in 0..<count { groups[row] = UInt32(truncatingIfNeeded: row) }
    var next = 0
    let results = try functions.map { function in
      let accumulator = function.makeAccumulator()
      accumulator.reserve(groupCount: count)
      let width = function.stateTypes.count
      try accumulator.merge(groups: groups, rowCount: count, states: Array(states[next..<next + width]))
      next += width
      return try accumulator.finish(groupCount: count)
    }
    return RecordBatch(rowCount: count, columns: try keys.decode(flatKeys, count: count) + results)
  }
}
