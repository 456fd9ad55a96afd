import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// What the encoders of pairs write is what the decoders read.
@Suite struct PairEncodingTests {
  static let schema = Schema([
    StructField("a", .string), StructField("n", .integer), StructField("t", .timestamp), StructField("ok", .boolean),
    StructField("x.y", .double),
  ])
  static let rows: [[Value]] = [
    ["plain", .integer(-7), .integer(1_704_067_200_123_000), .boolean(true), .double(1.5)],
    ["two words, \"quoted\" \\ a=b", .null, .null, .boolean(false), .null],
    ["", .integer(0), .null, .null, .double(1e300)], ["é\tline\nbreak\r\u{1}end", .null, .null, .null, .null],
  ]

  @Test func logfmtComesBack() throws {
    let text = try EncodingTests.encode(PairEncoding("logfmt", .logfmt), Self.rows, Self.schema)
    #expect(
      text == """
        a=plain n=-7 t=2024-01-01T00:00:00.123Z ok=true x.y=1.5
        a="two words, \\"quoted\\" \\\\ a=b" ok=false
        a="" n=0 x.y=1.0E300
        a="é\\tline\\nbreak\\r\\u0001end"

        """)
    #expect(try MillraceFormatsTests.rows(PairDecoding("logfmt", .logfmt, schema: Self.schema), text) == Self.rows)
  }

  @Test func ltsvComesBackWithoutTabs() throws {
    let text = try EncodingTests.encode(PairEncoding("ltsv", .ltsv), Self.rows, Self.schema)
    var expected = Self.rows
    expected[3][0] = "é line break \u{1}end"
    #expect(try MillraceFormatsTests.rows(PairDecoding("ltsv", .ltsv, schema: Self.schema), text) == expected)
  }

  @Test func tabsSeparateColumns() throws {
    let format = try FormatRegistry.encoder("tsv")
    let encoding = try format.make(Options(["header": "true"], fields: format.fields, of: "tsv"))
    let two = Schema([StructField("a", .string), StructField("b", .integer)])
    #expect(try EncodingTests.encode(encoding, [["x\ty", .integer(1)]], two) == "a\tb\n\"x\ty\"\t1\n")
  }

  @Test func refusesNamesThatAreNoKeys() {
    for (name, type) in [("two words", DataType.string), ("a=b", .string), ("list", .array(.string))] {
      #expect(throws: MillraceError.self) {
        try PairEncoding("logfmt", .logfmt).makeEncoder(Schema([StructField(name, type)]))
      }
    }
  }
}
