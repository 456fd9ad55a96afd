import MillraceColumnar

/// Sorts row numbers by the values of a column, with the comparison chosen once.
enum ValueSorter {
  /// Sorts ascending; no row may be NULL. Equal values keep their order.
  static func sort(_ rows: UnsafeMutableBufferPointer<Int32>, by column: ColumnVector) {
    if rows.count < 2 || column.isConstant || sortByWords(rows, column) { return }
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

  /// From so many rows a sort by digits takes less than one by comparisons.
  private static let manyRows = 512

  /// Sorts many rows by numbers of up to 64 bits; false for others.
  private static func sortByWords(_ rows: UnsafeMutableBufferPointer<Int32>, _ column: ColumnVector) -> Bool {
    guard rows.count >= manyRows else { return false }
    switch column.type.physical {
    case .int32: sortByWords(rows) { RadixSort.word(of: Int64(column.values(as: Int32.self)[$0])) }
    case .int64: sortByWords(rows) { RadixSort.word(of: column.values(as: Int64.self)[$0]) }
    case .double: sortByWords(rows) { RadixSort.word(of: column.values(as: Double.self)[$0]) }
    default: return false
    }
    return true
  }

  @inline(__always)
  private static func sortByWords(_ rows: UnsafeMutableBufferPointer<Int32>, _ word: (Int) -> UInt64) {
    let memory = MemoryBuffer(capacity: rows.count * MemoryLayout<RadixSort.Entry>.stride)
    let entries = memory.base.assumingMemoryBound(to: RadixSort.Entry.self)
    for (index, row) in rows.enumerated() {
      entries[index] = RadixSort.Entry(word: word(Int(row)), value: UInt64(truncatingIfNeeded: row))
    }
    RadixSort.sort(entries, rows.count)
    for index in rows.indices { rows[index] = Int32(truncatingIfNeeded: entries[index].value) }
    withExtendedLifetime(memory) {}
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
