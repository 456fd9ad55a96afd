import MillraceColumnar
import Testing

@Suite(.serialized) struct RawMemoryTests {
  @Test func givesABlockOutAgainOnlyWhereItFits() {
    let size = 3 << 20
    let first = RawMemory.allocate(byteCount: size)
    RawMemory.deallocate(first, byteCount: size)
    let larger = RawMemory.allocate(byteCount: size * 2)
    #expect(larger != first)
    larger.storeBytes(of: 1, toByteOffset: size * 2 - 1, as: UInt8.self)
    RawMemory.deallocate(larger, byteCount: size * 2)
  }

  @Test func alignsBlocksOfAllSizes() {
    for size in [0, 1, 64, 4096, 128 << 10, (4 << 20) - 1, 4 << 20, 33 << 20] {
      let blocks = (0..<3).map { _ in RawMemory.allocate(byteCount: size) }
      #expect(Set(blocks).count == 3 && blocks.allSatisfy { Int(bitPattern: $0) % 64 == 0 }, "\(size) bytes")
      for block in blocks {
        if size > 0 { block.storeBytes(of: 7, toByteOffset: size - 1, as: UInt8.self) }
        RawMemory.deallocate(block, byteCount: size)
      }
    }
  }
}
