import MillraceCore

/// Rows of several batches in about the order in which SQLite keeps their key, by 64 bits of it. Rows that are equal in them keep
/// their order.
enum SQLiteKeyOrder {
  /// A `SQLitePlace` for each row, by a key's leading column of each batch, which has no NULLs. Keys of types that have no 64 bits
  /// to go by stay in the order of their batches.
  static func places(of columns: [ColumnVector]) -> MemoryBuffer {
    let flat = columns.map { $0.flattened() }
    let count = flat.reduce(0) { $0 + $1.count }
    let rows = MemoryBuffer(capacity: count * MemoryLayout<RadixSort.Entry>.stride)
    let first = rows.base.assumingMemoryBound(to: RadixSort.Entry.self)
    if fill(first, flat) { RadixSort.sort(first, count) }
    let result = MemoryBuffer(capacity: count * MemoryLayout<SQLitePlace>.stride)
    let places = result.base.assumingMemoryBound(to: SQLitePlace.self)
    for index in 0..<count {
      let place = first[index].value
      places[index] = SQLitePlace(
        batch: UInt32(truncatingIfNeeded: place >> 32), row: UInt32(truncatingIfNeeded: place))
    }
    return withExtendedLifetime(rows) { result }
  }

  private static func fill(_ rows: UnsafeMutablePointer<RadixSort.Entry>, _ columns: [ColumnVector]) -> Bool {
    guard let type = columns.first?.type.physical else { return false }
    let shared = type == .view ? sharedPrefix(columns) : 0
    var row = rows
    var isOrdered = true
    for (batch, column) in columns.enumerated() {
      func put(_ number: Int, _ word: UInt64) {
        row.initialize(
          to: RadixSort.Entry(word: word, value: UInt64(batch) << 32 | UInt64(truncatingIfNeeded: number)))
        row += 1
      }
      func integers<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
        let values = column.values(as: T.self)
        for number in 0..<column.count {
          put(number, RadixSort.word(of: Int64(truncatingIfNeeded: values[number])))
        }
      }
      switch type {
      case .view: for number in 0..<column.count { put(number, RadixSort.word(of: column.bytes(number), at: shared)) }
      case .bool, .int8: integers(Int8.self)
      case .int16: integers(Int16.self)
      case .int32: integers(Int32.self)
      case .int64: integers(Int64.self)
      default:
        isOrdered = false
        for number in 0..<column.count { put(number, 0) }
      }
    }
    return isOrdered
  }

  private static func sharedPrefix(_ columns: [ColumnVector]) -> Int {
    guard let some = columns.first(where: { $0.count > 0 }) else { return 0 }
    let first = some.bytes(0)
    var length = first.count
    for column in columns {
      for row in 0..<column.count {
        if length == 0 { return 0 }
        let bytes = column.bytes(row)
        length = min(length, bytes.count)
        var same = 0
        while same < length && bytes[same] == first[same] { same &+= 1 }
        length = same
      }
    }
    return length
  }
}
