import MillraceColumnar
import MillraceCore
import MillraceExpressions

/// One side of a join of two streams: its rows, when they can go, and whether they found a partner.
///
/// The store holds the rows under ascending numbers and makes them durable; the index finds them by key and by time. A batch
/// reads from the store the rows that it needs and no other.
final class JoinSide {
  let types: [DataType]
  let metricsIndex: Int
  /// Rows of this batch.
  private(set) var fresh: RecordBatch
  private let child: any PhysicalOperator
  private let store: any StateStore
  /// Event-time column, by which rows are late.
  private let time: Int?
  private let expiry: (column: Int, offset: Int64)?
  private let lateRows: LateRowCapture?
  private let keys: JoinKeys
  private let codec: RowCodec
  private var index: JoinIndex
  private var freshKeys: JoinKeys.Values
  /// By row of `fresh`: 1 if it found a partner.
  private var isFreshMatched = RawArray<UInt8>()
  /// Kept rows that found their first partner in this batch.
  private var newlyMatched: [Int32] = []
  /// By slot: position + 1 in the rows that are being put together.
  private var places = RawArray<Int32>()
  private var nextNumber: Int64 = 0
  private var isLoaded = false

  static let keyTypes: [DataType] = [.long]
  static let valueTypes: [DataType] = [.binary, .boolean]

  init(
    _ child: any PhysicalOperator, types: [DataType], keys: JoinKeys, store: any StateStore, metricsIndex: Int,
    time: Int?, expiry: (column: Int, offset: Int64)?, late: LateRowCapture? = nil
  ) {
    lateRows = late
    self.child = child
    self.types = types
    self.keys = keys
    self.store = store
    self.metricsIndex = metricsIndex
    self.time = time
    self.expiry = expiry
    codec = RowCodec(types, isCanonical: false)
    index = JoinIndex(keyTypes: keys.flatTypes)
    fresh = JoinSide.empty(types)
    freshKeys = JoinKeys.Values(columns: [], matchable: nil)
  }

  private static func empty(_ types: [DataType]) -> RecordBatch {
    RecordBatch(rowCount: 0, columns: types.map { .nulls($0, count: 0) })
  }

  // MARK: A batch

  /// Takes the batch's rows, without those that are late.
  func begin(_ context: BatchContext, late: Int64, _ metrics: inout StateOperatorMetrics) throws {
    if !isLoaded { try load(context.evaluation) }
    let parts = try child.execute(context).filter { $0.rowCount > 0 }
    var rows = parts.isEmpty ? JoinSide.empty(types) : RecordBatch.concatenated(parts)
    if let time, rows.rowCount > 0 {
      let instants = EventTimeColumn(rows.columns[time])
      let onTime = instants.rows(after: late)
      if onTime.count < rows.rowCount {
        metrics.rowsDroppedByWatermark += Int64(rows.rowCount - onTime.count)
        try context.keepLate(rows, instants, through: late, lateRows)
        rows = rows.gathered(onTime)
      }
    }
    fresh = rows
    freshKeys = try keys.values(rows, context.evaluation)
    isFreshMatched.truncate(to: 0)
    isFreshMatched.extend(to: rows.rowCount, with: 0)
    newlyMatched = []
  }

  /// Calls `body` with pairs of a new row of the other side and a kept row of this one that have equal keys.
  func probe(
    with other: JoinSide, _ body: (_ others: Selection, _ kept: JoinRows, _ positions: Selection) throws -> Void
  )
    throws
  {
    var lookup = JoinIndex.Lookup()
    index.begin(&lookup, other.freshKeys.columns, count: other.fresh.rowCount, matchable: other.freshKeys.matchable)
    var rows = RawArray<Int32>(), slots = RawArray<Int32>()
    while index.next(&lookup, limit: JoinSide.pairLimit, rows: &rows, slots: &slots) > 0 {
      let (distinct, positions) = numbered(slots)
      let others = Selection(capacity: rows.count)
      for pair in 0..<rows.count { others.rows[pair] = rows[pair] }
      try body(others, JoinRows(slots: distinct) { [unowned self] in try fetch(distinct) }, positions)
    }
  }

  /// Pairs that are looked at together.
  private static let pairLimit = 1 << 15

