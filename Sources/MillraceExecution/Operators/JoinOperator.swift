import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What a join does, fixed when the query is planned. The right side is built into a table, the left side looks up in it.
struct JoinPlan: Sendable {
  let kind: JoinKind
  let isSingle: Bool
  let leftKeys: Evaluator
  let rightKeys: Evaluator
  let keys: KeyEncoder
  /// Keys compared with `<=>`, for which NULL equals NULL.
  let isNullSafe: [Bool]
  /// The rest of the condition, over both sides.
  let residual: Evaluator?
  /// The columns of both sides that the rest of the condition reads.
  let residualReads: [Bool]
  let leftTypes: [DataType]
  let rightTypes: [DataType]

  init(_ node: JoinNode, left: [Attribute], right: [Attribute]) throws {
    kind = node.kind
    isSingle = node.isSingle
    let leftIDs = Set(left.map(\.id))
    let rightIDs = Set(right.map(\.id))
    var pairs: [(left: Expression, right: Expression, isNullSafe: Bool)] = []
    var rest: [Expression] = []
    for condition in node.condition?.conjuncts ?? [] {
      guard case .call(let function, let sides) = condition, sides.count == 2,
        ["=", "<=>", "=="].contains(function.name)
      else {
        rest.append(condition)
        continue
      }
      let a = sides[0].references, b = sides[1].references
      let isNullSafe = function.name == "<=>" || node.matchesNullKeys
      if !a.isEmpty, !b.isEmpty, a.isSubset(of: leftIDs), b.isSubset(of: rightIDs) {
        pairs.append((sides[0], sides[1], isNullSafe))
      } else if !a.isEmpty, !b.isEmpty, a.isSubset(of: rightIDs), b.isSubset(of: leftIDs) {
        pairs.append((sides[1], sides[0], isNullSafe))
      } else {
        rest.append(condition)
      }
    }
    leftKeys = try Evaluator(pairs.map(\.left), input: left)
    rightKeys = try Evaluator(pairs.map(\.right), input: right)
    keys = KeyEncoder(types: pairs.map(\.left.type))
    isNullSafe = pairs.map(\.isNullSafe)
    residual = try rest.first.map { first in
      try Evaluator([rest.dropFirst().reduce(first) { .and($0, $1) }], input: left + right)
    }
    let read = rest.reduce(into: Set<Int>()) { $0.formUnion($1.references) }
    residualReads = (left + right).map { read.contains($0.id) }
    leftTypes = left.map(\.type)
    rightTypes = right.map(\.type)
  }
}

/// The built side of a join: rows by key.
final class JoinTable: @unchecked Sendable {
  let plan: JoinPlan
  private(set) var rows = RecordBatch(rowCount: 0, columns: [])
  private var table: GroupTable
  /// Rows of group g are `members[starts[g] ..< starts[g + 1]]`.
  private var starts: [Int32] = [0]
  private var members: [Int32] = []
  /// Whether some row of the built side has a NULL key.
  private(set) var hasNullKey = false

  init(_ plan: JoinPlan) {
    self.plan = plan
    table = GroupTable(keyTypes: plan.keys.flatTypes)
  }

  /// Builds the table from the right side.
  func build(_ batches: [RecordBatch], _ context: EvaluationContext) throws {
    table = GroupTable(keyTypes: plan.keys.flatTypes)
    rows =
      batches.isEmpty
      ? RecordBatch(rowCount: 0, columns: plan.rightTypes.map { .nulls($0, count: 0) })
      : RecordBatch.concatenated(batches)
    let count = rows.rowCount
    let keyColumns = try plan.rightKeys.evaluate(rows, context)
    let isMatchable = JoinTable.matchable(keyColumns, plan.isNullSafe, count: count)
    hasNullKey = isMatchable.contains(false)
    let groups = plan.keys.groups(of: keyColumns, count: count, in: table)
    var sizes = [Int32](repeating: 0, count: table.groupCount + 1)
    for row in 0..<count where isMatchable[row] { sizes[Int(groups[row]) + 1] += 1 }
    for index in 1..<sizes.count { sizes[index] += sizes[index - 1] }
    starts = sizes
    members = [Int32](repeating: 0, count: Int(sizes.last ?? 0))
    for row in 0..<count where isMatchable[row] {
      let group = Int(groups[row])
      members[Int(sizes[group])] = Int32(truncatingIfNeeded: row)
      sizes[group] += 1
    }
  }

