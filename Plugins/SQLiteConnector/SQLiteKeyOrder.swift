import MillraceCore

/// Rows of several batches in about the order in which SQLite keeps their key, by 64 bits of it. Rows that are equal in them keep
/// their order.
struct SQLiteKeyOrder {
  /// Batches, each in order, of which so few are merged; otherwise all rows are sorted.
  private static let mergedLimit = 16

  private let counts: [Int]
  /// The words of each batch's rows.
  private var words: [MemoryBuffer]

  /// A `SQLitePlace` for each row, by a key's leading column of each batch, which has no NULLs. Keys of types that have no 64 bits
  /// to go by stay in the order of their batches.
  static func places(of columns: [ColumnVector]) -> MemoryBuffer {
    let order = SQLiteKeyOrder(columns.map { $0.flattened() })
    return order.isMergeable ? order.merged() : order.sorted()
  }

  private init(_ columns: [ColumnVector]) {
    counts = columns.map(\.count)
    let shared = columns.first?.type.physical == .view ? SQLiteKeyOrder.sharedPrefix(columns) : 0
    words = columns.map { SQLiteKeyOrder.words(of: $0, after: shared) }
  }

  private static func words(of column: ColumnVector, after shared: Int) -> MemoryBuffer {
    let count = column.count
    let words = MemoryBuffer(capacity: count * 8)
    let target = words.base.assumingMemoryBound(to: UInt64.self)
    func integers<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
      let values = column.values(as: T.self)
      for row in 0..<count { target[row] = RadixSort.word(of: Int64(truncatingIfNeeded: values[row])) }
    }
    switch column.type.physical {
    case .view: for row in 0..<count { target[row] = RadixSort.word(of: column.bytes(row), at: shared) }
    case .bool, .int8: integers(Int8.self)
    case .int16: integers(Int16.self)
    case .int32: integers(Int32.self)
    case .int64: integers(Int64.self)
    default: target.initialize(repeating: 0, count: count)
    }
    return words
  }

  private func words(_ batch: Int) -> UnsafePointer<UInt64> {
    UnsafePointer(words[batch].base.assumingMemoryBound(to: UInt64.self))
  }

  /// Whether the batches are few and each of them is in order.
  private var isMergeable: Bool {
    counts.count <= SQLiteKeyOrder.mergedLimit
      && counts.indices.allSatisfy { batch in
        let words = words(batch)
        var isAscending = true
        for row in 1..<max(counts[batch], 1) { isAscending = isAscending && words[row - 1] <= words[row] }
        return isAscending
      }
  }

  private func makePlaces() -> MemoryBuffer {
    MemoryBuffer(capacity: counts.reduce(0, +) * MemoryLayout<SQLitePlace>.stride)
  }

  /// A batch whose rows are merged with those of others, from the next one on.
  private struct Run {
    let batch: UInt32
    var next: UnsafePointer<UInt64>
    let first: UnsafePointer<UInt64>
    let end: UnsafePointer<UInt64>

    /// The next row's place, which then is behind.
    @inline(__always)
    mutating func take() -> SQLitePlace {
      defer { next += 1 }
      return SQLitePlace(batch: batch, row: UInt32(truncatingIfNeeded: next - first))
    }
  }

  /// Takes the least of the batches' next rows again and again.
  private func merged() -> MemoryBuffer {
    let result = makePlaces()
    var places = result.base.assumingMemoryBound(to: SQLitePlace.self)
    var runs = counts.indices.filter { counts[$0] > 0 }.map { batch in
      let first = words(batch)
      return Run(batch: UInt32(truncatingIfNeeded: batch), next: first, first: first, end: first + counts[batch])
    }
    while !runs.isEmpty {
      let ended = runs.withUnsafeMutableBufferPointer { runs in
        while true {
          var least = 0
          for run in 1..<max(runs.count, 1) where runs[run].next.pointee < runs[least].next.pointee { least = run }
          places.initialize(to: runs[least].take())
          places += 1
          if runs[least].next == runs[least].end { return least }
        }
      }
      runs.remove(at: ended)
    }
    return withExtendedLifetime(words) { result }
  }

  private func sorted() -> MemoryBuffer {
    let count = counts.reduce(0, +)
    let memory = MemoryBuffer(capacity: count * MemoryLayout<RadixSort.Entry>.stride)
    let entries = memory.base.assumingMemoryBound(to: RadixSort.Entry.self)
    var at = 0
    for batch in counts.indices {
      let words = words(batch)
      for row in 0..<counts[batch] {
        entries[at] = RadixSort.Entry(word: words[row], value: UInt64(batch) << 32 | UInt64(truncatingIfNeeded: row))
        at += 1
      }
    }
    RadixSort.sort(entries, count)
    let result = makePlaces()
    let places = result.base.assumingMemoryBound(to: SQLitePlace.self)
    for index in 0..<count {
      let place = entries[index].value
      places[index] = SQLitePlace(
        batch: UInt32(truncatingIfNeeded: place >> 32), row: UInt32(truncatingIfNeeded: place))
    }
    return withExtendedLifetime((memory, words)) { result }
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