  /// The distinct slots in the order in which they first come, and the place of each slot among them.
  private func numbered(_ slots: borrowing RawArray<Int32>) -> ([Int32], Selection) {
    places.extend(to: index.slotCount, with: 0)
    var distinct: [Int32] = []
    let positions = Selection(capacity: slots.count)
    for pair in 0..<slots.count {
      let slot = Int(slots[pair])
      if places[slot] == 0 {
        distinct.append(slots[pair])
        places[slot] = Int32(truncatingIfNeeded: distinct.count)
      }
      positions.rows[pair] = places[slot] - 1
    }
    for slot in distinct { places[Int(slot)] = 0 }
    return (distinct, positions)
  }

  /// Notes that rows found a partner.
  func match(_ rows: JoinRows, _ positions: Selection) { _ = newMatches(rows, positions) }

  /// Notes that rows found a partner, and gives the positions of those for which it is the first.
  func newMatches(_ rows: JoinRows, _ positions: Selection) -> Selection {
    let result = Selection(capacity: positions.count)
    var count = 0
    for pair in 0..<positions.count {
      let position = positions.rows[pair]
      if let slots = rows.slots {
        let slot = slots[Int(position)]
        if index.isMatched(slot) { continue }
        index.setMatched(slot)
        newlyMatched.append(slot)
      } else {
        if isFreshMatched[Int(position)] != 0 { continue }
        isFreshMatched[Int(position)] = 1
      }
      result.rows[count] = position
      count += 1
    }
    return result.truncated(to: count)
  }

  /// Keeps what can still match, and gives the rows that go without having matched, in the order in which they came.
  /// `isUnmatchedGone`: no partner will come for any row.
  func finish(
    _ watermark: Int64, isMatchedGone: Bool, isUnmatchedGone: Bool, _ metrics: inout StateOperatorMetrics
  ) throws -> [RecordBatch] {
    var gone = index.takeExpired(watermark)
    if isUnmatchedGone { gone = index.takeUnmatched(after: gone) }
    let unmatched = gone.filter { !index.isMatched($0) }
    var result: [RecordBatch] = []
    if !unmatched.isEmpty { result.append(try fetch(unmatched)) }
    let changed = newlyMatched.filter { index.isLive($0) }
    if isMatchedGone { gone += changed } else { try saveMatched(changed) }
    if !gone.isEmpty { try store.measured.remove(keys: [numbers(gone)], count: gone.count) }
    index.remove(gone)
    let (staying, unmatchedFresh) = sorted(
      fresh, watermark, isMatchedGone: isMatchedGone, isUnmatchedGone: isUnmatchedGone)
    if unmatchedFresh.count > 0 { result.append(fresh.gathered(unmatchedFresh)) }
    try keep(staying.rows, staying.expiries)
    metrics.rowsTotal += Int64(index.count)
    metrics.rowsUpdated += Int64(staying.rows.count + (isMatchedGone ? 0 : changed.count))
    metrics.rowsRemoved += Int64(gone.count)
    metrics.memoryUsedBytes += Int64(store.memoryBytes + index.memoryBytes)
    nextNumber += Int64(fresh.rowCount)
    fresh = JoinSide.empty(types)
    return result
  }

  /// New rows that stay, with their expiries, and those that go at once without having matched.
  private func sorted(_ rows: RecordBatch, _ watermark: Int64, isMatchedGone: Bool, isUnmatchedGone: Bool)
    -> (staying: (rows: Selection, expiries: EventTimeColumn?), unmatched: Selection)
  {
    let times = expiry.map { EventTimeColumn(rows.columns[$0.column], offset: $0.offset) }
    let staying = Selection(capacity: rows.rowCount), unmatched = Selection(capacity: rows.rowCount)
    var stayingCount = 0, unmatchedCount = 0
    for row in 0..<rows.rowCount {
      let isMatched = isFreshMatched[row] != 0
      let isExpired = times.map { $0[row] <= watermark } ?? false || isUnmatchedGone && !isMatched
      staying.rows[stayingCount] = Int32(truncatingIfNeeded: row)
      unmatched.rows[unmatchedCount] = Int32(truncatingIfNeeded: row)
      stayingCount += isExpired || isMatchedGone && isMatched ? 0 : 1
      unmatchedCount += isExpired && !isMatched ? 1 : 0
    }
    return ((staying.truncated(to: stayingCount), times), unmatched.truncated(to: unmatchedCount))
  }

