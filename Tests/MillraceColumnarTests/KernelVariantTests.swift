import CKernels
import MillraceColumnar
import MillraceTesting
import Testing

/// Kernels that exist for some processors and for all give the same.
@Suite struct KernelVariantTests {
  private static func words(_ count: Int, _ random: inout SeededGenerator) -> MemoryBuffer {
    let buffer = MemoryBuffer(capacity: count * 16)
    let words = buffer.base.assumingMemoryBound(to: ck_view_words.self)
    for row in 0..<count {
      words[row] = ck_view_words(word0: random.next() & ~0xFFFF_FFFF | random.next() % 13, word1: random.next())
    }
    return buffer
  }

  @Test(arguments: [0, 1, 7, 8, 9, 64, 1000])
  func hashes(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let buffer = Self.words(count, &random)
    let words = buffer.base.assumingMemoryBound(to: ck_view_words.self)
    for longAt in [nil] + Array(0..<min(count, 20)).map(Optional.some) {
      if let longAt { words[longAt].word0 = words[longAt].word0 & ~0xFFFF_FFFF | 13 }
      var hashes = [UInt32](repeating: 0, count: count + 1)
      var plain = hashes
      let hasLong = ck_hash_keys(words, count, &hashes)
      #expect(ck_hash_keys_plain(words, count, &plain) == hasLong)
      #expect(hasLong == (longAt != nil))
      #expect(hashes == plain)
      if let longAt { words[longAt].word0 = words[longAt].word0 & ~0xFFFF_FFFF }
    }
  }

  @Test(arguments: 1...64)
  func packedTexts(length: Int) {
    var random = SeededGenerator(seed: UInt64(length))
    let count = 50
    let changing = (0..<length).map { _ in Int.random(in: 0..<3, using: &random) }
    let texts = (0..<count).map { _ in
      changing.map { kind -> UInt8 in
        let digits = Array("0123456789abcdef".utf8)
        return kind == 0 ? 45 : kind == 1 ? digits[Int(random.next() % 16)] : UInt8(truncatingIfNeeded: random.next())
      }
    }
    let column = ColumnVector.of(texts.map { .binary($0) }, type: .binary)
    let words = UnsafeRawPointer(column.views).assumingMemoryBound(to: ck_view_words.self)
    var layout = ck_pack_layout()
    layout.length = length
    ck_find_pack_layout(words, count, &layout)
    var plain = layout
    plain.digits = 0
    plain.bytes = 0
    ck_pack_layout_plain(words, count, &plain)
    #expect(layout.digits == plain.digits && layout.bytes == plain.bytes)
    #expect(ck_pack_layout_is_valid(&layout))
    let size = ck_packed_size(&layout) * count
    var packed = [UInt8](repeating: 0, count: size + 64)
    var packedPlainly = packed
    ck_pack(words, count, &layout, &packed)
    ck_pack_plain(words, count, &layout, &packedPlainly)
    #expect(packed[..<size] == packedPlainly[..<size])
    var unpacked = [UInt8](repeating: 0, count: length * count)
    ck_unpack(packed, count, &layout, &unpacked)
    #expect(unpacked == texts.flatMap { $0 })
  }
}
