import Glibc

/// Memory for string bytes that grows by blocks and never moves what it holds, so that views stay good.
public final class Arena: @unchecked Sendable {
  private var blocks: [MemoryBuffer] = []
  @exclusivity(unchecked) private var free: UnsafeMutableRawPointer
  @exclusivity(unchecked) private var left = 0
  /// Bytes of all blocks.
  public private(set) var byteCount = 0

  /// An arena without memory.
  public init() {
    free = UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
  }

  /// What keeps the stored bytes alive.
  public var owners: [AnyObject] { blocks }

  /// Address of `count` bytes that the caller fills.
  public func reserve(_ count: Int) -> UnsafeMutableRawPointer {
    if count > left {
      let size = max(count, min(max(byteCount, 1024), 4 << 20))
      let block = MemoryBuffer(capacity: size)
      blocks.append(block)
      byteCount += size
      free = block.base
      left = size
    }
    let pointer = free
    free += count
    left -= count
    return pointer
  }

  /// Gives back the last `count` bytes of the latest `reserve`.
  public func giveBack(_ count: Int) {
    free -= count
    left += count
  }

  /// A view of a copy of the bytes; short ones need no memory.
  public func store(_ bytes: UnsafeRawPointer, _ count: Int) -> StringView {
    if count <= StringView.inlineCapacity { return StringView(bytes, count) }
    let target = reserve(count)
    memcpy(target, bytes, count)
    return StringView(target, count)
  }

  /// A view whose long bytes lie here.
  public func store(_ view: StringView) -> StringView {
    view.isInline ? view : store(view.address, view.count)
  }
}
