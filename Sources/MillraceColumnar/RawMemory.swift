import CKernels
import Glibc
import Synchronization

/// Memory for columns and tables. Blocks that were given back are used again, since the system clears each page of a new one,
/// which takes longer than most kernels take to fill it.
package enum RawMemory {
  /// From this size blocks are mapped from the system by themselves, and growing one moves its pages.
  package static let mappedFrom = 4 << 20
  /// Smaller blocks are the allocator's business.
  private static let keptFrom = 128 << 10
  /// From this size on a block that was outgrown gets one that grows further without a copy.
  private static let sparseFrom = 128 << 10
  /// Bytes of free blocks that are kept, at most.
  private static let keptLimit = 32 << 20

  private struct Block: @unchecked Sendable {
    var pointer: UnsafeMutableRawPointer
    var size: Int
    /// Which made the block or gave it back.
    var thread = pthread_self()
  }

  private struct Free: Sendable {
    /// In the order in which they were given back.
    var blocks: [Block] = []
    var byteCount = 0

    /// The block of a size that this thread gave back last: much of it is still in a cache of its processor, from which another one would have
    /// to fetch it line by line. If there is none, the last of any thread. A mapped block may be larger; what is left of it stays here if it is
    /// large enough to be wanted.
    mutating func take(_ size: Int) -> Block? {
      guard size >= mappedFrom else {
        let thread = pthread_self()
        let own = blocks.lastIndex { $0.size == size && $0.thread == thread }
        return remove(own ?? blocks.lastIndex { $0.size == size })
      }
      let largest = size + size / 4
      if let near = remove(blocks.lastIndex { $0.size >= size && $0.size <= largest }) { return near }
      guard let found = blocks.lastIndex(where: { $0.size >= size }) else { return nil }
      let length = ck_whole_pages(size)
      let left = blocks[found].size - length
      guard left >= mappedFrom else { return remove(found) }
      let taken = Block(pointer: blocks[found].pointer, size: length)
      blocks[found] = Block(pointer: taken.pointer + length, size: left)
      byteCount -= length
      return taken
    }

    private mutating func remove(_ index: Int?) -> Block? {
      guard let index else { return nil }
      byteCount -= blocks[index].size
      return blocks.remove(at: index)
    }
  }

  /// Bytes of a block for `byteCount`. Blocks that are kept come in eight sizes to each power of two, so that one fits again where a little
  /// more is wanted, as it is from batch to batch.
  private static func size(for byteCount: Int) -> Int {
    guard byteCount >= keptFrom, byteCount < mappedFrom else { return byteCount }
    let step = 1 << (Int.bitWidth - 4 - byteCount.leadingZeroBitCount)
    return min((byteCount + step - 1) & -step, mappedFrom - 1)
  }

  private static let free = Mutex(Free())

  /// Lets the allocator, too, keep what is given back to it, up to as much again. For the process, so only a program's `main` may say it.
  package static func keepFreedMemory() { ck_keep_freed_memory() }

  /// Uninitialised memory, aligned to 64 bytes, to be given back with `deallocate`.
  package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    kept(byteCount) ?? fresh(byteCount)
  }

  /// The same, filled with zeros, which the system has done already for a large block that it hands out.
  package static func allocateZeroed(byteCount: Int) -> UnsafeMutableRawPointer {
    let reused = kept(byteCount)
    let block = reused ?? fresh(byteCount)
    if reused != nil || byteCount < mappedFrom { memset(block, 0, byteCount) }
    return block
  }

  /// Zeroed memory that is looked up at random, of which a large block asks for huge pages, so that the processor's list of pages is missed
  /// less. All else goes without: a virtual machine may have given free memory of that size back to its host, and then its first touch takes five
  /// times as long.
  package static func allocateScattered(byteCount: Int) -> UnsafeMutableRawPointer {
    let block = allocateZeroed(byteCount: byteCount)
    if byteCount >= mappedFrom { ck_want_huge_pages(block, byteCount) }
    return block
  }

  /// A larger block for one that `allocate` gave, with the same first `used` bytes. A block of `mappedFrom` bytes or more keeps all its bytes,
  /// and the whole pages that are added to it are zero.
  package static func grow(
    _ pointer: UnsafeMutableRawPointer, byteCount: Int, used: Int, to larger: Int
  ) -> UnsafeMutableRawPointer {
    if byteCount >= mappedFrom {
      guard let block = ck_remap(pointer, byteCount, larger) else { outOfMemory(larger) }
      return block
    }
    let block = allocate(byteCount: larger)
    memcpy(block, pointer, used)
    deallocate(pointer, byteCount: byteCount)
    return block
  }

  /// How large a block becomes that was outgrown at `byteCount`. A large one reserves so much that growing further copies nothing: memory that is
  /// never touched costs nothing, and each copy of what is there does.
  package static func sizeBeyond(_ byteCount: Int) -> Int {
    byteCount < sparseFrom ? byteCount * 2 : max(byteCount * 4, mappedFrom)
  }

  private static func kept(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard byteCount >= keptFrom, let block = free.withLock({ $0.take(size(for: byteCount)) }) else { return nil }
    if byteCount >= mappedFrom { ck_trim(block.pointer, block.size, byteCount) }
    return block.pointer
  }

  private static func fresh(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard byteCount >= mappedFrom else { return .allocate(byteCount: size(for: byteCount), alignment: 64) }
    guard let block = ck_map(byteCount) else { outOfMemory(byteCount) }
    return block
  }

  private static func outOfMemory(_ byteCount: Int) -> Never {
    fatalError("out of memory: \(byteCount) bytes wanted")  // ok: as Swift's own allocation ends
  }

  private static func giveBack(_ block: Block) {
    if block.size >= mappedFrom { ck_unmap(block.pointer, block.size) } else { block.pointer.deallocate() }
  }

  /// Gives back what `allocate` gave; `byteCount` is what was asked for.
  package static func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    guard byteCount >= keptFrom, byteCount <= keptLimit else {
      return giveBack(Block(pointer: pointer, size: byteCount))
    }
    let block = Block(pointer: pointer, size: size(for: byteCount))
    let dropped = free.withLock { free -> [Block] in
      free.blocks.append(block)
      free.byteCount += block.size
      var count = 0
      while free.byteCount > keptLimit {
        free.byteCount -= free.blocks[count].size
        count += 1
      }
      defer { free.blocks.removeFirst(count) }
      return Array(free.blocks[..<count])
    }
    for block in dropped { giveBack(block) }
  }

  /// Memory for `capacity` values.
  package static func allocate<T: BitwiseCopyable>(_: T.Type, capacity: Int) -> UnsafeMutablePointer<T> {
    allocate(byteCount: capacity * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: capacity)
  }

  /// Gives back memory for `capacity` values.
  package static func deallocate<T: BitwiseCopyable>(_ pointer: UnsafeMutablePointer<T>, capacity: Int) {
    deallocate(UnsafeMutableRawPointer(pointer), byteCount: capacity * MemoryLayout<T>.stride)
  }

  /// `grow` for values.
  package static func grow<T: BitwiseCopyable>(
    _ pointer: UnsafeMutablePointer<T>, capacity: Int, used: Int, to larger: Int
  ) -> UnsafeMutablePointer<T> {
    let stride = MemoryLayout<T>.stride
    return grow(
      UnsafeMutableRawPointer(pointer), byteCount: capacity * stride, used: used * stride, to: larger * stride
    )
    .bindMemory(to: T.self, capacity: larger)
  }
}
