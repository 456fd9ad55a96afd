import MillraceColumnar
import Testing

@testable import MillraceFormats

@Suite struct LineTests {
  /// The rule, byte by byte.
  static func lines(_ text: [UInt8]) -> [[UInt8]] {
    var lines: [[UInt8]] = []
    var line: [UInt8] = []
    var index = 0
    while index < text.count {
      if text[index] == 13 || text[index] == 10 {
        lines.append(line)
        line = []
        if text[index] == 13 && index + 1 < text.count && text[index + 1] == 10 { index += 1 }
      } else {
        line.append(text[index])
      }
      index += 1
    }
    return line.isEmpty ? lines : lines + [line]
  }

  @Test(arguments: [
    "", "\n", "\r", "\r\n", "a", "a\n", "a\nb", "a\r\nb\r\n", "a\rb", "\n\n", "\r\r\n\n", "a\n\rb", "é\n", "\0\n",
  ]) func splitsShortTexts(_ text: String) throws {
    let expected = Self.lines(Array(text.utf8)).map { Value.string(String(decoding: $0, as: UTF8.self)) }
    #expect(try rows(TextDecoding(), text).map { $0[0] } == expected)
    #expect(try Self.counted(text) == expected.count)
  }

  @Test func splitsAtEveryLengthAroundABlock() throws {
    for length in 0...200 {
      for terminator in ["\n", "\r\n", "\r"] {
        let text = String(repeating: "x", count: length) + terminator + "y" + terminator + terminator + "z"
        let found = try rows(TextDecoding(), text).map { $0[0] }
        #expect(found == [.string(String(repeating: "x", count: length)), "y", "", "z"].map { $0 }, "\(length)")
        #expect(try Self.counted(text) == 4, "\(length)")
      }
    }
  }

  @Test func splitsRandomTexts() throws {
    var random = Seeded(state: 7)
    for _ in 0..<300 {
      let text = (0..<Int(random.next() % 700)).map { _ in [97, 98, 10, 13, 99][Int(random.next() % 5)] as UInt8 }
      let expected = Self.lines(text).map { Value.string(String(decoding: $0, as: UTF8.self)) }
      #expect(try rows(TextDecoding(), String(decoding: text, as: UTF8.self)).map { $0[0] } == expected)
      #expect(try Self.counted(String(decoding: text, as: UTF8.self)) == expected.count)
    }
  }

  @Test(
    arguments: [
      ("", nil, nil), ("a", nil, nil), ("a\n", 2, 2), ("a\nb", 2, 2), ("a\nb\n", 2, 4), ("a\r", nil, nil),
      ("a\rb", 2, 2),
      ("a\r\nb", 3, 3), ("a\r\n", 3, 3), ("a\rb\nc", 2, 4), ("\n", 1, 1), ("\r\r", 1, 1),
    ] as [(String, Int?, Int?)]) func framesRecords(_ text: String, _ first: Int?, _ last: Int?)
  {
    Array(text.utf8).withUnsafeBytes {
      #expect(LineFraming.firstRecordEnd(in: $0) == first)
      #expect(LineFraming.lastRecordEnd(in: $0) == last)
    }
  }

  @Test(arguments: [(0, 3), (1, 3), (2, 3), (3, 3), (4, 3), (5, 5), (6, 5), (7, 5), (8, 8), (9, 8), (50, 8)])
  func framesWithinALimit(_ limit: Int, _ end: Int) {
    Array("aa\nb\ncc\rd".utf8).withUnsafeBytes { #expect(LineFraming.recordEnd(in: $0, within: limit) == end) }
  }

  @Test func framesWithinALimitOfALongRecord() {
    Array("abcdef\n".utf8).withUnsafeBytes { #expect(LineFraming.recordEnd(in: $0, within: 3) == 7) }
    Array("abcdef".utf8).withUnsafeBytes { #expect(LineFraming.recordEnd(in: $0, within: 3) == nil) }
  }

  /// Lines by counting alone, where no column is asked for.
  static func counted(_ text: String) throws -> Int {
    let batch = try decode(TextDecoding().makeDecoder(columns: [], filters: []), text)
    #expect(batch.columns.isEmpty)
    return batch.rowCount
  }
}
