import MillraceColumnar
import MillraceCore
import MillraceExpressions
import Testing

@testable import MillraceFormats

/// `regex` and `grok`, and the SQL functions that read strings as formats do.
@Suite struct PatternFormatTests {
  @Test func namedGroupsAreColumns() throws {
    let pattern = #"^(?<level>\w+) \[(?<took_ms>\d+)\] (?<message>.*)$"#
    let decoding = try PatternDecoding("regex", pattern, schema: nil)
    #expect(decoding.schema.ddl == "level STRING, took_ms STRING, message STRING")
    #expect(
      try rows(decoding, "info [12] all well\nno match\nwarn [7] ") == [
        ["info", "12", "all well"], [.null, .null, .null], ["warn", "7", ""],
      ])
    let typed = Schema([
      StructField("took_ms", .integer), StructField("_corrupt_record", .string), StructField("level", .string),
    ])
    #expect(
      try rows(PatternDecoding("regex", pattern, schema: typed), "info [12] x\nno match") == [
        [.integer(12), .null, "info"], [.null, "no match", .null],
      ])
  }

  /// The same columns whether a pattern has choices, which the general engine runs, or not.
  @Test func bothEnginesAgree() throws {
    let simple = #"^(?<a>\S+) (?:x=)(?<b>\d+)"#
    let general = #"^(?<a>\S+) (?:x=|y=)(?<b>\d+)"#
    let text = (0..<300).map { "é\($0) x=\($0 * 7) rest" }.joined(separator: "\n") + "\nnone\n"
    let first = try rows(PatternDecoding("regex", simple, schema: nil), text)
    #expect(first == (try rows(PatternDecoding("regex", general, schema: nil), text)))
    #expect(first[10] == ["é10", "70"])
    #expect(first.last == [.null, .null])
  }

  @Test func faultsOfPatternsHaveCodes() {
    func code(_ body: () throws -> Void) -> String? { #expect(throws: MillraceError.self, performing: body)?.code }
    #expect(code { _ = try PatternDecoding("regex", "(a)", schema: nil) } == "PATTERN_WITHOUT_NAMES")
    #expect(code { _ = try PatternDecoding("regex", "(?<a>", schema: nil) } == "INVALID_PARAMETER_VALUE.PATTERN")
    let wrong = Schema([StructField("lvl", .string)])
    #expect(code { _ = try PatternDecoding("regex", "(?<level>a)", schema: wrong) } == "PATTERN_GROUP_NOT_FOUND")
    #expect(code { _ = try GrokPattern("%{WROD:x}") } == "GROK_PATTERN_NOT_FOUND")
    #expect(code { _ = try GrokPattern("%{WORD:x") } == "GROK_PATTERN_INVALID")
    #expect(code { _ = try GrokPattern("%{WORD:x:decimal}") } == "GROK_TYPE_UNKNOWN")
    #expect(code { _ = try GrokPattern("%{A}", custom: "A %{B}\nB %{A}") } == "GROK_PATTERN_INVALID")
  }

  static func grok(_ pattern: String, _ text: String, custom: String? = nil) throws -> [[Value]] {
    let expanded = try GrokPattern(pattern, custom: custom)
    return try rows(PatternDecoding("grok", expanded.expression, types: expanded.types, schema: nil), text)
  }

  @Test func readsGrok() throws {
    #expect(
      try Self.grok(
        "%{IP:client} %{WORD:method} %{URIPATHPARAM:request} %{INT:bytes:int} %{NUMBER:duration:double}",
        "55.3.244.1 GET /index.html?a=b 15824 0.043") == [
          ["55.3.244.1", "GET", "/index.html?a=b", .integer(15824), .double(0.043)]
        ])
    #expect(
      try Self.grok(
        "%{TIMESTAMP_ISO8601:at:timestamp} %{LOGLEVEL:[log][level]} %{ORDER:order}",
        "2024-01-31T12:30:00Z WARN AB12", custom: "# own\nORDER [A-Z]{2}\\d+") == [
          [.integer(1_706_704_200_000_000), "WARN", "AB12"]
        ])
    let apache =
      #"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://e.example/" "Mozilla/4""#
    #expect(
      try Self.grok("%{COMBINEDAPACHELOG}", apache) == [
        [
          "127.0.0.1", "-", "frank", "10/Oct/2000:13:55:36 -0700", "GET", "/a.gif", "1.0", .null, "200", "2326",
          "\"http://e.example/\"", "\"Mozilla/4\"",
        ]
      ])
  }

  /// Each pattern of the library compiles and takes a text of its kind, and not one of another.
  @Test(arguments: [
    ("IP", "::1", "::x1"), ("IPV4", "10.0.0.255", "10.0.0.256"), ("MAC", "00:1A:2b:3c:4d:5e", "00:1A:2b"),
    ("UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567"), ("HOSTPORT", "example.org:80", "example.org"),
    ("EMAILADDRESS", "a.b@example.org", "a.b"), ("URI", "https://u:p@example.org:80/a?b=c", "/a"),
    ("WINPATH", #"C:\a\b"#, "a/b"), ("UNIXPATH", "/var/log/x", "var"),
    ("HTTPDATE", "10/Oct/2000:13:55:36 -0700", "10/Oct"),
    ("SYSLOGTIMESTAMP", "Oct  1 13:55:36", "Foo 1 13:55:36"), ("DATE_EU", "31.12.2023", "31.13.2023"),
    ("QS", #""a \" b""#, #""a"#), ("BASE16NUM", "0xFF", "xyz"), ("LOGLEVEL", "Warning", "fine"),
    ("DATESTAMP", "12/31/2023 10:11:12", "12/31"), ("DAY", "Monday", "Someday"),
  ])
  func patternsTakeWhatTheyAreFor(name: String, good: String, bad: String) throws {
    #expect(try Self.grok("^%{\(name):x}$", good) == [[.string(good)]])
    #expect(try Self.grok("^%{\(name):x}$", bad) == [[.null]])
  }

  @Test func allPatternsCompile() throws {
    for name in GrokLibrary.patterns.keys.sorted() { _ = try LinePattern(GrokPattern("%{\(name):x}").expression) }
  }

  static func call(_ name: String, _ texts: [Value], _ more: [String] = []) throws -> [Value] {
    let function = try #require(FormatFunctions.added(to: .builtin).scalar(name))
    let input = Attribute("value", .string)
    let constants = more.map { FunctionArgument.expression(.literal(.string($0), .string)) }
    let call = try function.bind([.expression(.attribute(input))] + constants, BindingContext())
    let batch = RecordBatch(rowCount: texts.count, columns: [ColumnVector.of(texts, type: .string)])
    let result = try Evaluator([call], input: [input]).evaluate(batch, EvaluationContext())[0]
    return (0..<texts.count).map { result.value($0) }
  }

  @Test func functionsGiveStructsAndMaps() throws {
    let found = try Self.call(
      "grok", [.null, "x", "GET 200", "", "two GET 404\nlines"], ["%{WORD:method} %{INT:status:int}$"])
    #expect(found[0] == .null && found[1] == .null && found[3] == .null && found[4] == .null)
    #expect(found[2] == .structure(["GET", .integer(200)]))
    #expect(
      try Self.call("parse_key_value", ["a:1;b:2", .null], [";", ":"]) == [
        PairFormatTests.map([("a", "1"), ("b", "2")]), .null,
      ])
    #expect(try Self.call("parse_logfmt", ["a=\"open"]) == [.null])
    #expect(
      try Self.call("parse_regex", ["error: disk"], ["(?<level>[a-z]+): (?<what>.*)"]) == [
        .structure(["error", "disk"])
      ])
    let line = #"10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.0" 200 5"#
    let rows = try Self.call("parse_clf", ["x", .string(line)])
    #expect(rows[0] == .null)
    guard case .structure(let fields) = rows[1] else {
      Issue.record("no struct")
      return
    }
    #expect(fields[8] == .integer(200) && fields[0] == "10.0.0.1")
  }

  /// A batch that comes again at another time of day must read the same: its own time counts.
  @Test func yearsOfSyslogGoByTheBatch() throws {
    let function = try #require(FormatFunctions.added(to: .builtin).scalar("parse_syslog"))
    let line = Expression.literal(.string("Jan  2 03:04:05 host app: x"), .string)
    let call = try function.bind([.expression(line)], BindingContext())
    for (time, expected) in [
      (1_072_828_800_000_000, 1_041_476_645_000_000), (1_104_537_600_000_000, 1_073_012_645_000_000),
    ]
      as [(Int64, Int64)]
    {
      let result = try Evaluator([call], input: []).evaluate(
        RecordBatch(rowCount: 1, columns: []), EvaluationContext(batchTimestamp: time))[0]
      guard case .structure(let fields) = result.value(0) else {
        Issue.record("no struct")
        return
      }
      // At the end of 2003 it is the second of January 2003; on the first of 2005 the second is more than a day away, so 2004's holds.
      #expect(fields[3] == .integer(expected))
    }
  }

  @Test func refusesPatternsThatAreNoConstants() throws {
    let function = try #require(FormatFunctions.added(to: .builtin).scalar("grok"))
    let input = FunctionArgument.expression(.attribute(Attribute("value", .string)))
    let error = #expect(throws: MillraceError.self) { try function.bind([input, input], BindingContext()) }
    #expect(error != nil)
  }
}
