import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceState

/// Groups and their partial results; grows batch by batch. Used by one thread at a time.
final class GroupAccumulation {
  let plan: AggregationPlan
  let table: GroupTable
  private var accumulators: [any Accumulator]
  /// The accumulator whose counting the table does where it can, if there is one.
  private let rowCounter: Int?
  /// Counts rows where no accumulator does and it is asked for.
  private let ownCounter: (any RowCountingAccumulator)?
  /// Whether the table may have counted rows that the accumulator does not know of.
  private var hasRowCounts = false
  /// The store whose rows the groups are, which is told what changes; nil for groups that are no state.
  private weak var store: MemoryStateStore?
  private var groups: UnsafeMutablePointer<UInt32>
  private var capacity = 0

  /// No groups. With `countsRows` there are `rowCounts` whatever is computed.
  init(_ plan: AggregationPlan, countsRows: Bool = false) {
    self.plan = plan
    table = GroupTable(keyTypes: plan.keys.flatTypes)
    let accumulators = plan.functions.map { $0.makeAccumulator() }
    self.accumulators = accumulators
    rowCounter = accumulators.indices.first { index in
      plan.aggregates[index].filter == nil && (accumulators[index] as? any RowCountingAccumulator)?.rowCounts != nil
    }
    ownCounter = countsRows && rowCounter == nil ? BoundAggregate.makeRowCounter() : nil
    groups = .allocate(capacity: 1)
  }

  /// The groups that a store has, whose partial results are here from now on. Nil if its rows cannot be groups because numbers are free
  /// between them.
  init?(_ plan: AggregationPlan, residentIn store: MemoryStateStore) throws {
    guard let table = store.denseTable else { return nil }
    self.plan = plan
    self.table = table
    accumulators = plan.functions.map { $0.makeAccumulator() }
    // Its counts would have to be looked for in all slots with each batch.
    rowCounter = nil
    ownCounter = nil
    groups = .allocate(capacity: 1)
    var next = 0
    try store.scan { _, values, count in
      try merge(.range(next..<next + count), states: values)
      next += count
    }
    try store.reside(in: self)
    self.store = store
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
    let isCounted = locate(rows.keys, count: rows.count, hashes: rows.hashes, counting)
    if isCounted { hasRowCounts = true }
    if !isCounted, let ownCounter {
      ownCounter.reserve(groupCount: table.groupCount)
      try ownCounter.update(groups: groups, rowCount: rows.count, arguments: [])
    }
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

  /// What the table is to count of rows that are added.
  private var counting: GroupTable.Counting {
    if rowCounter == nil && ownCounter == nil { return .none }
    return accumulators.count == (rowCounter == nil ? 0 : 1) ? .alone : .besideGroups
  }

  /// Finds or makes the group of each row, in `groups`. Gives whether the table has counted rows.
  private func locate(
    _ keys: [ColumnVector], count: Int, hashes: KeyHashes? = nil, _ counting: GroupTable.Counting = .none
  ) -> Bool {
    makeRoom(count)
    let known = table.groupCount
    let isCounted = table.findOrInsert(keys, count: count, hashes: hashes, into: groups, counting: counting)
    store?.note(groups, count, newFrom: known)
    return isCounted
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
    _ = locate(plan.keys.encode([], count: 1), count: 1)
    for accumulator in accumulators { accumulator.reserve(groupCount: 1) }
  }

  /// Adds partial results of `count` keys, and gives the group of each, good until the next call.
  @discardableResult
  func merge(keys: [ColumnVector], states: [ColumnVector], count: Int) throws -> UnsafePointer<UInt32> {
    if count > 0 {
      _ = locate(keys, count: count)
      try merge(groups, states: states, count: count)
    }
    return UnsafePointer(groups)
  }

  /// Adds partial results of groups that are there already.
  func merge(_ rows: Selection, states: [ColumnVector]) throws {
    if rows.count == 0 { return }
    try rows.rows.withMemoryRebound(to: UInt32.self, capacity: rows.count) {
      store?.note($0, rows.count, newFrom: table.groupCount)
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

  /// Adds the groups of an aggregation by these keys and the arguments of DISTINCT aggregates: those aggregates take the arguments, which
  /// come once for each key, and others its partial results.
  func add(groupsOf finer: GroupAccumulation, _ roles: [DistinctAggregation.Role]) throws {
    let count = finer.groupCount
    if count == 0 { return }
    let flat = finer.flatKeys()
    let keyCount = plan.keys.types.count
    let arguments = Array(try finer.plan.keys.decode(flat, count: count)[keyCount...])
    let width = finer.plan.keys.firstColumn(of: keyCount)
    _ = locate(width == 0 ? plan.keys.encode([], count: count) : Array(flat[..<width]), count: count)
    var states = try finer.states()[...]
    for (index, accumulator) in accumulators.enumerated() {
      accumulator.reserve(groupCount: table.groupCount)
      switch roles[index] {
      case .arguments: try accumulator.update(groups: groups, rowCount: count, arguments: arguments)
      case .states:
        let own = plan.functions[index].stateTypes.count
        try accumulator.merge(groups: groups, rowCount: count, states: Array(states.prefix(own)))
        states = states.dropFirst(own)
      case .none: break
      }
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
    guard hasRowCounts, let counter else { return }
    hasRowCounts = false
    counter.reserve(groupCount: groupCount)
    if let counts = counter.rowCounts { table.takeRowCounts(addingTo: counts) }
  }

  /// What counts the rows of each group, if anything does.
  private var counter: (any RowCountingAccumulator)? {
    rowCounter.flatMap { accumulators[$0] as? any RowCountingAccumulator } ?? ownCounter
  }

  /// Rows that came to each group, where anything counts them.
  var rowCounts: UnsafePointer<Int64>? {
    settleRowCounts()
    counter?.reserve(groupCount: groupCount)
    return counter?.rowCounts.map { UnsafePointer($0) }
  }

  /// Makes all groups empty, and keeps them.
  func clearValues() {
    settleRowCounts()
    accumulators = plan.functions.map { $0.makeAccumulator() }
    for accumulator in accumulators { accumulator.reserve(groupCount: groupCount) }
    if let counts = ownCounter?.rowCounts { counts.update(repeating: 0, count: groupCount) }
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

extension GroupAccumulation: ResidentValues {
  func values(of rows: UnsafePointer<UInt32>, count: Int) throws -> [ColumnVector] {
    try accumulators.flatMap { accumulator in
      guard let accumulator = accumulator as? any SelectiveAccumulator else {
        throw MillraceError("INTERNAL_ERROR", "an accumulator gives no partial results of some groups", fault: .bug)
      }
      accumulator.reserve(groupCount: groupCount)
      return try accumulator.states(of: rows, count: count)
    }
  }
}
