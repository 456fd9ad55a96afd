import MillraceFormats
import Testing

struct CharacterEncodingTests {
  /// A text as bytes of an encoding.
  static func encoded(_ text: String, _ encoding: CharacterEncoding) -> [UInt8] {
    switch encoding {
    case .utf8: Array(text.utf8)
    case .latin1: text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    case .utf16LittleEndian: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    case .utf16BigEndian: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }
  }

  static func decoded(_ bytes: [UInt8], _ encoding: CharacterEncoding) -> String {
    let text = [UInt8](unsafeUninitializedCapacity: encoding.decodedCapacity(bytes.count)) { target, count in
      count = bytes.withUnsafeBytes { from in target.baseAddress.map { encoding.decode(from, into: $0) } ?? 0 }
    }
    return String(decoding: text, as: UTF8.self)
  }

  @Test(arguments: CharacterEncoding.allCases) func roundTrip(_ encoding: CharacterEncoding) {
    let text = encoding == .latin1 ? "naïve café £1\nÿ\u{80}\n" : "naïve € 𝄞\n\u{0A0A}\u{0A00}\u{000A}end"
    let bytes = Self.encoded(text, encoding)
    #expect(Self.decoded(bytes, encoding) == text)
    Array(text.utf8).withUnsafeBytes { #expect(encoding.encodedLength($0) == bytes.count) }
    // Each prefix that ends with a character comes out as a prefix, and tells how long it was.
    for limit in 0...bytes.count {
      let length = bytes.withUnsafeBytes { encoding.prefixLength($0, limit) }
      #expect(length <= limit && limit - length < 4)
      let part = Self.decoded(Array(bytes[..<length]), encoding)
      #expect(text.unicodeScalars.starts(with: part.unicodeScalars))
      Array(part.utf8).withUnsafeBytes { #expect(encoding.encodedLength($0) == length) }
    }
  }

  @Test(arguments: CharacterEncoding.allCases) func lineFeeds(_ encoding: CharacterEncoding) {
    // Characters whose bytes look like line feeds where they are two.
    let text = encoding.unit == 1 ? "ab\ncd\n" : "\u{0A0A}\u{0A61}\n\u{610A}\u{000D}\n"
    let bytes = Self.encoded(text, encoding)
    var ends: [Int] = []
    for (index, character) in text.unicodeScalars.enumerated() where character == "\n" {
      ends.append((index + 1) * encoding.unit)
    }
    bytes.withUnsafeBytes { all in
      for count in 0...all.count {
        let part = UnsafeRawBufferPointer(rebasing: all[..<count])
        #expect(encoding.behindLastLineFeed(part) == ends.last { $0 <= count } ?? 0)
        #expect(encoding.behindFirstLineFeed(part) == ends.first { $0 <= count })
      }
    }
  }

  @Test func brokenCharacters() {
    #expect(Self.decoded([0x61, 0x00, 0x00, 0xD8, 0x62, 0x00], .utf16LittleEndian) == "a\u{FFFD}b")
    #expect(Self.decoded([0x00, 0xDC, 0x61, 0x00, 0x62], .utf16LittleEndian) == "\u{FFFD}a\u{FFFD}")
  }

  @Test func marks() {
    func length(_ bytes: [UInt8], _ encoding: CharacterEncoding) -> Int {
      bytes.withUnsafeBytes { encoding.markLength($0) }
    }
    #expect(length([0xEF, 0xBB, 0xBF, 0x61], .utf8) == 3)
    #expect(length([0xFF, 0xFE], .utf16LittleEndian) == 2)
    #expect(length([0xFE, 0xFF], .utf16LittleEndian) == 0)
    #expect(length([0xEF, 0xBB], .utf8) == 0)
  }
}
