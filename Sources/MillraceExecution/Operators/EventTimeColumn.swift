import MillraceColumnar

/// The instants of an event-time column: timestamps, or the ends of windows. A row without one is never late and never goes.
struct EventTimeColumn {
  private let column: ColumnVector
  private let times: ColumnVector
  private let values: UnsafePointer<Int64>
  private let offset: Int64
  private let mayHaveNulls: Bool

  /// Number of rows.
  var count: Int { column.count }

  /// `offset` is added to each instant.
  init(_ column: ColumnVector, offset: Int64 = 0) {
    self.column = column
    times = DeduplicateOperator.instants(column)
    values = times.values(as: Int64.self)
    self.offset = offset
    mayHaveNulls = column.mayHaveNulls || times.mayHaveNulls
  }

  /// Microseconds; `Int64.max` where there is none.
  subscript(row: Int) -> Int64 {
    if mayHaveNulls && (column.isNull(row) || times.isNull(row)) { return .max }
    return values[times.slot(row)] &+ offset
  }

  /// The rows whose instant is after `time`, or that have none.
  func rows(after time: Int64) -> Selection {
    let result = Selection(capacity: column.count)
    var count = 0
    for row in 0..<column.count {
      result.rows[count] = Int32(truncatingIfNeeded: row)
      count += self[row] > time ? 1 : 0
    }
    return result.truncated(to: count)
  }
}
