import Testing

@testable import MillracePipeline

/// `millrace fmt`.
struct PipelineFormatterTests {
  static func format(_ text: String) throws -> String { try PipelineFormatter.format(Array(text.utf8), file: "f") }

  static let cases: [(String, String)] = [
    ("{}", "{}\n"), ("[ ]", "[]\n"), ("  1 ", "1\n"), (#"{"a":1,"b":[1,2 ,3]}"#, "{ \"a\": 1, \"b\": [1, 2, 3] }\n"),
    ("{\n\"a\":1}", "{\n  \"a\": 1\n}\n"), ("{\n\"a\":1,}", "{\n  \"a\": 1,\n}\n"),
    ("{\"a\": {\n\"b\": 1}}", "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n"),
    (
      "// one\n\n\n// two\n{\n\n\"a\": 1, // three\n\n\n// four\n\"b\": 2 }\n// five",
      "// one\n\n// two\n{\n  \"a\": 1, // three\n\n  // four\n  \"b\": 2\n}\n// five\n"
    ),
    (
      "{ // head\n\"a\" /* in */ : /* side */ 1 // behind\n, // more\n// tail\n}",
      "{ // head\n  // more\n  \"a\": /* in */ /* side */ 1, // behind\n  // tail\n}\n"
    ),
    ("{\"a\": // why\n 1}", "{\n  // why\n  \"a\": 1\n}\n"), ("[1, /* x */ 2]", "[\n  1, /* x */\n  2\n]\n"),
    ("{\r\n\"a\": 1, // c \t\r\n\"b\": /* 1\r\n2 */ 2\r\n}\r\n", "{\n  \"a\": 1, // c\n  /* 1\n2 */\n  \"b\": 2\n}\n"),
    (
      "{\"s\": \"a\\u00e9 // no comment \\\" {\", \"n\": -1.50e+3}",
      "{ \"s\": \"a\\u00e9 // no comment \\\" {\", \"n\": -1.50e+3 }\n"
    ),
  ]

  @Test(arguments: cases)
  func layout(text: String, expected: String) throws {
    #expect(try Self.format(text) == expected)
    #expect(try Self.format(expected) == expected)
  }

  @Test func whatDoesNotFitIsBroken() throws {
    let long = "[" + Array(repeating: "\"abcdefgh\"", count: 11).joined(separator: ", ") + "]"
    #expect(try Self.format(long).split(separator: "\n").count == 13)
    let fits = "[" + Array(repeating: "\"abcdefgh\"", count: 9).joined(separator: ", ") + "]"
    #expect(try Self.format(fits) == fits + "\n")
  }

  @Test func brokenSyntaxIsRefused() {
    #expect(throws: PipelineFileError.self) { try Self.format("{ \"a\": }") }
  }

  /// Random trees with random layout and comments anywhere: the values stay, the comments stay, and once is as good as twice.
  @Test(arguments: 0..<400)
  func layingOutTwiceIsAsOnce(seed: Int) throws {
    var text = RandomText(UInt64(seed))
    let source = text.document()
    let once = try Self.format(source)
    #expect(try Self.format(once) == once, "\(source)\n---\n\(once)")
    #expect(Self.value(once) == Self.value(source), "\(source)\n---\n\(once)")
    for number in 0..<text.comments {
      #expect(once.contains("#\(number)#"), "comment \(number) of\n\(source)\n---\n\(once)")
    }
    #expect(!once.contains(" \n") && !once.contains("\n\n\n"))
  }

  private static func value(_ text: String) -> String? {
    LocatedJSONParser.parse(
      Array(text.utf8), into: DiagnosticCollector(PipelineSource(file: "f", bytes: [])))?.jsonText
  }

  /// Makes texts; the same for the same seed.
  struct RandomText {
    private var state: UInt64
    private(set) var comments = 0

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    private mutating func pick(_ count: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(count))
    }

    mutating func document() -> String { space() + value(depth: 0) + space() }

    private mutating func space() -> String {
      switch pick(9) {
      case 0...3: return ""
      case 4: return " "
      case 5: return "\n"
      case 6: return "\n\n\n  "
      case 7:
        comments += 1
        return " // #\(comments - 1)#\n" + space()
      default:
        comments += 1
        return "/* #\(comments - 1)#\(pick(3) == 0 ? "\n  x" : "") */" + space()
      }
    }

    private mutating func value(depth: Int) -> String {
      switch pick(depth > 4 ? 3 : 6) {
      case 0: return "\(pick(1000))"
      case 1: return #""text \#(pick(9)) \" // { \\""#
      case 2: return ["true", "false", "null", "-0.5e1"][pick(4)]
      case 3: return list("[", "]", depth) { $0.value(depth: depth + 1) }
      default:
        return list("{", "}", depth) { text in
          "\"k\(text.pick(1_000_000_000))\"" + text.space() + ":" + text.space() + text.value(depth: depth + 1)
        }
      }
    }

    private mutating func list(
      _ opening: String, _ closing: String, _ depth: Int, _ element: (inout RandomText) -> String
    ) -> String {
      var out = opening + space()
      let count = pick(5)
      for index in 0..<count {
        out += element(&self) + space()
        if index < count - 1 || pick(4) == 0 { out += "," + space() }
      }
      return out + closing
    }
  }
}