  /// Puts new rows into the store and the index.
  private func keep(_ rows: Selection, _ expiries: EventTimeColumn?) throws {
    if rows.count == 0 { return }
    let batch = fresh.gathered(rows)
    let numbers = JoinSide.longs(rows.count) { nextNumber + Int64(rows.rows[$0]) }
    let flags = JoinSide.flags(rows.count) { isFreshMatched[Int(rows.rows[$0])] }
    try store.measured.put(
      keys: [numbers], values: [codec.encode(batch.columns, rowCount: batch.rowCount), flags], count: rows.count)
    let matchable = freshKeys.matchable.map { JoinSide.positions(of: $0, in: rows) }
    index.insert(freshKeys.columns.map { $0.gathered(rows) }, count: rows.count, matchable: matchable) { place in
      let row = Int(rows.rows[place])
      return JoinIndex.Entry(
        number: nextNumber + Int64(row), expiry: expiries?[row] ?? .max, isMatched: isFreshMatched[row] != 0)
    }
  }

  /// Where `rows` names one of `some`; both ascend.
  private static func positions(of some: Selection, in rows: Selection) -> Selection {
    let result = Selection(capacity: rows.count)
    var count = 0, next = 0
    for place in 0..<rows.count {
      while next < some.count && some.rows[next] < rows.rows[place] { next += 1 }
      guard next < some.count, some.rows[next] == rows.rows[place] else { continue }
      result.rows[count] = Int32(truncatingIfNeeded: place)
      count += 1
    }
    return result.truncated(to: count)
  }

  // MARK: The store

  /// Rows by slot.
  private func fetch(_ slots: [Int32]) throws -> RecordBatch {
    let values = try store.measured.get(keys: [numbers(slots)], count: slots.count).values
    return RecordBatch(rowCount: slots.count, columns: try codec.decode(values[0]))
  }

  private func saveMatched(_ slots: [Int32]) throws {
    if slots.isEmpty { return }
    let keys = [numbers(slots)]
    let rows = try store.measured.get(keys: keys, count: slots.count).values[0]
    let flags = ColumnVector.constant(.boolean(true), type: .boolean, count: slots.count)
    try store.measured.put(keys: keys, values: [rows, flags], count: slots.count)
  }

  private func numbers(_ slots: [Int32]) -> ColumnVector {
    JoinSide.longs(slots.count) { index.number(slots[$0]) }
  }

  private static func longs(_ count: Int, _ value: (Int) -> Int64) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(count, 1) * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    for row in 0..<count { target[row] = value(row) }
    return ColumnVector(type: .long, count: count, values: buffer)
  }

  private static func flags(_ count: Int, _ value: (Int) -> UInt8) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(count, 1))
    let target = buffer.base.assumingMemoryBound(to: UInt8.self)
    for row in 0..<count { target[row] = value(row) }
    return ColumnVector(type: .boolean, count: count, values: buffer)
  }

  /// Indexes the rows that a checkpoint gave back, by their numbers.
  private func load(_ context: EvaluationContext) throws {
    isLoaded = true
    var parts: [RecordBatch] = []
    var entries: [JoinIndex.Entry] = []
    entries.reserveCapacity(store.rowCount)
    try store.measured.scan { keys, values, count in
      let rows = RecordBatch(rowCount: count, columns: try codec.decode(values[0]))
      let numbers = keys[0].values(as: Int64.self), flags = values[1].values(as: UInt8.self)
      let times = expiry.map { EventTimeColumn(rows.columns[$0.column], offset: $0.offset) }
      for row in 0..<count {
        entries.append(
          JoinIndex.Entry(
            number: numbers[keys[0].slot(row)], expiry: times?[row] ?? .max,
            isMatched: flags[values[1].slot(row)] != 0))
      }
      // Of the rows only their keys are wanted.
      let found = try self.keys.values(rows, context)
      parts.append(RecordBatch(rowCount: count, columns: found.columns + [found.flags(count)]))
    }
    if entries.isEmpty { return }
    let order = Selection(entries.indices.sorted { entries[$0].number < entries[$1].number })
    var columns = RecordBatch.concatenated(parts).gathered(order).columns
    let matchable = Selection(whereTrue: columns.removeLast())
    index.insert(
      columns, count: order.count, matchable: matchable.count == order.count ? nil : matchable
    ) { entries[Int(order.rows[$0])] }
    nextNumber = entries[Int(order.rows[order.count - 1])].number + 1
  }

  /// Lets the index be made again from the store, after a batch that failed.
  func forget() {
    isLoaded = false
    index = JoinIndex(keyTypes: keys.flatTypes)
    nextNumber = 0
  }
}
