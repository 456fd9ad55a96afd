import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Compares rows by several keys.
struct RowOrder {
  fileprivate let keys: [Key]
  let count: Int

  fileprivate struct Key {
    let column: ColumnVector
    let isAscending: Bool
    let nullsFirst: Bool
    /// Values that order as the key does, for types where 64 bits are enough.
    let words: MemoryBuffer?

    /// Whether the order of values is that of words, one or several.
    var hasWords: Bool { words != nil || column.type.physical == .view || column.type.physical == .int128 }
  }

  init(_ columns: [ColumnVector], _ orders: [SortOrder]) {
    count = columns.first?.count ?? 0
    keys = zip(columns, orders).map { column, order in
      let flat = column.flattened()
      return Key(
        column: flat, isAscending: order.isAscending, nullsFirst: order.nullsFirst, words: RowOrder.words(flat))
    }
  }

  /// The values as signed integers in the same order; nil where the type does not fit.
  static func words(_ column: ColumnVector) -> MemoryBuffer? {
    if column.type.physical == .int64 { return column.buffer }
    let count = column.count
    let out = MemoryBuffer(capacity: count * 8)
    let target = out.base.assumingMemoryBound(to: Int64.self)
    switch column.type.physical {
    case .bool, .int8: for row in 0..<count { target[row] = Int64(column.values(as: Int8.self)[row]) }
    case .int16: for row in 0..<count { target[row] = Int64(column.values(as: Int16.self)[row]) }
    case .int32: for row in 0..<count { target[row] = Int64(column.values(as: Int32.self)[row]) }
    case .double: for row in 0..<count { target[row] = ordered(column.values(as: Double.self)[row]) }
    case .float: for row in 0..<count { target[row] = ordered(Double(column.values(as: Float.self)[row])) }
    default: return nil
    }
    return out
  }

  private static func ordered(_ value: Double) -> Int64 { Int64(bitPattern: RadixSort.word(of: value) ^ 1 << 63) }

  /// Whether row `a` comes before row `b`, by the keys from `first` on; equal rows keep their order.
  @inline(__always)
  fileprivate func precedes(_ a: Int32, _ b: Int32, from first: Int = 0) -> Bool {
    for key in keys[first...] {
      let order = compare(key, Int(a), Int(b))
      if order != 0 { return order < 0 }
    }
    return a < b
  }

  /// Negative when `a` comes first by this key.
  @inline(__always)
  private func compare(_ key: Key, _ a: Int, _ b: Int) -> Int {
    if key.column.mayHaveNulls {
      let aNull = key.column.isNull(a), bNull = key.column.isNull(b)
      if aNull || bNull { return aNull == bNull ? 0 : aNull == key.nullsFirst ? -1 : 1 }
    }
    var order: Int
    if let words = key.words {
      let values = words.base.assumingMemoryBound(to: Int64.self)
      order = values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0
    } else if key.column.type.physical == .view {
      order = StringView.compare(key.column.views[a], key.column.views[b])
    } else {
      order = ValueOrder.compareValues(key.column, a, key.column, b)
    }
    return key.isAscending ? order : -order
  }

  /// All rows in order, or the first `limit` of them.
  func sorted(limit: Int? = nil) -> Selection {
    if let limit, limit < count / 4 { return top(limit) }
    return RowSorter(self).sorted(limit ?? count)
  }

  /// The first `limit` rows by a heap whose top is the last of them.
  private func top(_ limit: Int) -> Selection {
    if limit == 0 { return Selection(capacity: 0) }
    var heap: [Int32] = []
    heap.reserveCapacity(limit)
    for row in 0..<Int32(truncatingIfNeeded: min(limit, count)) {
      heap.append(row)
      siftUp(&heap, heap.count - 1)
    }
    func replace(_ row: Int) {
      let row = Int32(truncatingIfNeeded: row)
      if !precedes(row, heap[0]) { return }
      heap[0] = row
      siftDown(&heap, 0)
    }
    if let first = keys.first, let words = first.words, !first.column.mayHaveNulls {
      // Most rows lose by the first key.
      let values = words.base.assumingMemoryBound(to: Int64.self)
      let isAscending = first.isAscending
      var bound = values[Int(heap[0])]
      for row in heap.count..<count where isAscending ? values[row] <= bound : values[row] >= bound {
        replace(row)
        bound = values[Int(heap[0])]
      }
    } else {
      for row in heap.count..<count { replace(row) }
    }
    heap.sort { precedes($0, $1) }
    return selection(heap[...])
  }

  private func siftUp(_ heap: inout [Int32], _ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      if !precedes(heap[parent], heap[index]) { return }
      heap.swapAt(parent, index)
      index = parent
    }
  }

  private func siftDown(_ heap: inout [Int32], _ start: Int) {
    var index = start
    while true {
      var largest = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[largest], heap[child]) {
        largest = child
      }
      if largest == index { return }
      heap.swapAt(largest, index)
      index = largest
    }
  }

  private func selection(_ rows: ArraySlice<Int32>) -> Selection {
    let result = Selection(capacity: rows.count)
    for (index, row) in rows.enumerated() { result.rows[index] = row }
    return result
  }
}

/// Sorts rows by 64 bits of a key after the other, without a comparison of rows but for the few that are equal in many bits.
private struct RowSorter {
  private typealias Entry = RadixSort.Entry

