extension GroupTable {
  /// The groups of each of `count` parts of all possible keys, in order; a key is in the same part in every table of the
  /// same key types. `count` is a power of two.
  public func partitioned(_ count: Int) -> [Selection] {
    if count == 1 { return [.range(0..<groupCount)] }
    precondition(count & (count - 1) == 0 && count <= 256, "partitions are a power of two up to 256")
    let mask = UInt32(truncatingIfNeeded: count - 1)
    let parts = MemoryBuffer(capacity: groupCount)
    let part = parts.base.assumingMemoryBound(to: UInt8.self)
    var sizes = Array(repeating: 0, count: count)
    let isPacked = layout.form == .packed
    for group in 0..<groupCount where !isFree(group) {
      let number = GroupHash.ofPartition(keys[group], isPacked: isPacked) & mask
      part[group] = UInt8(truncatingIfNeeded: number)
      sizes[Int(number)] += 1
    }
    return Self.selections(part, count: groupCount, sizes) { !isFree($0) }
  }

  /// The rows of `count` whose keys are in each of `partitions` parts of all possible keys, in order: the same parts as `partitioned` has.
  /// Only the types of this table's keys matter.
  public func partition(_ keys: [ColumnVector], count: Int, into partitions: Int) -> [Selection] {
    precondition(partitions & (partitions - 1) == 0 && partitions <= 256, "partitions are a power of two up to 256")
    let mask = UInt32(truncatingIfNeeded: partitions - 1)
    let parts = MemoryBuffer(capacity: count)
    let part = parts.base.assumingMemoryBound(to: UInt8.self)
    var sizes = Array(repeating: 0, count: partitions)
    let isPacked = layout.form == .packed
    forEachBlock(keys, count: count, scratch) { start, length, words in
      for row in 0..<length {
        let number = GroupHash.ofPartition(words[row], isPacked: isPacked) & mask
        part[start &+ row] = UInt8(truncatingIfNeeded: number)
      }
    }
    for row in 0..<count { sizes[Int(part[row])] += 1 }
    return Self.selections(part, count: count, sizes) { _ in true }
  }

  @inline(__always)
  private static func selections(
    _ part: UnsafePointer<UInt8>, count: Int, _ sizes: [Int], _ isWanted: (Int) -> Bool
  ) -> [Selection] {
    let selections = sizes.map { Selection(capacity: $0) }
    let targets = selections.map(\.rows)
    var next = Array(repeating: 0, count: sizes.count)
    for number in 0..<count where isWanted(number) {
      let index = Int(part[number])
      targets[index][next[index]] = Int32(truncatingIfNeeded: number)
      next[index] += 1
    }
    return selections
  }
}
