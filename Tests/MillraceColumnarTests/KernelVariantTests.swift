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
    #expect(ck_pack(words, count, &layout, &packed))
    #expect(ck_pack_plain(words, count, &layout, &packedPlainly))
    #expect(packed[..<size] == packedPlainly[..<size])
    var unpacked = [UInt8](repeating: 0, count: length * count)
    ck_unpack(packed, count, &layout, &unpacked)
    #expect(unpacked == texts.flatMap { $0 })
  }

  /// Each place of each row is seen, and only what the layout says counts.
  @Test func textsThatDoNotFitAreNotPacked() {
    let pattern = "id-#######-?-end"
    let count = 20
    var layout = ck_pack_layout()
    func fits(_ row: Int, _ at: Int, _ byte: UInt8, findsLayout: Bool = false) -> [Bool] {
      let texts = (0..<count).map { row -> [UInt8] in
        let digits = Array(String(row + 0x1234567 * (row + 1), radix: 16).utf8)
        return pattern.utf8.enumerated().map { at, byte in
          byte == 35 ? digits[(at + row) % digits.count] : byte == 63 ? UInt8(71 + row) : byte
        }
      }
      var changed = texts
      changed[row][at] = byte
      let column = ColumnVector.of(changed.map { .binary($0) }, type: .binary)
      return withExtendedLifetime(column) {
        let words = UnsafeRawPointer(column.views).assumingMemoryBound(to: ck_view_words.self)
        if findsLayout {
          layout.length = pattern.utf8.count
          ck_find_pack_layout(words, count, &layout)
        }
        var packed = [UInt8](repeating: 0, count: count * layout.length + 64)
        return [ck_pack(words, count, &layout, &packed), ck_pack_plain(words, count, &layout, &packed)]
      }
    }
    #expect(fits(0, 0, 105, findsLayout: true) == [true, true])
    for row in [0, 1, 7, 19] {
      for (at, kind) in pattern.utf8.enumerated() {
        let (good, bad): (UInt8, UInt8) = kind == 35 ? (100, 71) : kind == 63 ? (200, 200) : (kind, kind ^ 1)
        #expect(fits(row, at, good) == [true, true])
        #expect(fits(row, at, bad) == [kind == 63, kind == 63], "byte \(at) of row \(row)")
      }
    }
  }
}
