import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

extension AccessLogTests {
  /// Lines as servers write them, some with a byte too many, too few or another.
  private static func text(_ random: inout Seeded) -> CutText {
    let strange = Array("\"[]- \\02a/:".utf8) + [0, 0x0D, 0xC3, 0xFF]
    var text: [UInt8] = []
    for _ in 0..<random.below(60) {
      let quoted = [
        "-", "a", "ab", "é", "", "GET /a b HTTP/1.1", "GET /", "x\\\"y", "\\x16", String(repeating: "q", count: 70),
      ]
      let status = random.pick(["200", "404", "500", "-", "007", "12", "2000", "20a"])
      let bytes = random.pick(["0", "-", "12", "2147483648", "99999999999999999999", "", "x"])
      var line = Array(
        """
        \(random.pick(["a", "ab", "::1", "-"])) \(random.pick(["-", "b"])) \(random.pick(["-", "ab", "two words"])) \
        [\(random.pick(["10/Oct/2000:13:55:36 -0700", "31/Feb/2000:13:55:36 +0000"]))] \
        "\(random.pick(quoted))" \(status) \(bytes) "\(random.pick(quoted))" "\(random.pick(quoted))"
        """.utf8)
      if random.once(in: 3), let at = line.indices.randomElement(using: &random) {
        switch random.below(4) {
        case 0: line[at] = random.pick(strange)
        case 1: line.insert(random.pick(strange), at: at)
        case 2: line.remove(at: at)
        default: line.removeSubrange(at...)
        }
      }
      text += line + [0x0A]
    }
    return CutText(text, misleading: "\" [-]200\n", &random)
  }

  @Test func conditionsOnRandomTextsLeaveOutOnlyRowsThatFail() {
    RandomTexts.each(150) { random in
      let variant = random.pick([AccessLogDecoding.Variant.clf, .combined])
      let corrupt = random.once(in: 4) ? "_corrupt_record" : nil
      let text = Self.text(&random)
      try RandomConditions.hold(
        text, { AccessLogDecoding(variant, badRecords: $0, corruptColumn: corrupt) }, &random)
    }
  }
}
