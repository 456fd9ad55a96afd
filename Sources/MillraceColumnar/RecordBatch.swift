/// Rows as columns of equal length.
public struct RecordBatch: Sendable {
  /// Number of rows; counts also where there is no column.
  public let rowCount: Int
  /// The columns in the order of the batch's schema, each with `rowCount` rows.
  public let columns: [ColumnVector]

  /// Makes a batch; every column must have `rowCount` rows.
  public init(rowCount: Int, columns: [ColumnVector]) {
    self.rowCount = rowCount
    self.columns = columns
  }

  /// The rows that `selection` names, in its order.
  public func gathered(_ selection: Selection) -> RecordBatch {
    RecordBatch(rowCount: selection.count, columns: columns.map { $0.gathered(selection) })
  }

  /// A copy that owns all its string bytes, so that the memory it was made from can go.
  public func detached() -> RecordBatch {
    RecordBatch(rowCount: rowCount, columns: columns.map { $0.detached() })
  }

  /// The first `count` rows.
  public func prefix(_ count: Int) -> RecordBatch {
    count >= rowCount ? self : gathered(.range(0..<count))
  }

  /// One batch out of several with the same column types.
  public static func concatenated(_ batches: [RecordBatch]) -> RecordBatch {
    guard let first = batches.first, batches.count > 1 else {
      return batches.first ?? RecordBatch(rowCount: 0, columns: [])
    }
    return RecordBatch(
      rowCount: batches.reduce(0) { $0 + $1.rowCount },
      columns: first.columns.indices.map { index in ColumnVector.concatenated(batches.map { $0.columns[index] }) })
  }
}
