import Glibc
import MillraceColumnar
import MillraceTesting
import Testing

@testable import MillraceExpressions

@Suite struct NumberPatternTests {
  @Test(arguments: [
    ("1,234.50", "9,999.99", "1234.50"), ("$78.12", "$99.99", "78.12"), ("454", "999", "454"),
    ("454", "000.00", "454.00"),
    ("-454", "S999", "-454"), ("454-", "999S", "-454"), ("12,454", "99G999", "12454"),
    ("12,454.8-", "99,999.9MI", "-12454.8"),
    ("<123>", "999PR", "-123"), ("123", "999PR", "123"), ("34", "999", "34"), ("34", "099", nil), ("4567", "999", nil),
    ("abc", "999", nil), ("", "999", nil), ("1.5", "9", nil), ("1,2,3", "9,999", nil), ("+5", "S9", "5"),
    ("+5", "MI9", nil),
  ])
  func reading(_ text: String, _ format: String, _ wanted: String?) throws {
    let pattern = try NumberPattern(format)
    var copy = text
    let value = copy.withUTF8 { pattern.parse(UnsafeRawBufferPointer($0)) }
    #expect(value.map { CellText(pattern.type).string(.decimal($0)) } == wanted)
  }

  @Test(arguments: [
    (12345, 1, "9,999.99", "1,234.50"), (-5, 0, "S99", " -5"), (12, 0, "0000", "0012"), (454, 0, "999", "454"),
    (45400, 2, "000D00", "454.00"), (12454, 0, "99G999", "12,454"), (7812, 2, "$99.99", "$78.12"),
    (-124548, 1, "99,999.9S", "12,454.8-"), (12345, 0, "999", "###"), (5, 1, "9.9", "0.5"), (5, 0, "99MI", " 5 "),
    (-5, 0, "99PR", " <5>"), (0, 0, "9", " "), (5, 0, "9.", "5 "),
  ])
  func writing(_ value: Int, _ scale: Int, _ format: String, _ wanted: String) throws {
    let text = try NumberPattern(format).format(Int128(value), scale: scale)
    #expect(String(decoding: text, as: UTF8.self) == wanted, "\(value) by \(format)")
  }

  @Test(arguments: [
    ("", "EMPTY"), ("S", "WRONG_NUM_DIGIT"), ("9$", "CUR_MUST_BEFORE_DIGIT"), ("9,,9", "CONT_THOUSANDS_SEPS"),
    ("9.9,9", "THOUSANDS_SEPS_MUST_BEFORE_DEC"), ("9.9.9", "WRONG_NUM_TOKEN"), ("9x", "UNEXPECTED_TOKEN"),
    ("$S9", "UNEXPECTED_TOKEN"),
  ])
  func malformedFormats(_ format: String, _ condition: String) {
    let error = #expect(throws: MillraceError.self) { try NumberPattern(format) }
    #expect(error?.code == "INVALID_FORMAT.\(condition)")
  }

  /// Numbers with few digits are written without the C library, to the same text.
  @Test func roundsAsTheLibraryDoes() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      let digits = Int.random(in: 0...6, using: &random)
      let ties = Double(Int.random(in: -100_000...100_000, using: &random)) / 64
      let any =
        Double.random(in: -1e13...1e13, using: &random) * pow(10, -Double(Int.random(in: 0...30, using: &random)))
      for value in [ties, any, -0.0, .leastNonzeroMagnitude, 0.5, 1e12.nextDown] {
        var writer = StringWriter(rows: 1)
        NumberFormat.appendGrouped(value, digits: digits, to: &writer)
        writer.end()
        let text = writer.finish(.string, count: 1).views[0].string
        #expect(text == NumberFormat.grouped(NumberFormat.fixed(value, digits: digits)), "\(value) \(digits)")
      }
    }
  }
}