  private static func matchable(_ keys: [ColumnVector], _ isNullSafe: [Bool], count: Int) -> [Bool] {
    var result = [Bool](repeating: true, count: count)
    for (key, isSafe) in zip(keys, isNullSafe) where !isSafe && key.mayHaveNulls {
      for row in 0..<count where key.isNull(row) { result[row] = false }
    }
    return result
  }

  /// Pairs of rows that match, left rows ascending.
  struct Matches {
    var left: [Int32] = []
    var right: [Int32] = []

    mutating func append(_ others: Matches) {
      left += others.left
      right += others.right
    }

    mutating func removeAll() {
      left.removeAll(keepingCapacity: true)
      right.removeAll(keepingCapacity: true)
    }
  }

  /// Number of pairs for which the rest of a condition is computed at a time.
  static let pairsAtOnce = 1 << 14

  /// Groups of the built side that the rows of a batch belong to; `GroupTable.absent` where nothing can match.
  struct Lookup {
    var groups: [UInt32]
    /// Rows that have a NULL key; empty if there are none.
    var nullKeys: [Bool] = []
  }

  func lookup(_ batch: RecordBatch, _ context: EvaluationContext) throws -> Lookup {
    let count = batch.rowCount
    let keyColumns = try plan.leftKeys.evaluate(batch, context)
    let isMatchable = JoinTable.matchable(keyColumns, plan.isNullSafe, count: count)
    let groups = [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress, count > 0 {
        table.find(plan.keys.encode(keyColumns, count: count), count: count, into: base)
      }
      initialized = count
    }
    var result = Lookup(groups: groups)
    if isMatchable.contains(false) {
      result.nullKeys = isMatchable.map { !$0 }
      for row in 0..<count where !isMatchable[row] { result.groups[row] = GroupTable.absent }
    }
    return result
  }

  /// Where the rows of a group are in the order of groups.
  func places(of group: UInt32) -> Range<Int> {
    group == GroupTable.absent ? 0..<0 : Int(starts[Int(group)])..<Int(starts[Int(group) + 1])
  }

  /// The row at a place in the order of groups.
  func member(at place: Int) -> Int32 { members[place] }

  func probe(_ batch: RecordBatch, _ context: EvaluationContext) throws -> Matches {
    let groups = try lookup(batch, context).groups
    // Pairs that the rest of the condition drops are never kept in large numbers.
    let limit = plan.residual == nil ? Int.max : JoinTable.pairsAtOnce
    var matches = Matches(), pairs = Matches()
    pairs.left.reserveCapacity(groups.count)
    pairs.right.reserveCapacity(groups.count)
    try starts.withUnsafeBufferPointer { starts in
      try members.withUnsafeBufferPointer { members in
        for row in groups.indices where groups[row] != GroupTable.absent {
          let group = Int(groups[row])
          for place in Int(starts[group])..<Int(starts[group + 1]) {
            pairs.left.append(Int32(truncatingIfNeeded: row))
            pairs.right.append(members[place])
            guard pairs.left.count == limit else { continue }
            matches.append(try filtered(pairs, batch, context))
            pairs.removeAll()
          }
        }
      }
    }
    let last = try filtered(pairs, batch, context)
    if matches.left.isEmpty { return last }
    matches.append(last)
    return matches
  }

  /// The matches for which the rest of the condition holds.
  private func filtered(_ matches: Matches, _ batch: RecordBatch, _ context: EvaluationContext) throws -> Matches {
    guard let kept = try holding(matches, batch, context) else { return matches }
    var result = Matches()
    result.left = (0..<kept.count).map { matches.left[Int(kept.rows[$0])] }
    result.right = (0..<kept.count).map { matches.right[Int(kept.rows[$0])] }
    return result
  }

  /// Positions of the matches for which the rest of the condition holds; nil if that is all of them.
  func holding(_ matches: Matches, _ batch: RecordBatch, _ context: EvaluationContext) throws -> Selection? {
    guard let residual = plan.residual, !matches.left.isEmpty else { return nil }
    let pairs = RecordBatch(
      rowCount: matches.left.count, columns: columns(matches, batch, only: plan.residualReads))
    return try residual.select(pairs, context)
  }

