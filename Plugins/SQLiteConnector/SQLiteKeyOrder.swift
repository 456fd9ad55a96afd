import MillraceCore

/// Rows in about the order in which SQLite keeps their key, by 64 bits of it. Rows that are equal in them keep their order.
enum SQLiteKeyOrder {
  private struct Row {
    var word: UInt64
    var number: Int32
  }

  /// All rows of a key's leading column, which has no NULLs.
  static func order(of column: ColumnVector) -> Selection {
    let flat = column.flattened()
    var rows: [Row]
    switch flat.type.physical {
    case .view: rows = strings(flat)
    case .bool, .int8: rows = integers(flat, Int8.self)
    case .int16: rows = integers(flat, Int16.self)
    case .int32: rows = integers(flat, Int32.self)
    case .int64: rows = integers(flat, Int64.self)
    default: return .range(0..<flat.count)
    }
    rows.sort { $0.word != $1.word ? $0.word < $1.word : $0.number < $1.number }
    let selection = Selection(capacity: rows.count)
    for (index, row) in rows.enumerated() { selection.rows[index] = row.number }
    return selection
  }

  private static func integers<T: FixedWidthInteger & BitwiseCopyable>(_ column: ColumnVector, _: T.Type) -> [Row] {
    let values = column.values(as: T.self)
    return (0..<column.count).map { row in
      Row(word: UInt64(bitPattern: Int64(values[row])) ^ 1 << 63, number: Int32(truncatingIfNeeded: row))
    }
  }

  /// The eight bytes after those that all values begin with.
  private static func strings(_ column: ColumnVector) -> [Row] {
    let shared = sharedPrefix(column)
    return (0..<column.count).map { row in
      var word: UInt64 = 0
      for (index, byte) in column.bytes(row).dropFirst(shared).prefix(8).enumerated() {
        word |= UInt64(byte) << UInt64(56 - 8 * index)
      }
      return Row(word: word, number: Int32(truncatingIfNeeded: row))
    }
  }

  private static func sharedPrefix(_ column: ColumnVector) -> Int {
    guard column.count > 0 else { return 0 }
    let first = column.bytes(0)
    var length = first.count
    for row in 1..<column.count where length > 0 {
      let bytes = column.bytes(row)
      length = min(length, bytes.count)
      var same = 0
      while same < length && bytes[same] == first[same] { same += 1 }
      length = same
    }
    return length
  }
}
