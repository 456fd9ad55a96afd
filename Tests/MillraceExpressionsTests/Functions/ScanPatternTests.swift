import Glibc
import MillraceColumnar
import MillraceTesting
import Testing

@testable import MillraceExpressions

/// Patterns without choices, which a kernel runs over whole columns, against the same in a form that only the general engine takes.
/// `MILLRACE_PATTERNS=N` makes up N patterns, `MILLRACE_PATTERN_SEED=S` begins with seed S.
@Suite struct ScanPatternTests {
  /// The same pattern for the general engine.
  static func general(_ pattern: String) throws -> String {
    let form = "(?=)\(pattern)"
    try #require(ScanProgram(pattern) != nil && ScanProgram(form) == nil, "\(pattern)")
    return form
  }

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
    try extract(column, pattern, groups: [group])[0]
  }

  /// The groups out of one evaluator, which matches once for all of them.
  static func extract(_ column: ColumnVector, _ pattern: String, groups: [Int]) throws -> [[Value]] {
    try evaluate(column, groups.map { ("regexp_extract", [.string(pattern), .integer(Int64($0))]) })
  }

  static func evaluate(_ column: ColumnVector, _ calls: [(name: String, arguments: [Value])]) throws -> [[Value]] {
    let input = Attribute("value", .string)
    let bound = try calls.map { name, arguments in
      let function = try #require(FunctionRegistry.builtin.scalar(name))
      let literals = arguments.map { value -> Expression in
        if case .string = value { .literal(value, .string) } else { .literal(value, .integer) }
      }
      return try function.bind(
        ([.attribute(input)] + literals).map { .expression($0) }, BindingContext())
    }
    let batch = RecordBatch(rowCount: column.count, columns: [column])
    return try Evaluator(bound, input: [input]).evaluate(batch, EvaluationContext()).map { result in
      (0..<column.count).map { result.value($0) }
    }
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
          try Self.extract(column, pattern, group: group) == Self.extract(column, Self.general(pattern), group: group),
          "group \(group)")
      }
    }
  }

  /// A match notes only the groups that the calls beside it ask for.
  @Test(arguments: patterns)
  func severalGroupsAreThoseOfSingleCalls(pattern: String) throws {
    var random = SeededGenerator(seed: UInt64(pattern.utf8.count) + 1)
    let texts = Self.texts(&random)
    let groupCount = pattern.count { $0 == "(" }
    let sets = [
      Array(0...groupCount), [0], [groupCount], [groupCount, groupCount / 2], [groupCount / 2, 0, groupCount],
    ]
    for form in [pattern, try Self.general(pattern)] {
      for values in [texts, Array(texts.dropFirst())] {
        let column = ColumnVector.of(values, type: .string)
        let single = try (0...groupCount).map { try Self.extract(column, form, group: $0) }
        for set in sets {
          #expect(try Self.extract(column, form, groups: set) == set.map { single[$0] }, "groups \(set)")
        }
      }
    }
  }

  /// Where a call asks for a group that does not exist, the others get theirs, and it fails only on a match.
  @Test func aGroupThatDoesNotExistFailsOnAMatchOnly() throws {
    let texts = ColumnVector.of([.string("no match"), .string("none here either")], type: .string)
    #expect(
      try Self.extract(texts, #"(\d+)-(\d+)"#, groups: [2, 7]) == [
        [.string(""), .string("")], [.string(""), .string("")],
      ])
    let match = ColumnVector.of([.string("no match"), .string("1-2")], type: .string)
    #expect(throws: MillraceError.self) { try Self.extract(match, #"(\d+)-(\d+)"#, groups: [2, 7]) }
  }

  @Test(arguments: patterns)
  func rlikeGivesTheSameAsTheGeneralEngine(pattern: String) throws {
    var random = SeededGenerator(seed: UInt64(pattern.utf8.count) + 2)
    let texts = Self.texts(&random)
    for values in [texts, Array(texts.dropFirst())] {
      let column = ColumnVector.of(values, type: .string)
      let found = try Self.evaluate(
        column, [("rlike", [.string(pattern)]), ("rlike", [.string(Self.general(pattern))])])
      #expect(found[0] == found[1])
    }
  }

  /// A pattern out of pieces that the kernel may know; which of them it takes is its own affair.
  private static func randomPattern(_ random: inout SeededGenerator) -> String {
    let atoms = [
      "a", "b", "c", "1", "-", " ", "=", "\\.", "\"", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "[^\"]", "[ab]",
      "[^ab]", "[a-c1]",
      "[^ ]", "[\\d.]", "[]a]", "[^-]", ".", "\\n", "\\r", "\\t", "]", "}",
    ]
    let quantifiers = ["", "", "", "", "*", "+", "+", "?", "{2}", "{1,3}", "{2,}", "{0}", "{0,2}"]
    var pattern = Int.random(in: 0..<2, using: &random) == 0 ? "^" : ""
    var open = 0
    for _ in 0..<Int.random(in: 1...9, using: &random) {
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        pattern += ["(", "(?:", "(?<g\(pattern.utf8.count)>"][Int.random(in: 0..<3, using: &random)]
        open += 1
      case 1 where open > 0:
        pattern += ")"
        open -= 1
      default:
        pattern += atoms[Int.random(in: 0..<atoms.count, using: &random)]
        pattern += quantifiers[Int.random(in: 0..<quantifiers.count, using: &random)]
      }
    }
    pattern += String(repeating: ")", count: open)
    return Int.random(in: 0..<3, using: &random) == 0 ? pattern + "$" : pattern
  }

  /// Texts of few different characters, so that many match, some of them long.
  private static func randomTexts(_ random: inout SeededGenerator) -> [Value] {
    let pieces = ["a", "b", "c", "1", "-", " ", "=", ".", "\"", "]", "}", "\n", "\r", "\r\n", "\t", "é", "日", "\u{0}"]
    return (0..<60).map { _ in
      let count = [3, 12, 13, 30, 70, 140][Int.random(in: 0..<6, using: &random)]
      var text = ""
      for _ in 0..<Int.random(in: 0...count, using: &random) {
        text += pieces[Int.random(in: 0..<pieces.count, using: &random)]
      }
      if Int.random(in: 0..<12, using: &random) == 0 { text += String(repeating: "ab1", count: 341) + text }
      return .string(text)
    }
  }

  private static func variable(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

  @Test func patternsMadeUpGiveTheSameAsTheGeneralEngine() throws {
    let first = Self.variable("MILLRACE_PATTERN_SEED") ?? 1, count = Self.variable("MILLRACE_PATTERNS") ?? 300
    var taken = 0
    var failed = 0
    for seed in first..<first + count {
      var random = SeededGenerator(seed: seed)
      let pattern = Self.randomPattern(&random)
      guard ScanProgram(pattern) != nil, (try? CompiledPattern(pattern)) != nil else { continue }
      taken += 1
      let column = ColumnVector.of(Self.randomTexts(&random), type: .string)
      let groupCount = try CompiledPattern(pattern).groupCount
      let groups = (0...groupCount).filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
      let forms = [pattern, try Self.general(pattern)]
      let found = try forms.map { form in
        try Self.evaluate(
          column,
          groups.map { ("regexp_extract", [.string(form), .integer(Int64($0))]) } + [
            ("rlike", [.string(form)]), ("regexp_count", [.string(form)]), ("regexp_instr", [.string(form)]),
            ("regexp_replace", [.string(form), .string("<$0>")]),
            ("regexp_extract_all", [.string(form), .integer(Int64(groupCount))]),
          ])
      }
      if found[0] == found[1] { continue }
      failed += 1
      guard failed <= 3, let call = found[0].indices.first(where: { found[0][$0] != found[1][$0] }),
        let row = found[0][call].indices.first(where: { found[0][call][$0] != found[1][call][$0] })
      else { continue }
      Issue.record(
        """
        seed \(seed): '\(pattern)', call \(call) behind groups \(groups), gives \(found[0][call][row]) instead of \
        \(found[1][call][row]) for \(column.value(row))
        """)
    }
    #expect(failed == 0)
    #expect(taken * 10 > count)
  }
}
