import MillraceColumnar

/// Rows of one side of a stream-stream join that are being matched: new ones, or kept ones that are fetched from the store
/// when somebody looks at them.
final class JoinRows {
  /// Slots of kept rows; nil for the batch's new rows.
  let slots: [Int32]?
  private let fetch: () throws -> RecordBatch
  private var fetched: RecordBatch?

  init(fresh: RecordBatch) {
    slots = nil
    fetched = fresh
    fetch = { fresh }
  }

  init(slots: [Int32], fetch: @escaping () throws -> RecordBatch) {
    self.slots = slots
    self.fetch = fetch
  }

  func rows() throws -> RecordBatch {
    if let fetched { return fetched }
    let rows = try fetch()
    fetched = rows
    return rows
  }
}

/// Pairs of rows: positions in `leftRows` and in `rightRows`.
struct JoinPairs {
  var leftRows: JoinRows
  var rightRows: JoinRows
  var left: Selection
  var right: Selection

  var count: Int { left.count }

  /// The columns of both sides, pair by pair.
  func columns() throws -> RecordBatch {
    let columns = try leftRows.rows().gathered(left).columns + rightRows.rows().gathered(right).columns
    return RecordBatch(rowCount: count, columns: columns)
  }

  /// Some of the pairs.
  func chosen(_ pairs: Selection) -> JoinPairs {
    if pairs.count == count { return self }
    var result = self
    result.left = Self.chosen(left, pairs)
    result.right = Self.chosen(right, pairs)
    return result
  }

  private static func chosen(_ rows: Selection, _ pairs: Selection) -> Selection {
    let result = Selection(capacity: pairs.count)
    for index in 0..<pairs.count { result.rows[index] = rows.rows[Int(pairs.rows[index])] }
    return result
  }
}
