import MillraceColumnar

/// Sorts row numbers by the values of a column, with the comparison chosen once.
enum ValueSorter {
  /// Sorts ascending; no row may be NULL. Equal values keep their order.
  static func sort(_ rows: UnsafeMutableBufferPointer<Int32>, by column: ColumnVector) {
    if rows.count < 2 || column.isConstant { return }
    var rows = rows
    switch column.type.physical {
    case .bool: sort(rows, column, UInt8.self)
    case .int8: sort(rows, column, Int8.self)
    case .int16: sort(rows, column, Int16.self)
    case .int32: sort(rows, column, Int32.self)
    case .int64: sort(rows, column, Int64.self)
    case .int128: sort(rows, column, Int128.self)
    case .double:
      let values = column.values(as: Double.self)
      rows.sort { ValueOrder.compare(values[Int($0)], values[Int($1)]) < 0 }
    case .view:
      let views = column.views
      rows.sort { StringView.compare(views[Int($0)], views[Int($1)]) < 0 }
    default: rows.sort { ValueOrder.compareValues(column, Int($0), column, Int($1)) < 0 }
    }
  }

  private static func sort<T: Comparable>(_ rows: UnsafeMutableBufferPointer<Int32>, _ column: ColumnVector, _: T.Type)
  {
    let values = column.values(as: T.self)
    var rows = rows
    rows.sort { values[Int($0)] < values[Int($1)] }
  }

  /// The rows of a range in ascending order; no row may be NULL.
  static func sorted(_ range: Range<Int>, by column: ColumnVector) -> [Int32] {
    var rows = range.map { Int32(truncatingIfNeeded: $0) }
    rows.withUnsafeMutableBufferPointer { sort($0, by: column) }
    return rows
  }
}
