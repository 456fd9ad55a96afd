import Glibc
import Synchronization

/// Memory for columns and tables. Blocks that were given back are used again, since the system clears each page of a new one,
/// which takes longer than most kernels take to fill it.
package enum RawMemory {
  private static let hugePage = 2 << 20
  /// Half of the last page may be wasted, which must not matter.
  private static let hugeFrom = 4 << 20
  /// Smaller blocks are the allocator's business.
  private static let keptFrom = 128 << 10
  /// Bytes of free blocks that are kept, at most.
  private static let keptLimit = 32 << 20

  private struct Block: @unchecked Sendable {
    var pointer: UnsafeMutableRawPointer
    var size: Int
  }

  private struct Free: Sendable {
    /// In the order in which they were given back.
    var blocks: [Block] = []
    var byteCount = 0

    /// The smallest block that `size` bytes fit into without wasting a quarter.
    mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
      var best: Int?
      for index in blocks.indices.reversed() where blocks[index].size >= size && blocks[index].size <= size + size / 4 {
        if best.map({ blocks[index].size < blocks[$0].size }) ?? true { best = index }
      }
      guard let best else { return nil }
      byteCount -= blocks[best].size
      return blocks.remove(at: best).pointer
    }
  }

  private static let free = Mutex(Free())

  /// Uninitialised memory, aligned to 64 bytes, to be given back with `deallocate`. A large block asks for huge pages: the
  /// first touch of each small one costs half a microsecond, and a table that is looked up at random misses the processor's
  /// list of pages less.
  package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= keptFrom else { return .allocate(byteCount: byteCount, alignment: 64) }
    if let block = free.withLock({ $0.take(byteCount) }) { return block }
    if byteCount >= hugeFrom {
      var block: UnsafeMutableRawPointer?
      if posix_memalign(&block, hugePage, byteCount) == 0, let block {
        madvise(block, byteCount & ~(hugePage - 1), MADV_HUGEPAGE)
        return block
      }
    }
    return .allocate(byteCount: byteCount, alignment: 64)
  }

  /// Gives back what `allocate` gave; `byteCount` is what was asked for.
  package static func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    guard byteCount >= keptFrom, byteCount <= keptLimit else { return pointer.deallocate() }
    let dropped = free.withLock { free -> [Block] in
      free.blocks.append(Block(pointer: pointer, size: byteCount))
      free.byteCount += byteCount
      var count = 0
      while free.byteCount > keptLimit {
        free.byteCount -= free.blocks[count].size
        count += 1
      }
      defer { free.blocks.removeFirst(count) }
      return Array(free.blocks[..<count])
    }
    for block in dropped { block.pointer.deallocate() }
  }

  /// Memory for `capacity` values.
  package static func allocate<T: BitwiseCopyable>(_: T.Type, capacity: Int) -> UnsafeMutablePointer<T> {
    allocate(byteCount: capacity * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: capacity)
  }

  /// Gives back memory for `capacity` values.
  package static func deallocate<T: BitwiseCopyable>(_ pointer: UnsafeMutablePointer<T>, capacity: Int) {
    deallocate(UnsafeMutableRawPointer(pointer), byteCount: capacity * MemoryLayout<T>.stride)
  }
}
