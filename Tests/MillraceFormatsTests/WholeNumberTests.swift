import MillraceTesting
import Testing

@testable import MillraceFormats

/// Digits that are read many at once give the number that they are.
struct WholeNumberTests {
  private static func parse(_ text: String, lenient: Bool) -> Int64? {
    // What lies behind a text is other text, digits perhaps.
    let bytes = Array(text.utf8) + Array("9876543210987654".utf8)
    return bytes.withUnsafeBufferPointer { WholeNumber.parse($0.baseAddress!, text.utf8.count, lenient: lenient) }
  }

  @Test(arguments: 1...20)
  func numbersOfSoManyDigits(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    for _ in 0..<500 {
      let first = Int.random(in: 1...9, using: &random)
      let rest = (1..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }
      let digits = "\(first)" + rest.joined()
      for text in [digits, "-" + digits] {
        #expect(Self.parse(text, lenient: false) == Int64(text))
        #expect(Self.parse(text, lenient: true) == Int64(text))
      }
      #expect(Self.parse("+" + digits, lenient: true) == Int64(digits))
      #expect(Self.parse("+" + digits, lenient: false) == nil)
      #expect(Self.parse("0" + digits, lenient: true) == Int64(digits))
      #expect(Self.parse("0" + digits, lenient: false) == nil)
      var broken = Array(digits.utf8)
      let odd: [UInt8] = [0, 0x20, 0x2E, 0x2D, 0x2F, 0x3A, 0x65, 0x7F, 0x80, 0xB0, 0xB5, 0xFF]
      broken[Int.random(in: broken.indices, using: &random)] = odd.randomElement(using: &random)!
      let text = broken + Array("12345678".utf8)
      let isSigned = count > 1 && broken[0] == 0x2D
      let number = text.withUnsafeBufferPointer { WholeNumber.parse($0.baseAddress!, count, lenient: true) }
      #expect(number == (isSigned ? Int64(String(decoding: broken, as: UTF8.self)) : nil))
    }
  }

  @Test func limits() {
    let most = ["9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809"]
    for text in most + ["0", "-0"] { #expect(Self.parse(text, lenient: false) == Int64(text)) }
    for text in ["", "-", "+", "--1", "1-"] { #expect(Self.parse(text, lenient: true) == nil) }
  }
}
