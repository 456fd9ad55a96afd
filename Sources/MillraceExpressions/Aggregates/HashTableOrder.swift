import MillraceColumnar

/// The orders in which Spark walks through the values of its hash tables. They show where SQL leaves the order open: in what `collect_set`
/// gives, and in which of several equally frequent values `mode` takes.
enum HashTableOrder {
  /// Whether values of a type have a known hash.
  static func knows(_ type: DataType) -> Bool {
    switch type.physical {
    case .bool, .int8, .int16, .int32, .int64, .int128, .float, .double: true
    case .view: type == .string
    default: false
    }
  }

  // MARK: Values that are counted

  /// `rows` of a column, which hold different values and are none of them NULL, in the order of a table with open addressing that begins
  /// with 64 places and doubles beyond seven tenths.
  static func counted(_ rows: [Int32], of column: ColumnVector) -> [Int32] {
    let hashes = rows.map { Murmur3.hash(int: objectHash(column, Int($0)), 0) }
    // Counts of a partition go into a table, and those of all partitions into another, in the order of the first.
    let first = placed(Array(rows.indices), hashes)
    return placed(first, hashes).map { rows[$0] }
  }

  /// `indices` in the order of their places, after they came one by one.
  private static func placed(_ indices: [Int], _ hashes: [Int32]) -> [Int] {
    var table = [Int](repeating: -1, count: 64)
    var count = 0
    func insert(_ index: Int, into table: inout [Int]) {
      let mask = table.count - 1
      var place = Int(UInt32(bitPattern: hashes[index])) & mask
      var step = 1
      while table[place] >= 0 {
        place = (place + step) & mask
        step += 1
      }
      table[place] = index
    }
    for index in indices {
      insert(index, into: &table)
      count += 1
      if count <= table.count * 7 / 10 { continue }
      var larger = [Int](repeating: -1, count: table.count * 2)
      for known in table where known >= 0 { insert(known, into: &larger) }
      table = larger
    }
    return table.filter { $0 >= 0 }
  }

  // MARK: Sets

  /// Rows of a column, which hold different values and are none of them NULL, in the order of a table of chains that begins with 16 and
  /// doubles before it is filled to three quarters. A chain goes by hashes.
  static func distinct(_ range: Range<Int>, of column: ColumnVector) -> [Int32] {
    var size: UInt32 = 16
    while range.count >= Int(size) / 4 * 3 { size *= 2 }
    let places = range.map { row -> (chain: UInt32, hash: Int32, row: Int32) in
      let hash = UInt32(bitPattern: objectHash(column, row))
      let mixed = hash ^ hash >> 16
      return (mixed & (size - 1), Int32(bitPattern: mixed), Int32(truncatingIfNeeded: row))
    }
    return places.sorted { ($0.chain, $0.hash, $0.row) < ($1.chain, $1.hash, $1.row) }.map(\.row)
  }

  /// The `hashCode` of the object that Java has for a value.
  private static func objectHash(_ column: ColumnVector, _ row: Int) -> Int32 {
    let at = column.slot(row)
    switch column.type.physical {
    case .bool: return column.values(as: UInt8.self)[at] != 0 ? 1231 : 1237
    case .int8: return Int32(column.values(as: Int8.self)[at])
    case .int16: return Int32(column.values(as: Int16.self)[at])
    case .int32: return column.values(as: Int32.self)[at]
    case .int64: return folded(UInt64(bitPattern: column.values(as: Int64.self)[at]))
    case .float: return Int32(bitPattern: column.values(as: Float.self)[at].bitPattern)
    case .double: return folded(column.values(as: Double.self)[at].bitPattern)
    case .int128:
      guard case .decimal(_, let scale) = column.type else { return 0 }
      return BigDecimalHash.of(column.values(as: Int128.self)[at], scale: scale)
    default: return Murmur3.hash(bytes: column.bytes(row), 42)
    }
  }

  /// The `hashCode` of Java's `Long` and `Double`.
  static func folded(_ bits: UInt64) -> Int32 { Int32(truncatingIfNeeded: bits ^ bits >> 32) }
}
