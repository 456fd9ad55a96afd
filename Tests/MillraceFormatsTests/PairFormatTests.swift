import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// `logfmt`, `ltsv` and `key-value`.
@Suite struct PairFormatTests {
  static let schema = Schema([
    StructField("level", .string), StructField("took", .double), StructField("n", .integer),
    StructField("ok", .boolean),
    StructField("at", .timestamp), StructField("msg", .string),
  ])

  @Test func readsLogfmtByKey() throws {
    let decoding = try PairDecoding("logfmt", .logfmt, schema: Self.schema)
    let text = """
      at=2024-01-31T12:30:00Z level=info msg="well \\"done\\"\\n\\u00e9" took=1.5 n=3 ok
      n= level= other=x msg=plain ok=false

      msg="" n=x
      """
    #expect(
      try rows(decoding, text) == [
        ["info", .double(1.5), .integer(3), .boolean(true), .integer(1_706_704_200_000_000), "well \"done\"\né"],
        ["", .null, .null, .boolean(false), .null, "plain"],
        [.null, .null, .null, .null, .null, ""],
      ])
    #expect(try rows(decoding, text, columns: [5, 2])[0] == ["well \"done\"\né", .integer(3)])
  }

  static func map(_ pairs: [(String, String)]) -> Value {
    .map(pairs.map { Value.MapEntry(.string($0.0), .string($0.1)) })
  }

  @Test func givesMapsWithoutSchema() throws {
    #expect(
      try rows(PairDecoding("logfmt", .logfmt, schema: nil), "a=1 b=\"x y\" c a=2") == [
        [Self.map([("a", "2"), ("b", "x y"), ("c", "")])]
      ])
    #expect(
      try rows(PairDecoding("ltsv", .ltsv, schema: nil), "host:10.0.0.1:80\ttime:\tx:a b") == [
        [Self.map([("host", "10.0.0.1:80"), ("time", ""), ("x", "a b")])]
      ])
    #expect(
      try rows(PairDecoding("kv", .keyValue(pairs: 0x3B, value: 0x3A), schema: nil), "a:1; b:two words;c:\"x;y\"") == [
        [Self.map([("a", "1"), ("b", "two words"), ("c", "x;y")])]
      ])
  }

  @Test func faultsAreKept() throws {
    let schema = Schema([StructField("a", .integer), StructField("_corrupt_record", .string)])
    let decoding = try PairDecoding("logfmt", .logfmt, schema: schema)
    #expect(
      try rows(decoding, "a=1\na=\"open\na=x") == [
        [.integer(1), .null], [.null, "a=\"open"], [.null, "a=x"],
      ])
    let ltsv = try PairDecoding("ltsv", .ltsv, schema: Schema([StructField("a", .integer)]), badRecords: .skip)
    #expect(try rows(ltsv, "a:1\nno label\na:2") == [[.integer(1)], [.integer(2)]])
  }

  @Test func refusesNestedColumns() {
    let error = #expect(throws: MillraceError.self) {
      try PairDecoding("logfmt", .logfmt, schema: Schema([StructField("a", .array(.string))]))
    }
    #expect(error?.code == "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
  }

  @Test func formatsAreFoundByName() throws {
    func make(_ name: String, _ options: [String: String], _ schema: Schema? = nil) throws -> any Decoding {
      let format = try FormatRegistry.decoder(name)
      return try format.make(Options(options, fields: format.fields, of: name), schema, .null)
    }
    let two = Schema([StructField("a", .string), StructField("b", .integer)])
    #expect(try rows(make("tsv", [:], two), "x y\t7") == [["x y", .integer(7)]])
    let dashes = try make("key-value", ["pairSeparator": ",", "valueSeparator": "-"], two)
    #expect(try rows(dashes, "b-7,a-x") == [["x", .integer(7)]])
    let w3c = try make("w3c", ["fields": "date time cs(User-Agent) sc-status"])
    #expect(w3c.schema.names == ["date", "time", "cs_user_agent", "sc_status"])
    #expect(
      try rows(w3c, "#Fields: date time\n2024-01-31 12:30:00 Mozilla/5.0+(X) 200\n2024-01-31 12:30:01 - 404") == [
        ["2024-01-31", "12:30:00", "Mozilla/5.0+(X)", .integer(200)], ["2024-01-31", "12:30:01", .null, .integer(404)],
      ])
    #expect(
      try rows(
        make("gelf", [:]), #"{"version":"1.1","host":"h","short_message":"m","timestamp":1385053862.3,"level":1}"#)[0]
        == [
          "1.1", "h", "m", .null, .double(1385053862.3), .integer(1),
        ])
    let error = #expect(throws: MillraceError.self) { try make("key-value", ["pairSeparator": "--"]) }
    #expect(error?.code == "OPTION_OUT_OF_RANGE")
  }
}
