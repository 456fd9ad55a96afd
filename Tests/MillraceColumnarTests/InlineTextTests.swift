import MillraceColumnar
import MillraceTesting
import Testing

/// Work on texts that lie within their views, against the same byte by byte.
@Suite struct InlineTextTests {
  static let pieces = [
    "a", "z", "A", "Z", "`", "{", "@", "[", "0", "9", "/", ":", " ", "-", "+", "é", "ß", "日", "\u{7F}", "\0", "5",
  ]

  static func texts(_ seed: UInt64) -> [String] {
    var random = SeededGenerator(seed: seed)
    return [""]
      + (0..<2000).map { _ in
        let count = Int.random(in: 1...14, using: &random)
        let digitsOnly = Int.random(in: 0...3, using: &random) == 0
        return (0..<count).map { _ in
          digitsOnly
            ? "\(Int.random(in: 0...9, using: &random))" : pieces[Int.random(in: 0..<pieces.count, using: &random)]
        }.joined()
      }
  }

  /// Views keep texts of more than 12 bytes elsewhere: the body runs while they are there.
  static func withView<R>(_ text: String, _ body: (StringView) -> R) -> R {
    var copy = text
    return copy.withUTF8 { bytes in
      bytes.baseAddress.map { body(StringView(UnsafeRawPointer($0), bytes.count)) } ?? body(StringView())
    }
  }

  @Test func letterCaseIsThatOfASCII() {
    for text in Self.texts(1) {
      for isUpper in [true, false] {
        let found = Self.withView(text) { $0.withOtherCase(isUpper: isUpper)?.string }
        let isPlain = text.utf8.count <= 12 && text.utf8.allSatisfy { $0 < 0x80 }
        #expect(found == (isPlain ? isUpper ? text.uppercased() : text.lowercased() : nil), "\(text)")
      }
    }
  }

  @Test func charactersAreCodePoints() {
    for text in Self.texts(2) {
      let found = Self.withView(text) { $0.inlineCharacterCount }
      #expect(found == (text.utf8.count <= 12 ? text.unicodeScalars.count : nil), "\(text)")
    }
  }

  @Test func digitsAreNumbers() {
    for text in Self.texts(3) + ["00000000", "99999999", "100000000", "-1", "+1", " 1", "1 "] {
      let isShort = (1...8).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
      #expect(Self.withView(text) { NumberParsing.digits($0) } == (isShort ? UInt64(text) : nil), "\(text)")
    }
  }

  @Test func columnsOfIntegersAreReadAsTextsAre() throws {
    let texts = Self.texts(4) + ["-128", "127", "128", "-129", " 12 ", "+7", "12345678", "123456789", "00000127"]
    let column = ColumnVector.of(texts.map { .string($0) }, type: .string)
    let found = try ColumnVector.parseIntegers(.byte, column, as: Int8.self, isTry: true) { _ in
      MillraceError("TEST", "not to be called")
    }
    for (row, text) in texts.enumerated() {
      var copy = text
      let wanted = copy.withUTF8 { NumberParsing.integer(UnsafeRawBufferPointer($0), as: Int8.self) }
      #expect(found.value(row) == (wanted.map { .integer(Int64($0)) } ?? .null), "\(text)")
    }
  }
}
