import Glibc

/// A block of raw memory that is freed with its last reference. One per column and batch, never per value.
///
/// 64 bytes beyond `capacity` are allocated too, so that kernels may read a full vector past the end.
/// Filling it is the maker's business before anyone else sees it; afterwards it is read-only.
public final class MemoryBuffer: @unchecked Sendable {
  /// The first byte, aligned to 64.
  public let base: UnsafeMutableRawPointer
  /// Usable bytes.
  public let capacity: Int
  /// What `RawMemory` was asked for.
  private let allocated: Int

  /// All usable bytes.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: capacity) }

  /// Allocates uninitialised memory.
  public init(capacity: Int) {
    self.capacity = capacity
    allocated = capacity + 64
    base = RawMemory.allocate(byteCount: allocated)
  }

  /// Takes over memory that `RawMemory` gave for `allocated` bytes, 64 or more beyond `capacity`.
  package init(adopting base: UnsafeMutableRawPointer, capacity: Int, allocated: Int) {
    self.capacity = capacity
    self.allocated = allocated
    self.base = base
  }

  /// Allocates memory of zeros.
  public static func zeroed(_ capacity: Int) -> MemoryBuffer {
    let allocated = capacity + 64
    return MemoryBuffer(
      adopting: RawMemory.allocateZeroed(byteCount: allocated), capacity: capacity, allocated: allocated)
  }

  /// A copy of `bytes`.
  public convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(capacity: bytes.count)
    if let source = bytes.baseAddress, bytes.count > 0 { memcpy(base, source, bytes.count) }
  }

  deinit { RawMemory.deallocate(base, byteCount: allocated) }
}
