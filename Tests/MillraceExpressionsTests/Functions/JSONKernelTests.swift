import CKernels
import MillraceColumnar
import MillraceTesting
import Testing

@testable import MillraceExpressions

/// What kernels make of JSON text is what is read step by step, or they leave it alone.
struct JSONKernelTests {
  /// A random value, mostly of the strict grammar, with blanks at odd places.
  private static func value(_ random: inout SeededGenerator, depth: Int = 0) -> String {
    func blank(_ random: inout SeededGenerator) -> String { ["", "", "", " ", "\n\t"].randomElement(using: &random)! }
    func string(_ random: inout SeededGenerator) -> String {
      let parts = [
        "a", "bc", "é", "\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\/", "name", "{", "0123456789", "]",
      ]
      return "\""
        + (0..<Int.random(in: 0...9, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
        + "\""
    }
    switch Int.random(in: 0..<(depth > 4 ? 6 : 9), using: &random) {
    case 0, 1: return string(&random)
    case 2:
      return [
        "0", "-0", "17", "-12345678901234567", "123456789012345678", "9223372036854775807", "9223372036854775808",
        "1.50",
        "-0.0", "100.00", "0.000001", "1e5", "-2.5E-3", "3.14159265358979323846", "12345678901234567.5",
      ].randomElement(using: &random)!
    case 3: return ["true", "false", "null"].randomElement(using: &random)!
    case 4: return ["{}", "[]", "{ }", "[ ]"].randomElement(using: &random)!
    case 5: return "\"\(Int.random(in: 0..<100, using: &random))\""
    case 6:
      return "["
        + (0..<Int.random(in: 1...5, using: &random)).map { _ in
          blank(&random) + value(&random, depth: depth + 1) + blank(&random)
        }.joined(separator: ",") + "]"
    default:
      return "{"
        + (0..<Int.random(in: 1...6, using: &random)).map { index in
          let name = Int.random(in: 0..<4, using: &random) == 0 ? string(&random) : "\"member \(index)\""
          return blank(&random) + name + blank(&random) + ":" + blank(&random) + value(&random, depth: depth + 1)
            + blank(&random)
        }.joined(separator: ",") + "}"
    }
  }

  /// Two thirds of the texts are broken somewhere.
  private static func texts(_ count: Int) -> [[UInt8]] {
    var random = SeededGenerator(seed: 20)
    return (0..<count).map { _ in
      var text = Array(value(&random).utf8)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: break
      case 1: text.removeLast(Int.random(in: 1...text.count, using: &random))
      default:
        let odd = Array("\"\\{}[]:,x0.-e \u{1}'".utf8)
        text[Int.random(in: text.indices, using: &random)] = odd.randomElement(using: &random)!
      }
      return text
    }
  }

  @Test func skipsWhatTheStepsSkip() {
    var skipped = 0
    for text in Self.texts(20_000) {
      text.withUnsafeBytes { bytes in
        let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let base else { return }
        var steps = JSONScanner(bytes)
        let isValue = steps.skipAnyValue()
        guard let end = ck_json_value_end(base, base + bytes.count) else { return }
        skipped += 1
        #expect(isValue && end - base == steps.position, "\(String(decoding: text, as: UTF8.self))")
      }
    }
    #expect(skipped > 8000)
  }

  @Test func findsTheMembersThatTheStepsFind() {
    let names = (0..<4).map { Array("member \($0)".utf8) } + [Array("a".utf8)]
    let wanted = ObjectNames(names)
    let values = UnsafeMutablePointer<UnsafePointer<UInt8>?>.allocate(capacity: names.count)
    defer { values.deallocate() }
    var found = 0
    for text in Self.texts(20_000) {
      text.withUnsafeBytes { bytes in
        var kernel = JSONScanner(bytes)
        guard kernel.findMembers(wanted, values) else { return }
        found += 1
        var expected = [Int?](repeating: nil, count: names.count)
        var steps = JSONScanner(bytes)
        let isWhole = steps.forEachField { scanner, name in
          _ = scanner.peek()
          if let index = names.firstIndex(where: { name.equals($0) }) { expected[index] = scanner.position }
          return scanner.skipAnyValue(depth: 1)
        }
        let places = names.indices.map { values[$0].map { $0 - kernel.base } }
        #expect(isWhole && steps.position == kernel.position && places == expected)
      }
    }
    #expect(found > 1000)
  }

  @Test func encodesVariantsAsTheStepsDo() {
    let kernel = VariantParser(), steps = VariantParser(usesKernel: false)
    func outcome(_ parser: VariantParser, _ text: [UInt8]) -> String {
      text.withUnsafeBytes { bytes in
        do throws(VariantParser.Failure) { return Array(try parser.parse(bytes)).description } catch {
          return "\(error)"
        }
      }
    }
    for text in Self.texts(20_000) {
      #expect(outcome(kernel, text) == outcome(steps, text), "\(String(decoding: text, as: UTF8.self))")
    }
  }

  /// More members and elements than a kernel holds, and deeper nesting.
  @Test func leavesLargeValuesToTheSteps() {
    let kernel = VariantParser(), steps = VariantParser(usesKernel: false)
    let many = (0..<700).map { "\"m\($0)\":\($0)" }.joined(separator: ",")
    let texts = [
      "{\(many)}", "[\(String(repeating: "1,", count: 700))2]",
      String(repeating: "[", count: 110) + "1" + String(repeating: "]", count: 110),
      "{\"abcdefgh2\":1,\"abcdefgh1\":2,\"abcdefgh\":3}", "{\"abcdefghi\":1,\"abcdefghi\":2}",
      "[{\"b\":{\"d\":1,\"c\":2},\"a\":3},{\"a\":1}]",
    ]
    for text in texts.map({ Array($0.utf8) }) {
      text.withUnsafeBytes { bytes in
        let a = Result { Array(try kernel.parse(bytes)) }, b = Result { Array(try steps.parse(bytes)) }
        #expect((try? a.get()) == (try? b.get()))
      }
    }
  }
}
