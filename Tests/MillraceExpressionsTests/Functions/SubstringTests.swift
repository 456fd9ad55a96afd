import MillraceColumnar
import MillraceTesting
import Testing

@testable import MillraceExpressions

/// Parts of texts of all lengths around those that lie in a view, in ASCII and not.
@Suite struct SubstringTests {
  private static func texts(_ random: inout SeededGenerator) -> [String] {
    (0...40).flatMap { length in
      [["a"], ["a", "b", "c", "é"], ["x", "日", "🙂"]].map { letters in
        (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &random)] }.joined()
      }
    }
  }

  /// Spark's rule, on characters.
  private static func part(_ text: String, _ start: Int, _ length: Int) -> String {
    let characters = Array(text.unicodeScalars)
    let first = start > 0 ? start - 1 : start < 0 ? characters.count + start : 0
    let range = max(first, 0)..<max(min(first + max(length, 0), characters.count), max(first, 0))
    return range.upperBound > characters.count ? "" : String(String.UnicodeScalarView(characters[range]))
  }

  @Test(arguments: [-45, -13, -12, -9, -3, -1, 0, 1, 2, 5, 9, 12, 13, 14, 30, 45])
  func areThoseOfCharacters(start: Int) throws {
    var random = SeededGenerator(seed: UInt64(start + 50))
    let texts = Self.texts(&random)
    let column = ColumnVector.of(texts.map { .string($0) }, type: .string)
    let lengths = [-1, 0, 1, 2, 3, 7, 8, 9, 11, 12, 13, 20, 60]
    let calls = lengths.map { ("substring", [Value.integer(Int64(start)), .integer(Int64($0))]) }
    let found = try ScanPatternTests.evaluate(column, calls)
    for (length, values) in zip(lengths, found) {
      #expect(values == texts.map { .string(Self.part($0, start, length)) }, "length \(length)")
    }
    let ends = try ScanPatternTests.evaluate(column, ["left", "right"].map { ($0, [.integer(Int64(start))]) })
    #expect(ends[0] == texts.map { .string(Self.part($0, 1, start)) })
    #expect(ends[1] == texts.map { .string(start <= 0 ? "" : Self.part($0, -start, 100)) })
  }

  /// A part is a view like any other: equal to that of the same text elsewhere.
  @Test func areEqualToTheSameTextElsewhere() {
    let text = "abcdefghijkl"
    let column = ColumnVector.of([.string(text)], type: .string)
    for from in 0...12 {
      for end in from...12 {
        let same = ColumnVector.of([.string(String(Array(text)[from..<end]))], type: .string)
        withExtendedLifetime((column, same)) {
          let part = column.views[0].inlinePart(from, end), other = same.views[0]
          #expect(part.word0 == other.word0 && part.word1 == other.word1, "\(from)..<\(end)")
        }
      }
    }
  }
}
