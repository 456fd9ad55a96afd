import MillraceColumnar

/// Evaluation of parts of an expression on the rows that need it.
enum Conditional {
  /// AND (`decisive` false) or OR (`decisive` true): rows whose left side is decisive never reach the right side.
  static func shortCircuit(
    _ left: ColumnVector, _ right: Evaluator, _ batch: RecordBatch, _ context: EvaluationContext, decisive: Bool
  ) throws -> ColumnVector {
    let count = batch.rowCount
    let stop: UInt8 = decisive ? 1 : 0
    let leftValues = left.values(as: UInt8.self)
    let open = Selection(capacity: count)
    var openCount = 0
    for row in 0..<count {
      open.rows[openCount] = Int32(truncatingIfNeeded: row)
      openCount += left.isNull(row) || leftValues[left.slot(row)] != stop ? 1 : 0
    }
    if openCount == 0 { return .constant(.boolean(decisive), type: .boolean, count: count) }
    let all = openCount == count
    let selection = open.truncated(to: openCount)
    let other = try right.evaluate(all ? batch : batch.gathered(selection), context)[0]
    let otherValues = other.values(as: UInt8.self)
    let out = MemoryBuffer(capacity: count)
    let target = out.base.assumingMemoryBound(to: UInt8.self)
    if !all { for row in 0..<count { target[row] = stop } }
    var nulls = NullTracker(count: count)
    for index in 0..<openCount {
      let row = all ? index : Int(selection.rows[index])
      let otherIsNull = other.isNull(index)
      if !otherIsNull && otherValues[other.slot(index)] == stop {
        target[row] = stop
      } else if otherIsNull || left.isNull(row) {
        target[row] = 0
        nulls.setNull(row)
      } else {
        target[row] = 1 - stop
      }
    }
    return ColumnVector(type: .boolean, count: count, values: out, validity: nulls.validity)
  }

  /// CASE WHEN.
  static func firstMatch(
    _ branches: [(condition: Evaluator, value: Evaluator)], _ otherwise: Evaluator, _ type: DataType,
    _ batch: RecordBatch,
    _ context: EvaluationContext
  ) throws -> ColumnVector {
    var merge = Scatter(type: type, count: batch.rowCount)
    for branch in branches where !merge.isComplete {
      let rest = merge.pendingBatch(batch)
      let condition = try branch.condition.evaluate(rest, context)[0]
      let hits = Selection(whereTrue: condition)
      if hits.count == 0 { continue }
      let part = hits.count == rest.rowCount ? rest : rest.gathered(hits)
      merge.fill(hits, try branch.value.evaluate(part, context)[0])
    }
    if !merge.isComplete {
      let rest = merge.pendingBatch(batch)
      merge.fill(.range(0..<rest.rowCount), try otherwise.evaluate(rest, context)[0])
    }
    return merge.result()
  }

  /// The first argument that is not null.
  static func coalesce(
    _ arguments: [Evaluator], _ type: DataType, _ batch: RecordBatch, _ context: EvaluationContext
  ) throws -> ColumnVector {
    let first = try arguments[0].evaluate(batch, context)[0]
    if !first.mayHaveNulls || arguments.count == 1 { return first }
    var merge = Scatter(type: type, count: batch.rowCount)
    for (index, argument) in arguments.enumerated() where !merge.isComplete {
      let rest = merge.pendingBatch(batch)
      let value = index == 0 ? first : try argument.evaluate(rest, context)[0]
      let isLast = index == arguments.count - 1
      let present = (0..<rest.rowCount).filter { isLast || !value.isNull($0) }
      if present.isEmpty { continue }
      let hits = Selection(present)
      merge.fill(hits, value.gathered(hits))
    }
    return merge.result()
  }

  /// Puts results for parts of the rows together again.
  private struct Scatter {
    let type: DataType
    let count: Int
    /// Rows of the batch still without a value.
    var pending: Selection
    /// Where in the concatenated parts each row's value lies.
    var source: Selection
    var parts: [ColumnVector] = []
    var filled = 0

    init(type: DataType, count: Int) {
      self.type = type
      self.count = count
      pending = .range(0..<count)
      source = Selection(capacity: count)
    }

    var isComplete: Bool { filled == count }

    func pendingBatch(_ batch: RecordBatch) -> RecordBatch { pending.count == count ? batch : batch.gathered(pending) }

    /// `values[i]` belongs to row `hits[i]` of the pending batch.
    mutating func fill(_ hits: Selection, _ values: ColumnVector) {
      var rest = Selection(capacity: pending.count)
      var restCount = 0
      var next = 0
      for index in 0..<pending.count {
        let row = pending.rows[index]
        if next < hits.count && hits.rows[next] == Int32(truncatingIfNeeded: index) {
          source.rows[Int(row)] = Int32(truncatingIfNeeded: filled + next)
          next += 1
        } else {
          rest.rows[restCount] = row
          restCount += 1
        }
      }
      rest = rest.truncated(to: restCount)
      pending = rest
      filled += hits.count
      parts.append(values)
    }

    func result() -> ColumnVector {
      if parts.count == 1 && filled == count { return parts[0].retyped(type) }
      if count == 0 { return .nulls(type, count: 0) }
      return ColumnVector.concatenated(parts.map { $0.flattened() }).gathered(source).retyped(type)
    }
  }
}
