import MillraceColumnar

/// The order in which maps of the corpus came to Spark.
///
/// JSON's objects have no order. The oracle got its maps as dictionaries of Python, which are unpickled into `java.util.HashMap`, and
/// `to_json`, `map_keys` and casts show their order: by bucket of the key's hash, where keys of one bucket stand as in the table of 16
/// and more buckets that they went through first, from the last entry to the first.
enum JavaHashOrder {
  static func ordered(_ entries: [Value.MapEntry]) -> [Value.MapEntry] {
    let hashes = entries.map { hash($0.key) }
    guard hashes.allSatisfy({ $0 != nil }) else { return entries }
    var passing = 16
    while Double(entries.count) > Double(passing) * 0.75 { passing *= 2 }
    var buckets = 1
    while buckets < Int(Double(entries.count) / 0.75 + 1) { buckets *= 2 }
    var order = Array(entries.indices.reversed())
    for count in [passing, buckets] {
      // A sort by bucket that keeps the order within one.
      order = order.enumerated()
        .sorted { bucket(hashes[$0.element], count, $0.offset) < bucket(hashes[$1.element], count, $1.offset) }
        .map(\.element)
    }
    return order.map { entries[$0] }
  }

  private static func bucket(_ hash: UInt32?, _ count: Int, _ place: Int) -> (UInt32, Int) {
    let hash = hash ?? 0
    return ((hash ^ hash >> 16) & UInt32(count - 1), place)
  }

  /// `hashCode()` of strings and of integers of 32 bits; nil for other keys.
  private static func hash(_ key: Value) -> UInt32? {
    switch key {
    case .string(let text): text.utf16.reduce(0) { $0 &* 31 &+ UInt32($1) }
    case .integer(let number): Int32(exactly: number).map { UInt32(bitPattern: $0) }
    default: nil
    }
  }
}
