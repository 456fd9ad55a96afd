/// Bytes in a block that may hold more, and may be added to behind them. They do not change; up to 64 bytes behind them may be read, too.
public struct MemorySlice: @unchecked Sendable {
  /// What the bytes lie in.
  public let owner: MemoryBuffer
  /// The first byte.
  public let base: UnsafeMutableRawPointer
  /// How many there are.
  public let count: Int

  init(owner: MemoryBuffer, base: UnsafeMutableRawPointer, count: Int) {
    self.owner = owner
    self.base = base
    self.count = count
  }

  /// The bytes, for as long as `owner` lives.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }
}
