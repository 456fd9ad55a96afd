import CKernels
import MillraceTesting
import Testing

/// Lines end at LF, CR LF and CR, wherever these stand in the blocks in which they are looked for.
@Suite struct LineKernelTests {
  /// Lines as ranges, where the last one without an end begins, byte for byte.
  private static func expected(_ bytes: ArraySlice<UInt8>) -> (lines: [Range<Int>], rest: Int) {
    var lines: [Range<Int>] = []
    var start = 0
    for (at, byte) in bytes.enumerated() where byte == 10 || byte == 13 {
      if byte == 10 && at == start && at > 0 && bytes[at - 1] == 13 {
        start = at + 1
        continue
      }
      lines.append(start..<at)
      start = at + 1
    }
    return (lines, start)
  }

  @Test(arguments: [[10], [13], [13, 10], [10, 13], [10, 10, 10, 13]] as [[UInt8]], [1, 4, 30, 200, 3000])
  func lines(ends: [UInt8], length: Int) {
    var random = SeededGenerator(seed: UInt64(length))
    for round in 0..<60 {
      let count = Int.random(in: 0...9000, using: &random)
      var bytes: [UInt8] = []
      while bytes.count < count {
        bytes += repeatElement(97, count: Int.random(in: 0...length, using: &random))
        // A pair, or one of several.
        bytes += ends == [13, 10] ? ends : [ends.randomElement(using: &random) ?? 10]
      }
      let hasHigh = round % 2 == 1 && count > 0
      if hasHigh { bytes[Int.random(in: 0..<count, using: &random)] = 0xC3 }
      // What stands behind the bytes counts for nothing.
      bytes = bytes[..<count] + [10, 13, 0xC3] + [UInt8](repeating: 10, count: 64)
      let (lines, rest) = Self.expected(bytes[..<count])
      let capacity = [64, 100, 4096].randomElement(using: &random) ?? 64
      for find in [ck_lines, ck_lines_plain] {
        var state = ck_line_state()
        var spans: [UInt64] = []
        while state.position < count {
          spans += [UInt64](unsafeUninitializedCapacity: capacity) { room, found in
            found = find(bytes, count, &state, room.baseAddress, capacity)
          }
        }
        let isSame = spans == lines.map { ck_span($0.lowerBound, $0.count, UInt32(CK_TEXT)) }
        #expect(isSame && state.start == rest && (state.has_high != 0) == hasHigh)
      }
      let total = lines.count + (rest < count ? 1 : 0)
      #expect(ck_count_lines(bytes, count) == total && ck_count_lines_plain(bytes, count) == total)
    }
  }
}
