extension GroupTable {
  /// The groups from `first` on of each of `count` parts of all possible keys, in order; a key is in the same part in every table of the
  /// same key types. `count` is a power of two.
  public func partitioned(_ count: Int, from first: Int = 0) -> [Selection] {
    if count == 1 { return [.range(first..<groupCount)] }
    let parts = PartNumbers(first..<groupCount, of: count, isPacked: layout.form == .packed)
    for group in first..<groupCount where !isFree(group) { parts.note(group, keys[group]) }
    return parts.selections { !isFree($0) }
  }

  /// The rows of `count` whose keys are in each of `partitions` parts of all possible keys, in order: the same parts as `partitioned` has.
  /// Only the types of this table's keys matter.
  public func partition(_ keys: [ColumnVector], count: Int, into partitions: Int) -> [Selection] {
    let parts = PartNumbers(0..<count, of: partitions, isPacked: layout.form == .packed)
    forEachBlock(keys, count: count, scratch) { start, length, words in
      for row in 0..<length { parts.note(start &+ row, words[row]) }
    }
    return parts.selections { _ in true }
  }
}

/// In which part each of some keys is.
private struct PartNumbers {
  private let numbers: MemoryBuffer
  private let range: Range<Int>
  private let partCount: Int
  private let isPacked: Bool

  init(_ range: Range<Int>, of partCount: Int, isPacked: Bool) {
    precondition(partCount & (partCount - 1) == 0 && partCount <= 256, "partitions are a power of two up to 256")
    numbers = MemoryBuffer(capacity: range.count)
    self.range = range
    self.partCount = partCount
    self.isPacked = isPacked
  }

  private var parts: UnsafeMutablePointer<UInt8> { numbers.base.assumingMemoryBound(to: UInt8.self) }

  @inline(__always)
  func note(_ index: Int, _ key: StringView) {
    parts[index &- range.lowerBound] =
      UInt8(truncatingIfNeeded: GroupHash.ofPartition(key, isPacked: isPacked)) & UInt8(partCount - 1)
  }

  /// The wanted keys of each part, in order. All of them must have been noted.
  @inline(__always)
  func selections(_ isWanted: (Int) -> Bool) -> [Selection] {
    let parts = self.parts
    var sizes = Array(repeating: 0, count: partCount)
    let first = range.lowerBound
    for index in range where isWanted(index) { sizes[Int(parts[index &- first])] += 1 }
    let selections = sizes.map { Selection(capacity: $0) }
    let targets = selections.map(\.rows)
    var next = Array(repeating: 0, count: partCount)
    for index in range where isWanted(index) {
      let part = Int(parts[index &- first])
      targets[part][next[part]] = Int32(truncatingIfNeeded: index)
      next[part] += 1
    }
    return selections
  }
}
