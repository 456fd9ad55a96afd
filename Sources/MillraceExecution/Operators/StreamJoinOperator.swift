import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// A join of two streams: both sides are kept until the watermark says that nothing can match a row any more.
///
/// The kept rows lie in columns beside the stores, which make them durable; each batch looks all of them up in the new rows.
final class StreamJoinOperator: PhysicalOperator {
  private let kind: JoinKind
  private let table: JoinTable
  private let left: JoinSide
  private let right: JoinSide
  private let delay: Int64

  /// `delay` is by how much the input can be behind the watermark.
  init(_ plan: JoinPlan, left: JoinSide, right: JoinSide, delay: Int64) {
    kind = plan.kind
    table = JoinTable(plan)
    self.left = left
    self.right = right
    self.delay = delay
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    var metrics = StateOperatorMetrics(operatorName: "symmetricHashJoin")
    try left.begin(context, late: context.lateWatermark &- delay, &metrics)
    try right.begin(context, late: context.lateWatermark &- delay, &metrics)
    var output: [RecordBatch] = []
    // New rows on the left meet all of the right, old ones only what is new there.
    let everything = RecordBatch.concatenated([right.kept, right.fresh])
    try join(left.fresh, everything, leftStart: left.kept.rowCount, rightStart: 0, context, &output)
    try join(left.kept, right.fresh, leftStart: 0, rightStart: right.kept.rowCount, context, &output)
    let watermark = context.watermark &- delay
    let unmatchedLeft = try left.finish(watermark, isMatchedGone: kind == .leftSemi, &metrics)
    let unmatchedRight = try right.finish(watermark, isMatchedGone: false, &metrics)
    if [.left, .full].contains(kind), unmatchedLeft.rowCount > 0 {
      let nulls = right.types.map { ColumnVector.nulls($0, count: unmatchedLeft.rowCount) }
      output.append(RecordBatch(rowCount: unmatchedLeft.rowCount, columns: unmatchedLeft.columns + nulls))
    }
    if [.right, .full].contains(kind), unmatchedRight.rowCount > 0 {
      let nulls = left.types.map { ColumnVector.nulls($0, count: unmatchedRight.rowCount) }
      output.append(RecordBatch(rowCount: unmatchedRight.rowCount, columns: nulls + unmatchedRight.columns))
    }
    context.stateOperators[left.metricsIndex] = metrics
    context.stateOperators[right.metricsIndex] = StateOperatorMetrics(operatorName: "symmetricHashJoin")
    return output
  }

  private func join(
    _ rows: RecordBatch, _ others: RecordBatch, leftStart: Int, rightStart: Int, _ context: BatchContext,
    _ output: inout [RecordBatch]
  ) throws {
    if rows.rowCount == 0 || others.rowCount == 0 { return }
    try table.build([others], context.evaluation)
    let matches = try table.probe(rows, context.evaluation)
    if matches.left.isEmpty { return }
    if kind == .leftSemi {
      let first = left.firstMatches(matches.left, from: leftStart)
      if !first.isEmpty { output.append(rows.gathered(Selection(first))) }
      return
    }
    left.match(matches.left, from: leftStart)
    right.match(matches.right, from: rightStart)
    output.append(RecordBatch(rowCount: matches.left.count, columns: table.columns(matches, rows)))
  }
}

/// One side of a join of two streams: its rows, when they can go, and whether they found a partner.
final class JoinSide {
  let types: [DataType]
  let metricsIndex: Int
  /// Rows of earlier batches.
  private(set) var kept: RecordBatch
  /// Rows of this batch.
  private(set) var fresh: RecordBatch
  private let child: any PhysicalOperator
  private let store: any StateStore
  /// Event-time column, by which rows are late.
  private let time: Int?
  private let expiry: (column: Int, offset: Int64)?
  /// By row of `kept` and then of `fresh`.
  private var numbers: [Int64] = []
  private var expiries: [Int64?] = []
  private var isMatched: [Bool] = []
  private var changed: Set<Int> = []
  private var next: Int64 = 0
  private var isLoaded = false
  private let codec: RowCodec

  static let keyTypes: [DataType] = [.long]
  static let valueTypes: [DataType] = [.binary, .boolean]

  init(
    _ child: any PhysicalOperator, types: [DataType], store: any StateStore, metricsIndex: Int, time: Int?,
    expiry: (column: Int, offset: Int64)?
  ) {
    self.child = child
    self.types = types
    self.store = store
    self.metricsIndex = metricsIndex
    self.time = time
    self.expiry = expiry
    codec = RowCodec(types, isCanonical: false)
    kept = JoinSide.empty(types)
    fresh = JoinSide.empty(types)
  }

  private static func empty(_ types: [DataType]) -> RecordBatch {
    RecordBatch(rowCount: 0, columns: types.map { .nulls($0, count: 0) })
  }

