import MillraceColumnar
import MillraceExpressions
import MillraceTesting
import Testing

/// Patterns without choices, which a kernel runs over whole columns, against the same in a form that only the general engine takes.
@Suite struct ScanPatternTests {
  static let patterns = [
    #"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+)"#,
    #"(\d+)-(\d+)"#, #"^a*(b+)c"#, #"((\w+)=)(\d*);"#,
    #"([^ ]*) ([^ ]*)$"#, #"^\[(\w{2,3})\]: (.*)$"#, "aaaaaaaaab(c)", #"(a)(b)(c)(d)"#,
    #"x(\s+)y"#, #"^()abc"#, #""([^"]*)""#,
  ]

  /// Texts near to a match: pieces that the patterns look for, put together at random, and of all lengths around 16, 32, 64 and 1024.
  static func texts(_ random: inout SeededGenerator) -> [Value] {
    let pieces = [
      "a", "b", "c", "abc", "aaaaaaaaa", "x y", "x\t\ny", "12-34", "k=7;", "[ab]: ", "\"", "\\", " ", "é", "日本", "\r\n",
      "1.2.3.4 - bob [10/Oct/2000] \"GET /a/b HTTP/1.0\" 200 17", "abcd",
    ]
    var texts: [Value] = [.null, .string("")]
    for _ in 0..<300 {
      let count = Int.random(in: 1...6, using: &random)
      var text = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
      if Bool.random(using: &random) {
        let filler = [0...40, 0...140, 900...1100][Int.random(in: 0...2, using: &random)]
        let letters = String(repeating: "z", count: Int.random(in: filler, using: &random))
        text = Bool.random(using: &random) ? text + letters : letters + text
      }
      texts.append(.string(text))
    }
    return texts
  }

  static func extract(_ column: ColumnVector, _ pattern: String, group: Int) throws -> [Value] {
    let input = Attribute("value", .string)
    let function = try #require(FunctionRegistry.builtin.scalar("regexp_extract"))
    let call = try function.bind(
      [
        .expression(.attribute(input)), .expression(.literal(.string(pattern), .string)),
        .expression(.literal(.integer(Int64(group)), .integer)),
      ], BindingContext())
    let batch = RecordBatch(rowCount: column.count, columns: [column])
    let result = try Evaluator([call], input: [input]).evaluate(batch, EvaluationContext())[0]
    return (0..<column.count).map { result.value($0) }
  }

  @Test(arguments: patterns)
  func giveTheSameAsTheGeneralEngine(pattern: String) throws {
    var random = SeededGenerator(seed: UInt64(pattern.utf8.count))
    let texts = Self.texts(&random)
    let groupCount = pattern.count { $0 == "(" }
    for group in 0...groupCount {
      // With a NULL rows go one by one, without one a whole column at once.
      for values in [texts, Array(texts.dropFirst())] {
        let column = ColumnVector.of(values, type: .string)
        #expect(
          try Self.extract(column, pattern, group: group) == Self.extract(column, "(?:\(pattern))", group: group),
          "group \(group)")
      }
    }
  }
}
