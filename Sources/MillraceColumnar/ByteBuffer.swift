import Glibc

/// Bytes that grow at the end; for encoders and logs. Used by one thread at a time.
///
/// What changes with each append is not checked for overlapping access at run time, which cost as much as appending: no closure of this type's
/// runs while it changes.
public final class ByteBuffer: @unchecked Sendable {
  /// First byte; moves when the buffer grows.
  @exclusivity(unchecked) private var base: UnsafeMutableRawPointer
  /// Bytes written.
  @exclusivity(unchecked) public private(set) var count = 0
  @exclusivity(unchecked) private var capacity: Int
  /// What the room is a part of, where bytes in front of it were handed out.
  private var block: MemoryBuffer?

  /// An empty buffer with room for `capacity` bytes.
  public init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    base = RawMemory.allocate(byteCount: self.capacity + 64)
  }

  deinit {
    if block == nil { RawMemory.deallocate(base, byteCount: capacity + 64) }
  }

  /// The bytes so far, valid until the next change.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Bytes that can be added before the buffer has to grow.
  public var spare: Int { capacity - count }

  /// Address of room for `more` bytes at the end; call `advance` after filling.
  public func reserve(_ more: Int) -> UnsafeMutableRawPointer {
    if count + more > capacity { grow(more) }
    return base + count
  }

  private func grow(_ more: Int) {
    let size = max(capacity * 2, count + more)
    if block == nil {
      base = RawMemory.grow(base, byteCount: capacity + 64, used: count, to: size + 64)
      capacity = size
    } else {
      let written = bytes
      withExtendedLifetime(block) {
        begin(size)
        if let source = written.baseAddress { memcpy(base, source, written.count) }
      }
    }
  }

  /// Goes on in new memory, whatever the old is for.
  private func begin(_ size: Int) {
    block = nil
    capacity = size
    base = RawMemory.allocate(byteCount: size + 64)
  }

  /// The bytes so far, without a copy where nothing was handed out before them. The buffer is empty afterwards.
  public func take() -> MemoryBuffer {
    defer { count = 0 }
    if block != nil { return MemoryBuffer(copying: bytes) }
    let taken = MemoryBuffer(adopting: base, capacity: count, allocated: capacity + 64)
    begin(64)
    return taken
  }

  /// From so many bytes it is worth it to hand them out where they are.
  private static let sliceFrom = 64 << 10
  /// Sizes of the blocks that are handed out in slices.
  private static let blockSizes = (256 << 10)...(4 << 20)

  /// The bytes so far, with 64 zeros behind them; the buffer is empty afterwards. Many are handed out without a copy, and the buffer goes on behind
  /// them in the same block while that has room for a good part of as many again; so what is kept of them holds little memory that
  /// nobody uses. Few are copied.
  public func takeSlice() -> MemorySlice {
    defer { count = 0 }
    guard count >= Self.sliceFrom else {
      let copy = MemoryBuffer(copying: bytes)
      memset(copy.base + count, 0, 64)
      return MemorySlice(owner: copy, base: copy.base, count: count)
    }
    let owner = block ?? MemoryBuffer(adopting: base, capacity: capacity, allocated: capacity + 64)
    let slice = MemorySlice(owner: owner, base: base, count: count)
    memset(base + count, 0, 64)
    // What comes next begins behind the bytes that readers of the slice may look at, and as aligned as a block.
    let used = (count + 64 + 63) & ~63
    let rest = capacity - used
    if rest >= max(count / 4, Self.sliceFrom) {
      block = owner
      base += used
      capacity = rest
    } else {
      var size = Self.blockSizes.lowerBound
      while size < 2 * count, size < Self.blockSizes.upperBound { size *= 2 }
      begin(size)
    }
    return slice
  }

  /// Says how many reserved bytes were filled.
  public func advance(_ more: Int) { count += more }

  /// Appends bytes.
  public func append(_ more: UnsafeRawBufferPointer) {
    guard let source = more.baseAddress, more.count > 0 else { return }
    memcpy(reserve(more.count), source, more.count)
    count += more.count
  }

  /// Appends one byte.
  public func append(_ byte: UInt8) {
    reserve(1).storeBytes(of: byte, as: UInt8.self)
    count += 1
  }

  /// Appends the UTF-8 of a string.
  public func append(_ text: String) {
    var copy = text
    copy.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  /// Appends the bytes of a trivial value in the machine's order.
  public func append<T: BitwiseCopyable>(raw value: T) {
    reserve(MemoryLayout<T>.size).storeBytes(of: value, as: T.self)
    count += MemoryLayout<T>.size
  }

  /// Empties the buffer, keeping its room.
  public func removeAll() { count = 0 }

  /// Cuts the buffer to its first `size` bytes.
  public func truncate(to size: Int) { count = min(count, size) }
}
