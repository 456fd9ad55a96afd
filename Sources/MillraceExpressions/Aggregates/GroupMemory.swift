import Glibc
import MillraceColumnar

/// Memory for the values of groups: it grows, and becomes the memory of vectors without a copy. Whoever changes it while vectors still
/// have it gets a copy first.
final class GroupMemory {
  private var pointer: UnsafeMutableRawPointer
  private var capacity: Int
  /// Bytes that hold values.
  private var used = 0
  /// What vectors have; nil until the first.
  private var given: MemoryBuffer?

  init(capacity: Int) {
    self.capacity = capacity
    pointer = RawMemory.allocate(byteCount: capacity + Self.margin)
  }

  deinit { if given == nil { RawMemory.deallocate(pointer, byteCount: capacity + Self.margin) } }

  /// What kernels may read past the end.
  private static let margin = 64

  /// The bytes, to be read only.
  var bytes: UnsafeRawPointer { UnsafeRawPointer(pointer) }

  /// The bytes, to be changed. Good until the next `buffer`.
  var base: UnsafeMutableRawPointer {
    if given != nil { detach() }
    return pointer
  }

  @inline(never)
  private func detach() {
    if isKnownUniquelyReferenced(&given) { return }
    let own = RawMemory.allocate(byteCount: capacity + Self.margin)
    memcpy(own, pointer, used)
    pointer = own
    given = nil
  }

  /// Makes it `size` bytes, the new ones uninitialised.
  func extend(to size: Int) {
    if size > capacity { grow(to: max(size, RawMemory.sizeBeyond(capacity))) }
    used = size
  }

  private func grow(to size: Int) {
    if given == nil {
      pointer = RawMemory.grow(
        pointer, byteCount: capacity + Self.margin, used: used, to: size + Self.margin)
    } else {
      let own = RawMemory.allocate(byteCount: size + Self.margin)
      memcpy(own, pointer, used)
      pointer = own
      given = nil
    }
    capacity = size
  }

  /// The memory for a vector.
  func buffer() -> MemoryBuffer {
    if let given { return given }
    let buffer = MemoryBuffer(adopting: pointer, capacity: capacity, allocated: capacity + Self.margin)
    given = buffer
    return buffer
  }
}
