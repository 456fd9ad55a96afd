import MillraceCore

/// Keys of a batch as bytes, in the order in which they lie in the database, so that one after the other is near the last.
struct SQLiteSortedKeys {
  private struct Entry {
    /// The first eight bytes, the first of them highest.
    var prefix: UInt64
    var row: Int32
  }

  /// One BINARY value per key.
  private let bytes: ColumnVector
  private let entries: [Entry]

  init(_ codec: RowCodec, _ keys: [ColumnVector], count: Int, _ layout: SQLiteStateLayout) {
    let bytes = layout.encode(codec, keys, count: count)
    self.bytes = bytes
    var entries = (0..<count).map { row in
      Entry(prefix: Self.prefix(bytes.bytes(row)), row: Int32(truncatingIfNeeded: row))
    }
    entries.sort { a, b in
      if a.prefix != b.prefix { return a.prefix < b.prefix }
      let order = Self.compare(bytes.bytes(Int(a.row)), bytes.bytes(Int(b.row)))
      return order == 0 ? a.row < b.row : order < 0
    }
    self.entries = entries
  }

  var count: Int { entries.count }

  /// The number in the batch of the key at a place of the order; equal keys follow each other as they did in the batch.
  func row(_ place: Int) -> Int { Int(entries[place].row) }

  /// The key at a place of the order.
  func key(_ place: Int) -> UnsafeRawBufferPointer { bytes.bytes(Int(entries[place].row)) }

  /// Whether the key at a place is the one before it again.
  func isRepeated(_ place: Int) -> Bool {
    place > 0 && entries[place].prefix == entries[place - 1].prefix && Self.areEqual(key(place), key(place - 1))
  }

  /// Whether both hold the same keys.
  func hasSameKeys(as other: SQLiteSortedKeys) -> Bool {
    guard count == other.count else { return false }
    for place in entries.indices {
      guard entries[place].prefix == other.entries[place].prefix, Self.areEqual(key(place), other.key(place)) else {
        return false
      }
    }
    return true
  }

  static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    a.count == b.count && compare(a, b) == 0
  }

  private static func prefix(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    if bytes.count >= 8 { return UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) }
    var prefix: UInt64 = 0
    for place in 0..<8 { prefix = prefix << 8 | (place < bytes.count ? UInt64(bytes[place]) : 0) }
    return prefix
  }

  /// The order of SQLite's blobs: byte by byte, the shorter first.
  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let common = min(a.count, b.count)
    var at = 0
    while at &+ 8 <= common {
      let x = UInt64(bigEndian: a.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      let y = UInt64(bigEndian: b.loadUnaligned(fromByteOffset: at, as: UInt64.self))
      if x != y { return x < y ? -1 : 1 }
      at &+= 8
    }
    while at < common {
      if a[at] != b[at] { return a[at] < b[at] ? -1 : 1 }
      at &+= 1
    }
    return a.count - b.count
  }
}
