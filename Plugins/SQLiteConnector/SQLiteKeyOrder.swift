import MillraceCore

/// Rows of several batches in about the order in which SQLite keeps their key, by 64 bits of it. Rows that are equal in them keep
/// their order.
enum SQLiteKeyOrder {
  private struct Row {
    var word: UInt64
    var place: SQLitePlace
  }

  /// A `SQLitePlace` for each row, by a key's leading column of each batch, which has no NULLs. Keys of types that have no 64 bits
  /// to go by stay in the order of their batches.
  static func places(of columns: [ColumnVector]) -> MemoryBuffer {
    let flat = columns.map { $0.flattened() }
    let count = flat.reduce(0) { $0 + $1.count }
    let rows = MemoryBuffer(capacity: count * MemoryLayout<Row>.stride)
    let first = rows.base.assumingMemoryBound(to: Row.self)
    let isOrdered = fill(first, flat)
    let sorted = isOrdered ? RadixSort.sorted(rows, count) : rows
    let result = MemoryBuffer(capacity: count * MemoryLayout<SQLitePlace>.stride)
    let places = result.base.assumingMemoryBound(to: SQLitePlace.self)
    let from = sorted.base.assumingMemoryBound(to: Row.self)
    for index in 0..<count { places[index] = from[index].place }
    return result
  }

  private static func fill(_ rows: UnsafeMutablePointer<Row>, _ columns: [ColumnVector]) -> Bool {
    guard let type = columns.first?.type.physical else { return false }
    let shared = type == .view ? sharedPrefix(columns) : 0
    var row = rows
    var isOrdered = true
    for (batch, column) in columns.enumerated() {
      func put(_ number: Int, _ word: UInt64) {
        row.initialize(
          to: Row(
            word: word,
            place: SQLitePlace(batch: UInt32(truncatingIfNeeded: batch), row: UInt32(truncatingIfNeeded: number))))
        row += 1
      }
      func integers<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
        let values = column.values(as: T.self)
        for number in 0..<column.count {
          put(number, UInt64(bitPattern: Int64(truncatingIfNeeded: values[number])) ^ 1 << 63)
        }
      }
      switch type {
      case .view: for number in 0..<column.count { put(number, word(column.bytes(number), after: shared)) }
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

  /// The eight bytes after those that all values begin with.
  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, after shared: Int) -> UInt64 {
    if bytes.count &- shared >= 8 {
      return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: shared, as: UInt64.self))
    }
    var word: UInt64 = 0
    var at = shared
    while at < bytes.count {
      word = word << 8 | UInt64(bytes[at])
      at &+= 1
    }
    let missing = 8 &- (bytes.count &- shared)
    return missing >= 8 ? 0 : word << UInt64(8 &* missing)
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

  /// Sorts by a word, a byte after the other from the last; what is equal in all rows costs nothing.
  private enum RadixSort {
    static func sorted(_ rows: MemoryBuffer, _ count: Int) -> MemoryBuffer {
      var source = rows
      var target = MemoryBuffer(capacity: rows.capacity)
      let counts = MemoryBuffer.zeroed(8 * 256 * MemoryLayout<Int>.stride)
      let table = counts.base.assumingMemoryBound(to: Int.self)
      let first = rows.base.assumingMemoryBound(to: Row.self)
      for index in 0..<count {
        var word = first[index].word
        for digit in 0..<8 {
          table[digit &* 256 &+ Int(truncatingIfNeeded: word & 255)] &+= 1
          word >>= 8
        }
      }
      for digit in 0..<8 {
        let ends = table + digit * 256
        let shift = UInt64(digit * 8)
        if count == 0 || ends[Int(truncatingIfNeeded: (first[0].word >> shift) & 255)] == count { continue }
        var start = 0
        for value in 0..<256 {
          let size = ends[value]
          ends[value] = start
          start &+= size
        }
        let from = source.base.assumingMemoryBound(to: Row.self)
        let to = target.base.assumingMemoryBound(to: Row.self)
        for index in 0..<count {
          let value = Int(truncatingIfNeeded: (from[index].word &>> shift) & 255)
          to[ends[value]] = from[index]
          ends[value] &+= 1
        }
        swap(&source, &target)
      }
      return source
    }
  }
}