  private let order: RowOrder
  private let entries: UnsafeMutablePointer<Entry>
  private let spare: UnsafeMutablePointer<Entry>
  private let memory: [MemoryBuffer]

  /// So few rows are compared with each other.
  private static let comparedTo = 8
  /// Words of a text that are gone through before rows are compared.
  private static let deepest = 64

  init(_ order: RowOrder) {
    self.order = order
    memory = (0..<2).map { _ in MemoryBuffer(capacity: order.count * MemoryLayout<Entry>.stride) }
    entries = memory[0].base.assumingMemoryBound(to: Entry.self)
    spare = memory[1].base.assumingMemoryBound(to: Entry.self)
  }

  /// The first `limit` rows.
  func sorted(_ limit: Int) -> Selection {
    for row in 0..<order.count { entries[row] = Entry(word: 0, value: UInt64(truncatingIfNeeded: row)) }
    sort(0..<order.count, by: 0, word: 0)
    let result = Selection(capacity: min(limit, order.count))
    for index in 0..<result.count { result.rows[index] = row(index) }
    return withExtendedLifetime(memory) { result }
  }

  private func row(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: entries[index].value) }

  /// Sorts entries that are equal in all keys before `number` and in the first words of that one.
  private func sort(_ range: Range<Int>, by number: Int, word: Int) {
    guard range.count > 1, number < order.keys.count else { return }
    let key = order.keys[number]
    guard range.count > Self.comparedTo, word < Self.deepest, key.hasWords else { return compare(range, from: number) }
    let present = word == 0 && key.column.mayHaveNulls ? setApartNulls(range, key, number) : range
    if present.isEmpty { return }
    fill(present, key, word)
    RadixSort.sort(entries + present.lowerBound, present.count, spare: spare)
    var start = present.lowerBound
    while start < present.upperBound {
      var end = start + 1
      while end < present.upperBound && entries[end].word == entries[start].word { end += 1 }
      if end - start > 1 { sortEqual(start..<end, key, number, word) }
      start = end
    }
  }

  /// Sorts entries whose words of a key are equal up to `word`.
  private func sortEqual(_ range: Range<Int>, _ key: RowOrder.Key, _ number: Int, _ word: Int) {
    if range.count <= Self.comparedTo { return compare(range, from: number) }
    switch key.column.type.physical {
    case .view:
      let views = key.column.views
      let first = views[Int(row(range.lowerBound))].count
      let end = (word + 1) * 8
      // Texts that have ended are equal if they are equally long.
      if range.allSatisfy({ views[Int(row($0))].count == first }) && first <= end {
        sort(range, by: number + 1, word: 0)
      } else if range.allSatisfy({ views[Int(row($0))].count > end }) {
        sort(range, by: number, word: word + 1)
      } else {
        compare(range, from: number)
      }
    case .int128 where word == 0: sort(range, by: number, word: 1)
    default: sort(range, by: number + 1, word: 0)
    }
  }

  private func compare(_ range: Range<Int>, from number: Int) {
    var few = UnsafeMutableBufferPointer(start: entries + range.lowerBound, count: range.count)
    few.sort {
      order.precedes(Int32(truncatingIfNeeded: $0.value), Int32(truncatingIfNeeded: $1.value), from: number)
    }
  }

  /// Puts the rows without a value to their end of the range, and sorts them by the keys that follow. Gives where the others are.
  private func setApartNulls(_ range: Range<Int>, _ key: RowOrder.Key, _ number: Int) -> Range<Int> {
    var kept = range.lowerBound
    var nullCount = 0
    for index in range {
      if key.column.isNull(Int(row(index))) {
        spare[nullCount] = entries[index]
        nullCount += 1
      } else {
        entries[kept] = entries[index]
        kept += 1
      }
    }
    if nullCount == 0 { return range }
    var nulls = kept..<range.upperBound
    var present = range.lowerBound..<kept
    if key.nullsFirst {
      (entries + range.lowerBound + nullCount).update(from: entries + range.lowerBound, count: present.count)
      nulls = range.lowerBound..<range.lowerBound + nullCount
      present = nulls.upperBound..<range.upperBound
    }
    (entries + nulls.lowerBound).update(from: spare, count: nullCount)
    sort(nulls, by: number + 1, word: 0)
    return present
  }

  /// Gives the entries a word of their key.
  private func fill(_ range: Range<Int>, _ key: RowOrder.Key, _ word: Int) {
    let flip: UInt64 = key.isAscending ? 0 : .max
    let sign: UInt64 = 1 << 63
    func put(_ value: (Int) -> UInt64) {
      for index in range {
        entries[index].word = value(Int(truncatingIfNeeded: entries[index].value)) ^ flip
      }
    }
    if let words = key.words {
      let values = words.base.assumingMemoryBound(to: UInt64.self)
      put { values[$0] ^ sign }
    } else if key.column.type.physical == .int128 {
      let values = key.column.values(as: Int128.self)
      put { row in
        let value = values[row]
        return word == 0
          ? UInt64(truncatingIfNeeded: value >> 64) ^ sign : UInt64(truncatingIfNeeded: value)
      }
    } else {
      let views = key.column.views
      put { row in views[row].withBytes { RadixSort.word(of: $0, at: word * 8) } }
    }
  }
}
