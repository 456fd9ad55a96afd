import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

@Suite struct JSONDecodingTests {
  static let schema = Schema([
    StructField("s", .string), StructField("i", .integer), StructField("d", .double), StructField("b", .boolean),
  ])

  static func decoding(_ schema: Schema = schema, _ policy: BadRecordPolicy = .null) throws -> JSONDecoding {
    try JSONDecoding(schema: schema, badRecords: policy)
  }

  static func one(_ json: String, _ type: DataType) throws -> Value? {
    try rows(decoding(Schema([StructField("x", type)])), "{\"x\":\(json)}").first?.first
  }

  @Test(
    arguments: [
      ("12", .integer, .integer(12)), ("-0", .integer, .integer(0)), ("2147483648", .integer, .null),
      ("9223372036854775807", .long, .integer(.max)), ("9223372036854775808", .long, .null), ("1.0", .long, .null),
      ("\"5\"", .integer, .null), ("null", .integer, .null), ("300", .byte, .null), ("127", .byte, .integer(127)),
      ("1.5", .double, .double(1.5)), ("1e3", .double, .double(1000)), ("\"NaN\"", .string, "NaN"),
      ("7", .double, .double(7)),
      ("1.000000178813934326171874", .float, .double(Double(1.0000001 as Float))),
      ("0.1", .double, .double(0.1)), ("123456789012345678901234567890", .double, .double(1.2345678901234568e29)),
      ("\"-Infinity\"", .double, .double(-.infinity)), ("\"1.5\"", .double, .null), ("true", .boolean, .boolean(true)),
      ("\"true\"", .boolean, .null), ("1", .boolean, .null),
      ("12.345", .decimal(precision: 5, scale: 2), .decimal(1235)),
      ("-0.005", .decimal(precision: 5, scale: 2), .decimal(-1)), ("1234.5", .decimal(precision: 5, scale: 2), .null),
      ("\"7.1\"", .decimal(precision: 5, scale: 2), .decimal(710)), ("12", .string, "12"), ("1.50", .string, "1.50"),
      ("true", .string, "true"), ("{\"a\": 1}", .string, "{\"a\": 1}"), ("[1, 2]", .string, "[1, 2]"),
      ("\"2024-02-29\"", .date, .integer(19782)), ("\"2023-02-29\"", .date, .null),
      ("\"2024-1-5\"", .date, .integer(19727)),
      ("\"1970-01-01T00:00:01Z\"", .timestamp, .integer(1_000_000)),
      ("\"1970-01-01 00:00:01.25+01:00\"", .timestamp, .integer(-3_598_750_000)),
      ("\"1970-01-02\"", .timestamp, .integer(86_400_000_000)),
      ("\"1970-01-01T5:7\"", .timestamp, .integer(18_420_000_000)),
      ("\"1969-12-31T23:59:59.999999Z\"", .timestamp, .integer(-1)), ("\"soon\"", .timestamp, .null),
      ("90", .timestamp, .integer(90_000_000)),
      ("\"aGk=\"", .binary, .binary([104, 105])), ("\"2024-01-01T00:00:61Z\"", .timestamp, .null),
    ] as [(String, DataType, Value)]) func readsValues(_ json: String, _ type: DataType, _ value: Value) throws
  {
    #expect(try Self.one(json, type) == value)
  }

  /// Strings of all lengths about the width of a register, with one byte of each kind at each place: read whole, by the letter.
  @Test func everyByteOfAStringIsHeldToTheLetter() throws {
    let decoding = try Self.decoding(Schema([StructField("a", .integer)]), .skip)
    for length in [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65] {
      var text = ""
      var expected: [Int] = []
      for place in 0..<length {
        for (number, part) in ["\u{1}", "\u{1F}", "\t", " ", "\u{7F}", "é", "\\n", "\\u00e9", "\\x", "\\u00g9"]
          .enumerated()
        {
          let value = String(repeating: "x", count: place) + part + String(repeating: "y", count: length - place - 1)
          for (form, line) in ["{\"a\":N,\"s\":\"\(value)\"}", "{\"a\":N,\"s\":[{\"t\":\"\(value)\"}]}"].enumerated() {
            let id = (place * 16 + number) * 2 + form
            text += line.replacing("N", with: "\(id)") + "\n"
            if (3...7).contains(number) { expected.append(id) }
          }
        }
      }
      #expect(try rows(decoding, text) == expected.map { [.integer(Int64($0))] }, "\(length)")
    }
  }

