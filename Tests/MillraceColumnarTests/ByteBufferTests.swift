import MillraceColumnar
import Testing

struct ByteBufferTests {
  private static func text(_ count: Int, _ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed &* 7 &+ 1) }
  }

  /// Slices keep their bytes whatever is added behind them, small and large ones, and what may be read behind them is zero.
  @Test(arguments: [0, 1, 100, 65_535, 65_536, 200_000, 1 << 20, 3 << 20])
  func slicesStayAsTheyAre(_ size: Int) {
    let buffer = ByteBuffer(capacity: 64 << 10)
    var taken: [(slice: MemorySlice, bytes: [UInt8])] = []
    for seed in 0..<6 {
      let bytes = Self.text(size + seed, seed)
      // In pieces, so that the buffer has to grow with bytes in it.
      for at in stride(from: 0, to: bytes.count, by: 50_000) {
        bytes[at..<min(at + 50_000, bytes.count)].withUnsafeBytes { buffer.append($0) }
      }
      taken.append((buffer.takeSlice(), bytes))
      #expect(buffer.count == 0)
    }
    buffer.append("more")
    for (slice, bytes) in taken {
      #expect(slice.count == bytes.count && slice.bytes.elementsEqual(bytes))
      let behind = UnsafeRawBufferPointer(start: slice.base + slice.count, count: 64)
      #expect(behind.allSatisfy { $0 == 0 })
    }
  }

  /// What is given to be received in place lies in one block as long as there is room, and is not copied.
  @Test func slicesShareABlock() {
    let buffer = ByteBuffer(capacity: 1 << 20)
    let room = buffer.reserve(100_000)
    buffer.advance(100_000)
    let first = buffer.takeSlice()
    #expect(first.base == room)
    #expect(buffer.spare < 1 << 20 && buffer.spare > 900_000)
    buffer.reserve(80_000).storeBytes(of: 7, as: UInt8.self)
    buffer.advance(80_000)
    let second = buffer.takeSlice()
    #expect(second.owner === first.owner)
    #expect(second.base - first.base == 100_096, "aligned, with 64 bytes between them")
    // Few bytes are copied, so that they do not keep a block.
    buffer.append("few")
    let third = buffer.takeSlice()
    #expect(third.owner !== first.owner && third.count == 3)
  }

  /// A buffer that has handed out slices is a buffer as any other.
  @Test func goesOnBehindASlice() {
    let buffer = ByteBuffer(capacity: 256 << 10)
    let bytes = Self.text(100_000, 1)
    bytes.withUnsafeBytes { buffer.append($0) }
    let slice = buffer.takeSlice()
    buffer.append("abc")
    let taken = buffer.take()
    #expect(UnsafeRawBufferPointer(start: taken.base, count: taken.capacity).elementsEqual("abc".utf8))
    bytes.withUnsafeBytes { buffer.append($0) }
    bytes.withUnsafeBytes { buffer.append($0) }
    #expect(buffer.bytes.elementsEqual(bytes + bytes))
    #expect(slice.bytes.elementsEqual(bytes))
  }
}
