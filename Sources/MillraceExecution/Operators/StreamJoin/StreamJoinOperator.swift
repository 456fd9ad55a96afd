import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// A join of two streams: both sides are kept until the watermark says that nothing can match a row any more.
///
/// The new rows of each side look up partners among the kept rows of the other side and among its new rows. What a batch costs
/// depends on its rows and on what they match or let go, not on how much is kept.
final class StreamJoinOperator: PhysicalOperator {
  private let kind: JoinKind
  private let plan: JoinPlan
  private let table: JoinTable
  private let left: JoinSide
  private let right: JoinSide
  private let delay: Int64

  /// `delay` is by how much the input can be behind the watermark.
  init(_ plan: JoinPlan, left: JoinSide, right: JoinSide, delay: Int64) {
    kind = plan.kind
    self.plan = plan
    table = JoinTable(plan)
    self.left = left
    self.right = right
    self.delay = delay
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    do {
      return try joined(context)
    } catch {
      left.forget()
      right.forget()
      throw error
    }
  }

  private func joined(_ context: BatchContext) throws -> [RecordBatch] {
    var metrics = StateOperatorMetrics(operatorName: "symmetricHashJoin")
    try left.begin(context, late: context.lateWatermark &- delay, &metrics)
    try right.begin(context, late: context.lateWatermark &- delay, &metrics)
    let start = context.clock.monotonicNanoseconds()
    var output: [RecordBatch] = []
    let leftRows = JoinRows(fresh: left.fresh), rightRows = JoinRows(fresh: right.fresh)
    try right.probe(with: left) { others, kept, positions in
      let pairs = JoinPairs(leftRows: leftRows, rightRows: kept, left: others, right: positions)
      try take(try filtered(pairs, context), &output)
    }
    try joinFresh(leftRows, rightRows, context, &output)
    try left.probe(with: right) { others, kept, positions in
      let pairs = JoinPairs(leftRows: kept, rightRows: rightRows, left: positions, right: others)
      try take(try filtered(pairs, context), &output)
    }
    metrics.updateMicroseconds = (context.clock.monotonicNanoseconds() - start) / 1000
    var removal: Int64 = 0
    try context.timing(&removal) { try finish(context, &metrics, &output) }
    metrics.removalMicroseconds = removal
    context.stateOperators[left.metricsIndex] = metrics
    context.stateOperators[right.metricsIndex] = StateOperatorMetrics(operatorName: "symmetricHashJoin")
    return output
  }

  /// Joins the new rows of both sides.
  private func joinFresh(
    _ leftRows: JoinRows, _ rightRows: JoinRows, _ context: BatchContext, _ output: inout [RecordBatch]
  ) throws {
    if left.fresh.rowCount == 0 || right.fresh.rowCount == 0 { return }
    try table.build([right.fresh], context.evaluation)
    let matches = try table.probe(left.fresh, context.evaluation)
    let pairs = JoinPairs(
      leftRows: leftRows, rightRows: rightRows, left: Selection(matches.left), right: Selection(matches.right))
    try take(pairs, &output)
  }

  /// The pairs for which the rest of the condition holds.
  private func filtered(_ pairs: JoinPairs, _ context: BatchContext) throws -> JoinPairs {
    guard let residual = plan.residual else { return pairs }
    return pairs.chosen(try residual.evaluator.select(try pairs.columns(), context.evaluation))
  }

  /// Gives out what matched.
  private func take(_ pairs: JoinPairs, _ output: inout [RecordBatch]) throws {
    if pairs.count == 0 { return }
    switch kind {
    case .leftSemi:
      let first = left.newMatches(pairs.leftRows, pairs.left)
      if first.count > 0 { output.append(try pairs.leftRows.rows().gathered(first)) }
      return
    case .leftAnti: return left.match(pairs.leftRows, pairs.left)
    case .left: left.match(pairs.leftRows, pairs.left)
    case .right: right.match(pairs.rightRows, pairs.right)
    case .full:
      left.match(pairs.leftRows, pairs.left)
      right.match(pairs.rightRows, pairs.right)
    case .inner, .cross, .nullAwareAnti: break
    }
    output.append(try pairs.columns())
  }

  /// Lets go what nothing can match any more, and gives out what of it never matched where the join says so.
  private func finish(_ context: BatchContext, _ metrics: inout StateOperatorMetrics, _ output: inout [RecordBatch])
    throws
  {
    let watermark = context.watermark &- delay
    let isOnce = kind == .leftSemi || kind == .leftAnti
    let isLast = context.isEndOfInput
    let unmatchedLeft = try left.finish(
      watermark, isMatchedGone: isOnce, isUnmatchedGone: isLast && [.left, .full, .leftAnti].contains(kind), &metrics)
    let unmatchedRight = try right.finish(
      watermark, isMatchedGone: false, isUnmatchedGone: isLast && [.right, .full].contains(kind), &metrics)
    if kind == .leftAnti { output += unmatchedLeft }
    if kind == .left || kind == .full {
      output += unmatchedLeft.map { rows in
        let nulls = right.types.map { ColumnVector.nulls($0, count: rows.rowCount) }
        return RecordBatch(rowCount: rows.rowCount, columns: rows.columns + nulls)
      }
    }
    if kind == .right || kind == .full {
      output += unmatchedRight.map { rows in
        let nulls = left.types.map { ColumnVector.nulls($0, count: rows.rowCount) }
        return RecordBatch(rowCount: rows.rowCount, columns: nulls + rows.columns)
      }
    }
  }
}

extension Selection {
  fileprivate init(_ rows: [Int32]) {
    self.init(capacity: rows.count)
    for (index, row) in rows.enumerated() { self.rows[index] = row }
  }
}
