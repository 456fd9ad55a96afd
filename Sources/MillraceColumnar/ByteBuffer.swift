import Glibc

/// Bytes that grow at the end; for encoders and logs. Used by one thread at a time.
public final class ByteBuffer: @unchecked Sendable {
  /// First byte; moves when the buffer grows.
  private var base: UnsafeMutableRawPointer
  /// Bytes written.
  public private(set) var count = 0
  private var capacity: Int

  /// An empty buffer with room for `capacity` bytes.
  public init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    base = RawMemory.allocate(byteCount: self.capacity + 64)
  }

  deinit { RawMemory.deallocate(base, byteCount: capacity + 64) }

  /// The bytes so far, valid until the next change.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Address of room for `more` bytes at the end; call `advance` after filling.
  public func reserve(_ more: Int) -> UnsafeMutableRawPointer {
    if count + more > capacity { grow(more) }
    return base + count
  }

  private func grow(_ more: Int) {
    let size = max(capacity * 2, count + more)
    base = RawMemory.grow(base, byteCount: capacity + 64, used: count, to: size + 64)
    capacity = size
  }

  /// The bytes so far, without a copy. The buffer is empty afterwards.
  public func take() -> MemoryBuffer {
    let taken = MemoryBuffer(adopting: base, capacity: count, allocated: capacity + 64)
    count = 0
    capacity = 64
    base = RawMemory.allocate(byteCount: capacity + 64)
    return taken
  }

  /// The bytes so far; the buffer is empty afterwards. Without a copy where they fill half of the room and are worth it, so that what
  /// is kept of them holds little memory that nobody uses.
  public func takeFilled() -> MemoryBuffer {
    if count >= 64 << 10, count >= capacity / 2 { return take() }
    defer { count = 0 }
    return MemoryBuffer(copying: bytes)
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