  /// Takes the batch's rows, without those that are late.
  func begin(_ context: BatchContext, late: Int64, _ metrics: inout StateOperatorMetrics) throws {
    if !isLoaded { try load() }
    let parts = try child.execute(context).filter { $0.rowCount > 0 }
    var rows = parts.isEmpty ? JoinSide.empty(types) : RecordBatch.concatenated(parts)
    if let time, rows.rowCount > 0 {
      let times = JoinSide.instants(rows.columns[time])
      let onTime = (0..<rows.rowCount).filter { row in times[row].map { $0 > late } ?? true }
      metrics.rowsDroppedByWatermark += Int64(rows.rowCount - onTime.count)
      if onTime.count < rows.rowCount { rows = rows.gathered(Selection(onTime)) }
    }
    fresh = RecordBatch(rowCount: rows.rowCount, columns: rows.columns.map { $0.flattened().detached() })
    numbers += (0..<Int64(fresh.rowCount)).map { next + $0 }
    next += Int64(fresh.rowCount)
    expiries += expiryTimes(fresh)
    isMatched += Array(repeating: false, count: fresh.rowCount)
  }

  /// The instants of a time column: timestamps, or the ends of windows.
  private static func instants(_ column: ColumnVector) -> [Int64?] {
    let times = DeduplicateOperator.instants(column)
    let values = times.values(as: Int64.self)
    return (0..<column.count).map { column.isNull($0) || times.isNull($0) ? nil : values[times.slot($0)] }
  }

  private func expiryTimes(_ rows: RecordBatch) -> [Int64?] {
    guard let expiry, rows.rowCount > 0 else { return Array(repeating: nil, count: rows.rowCount) }
    return JoinSide.instants(rows.columns[expiry.column]).map { $0.map { $0 &+ expiry.offset } }
  }

  /// Notes that rows found a partner.
  func match(_ rows: [Int32], from start: Int) {
    for row in rows where !isMatched[start + Int(row)] {
      isMatched[start + Int(row)] = true
      changed.insert(start + Int(row))
    }
  }

  /// Rows that find their first partner now.
  func firstMatches(_ rows: [Int32], from start: Int) -> [Int] {
    var first: [Int] = []
    for row in rows where !isMatched[start + Int(row)] {
      isMatched[start + Int(row)] = true
      first.append(Int(row))
    }
    return first
  }

  /// Keeps what can still match, and gives the rows that go without having matched.
  func finish(_ watermark: Int64, isMatchedGone: Bool, _ metrics: inout StateOperatorMetrics) throws -> RecordBatch {
    let old = kept.rowCount
    let all = RecordBatch.concatenated([kept, fresh])
    var staying: [Int] = [], gone: [Int] = [], unmatched: [Int] = [], put: [Int] = []
    for row in 0..<all.rowCount {
      let isExpired = expiries[row].map { $0 <= watermark } ?? false
      if isExpired && !isMatched[row] { unmatched.append(row) }
      if isExpired || isMatchedGone && isMatched[row] {
        if row < old { gone.append(row) }
      } else {
        staying.append(row)
        if row >= old || changed.contains(row) { put.append(row) }
      }
    }
    try remove(gone)
    try save(all.gathered(Selection(put)), put)
    let result = all.gathered(Selection(unmatched))
    if staying.count < all.rowCount {
      kept = all.gathered(Selection(staying))
      numbers = staying.map { numbers[$0] }
      expiries = staying.map { expiries[$0] }
      isMatched = staying.map { isMatched[$0] }
    } else {
      kept = all
    }
    fresh = JoinSide.empty(types)
    changed = []
    metrics.rowsTotal += Int64(kept.rowCount)
    metrics.rowsUpdated += Int64(put.count)
    metrics.rowsRemoved += Int64(gone.count)
    metrics.memoryUsedBytes += Int64(store.memoryBytes)
    return result
  }

  // MARK: The store

  private func remove(_ rows: [Int]) throws {
    if rows.isEmpty { return }
    try store.measured.remove(keys: [longs(rows.map { numbers[$0] })], count: rows.count)
  }

  private func save(_ rows: RecordBatch, _ positions: [Int]) throws {
    if positions.isEmpty { return }
    let flags = ColumnBuilder(.boolean)
    for position in positions { flags.append(.boolean(isMatched[position])) }
    try store.measured.put(
      keys: [longs(positions.map { numbers[$0] })],
      values: [codec.encode(rows.columns, rowCount: rows.rowCount), flags.finish()], count: positions.count)
  }

  private func longs(_ values: [Int64]) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(values.count, 1) * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    for (index, value) in values.enumerated() { target[index] = value }
    return ColumnVector(type: .long, count: values.count, values: buffer)
  }

  /// Rows that a checkpoint gave back, in the order in which they came.
  private func load() throws {
    isLoaded = true
    var parts: [RecordBatch] = []
    try store.measured.scan { keys, values, count in
      let numbers = keys[0].values(as: Int64.self), flags = values[1].values(as: UInt8.self)
      for row in 0..<count {
        self.numbers.append(numbers[keys[0].slot(row)])
        isMatched.append(flags[values[1].slot(row)] != 0)
      }
      parts.append(RecordBatch(rowCount: count, columns: try codec.decode(values[0])))
    }
    if parts.isEmpty { return }
    kept = RecordBatch.concatenated(parts)
    expiries = expiryTimes(kept)
    next = (numbers.max() ?? -1) + 1
  }
}
