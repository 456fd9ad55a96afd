import MillraceColumnar
import MillraceExpressions

/// The keys by which rows of one side of a join are looked up.
struct JoinKeys {
  let evaluator: Evaluator
  let encoder: KeyEncoder
  /// Keys compared with `<=>`, for which NULL equals NULL.
  let isNullSafe: [Bool]

  var flatTypes: [DataType] { encoder.flatTypes }

  /// Keys of a batch.
  struct Values {
    /// In flat types.
    var columns: [ColumnVector]
    /// The rows whose key can equal another; nil if all can.
    var matchable: Selection?

    /// Which rows' keys can equal another.
    func flags(_ count: Int) -> ColumnVector {
      guard let matchable else { return .constant(.boolean(true), type: .boolean, count: count) }
      let buffer = MemoryBuffer.zeroed(max(count, 1))
      for index in 0..<matchable.count {
        buffer.base.storeBytes(of: 1, toByteOffset: Int(matchable.rows[index]), as: UInt8.self)
      }
      return ColumnVector(type: .boolean, count: count, values: buffer)
    }
  }

  func values(_ rows: RecordBatch, _ context: EvaluationContext) throws -> Values {
    let keys = try evaluator.evaluate(rows, context)
    let nullable = zip(keys, isNullSafe).filter { !$1 && $0.mayHaveNulls }.map(\.0)
    var matchable: Selection?
    if !nullable.isEmpty {
      matchable = Selection((0..<rows.rowCount).filter { row in !nullable.contains { $0.isNull(row) } })
      if matchable?.count == rows.rowCount { matchable = nil }
    }
    return Values(columns: encoder.encode(keys, count: rows.rowCount), matchable: matchable)
  }
}
