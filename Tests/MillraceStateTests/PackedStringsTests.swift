import MillraceColumnar
import MillraceCore
import MillraceState
import MillraceTesting
import Testing

/// Strings of state: identifiers take little room, and everything comes back.
@Suite struct PackedStringsTests {
  /// A text in which `#` became a hexadecimal digit and `?` a letter.
  private static func text(_ pattern: String, _ random: inout SeededGenerator) -> String {
    String(
      pattern.map { character in
        switch character {
        case "#": "0123456789abcdef".randomElement(using: &random) ?? "0"
        case "?": "GHIJKLMNopqrst_/".randomElement(using: &random) ?? "G"
        default: character
        }
      })
  }

  private static func encoded(_ texts: [Value]) -> [UInt8] {
    let out = ByteBuffer()
    StateCodec.encode([ColumnVector.of(texts, type: .string)], count: texts.count, into: out)
    return withExtendedLifetime(out) { Array(out.bytes) }
  }

  private static func decoded(_ bytes: [UInt8], _ count: Int) throws -> [Value] {
    try bytes.withUnsafeBytes { bytes in
      var reader = StateReader(bytes)
      let column = try StateCodec.decode([.string], count: count, from: &reader)[0]
      #expect(reader.left == 0)
      return (0..<count).map { column.value($0) }
    }
  }

  @Test(
    arguments: [
      ("########-####-####-####-############", 16), ("user-######", 3), ("#", 1), ("session #######", 4),
      ("user=??? id=####", 5), ("the same in every row", 0), (String(repeating: "#", count: 64), 32),
      (String(repeating: "#?", count: 30), 45), ("????????????????", nil), (String(repeating: "#", count: 65), nil),
    ] as [(String, Int?)])
  func textsOfOnePattern(pattern: String, rowBytes: Int?) throws {
    var random = SeededGenerator(seed: 5)
    let texts = (0..<300).map { _ in Value.string(Self.text(pattern, &random)) }
    let out = Self.encoded(texts)
    let plain = 300 * pattern.utf8.count
    if let rowBytes {
      #expect(out.count <= 300 * rowBytes + 20 + pattern.utf8.count)
    } else {
      #expect(out.count >= plain)
    }
    #expect(try Self.decoded(out, 300) == texts)
  }

  @Test func textsOfManyPatterns() throws {
    var random = SeededGenerator(seed: 6)
    for _ in 0..<300 {
      let length = Int.random(in: 1...66, using: &random)
      let pattern = String((0..<length).map { _ in "##?-:ab9".randomElement(using: &random) ?? "#" })
      let count = Int.random(in: 1...50, using: &random)
      let hasNull = Int.random(in: 0..<4, using: &random) == 0
      let texts = (0..<count).map { row -> Value in
        hasNull && row % 3 == 0 ? .null : .string(Self.text(pattern, &random))
      }
      #expect(try Self.decoded(Self.encoded(texts), count) == texts)
    }
  }

  @Test func damageIsFound() throws {
    var random = SeededGenerator(seed: 7)
    let texts = (0..<40).map { _ in Value.string(Self.text("id-########", &random)) }
    let bytes = Self.encoded(texts)
    for end in bytes.indices {
      #expect(throws: MillraceError.self) { _ = try Self.decoded(Array(bytes[..<end]), 40) }
    }
    // The length, and the places of the digits.
    for (at, value) in [(2, 65 as UInt8), (2, 2), (4, 0xFF), (12, 0xFF)] {
      var wrong = bytes
      wrong[at] = value
      #expect(throws: MillraceError.self) { _ = try Self.decoded(wrong, 40) }
    }
  }
}
