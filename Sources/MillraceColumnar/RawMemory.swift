import Glibc

/// Memory for columns and tables.
package enum RawMemory {
  private static let hugePage = 2 << 20
  /// Half of the last page may be wasted, which must not matter.
  private static let hugeFrom = 4 << 20

  /// Uninitialised memory, aligned to 64 bytes, to be given back with `deallocate()`. A large block asks for huge pages: the
  /// first touch of each small one costs half a microsecond, and a table that is looked up at random misses the processor's
  /// list of pages less.
  package static func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    if byteCount >= hugeFrom {
      var block: UnsafeMutableRawPointer?
      if posix_memalign(&block, hugePage, byteCount) == 0, let block {
        madvise(block, byteCount & ~(hugePage - 1), MADV_HUGEPAGE)
        return block
      }
    }
    return .allocate(byteCount: byteCount, alignment: 64)
  }

  /// Memory for `capacity` values.
  package static func allocate<T: BitwiseCopyable>(_: T.Type, capacity: Int) -> UnsafeMutablePointer<T> {
    allocate(byteCount: capacity * MemoryLayout<T>.stride).bindMemory(to: T.self, capacity: capacity)
  }
}