  @Test(arguments: [
    (#""plain""#, "plain"), (#""a\"b""#, "a\"b"), (#""\\""#, "\\"), (#""\u00e9\n\t\/""#, "é\n\t/"),
    (#""\ud83d\ude00""#, "😀"),
    (#""\ud83d""#, "?"), (#""""#, ""), (#""a string of more than twelve bytes""#, "a string of more than twelve bytes"),
    (
      #""a long string with \"quotes\" inside of it, and {braces}""#,
      "a long string with \"quotes\" inside of it, and {braces}"
    ),
    ("\"ünïcödé text that is long\"", "ünïcödé text that is long"),
  ]) func readsStrings(_ json: String, _ text: String) throws {
    #expect(try Self.one(json, .string) == .string(text))
  }

  @Test func replacesBrokenUTF8() throws {
    let decoder = try Self.decoding(Schema([StructField("x", .string)])).makeDecoder(columns: [0], filters: [])
    let bytes = Array("{\"x\":\"a".utf8) + [0xFF, 0xC3] + Array("b\"}\n{\"x\":\"ok\"}".utf8)
    let buffer = bytes.withUnsafeBytes { MemoryBuffer(copying: $0) }
    let batch = try decoder.decode(
      UnsafeRawBufferPointer(start: buffer.base, count: bytes.count), owner: buffer,
      origin: RecordOrigin(name: "", offset: 0))
    #expect(batch.rows() == [["a\u{FFFD}\u{FFFD}b"], ["ok"]])
    let filter = PushedFilter(column: 0, .equal, "a\u{FFFD}\u{FFFD}b")
    let filtered = try Self.decoding(Schema([StructField("x", .string)])).makeDecoder(columns: [0], filters: [filter])
    let found = try filtered.decode(
      UnsafeRawBufferPointer(start: buffer.base, count: bytes.count), owner: buffer,
      origin: RecordOrigin(name: "", offset: 0))
    #expect(found.rows().first == ["a\u{FFFD}\u{FFFD}b"], "a condition is on the text that a query sees")
  }

  @Test func readsNestedValues() throws {
    let geo = DataType.structure([StructField("country", .string), StructField("lat", .double)])
    let schema = Schema([
      StructField("geo", geo), StructField("tags", .array(.string)), StructField("m", .map(.string, .integer)),
      StructField("deep", .array(.structure([StructField("n", .array(.long))]))),
    ])
    let text = """
      {"geo":{"country":"DE","x":[{"y":"}"}],"lat":52.5},"tags":["a","b\\"c",null],"m":{"k":1,"l":null},"deep":[{"n":[1,2]},{"n":[]},{}]}
      {"geo":null,"tags":[],"m":{},"deep":null}
      {"tags": [ ] , "geo" : { "lat" : 1 } }
      """
    let found = try rows(Self.decoding(schema), text)
    #expect(
      found == [
        [
          .structure(["DE", .double(52.5)]), .array(["a", "b\"c", .null]),
          .map([.init("k", .integer(1)), .init("l", .null)]),
          .array([
            .structure([.array([.integer(1), .integer(2)])]), .structure([.array([])]), .structure([.null]),
          ]),
        ],
        [.null, .array([]), .map([]), .null],
        [.structure([.null, .double(1)]), .array([]), .null, .null],
      ])
  }

  /// Where no line of a window has an element, there is nothing to look for in it.
  @Test func readsWindowsWithoutElements() throws {
    let decoding = try Self.decoding(
      Schema([StructField("x", .array(.structure([StructField("n", .long), StructField("s", .string)])))]))
    for text in ["", "\n", "{\"x\":[]}\n{}\n"] {
      let found = try rows(decoding, text)
      #expect(found == (text.utf8.count > 1 ? [[.array([])], [.null]] : []))
    }
  }

  /// Whichever other columns and conditions there are. Read to the end, the last one counts.
  @Test func ofEqualKeysTheFirstCounts() throws {
    let text = #"{"s":"a","i":1,"s":"b","i":2,"s":"c","other":{"s":"d"}}"# + "\n" + #"{"s":null,"s":"a","i":1}"#
    func found(_ columns: [Int], _ policy: BadRecordPolicy, filter: String? = nil) throws -> [[Value]] {
      try rows(
        Self.decoding(Self.schema, policy), text,
        filters: filter.map { [PushedFilter(column: 0, .equal, .string($0))] } ?? [], columns: columns)
    }
    #expect(try found([0], .null) == [["a"], [.null]])
    #expect(try found([1, 2, 0], .null) == [[.integer(1), .null, "a"], [.integer(1), .null, .null]])
    #expect(try found([0, 2], .null, filter: "a") == [["a", .null]])
    #expect(try found([0, 2], .null, filter: "c").isEmpty)
    #expect(try found([0], .skip) == [["c"], ["a"]])
    #expect(try found([0, 2], .skip, filter: "c") == [["c", .null]])
    #expect(try found([0, 2], .skip, filter: "b").isEmpty)
  }

  /// A key that is no JSON string makes no map, and never one with a NULL key.
  @Test func mapsHaveNoKeysWithoutMeaning() throws {
    #expect(try Self.one(#"{"\u0061":1}"#, .map(.string, .integer)) == .map([.init("a", .integer(1))]))
    #expect(try Self.one(#"{"\q":1}"#, .map(.string, .integer)) == .null)
  }

  /// Programs that write ASCII only need six bytes for each character of a key.
  @Test(arguments: ["é", "", "a", String(repeating: "ключ", count: 30), String(repeating: "long", count: 200)])
  func findsKeysWrittenWithEscapes(name: String) throws {
    let escaped = name.unicodeScalars.map { scalar in
      let digits = String(scalar.value, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
    let text = "{\"\(escaped.joined())x\":0,\"\(escaped.joined())\":1}"
    #expect(try rows(Self.decoding(Schema([StructField(name, .integer)])), text) == [[.integer(1)]])
  }

  @Test func readsManyElements() throws {
    let json = "[" + (0..<1000).map(String.init).joined(separator: ",") + "]"
    #expect(try Self.one(json, .array(.integer)) == .array((0..<1000).map { .integer($0) }))
  }

  /// Every order, spacing and omission of keys gives the same row, whatever was learned from the lines before.
  @Test func readsAnyOrderOfKeys() throws {
    var random = Seeded(state: 5)
    let decoder = try Self.decoding().makeDecoder(columns: [1, 0, 3], filters: [])
    var text = ""
    var expected: [[Value]] = []
    for index in 0..<600 {
      var members = [
        ("s", "\"v\(index)\""), ("i", "\(index)"), ("d", "1.5"), ("b", index % 2 == 0 ? "true" : "false"),
        ("other", "{\"s\":\"no\",\"i\":[1,{\"i\":2}]}"), ("quoted \\\" key", "\"\\\\\""),
        ("a key of more than thirty-two bytes in length", "null"),
      ]
      if index / 100 % 2 == 1 { members.shuffle(using: &random) }
      var row: [Value] = [.integer(Int64(index)), .string("v\(index)"), .boolean(index % 2 == 0)]
      if random.next() % 4 == 0 {
        members.removeAll { $0.0 == "s" }
        row[1] = .null
      }
      let space = index / 50 % 3 == 0 ? "" : " "
      text += "{" + members.map { "\(space)\"\($0.0)\"\(space):\(space)\($0.1)\(space)" }.joined(separator: ",") + "}\n"
      expected.append(row)
    }
    #expect(try decode(decoder, text).rows() == expected)
  }

  static let faulty = [
    "{\"s\":\"x\",\"i\":1", "nonsense", "{\"s\" \"x\"}", "[1]", "{\"s\":\"x}", "{\"s\":tru}", "{,}", "12", "{\"i\":1,}",
  ]

  @Test(arguments: faulty) func treatsMalformedLinesByPolicy(_ line: String) throws {
    let text = "{\"s\":\"a\"}\n\n  \n\(line)\n{\"s\":\"b\"}\n"
    let null = try rows(Self.decoding(), text).map { $0[0] }
    #expect(null == ["a", .null, "b"] || line == "{\"s\":\"x\",\"i\":1}")
    #expect(try rows(Self.decoding(Self.schema, .skip), text).map { $0[0] } == ["a", "b"])
    let fault = #expect(throws: MillraceError.self) { try rows(Self.decoding(Self.schema, .fail), text) }
    #expect(fault?.code == "MALFORMED_RECORD_IN_PARSING" && fault?.location == "test@14")
    let decoder = try Self.decoding().makeDecoder(columns: [0], filters: [])
    _ = try decode(decoder, text)
    #expect(decoder.badRecordCount == 1)
  }

  @Test func keepsCorruptRecords() throws {
    var schema = Self.schema
    schema.fields.append(StructField("_corrupt_record", .string))
    let text =
      "{\"s\":\"a\",\"i\":1}\nnonsense of some length\n{\"s\":\"b\",\"i\":\"no\",\"d\":2}\n{\"i\":1,\"s\":2,\"i\":3}"
    #expect(
      try rows(Self.decoding(schema), text, columns: [0, 1, 4]) == [
        ["a", .integer(1), .null], [.null, .null, "nonsense of some length"],
        ["b", .null, "{\"s\":\"b\",\"i\":\"no\",\"d\":2}"], ["2", .integer(3), .null],
      ])
  }

  @Test(arguments: [
    "{\"x\":01}", "{\"x\":1.}", "{\"x\":\"\\q\"}", "{\"x\":[1,]}", "{\"x\":{\"a\":1,}}", "{\"x\":[1}", "{\"x\":+1}",
    "{\"x\":\"a\tb\"}", "{\"x\":{\"a\"}}", "{\"a\tb\":1}", "{\"\\q\":1}", "{\"\\u00g0\":1}",
  ]) func checksGrammarWhenAsked(_ line: String) throws {
    #expect(try rows(Self.decoding(Schema([StructField("y", .string)]), .skip), line + "\n{}").count == 1)
  }

  @Test func boundsDepth() throws {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(try rows(Self.decoding(), "{\"x\":\(deep),\"s\":\"a\"}").map { $0[0] } == [.null])
    let fine = String(repeating: "[", count: 120) + String(repeating: "]", count: 120)
    #expect(try rows(Self.decoding(), "{\"x\":\(fine),\"s\":\"a\"}").map { $0[0] } == ["a"])
  }

  @Test func leavesOutRowsThatFailAFilter() throws {
    let text =
      (0..<100).map { "{\"i\":\($0),\"s\":\"kind\($0 % 3)\",\"d\":1}\n" }.joined()
      + "{\"i\":1}\n{\"s\":null}\n{\"s\":\"\\u006bind1\",\"i\":5}\n"
    let filter = PushedFilter(column: 0, .equal, "kind1")
    let found = try rows(Self.decoding(), text, filters: [filter], columns: [1]).map { $0[0] }
    let expected: [Int64] = stride(from: 1, to: 100, by: 3).map { $0 } + [5]
    #expect(found == expected.map { Value.integer($0) })
  }

  @Test func leavesOutRowsThatFailAComparison() throws {
    let numbers = ["-5", "0", "3", "4", "4.0", "\"4\"", "null", "99999999999", "7"]
    let text =
      (0..<90).map { "{\"i\":\(numbers[$0 % 9]),\"s\":\"kind\($0)\"}\n" }.joined() + "{\"s\":\"none\"}\n{\"i\":8"
    let filters = [PushedFilter(column: 1, .greater, .integer(3)), PushedFilter(column: 1, .lessOrEqual, .integer(7))]
    let all = try rows(Self.decoding(), text)
    let found = try rows(Self.decoding(), text, filters: filters)
    #expect(found == all.filter { $0[1] == .integer(4) || $0[1] == .integer(7) })
    #expect(found.count == 20)
    // Where faults count, all rows are looked at.
    let skipping = try Self.decoding(Self.schema, .skip)
    let decoder = try skipping.makeDecoder(columns: [0, 1], filters: filters)
    _ = try decode(decoder, text)
    #expect(decoder.badRecordCount == 31)
  }

  @Test func refusesTypesWithoutValues() {
    #expect(throws: MillraceError.self) { try Self.decoding(Schema([StructField("x", .dayToSecond)])) }
    #expect(throws: MillraceError.self) { try Self.decoding(Schema([StructField("x", .map(.integer, .string))])) }
  }
}
