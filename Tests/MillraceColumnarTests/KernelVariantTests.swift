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

  /// Lines in the usual form, with longer fields, and with something out of its place.
  @Test func accessLines() {
    var random = SeededGenerator(seed: 11)
    var text: [UInt8] = []
    var lines: [UInt64] = []
    for number in 0..<4000 {
      func some(_ texts: String...) -> String { texts.randomElement(using: &random) ?? "" }
      let long = String(repeating: some("a", "-", "\\\"", " "), count: Int.random(in: 0...130, using: &random))
      var line = Array(
        (some("10.0.0.\(number)", "2001:db8::\(long)") + some(" - ", " id ", "  ") + some("-", "user", "a user", long)
          + " [01/Jan/2026:05:22:11 +0000] \""
          + some("GET /a/\(number) HTTP/1.1", "GET", "-", "", "GET /\(long) HTTP/1.1")
          + "\" " + some("200", "503", "-", "20") + some(" 1", " 123456789012", " -", "")
          + some("", " \"-\" \"\(long)\"")).utf8)
      if Bool.random(using: &random), let at = line.indices.randomElement(using: &random) {
        line[at] = Array(" []\"\\-0x".utf8).randomElement(using: &random) ?? 32
      }
      lines.append(ck_span(text.count, line.count, UInt32(CK_TEXT)))
      text += line + [10]
    }
    text += [UInt8](repeating: 57, count: 128)
    let plans: [(last: Int, status: ClosedRange<Int32>?)] = [
      (CK_AGENT, nil), (CK_REFERER, 500...599), (CK_BYTES, nil), (CK_STATUS, 200...200), (CK_TIME, nil),
    ]
    for (last, status) in plans {
      var plan = ck_access_plan()
      plan.last = Int32(last)
      plan.status_filter = status == nil ? 0 : 1
      plan.status_low = status?.lowerBound ?? 0
      plan.status_high = status?.upperBound ?? 999
      func read(_ isPlain: Bool) -> (rows: [UInt32], isBad: [UInt8], fields: [[UInt64]]) {
        var rows = [UInt32](repeating: 0, count: lines.count)
        var isBad = [UInt8](repeating: 0, count: lines.count)
        let room = (0..<CK_ACCESS_FIELDS).map { _ in UnsafeMutablePointer<UInt64>.allocate(capacity: lines.count) }
        defer { for fields in room { fields.deallocate() } }
        for fields in room { fields.initialize(repeating: 0, count: lines.count) }
        let run = isPlain ? ck_access_lines_plain : ck_access_lines
        let columns = room.map(Optional.some)
        let count = run(&plan, text, lines, lines.count, columns, &rows, &isBad)
        return (
          Array(rows[..<count]), Array(isBad[..<count]),
          room.map { Array(UnsafeBufferPointer(start: $0, count: count)) }
        )
      }
      let wide = read(false)
      let plain = read(true)
      #expect(wide == plain)
      #expect(wide.isBad.contains(1) && wide.isBad.contains(0))
    }
  }
}
