import Testing

@testable import MillracePipeline

struct LocatedJSONParserTests {
  /// Parses and gives the value, or the first complaint without file and code.
  static func outcome(_ text: String) -> String {
    let diagnostics = DiagnosticCollector(PipelineSource(file: "f", bytes: []))
    let value = LocatedJSONParser.parse(Array(text.utf8), into: diagnostics)
    let complaints = diagnostics.diagnostics.map { "\($0.place.line):\($0.place.column) \($0.message)" }
    return (complaints + [value.map(spell) ?? ""].filter { !$0.isEmpty }).joined(separator: " | ")
  }

  static func spell(_ node: LocatedJSON) -> String {
    switch node.value {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .number(let text): text
    case .string(let text): "'\(text)'"
    case .array(let elements): "[" + elements.map(spell).joined(separator: " ") + "]"
    case .object(let members): "{" + members.map { "\($0.key)=\(spell($0.value))" }.joined(separator: " ") + "}"
    }
  }

  @Test(arguments: [
    ("{}", "{}"), ("[]", "[]"), ("[1, -2.5e3, true, false, null,]", "[1 -2.5e3 true false null]"),
    (#"{"a": {"b": [ "x" , ], }, }"#, "{a={b=['x']}}"),
    ("// one\n{ /* two\n three */ \"a\" /**/ : // four\n 1 } // five", "{a=1}"),
    (#""\n\t\"\\\/A\u00e9\ud83d\ude00é""#, "'\n\t\"\\/AéԀé'".replacing("Ԁ", with: "😀")),
    ("\u{FEFF}{}", "{}"), ("\r\n 0.5", "0.5"), ("-0", "-0"), ("1e5", "1e5"), ("\"tab\tin\"", "'tab\tin'"),
  ])
  func accepts(text: String, value: String) {
    #expect(Self.outcome(text) == value)
  }

  @Test(arguments: [
    ("", "1:1 the file is empty"), ("  // only this", "1:15 the file is empty"),
    ("{\n  \"a\": 1\n  \"b\": 2\n}", "3:3 found '\"' after the value"),
    ("{ \"a\" 1 }", "1:7 found '1' where a colon is wanted after the key \"a\""),
    ("{ a: 1 }", "1:3 found 'a' where a key is wanted"), ("{ 'a': 1 }", "1:3 found ''' where a key is wanted"),
    ("['a']", "1:2 found ' where a value is wanted"), ("[yes]", "1:2 found yes where a value is wanted"),
    ("[1 2]", "1:4 found '2' after the element"), ("[,]", "1:2 found ',' where a value is wanted"),
    ("{ \"a\": 1", "1:9 the file ends inside an object"), ("[1,\n", "2:1 the file ends where a value is wanted"),
    ("{ \"a\": 1,", "1:10 the file ends inside an object"),
    ("{} {}", "1:4 '{' after the end of the file's object"), ("\"open", "1:1 the string is not closed on its line"),
    ("[\"a\nb\"]", "1:2 the string is not closed on its line"), ("[\"a\\qb\"]", "1:4 the escape \\q does not exist"),
    ("\"\\ud800x\"", "1:2 half of a surrogate pair"), ("\"\\u12g4\"", "1:2 \\u wants four hexadecimal digits"),
    ("[01]", "1:2 '01' is not a number"), ("[1.]", "1:2 '1.' is not a number"), ("[1-2]", "1:2 '1-2' is not a number"),
    ("/* open\n", "1:1 the comment is not closed"), ("[1 / 2]", "1:4 found '/'"),
    ("é", "1:1 found 'é' where a value is wanted"), ("[\"é\", x]", "1:8 found x where a value is wanted"),
    ("[\"a\u{1}\"]", "1:4 a control character stands in a string"),
    ("{\"a\": 1, \"b\": 2,\n\"a\": 3}", "2:1 the key 'a' occurs twice | {a=1 b=2}"),
  ])
  func complains(text: String, complaint: String) {
    #expect(Self.outcome(text) == complaint)
  }

  @Test func everyPrefixOfAFileIsReportedAndNothingTraps() {
    let text = Array(#"{"a": [1, "x\u00e9\ud83d\ude00", {"b": null}], /* c */ "d": true} // e"#.utf8)
    for length in 0..<text.count {
      let diagnostics = DiagnosticCollector(PipelineSource(file: "f", bytes: []))
      let value = LocatedJSONParser.parse(Array(text[..<length]), into: diagnostics)
      #expect((value == nil) == diagnostics.hasErrors)
    }
  }

  @Test func limitsHold() {
    let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(!Self.outcome(deep).contains("levels"))
    #expect(Self.outcome("[" + deep + "]") == "1:129 more than 128 levels of nesting")
    let large = "\"" + String(repeating: "x", count: 16 << 20) + "\""
    #expect(Self.outcome(large) == "1:1 the file has 16777218 bytes")
  }

  @Test func placesNameLineColumnAndPath() throws {
    let text = "{\n  \"sinks\": {\n    \"per minute\": { \"keys\": [\"é\", \"b\"] } } }"
    let root = try #require(
      LocatedJSONParser.parse(Array(text.utf8), into: DiagnosticCollector(PipelineSource(file: "f", bytes: []))))
    let second = try #require(root["sinks"]?["per minute"]?["keys"]?.elements?[1])
    #expect(second.place.path == "sinks[\"per minute\"].keys[1]")
    #expect((second.place.line, second.place.column) == (3, 36))
    #expect(Array(text.utf8)[second.place.offset] == UInt8(ascii: "\""))
  }
}
