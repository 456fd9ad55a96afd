import CKernels
import Glibc

extension GroupTable {
  /// The groups from `first` on of each of `count` parts of all possible keys, in order; a key is in the same part in every table of the
  /// same key types. `count` is a power of two.
  public func partitioned(_ count: Int, from first: Int = 0) -> [Selection] {
    if count == 1 { return [.range(first..<groupCount)] }
    let isPacked = layout.form == .packed
    let parts = PartNumbers(first..<groupCount, of: count)
    for group in first..<groupCount where !isFree(group) {
      parts.note(group, GroupHash.ofPartition(keys[group], isPacked: isPacked))
    }
    return parts.selections { !isFree($0) }
  }

  /// The rows of `count` whose keys are in each of `partitions` parts of all possible keys, in order: the same parts as `partitioned` has.
  /// And the hashes of the keys for `findOrInsert` of any table of the same key types, unless they are made in no time.
  /// Only the types of this table's keys matter.
  public func partition(_ keys: [ColumnVector], count: Int, into partitions: Int) -> (
    parts: [Selection], hashes: KeyHashes?
  ) {
    let isPacked = layout.form == .packed
    let parts = PartNumbers(0..<count, of: partitions)
    let hashes = isPacked ? nil : KeyHashes(capacity: count)
    var hasLong = false
    forEachBlock(keys, count: count, scratch) { start, length, words in
      guard let hashes else {
        for row in 0..<length { parts.note(start &+ row, GroupHash.ofPartition(words[row], isPacked: true)) }
        return
      }
      let target = hashes.target + start
      if GroupHash.fill(target, words, count: length, isPacked: false) { hasLong = true }
      for row in 0..<length { parts.note(start &+ row, GroupHash.ofPartition(words[row], known: target[row])) }
    }
    return (parts.selections { _ in true }, hasLong ? hashes : nil)
  }
}

/// The hashes of the keys of some rows, for as long as the rows are on their way into tables.
public struct KeyHashes: @unchecked Sendable {
  private let buffer: MemoryBuffer

  /// Uninitialised hashes, and some behind them that kernels may read.
  init(capacity: Int) {
    buffer = MemoryBuffer(capacity: (capacity + Int(CK_HASHES_BEHIND)) * 4)
    memset(buffer.base + capacity * 4, 0, Int(CK_HASHES_BEHIND) * 4)
  }

  var target: UnsafeMutablePointer<UInt32> { buffer.base.assumingMemoryBound(to: UInt32.self) }
  var hashes: UnsafePointer<UInt32> { UnsafePointer(target) }

  /// Those of some of the rows.
  public func gathered(_ selection: Selection) -> KeyHashes {
    let chosen = KeyHashes(capacity: selection.count)
    let source = hashes, target = chosen.target
    for row in 0..<selection.count { target[row] = source[Int(truncatingIfNeeded: selection.rows[row])] }
    return chosen
  }
}

/// In which part each of some keys is.
private struct PartNumbers {
  private let numbers: MemoryBuffer
  private let range: Range<Int>
  private let partCount: Int

  init(_ range: Range<Int>, of partCount: Int) {
    precondition(partCount & (partCount - 1) == 0 && partCount <= 256, "partitions are a power of two up to 256")
    numbers = MemoryBuffer(capacity: range.count)
    self.range = range
    self.partCount = partCount
  }

  private var parts: UnsafeMutablePointer<UInt8> { numbers.base.assumingMemoryBound(to: UInt8.self) }

  /// The hash that chooses the part of a key.
  @inline(__always)
  func note(_ index: Int, _ hash: UInt32) {
    parts[index &- range.lowerBound] = UInt8(truncatingIfNeeded: hash) & UInt8(partCount - 1)
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
