import Glibc
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

  /// Others may take the block first, but not every time.
  @Test func givesABlockOutAgainWhereALittleMoreIsWanted() {
    let isReused = (0..<1000).contains { _ in
      let first = RawMemory.allocate(byteCount: 300_000)
      RawMemory.deallocate(first, byteCount: 300_000)
      let second = RawMemory.allocate(byteCount: 310_000)
      defer { RawMemory.deallocate(second, byteCount: 310_000) }
      memset(second, 1, 310_000)
      return first == second
    }
    #expect(isReused)
  }

  private static let exchanged = 1_900_000

  /// Others may take or give back blocks of this size meanwhile, but not most times.
  @Test func prefersWhatThisThreadGaveBack() {
    let size = Self.exchanged
    let count = (0..<40).filter { _ in
      let own = RawMemory.allocate(byteCount: size)
      let other = RawMemory.allocate(byteCount: size)
      RawMemory.deallocate(own, byteCount: size)
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { block in
          RawMemory.deallocate(block!, byteCount: RawMemoryTests.exchanged)
          return nil
        }, other)
      #expect(status == 0)
      pthread_join(thread, nil)
      let next = RawMemory.allocate(byteCount: size)
      defer { RawMemory.deallocate(next, byteCount: size) }
      return next == own
    }
    .count
    #expect(count > 20)
  }

  @Test func keepsBytesWhereABlockGrows() {
    for (size, larger) in [(1 << 20, 3 << 20), (3 << 20, 7 << 20), (5 << 20, 40_000_001), (4 << 20, 8 << 20)] {
      let block = RawMemory.allocate(byteCount: size)
      for offset in stride(from: 0, to: size, by: 4093) {
        block.storeBytes(of: UInt8(truncatingIfNeeded: offset), toByteOffset: offset, as: UInt8.self)
      }
      let grown = RawMemory.grow(block, byteCount: size, used: size, to: larger)
      #expect(
        stride(from: 0, to: size, by: 4093).allSatisfy {
          grown.load(fromByteOffset: $0, as: UInt8.self) == UInt8(truncatingIfNeeded: $0)
        })
      if size >= RawMemory.mappedFrom {
        #expect((size..<larger).allSatisfy { grown.load(fromByteOffset: $0, as: UInt8.self) == 0 })
      }
      RawMemory.deallocate(grown, byteCount: larger)
    }
  }

  @Test func zeroesBlocksThatWereUsedBefore() {
    for size in [1 << 20, 5 << 20] {
      let first = RawMemory.allocate(byteCount: size)
      memset(first, 1, size)
      RawMemory.deallocate(first, byteCount: size)
      let smaller = size - size / 8
      let second = RawMemory.allocateZeroed(byteCount: smaller)
      #expect((0..<smaller).allSatisfy { second.load(fromByteOffset: $0, as: UInt8.self) == 0 })
      RawMemory.deallocate(second, byteCount: smaller)
    }
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