  /// Columns of both sides for pairs; -1 on the right gives NULLs. Columns that `only` leaves out are NULL.
  func columns(_ matches: Matches, _ batch: RecordBatch, only: [Bool]? = nil) -> [ColumnVector] {
    let count = matches.left.count
    let isWanted = only ?? [Bool](repeating: true, count: batch.columns.count + rows.columns.count)
    let left = matches.left.withUnsafeBufferPointer { JoinTable.selection($0) }
    let leftColumns = batch.columns.indices.map { index in
      isWanted[index] ? batch.columns[index].gathered(left) : .nulls(plan.leftTypes[index], count: count)
    }
    let rightColumns = matches.right.withUnsafeBufferPointer { pointer -> [ColumnVector] in
      guard let base = pointer.baseAddress, count > 0 else { return plan.rightTypes.map { .nulls($0, count: 0) } }
      let right = pointer.contains(-1) ? nil : JoinTable.selection(pointer)
      return rows.columns.indices.map { index in
        let column = rows.columns[index]
        if !isWanted[batch.columns.count + index] { return .nulls(plan.rightTypes[index], count: count) }
        return right.map { column.gathered($0) } ?? column.gatheredOrNull(base, count: count)
      }
    }
    return leftColumns + rightColumns
  }

  private static func selection(_ rows: UnsafeBufferPointer<Int32>) -> Selection {
    let selection = Selection(capacity: rows.count)
    for index in 0..<rows.count { selection.rows[index] = rows[index] }
    return selection
  }
}

/// The looking-up side of a join, batch by batch. Not for RIGHT and FULL, which must know all matches first.
struct ProbeOperator: StageOperator {
  let table: JoinTable

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    try ProbeOperator.join(batch, table, context.evaluation).result
  }

  /// The joined rows and the matches they came from.
  static func join(
    _ batch: RecordBatch, _ table: JoinTable, _ context: EvaluationContext
  ) throws -> (result: RecordBatch?, matches: JoinTable.Matches) {
    let plan = table.plan
    if plan.kind.isExistence {
      let kept = try table.existing(batch, context)
      return (kept.count == 0 ? nil : batch.gathered(kept), JoinTable.Matches())
    }
    var matches = try table.probe(batch, context)
    if plan.isSingle { try checkSingle(matches) }
    if plan.kind == .left || plan.kind == .full { matches = withUnmatched(matches, count: batch.rowCount) }
    if matches.left.isEmpty { return (nil, matches) }
    return (RecordBatch(rowCount: matches.left.count, columns: table.columns(matches, batch)), matches)
  }

  private static func checkSingle(_ matches: JoinTable.Matches) throws {
    for index in matches.left.indices.dropFirst() where matches.left[index] == matches.left[index - 1] {
      throw MillraceError(
        "SCALAR_SUBQUERY_TOO_MANY_ROWS", "a scalar subquery gave more than one row", hint: "add LIMIT 1 or an aggregate"
      )
    }
  }

  /// The matches with each unmatched left row put in, paired with nothing.
  private static func withUnmatched(_ matches: JoinTable.Matches, count: Int) -> JoinTable.Matches {
    var result = JoinTable.Matches()
    result.left.reserveCapacity(matches.left.count + count)
    var next = 0
    for row in 0..<Int32(truncatingIfNeeded: count) {
      let start = next
      while next < matches.left.count && matches.left[next] == row {
        result.left.append(row)
        result.right.append(matches.right[next])
        next += 1
      }
      if next == start {
        result.left.append(row)
        result.right.append(-1)
      }
    }
    return result
  }
}

/// RIGHT and FULL joins: after all lookups the rows of the built side that nobody matched come out.
final class OuterJoinOperator: PhysicalOperator {
  private let left: any PhysicalOperator
  private let right: any PhysicalOperator
  private let table: JoinTable
  private let leftTypes: [DataType]

  init(_ left: any PhysicalOperator, _ right: any PhysicalOperator, _ plan: JoinPlan, leftTypes: [DataType]) {
    self.left = left
    self.right = right
    self.leftTypes = leftTypes
    table = JoinTable(plan)
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    try table.build(try right.execute(context), context.evaluation)
    var isMatched = [Bool](repeating: false, count: table.rows.rowCount)
    var result: [RecordBatch] = []
    for batch in try left.execute(context) {
      let (joined, matches) = try ProbeOperator.join(batch, table, context.evaluation)
      for row in matches.right where row >= 0 { isMatched[Int(row)] = true }
      if let joined { result.append(joined) }
    }
    let rest = Selection(isMatched.indices.filter { !isMatched[$0] })
    if rest.count > 0 {
      let nulls = leftTypes.map { ColumnVector.nulls($0, count: rest.count) }
      result.append(RecordBatch(rowCount: rest.count, columns: nulls + table.rows.columns.map { $0.gathered(rest) }))
    }
    return result
  }
}
