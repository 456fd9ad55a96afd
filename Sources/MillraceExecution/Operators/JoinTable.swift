import MillraceColumnar
import MillraceExpressions
import Synchronization

/// The built side of a join: rows by key.
final class JoinTable: @unchecked Sendable {
  let plan: JoinPlan
  private(set) var rows = RecordBatch(rowCount: 0, columns: [])
  private var table: GroupTable
  /// Rows of group g are `members[starts[g] ..< starts[g + 1]]`.
  private var starts: [Int32] = [0]
  private var members: [Int32] = []
  /// The order of the rows of each group where the plan has bounds and some group has many rows; else they ascend.
  private var ranges: JoinRanges?
  /// Whether some row of the built side has a NULL key.
  private(set) var hasNullKey = false
  /// Whether some key has so many rows that few rows to be looked up give many.
  private(set) var hasManyPartners = false

  /// Distinct keys of the built side.
  var keyCount: Int { table.groupCount }

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
    var isMatchable = JoinTable.matchable(keyColumns, plan.isNullSafe, count: count)
    hasNullKey = isMatchable.contains(false)
    let groups = plan.keys.groups(of: keyColumns, count: count, in: table)
    var sizes = [Int32](repeating: 0, count: table.groupCount + 1)
    for row in 0..<count where isMatchable[row] { sizes[Int(groups[row]) + 1] += 1 }
    // Few rows are gone through faster than they are searched.
    hasManyPartners = sizes.contains { $0 >= JoinRanges.worthwhile }
    let bounds = hasManyPartners ? plan.bounds?.rightWords(rows, context) : nil
    for (row, isUnmatched) in (bounds?.words.isUnmatched ?? []).enumerated() where isUnmatched && isMatchable[row] {
      isMatchable[row] = false
      sizes[Int(groups[row]) + 1] -= 1
    }
    for index in 1..<sizes.count { sizes[index] += sizes[index - 1] }
    starts = sizes
    members = [Int32](repeating: 0, count: Int(sizes.last ?? 0))
    for row in 0..<count where isMatchable[row] {
      let group = Int(groups[row])
      members[Int(sizes[group])] = Int32(truncatingIfNeeded: row)
      sizes[group] += 1
    }
    ranges = bounds.map { JoinRanges(&members, starts: starts, $0.words, $0.scale) }
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
    /// What the bounds compare; empty where there are none.
    var words = JoinBounds.Words()

    var isBounded: Bool { !words.first.isEmpty }
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
    if let ranges, let words = plan.bounds?.leftWords(batch, ranges.scale, context) {
      for (row, isUnmatched) in words.isUnmatched.enumerated() where isUnmatched {
        result.groups[row] = GroupTable.absent
      }
      result.words = words
    }
    return result
  }

  /// Built rows that may match a row and were not looked at yet: all with its key, or those within the bounds.
  struct Candidates {
    /// Where they are in the order of groups.
    var places: Range<Int>
    /// What their second words reach.
    var second: UInt64?
  }

  /// The candidates of a row that was looked up.
  func candidates(of row: Int, _ found: Lookup) -> Candidates {
    let group = Int(found.groups[row])
    if found.groups[row] == GroupTable.absent { return Candidates(places: 0..<0) }
    let places = Int(starts[group])..<Int(starts[group + 1])
    guard found.isBounded, let ranges else { return Candidates(places: places) }
    return Candidates(
      places: ranges.beginning(by: found.words.first[row], among: places),
      second: found.words.second.isEmpty ? 0 : found.words.second[row])
  }

  /// One of the candidates, which is none afterwards; nil if there is none left.
  func take(from candidates: inout Candidates) -> Int32? {
    if let ranges, let second = candidates.second {
      return ranges.takeLast(of: &candidates.places, endingBy: second).map { members[$0] }
    }
    return candidates.places.popFirst().map { members[$0] }
  }

  /// What candidates have yet to meet.
  func rest(_ found: Lookup) -> PairCondition? { found.isBounded ? plan.boundedResidual : plan.residual }

  /// Gathers the rows at places that are not marked yet.
  func gatherUnmarked(_ places: Range<Int>, _ marks: JoinMarks, into rows: inout RawArray<Int32>) {
    rows.truncate(to: 0)
    let flags = marks.flags
    members.withUnsafeBufferPointer { members in
      for place in places where flags[Int(members[place])].load(ordering: .relaxed) == 0 { rows.append(members[place]) }
    }
  }

  func probe(_ batch: RecordBatch, _ context: EvaluationContext) throws -> Matches {
    let found = try lookup(batch, context)
    let groups = found.groups
    // Pairs that the rest of the condition drops are never kept in large numbers.
    let isBounded = found.isBounded
    let rest = rest(found)
    let limit = rest == nil ? Int.max : JoinTable.pairsAtOnce
    var matches = Matches(), pairs = Matches()
    pairs.left.reserveCapacity(groups.count)
    pairs.right.reserveCapacity(groups.count)
    var chosen = RawArray<Int32>()
    try starts.withUnsafeBufferPointer { starts in
      try members.withUnsafeBufferPointer { members in
        guard let all = members.baseAddress else { return }
        for row in groups.indices where groups[row] != GroupTable.absent {
          let group = Int(groups[row])
          var partners = all + Int(starts[group])
          var count = Int(starts[group + 1] - starts[group])
          if isBounded {
            collect(&chosen, candidates(of: row, found))
            partners = UnsafePointer(chosen.base)
            count = chosen.count
          }
          for index in 0..<count {
            pairs.left.append(Int32(truncatingIfNeeded: row))
            pairs.right.append(partners[index])
            guard pairs.left.count == limit else { continue }
            matches.append(try filtered(pairs, rest, batch, context))
            pairs.removeAll()
          }
        }
      }
    }
    let last = try filtered(pairs, rest, batch, context)
    if matches.left.isEmpty { return last }
    matches.append(last)
    return matches
  }

  /// All candidates in the order of the built rows.
  private func collect(_ rows: inout RawArray<Int32>, _ candidates: Candidates) {
    var candidates = candidates
    rows.truncate(to: 0)
    while let row = take(from: &candidates) { rows.append(row) }
    var found = UnsafeMutableBufferPointer(start: rows.base, count: rows.count)
    found.sort()
  }

  /// The matches for which the rest of the condition holds.
  private func filtered(
    _ matches: Matches, _ rest: PairCondition?, _ batch: RecordBatch, _ context: EvaluationContext
  ) throws -> Matches {
    guard let rest, !matches.left.isEmpty else { return matches }
    let kept = try holding(matches, rest, batch, context)
    var result = Matches()
    result.left = (0..<kept.count).map { matches.left[Int(kept.rows[$0])] }
    result.right = (0..<kept.count).map { matches.right[Int(kept.rows[$0])] }
    return result
  }

  /// Positions of the matches for which a condition holds.
  func holding(
    _ matches: Matches, _ condition: PairCondition, _ batch: RecordBatch, _ context: EvaluationContext
  ) throws -> Selection {
    let pairs = RecordBatch(rowCount: matches.left.count, columns: columns(matches, batch, only: condition.reads))
    return try condition.evaluator.select(pairs, context)
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
