import MillraceCore
import Testing

/// JSON of offsets, tokens and facts: what is written is read again, and what is no JSON is refused with its place.
@Suite struct JSONTests {
  @Test(arguments: [
    #"null"#, #"true"#, #"[]"#, #"{}"#, #"[1,-2,9223372036854775807]"#, #"{"a":{"b":[{"c":null}]}}"#, #""""#,
    #""a\"b\\c\nd\re\tf""#, #""\u0001\u001f""#, #""é😀""#, #"[0.5,1e+300]"#, #"{"z":1,"a":2}"#,
  ])
  func writesWhatItReads(text: String) throws { #expect(try JSON(parsing: text).text == text) }

  @Test(arguments: [
    (#" [ 1 , 2 ] "#, "[1,2]"), (#""\u0041\/\b\f""#, #""A/\u0008\u000c""#), (#""\ud83d\ude00""#, #""😀""#),
    (#""\ud83dx""#, "\"\u{FFFD}x\""), (#""\ud83d\u0041""#, "\"\u{FFFD}A\""), (#""\ude00""#, "\"\u{FFFD}\""),
    ("9223372036854775808", "9.223372036854776e+18"), ("1.0", "1.0"), ("-0", "0"),
  ])
  func reads(text: String, as canonical: String) throws { #expect(try JSON(parsing: text).text == canonical) }

  @Test(arguments: [
    ("", 0), ("  ", 2), ("[1,]", 3), ("[1 2]", 3), (#"{"a":1,}"#, 7), (#"{"a" 1}"#, 5), ("{a:1}", 1), ("[", 1),
    (#""abc"#, 4), (#""\u12"#, 3), (#""\u+12a""#, 3), ("nul", 0), ("truex", 4), ("1 2", 2), ("-", 0), ("+1", 0),
    ("01", 0), ("1.", 0), (".5", 0), ("1e", 0), ("--1", 0), ("NaN", 0), (#""\q""#, 3), ("\"a\nb\"", 2),
  ])
  func refuses(text: String, at byte: Int) {
    let error = #expect(throws: MillraceError.self) { try JSON(parsing: text) }
    #expect(error?.code == "JSON_SYNTAX")
    #expect(error?.message.hasSuffix("at byte \(byte)") == true, "\(error?.message ?? "")")
  }

  @Test func limitsDepth() throws {
    let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
    #expect(try JSON(parsing: deep).text == deep)
    #expect(throws: MillraceError.self) { try JSON(parsing: "[\(deep)]") }
  }

  @Test func accessorsAnswerForTheirKindOnly() throws {
    let json = try JSON(parsing: #"{"n":1,"s":"t","b":true,"l":[2],"n":3}"#)
    #expect(json["n"]?.int == 3, "the last of equal keys counts")
    #expect(json["s"]?.string == "t")
    #expect(json["b"]?.bool == true)
    #expect(json["l"]?.array == [.int(2)])
    #expect(json["x"] == nil)
    #expect(json["s"]?.int == nil)
    #expect(json["l"]?["n"] == nil)
    #expect(json.members?.map(\.key) == ["n", "s", "b", "l", "n"])
  }

  /// JSON has no word for them, and a text is read back as a text.
  @Test func numbersThatAreNoneAreTexts() {
    #expect(JSON.array([.double(.nan), .double(.infinity), .double(-.infinity)]).text == #"["nan","inf","-inf"]"#)
  }
}
