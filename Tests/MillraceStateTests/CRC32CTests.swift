import CKernels
import MillraceTesting
import Testing

/// CRC32C, with which state and the commit log are checked: any other result makes checkpoints unreadable.
@Suite struct CRC32CTests {
  /// A bit after the other.
  private static func plain(_ crc: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~crc) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 1 ? 0x82F6_3B78 ^ crc >> 1 : crc >> 1 }
    }
  }

  private static func fast(_ crc: UInt32, _ bytes: some Collection<UInt8>) -> UInt32 {
    Array(bytes).withUnsafeBytes { ck_crc32c(crc, $0.baseAddress, $0.count) }
  }

  @Test func knownAnswers() {
    #expect(Self.fast(0, "123456789".utf8) == 0xE306_9283)
    #expect(Self.fast(0, repeatElement(0, count: 32)) == 0x8A91_36AA)
    #expect(Self.fast(0, []) == 0)
  }

  /// Of any length, from any start, in one go or in parts.
  @Test func lengthsAndParts() {
    var random = SeededGenerator(seed: 7)
    let bytes = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let blocks = (0..<40).flatMap { [16 * $0, 16 * $0 + 5] }
    for length in blocks + [1, 7, 8, 9, 1023, 1024, 1025, 3071, 3072, 3073, 3080, 6144, 9999] {
      let part = bytes[(10_000 - length)...]
      let seed = UInt32.random(in: 0 ... .max, using: &random)
      #expect(Self.fast(seed, part) == Self.plain(seed, part), "\(length) bytes")
      let cut = part.startIndex + Int.random(in: 0...length, using: &random)
      #expect(Self.fast(Self.fast(seed, part[..<cut]), part[cut...]) == Self.fast(seed, part), "\(length) bytes in two")
    }
  }
}
