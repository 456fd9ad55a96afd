import MillraceColumnar
import MillraceExpressions
import Testing

@Suite struct JSONTests {
  typealias L = Literal

  static let paths: [(json: String, path: String, expected: String?)] = [
    ("{\"a\":1,\"d\":{\"e\":true}}", "$.d", "{\"e\":true}"), ("{\"a\":1,\"d\":{\"e\":true}}", "$.d.e", "true"),
    ("{\"a\": 2.50 , \"b\" : [ 1 , \"x\" ]}", "$", "{\"a\":2.5,\"b\":[1,\"x\"]}"),
    ("{\"a\":\"7\",\"b\":null}", "$.b", nil),
    ("{\"a\":\"x\\\"y\\u00e9\\ud83d\\ude00\"}", "$.a", "x\"yé😀"), ("{\"a b\":1}", "$['a b']", "1"),
    ("not json", "$.a", nil), ("[1,2]", "$[0]", "1"),
    ("[1,2]", "$[5]", nil), ("[1,2]", "$.a", nil), ("{\"c\":[1,2,3]}", "$.c[*]", "[1,2,3]"),
    ("{\"c\":[]}", "$.c[*]", nil),
    ("{\"c\":[{\"n\":1},{\"n\":2}]}", "$.c[*].n", "[1,2]"), ("{\"c\":[1,2]}", "$.c[*].n", nil),
    ("{\"c\":[{\"n\":\"x\"},{}]}", "$.c[*].n", "\"x\""),
    ("{\"a\":1", "$.a", nil), ("{\"a\":1,}", "$.a", nil), ("{\"a\":01}", "$.a", nil), ("{\"a\":{}}", "$.a", "{}"),
    ("{\"a\":1}", "a", nil),
    ("{\"a\":1}", "$a", nil), ("{'a':'b'}", "$.a", "b"), ("{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "$.a.c", "2"),
    ("[[1,2],[3]]", "$[*][*]", "[1,2,3]"),
    (String(repeating: "[", count: 200) + String(repeating: "]", count: 200), "$", nil),
  ]

  @Test(arguments: paths.indices)
  func getJSONObject(_ index: Int) throws {
    let (json, path, expected) = Self.paths[index]
    #expect(try call("get_json_object", [.text(json), .text(path)]) == L.text(expected).value, "\(json) \(path)")
    #expect(try call("get_json_object", [.text(json), .text(path)], keepConstant: [1]) == L.text(expected).value)
  }

  static let struct1 = DataType.structure([StructField("n", .integer)])

  static func fromJSON(_ json: String?, _ type: DataType, _ options: KeyValuePairs<String, String> = [:]) throws
    -> Value
  {
    let attribute = Attribute("j", .string)
    let map = Value.map(options.map { .init(.string($0.key), .string($0.value)) })
    let expression = try JSONFunctions.fromJSON(
      .attribute(attribute), schema: type, options: options.isEmpty ? nil : .literal(map, .map(.string, .string)),
      BindingContext())
    let text = L.text(json).value
    // Rows before and after must not be touched by what a row leaves behind.
    let good = Value.string(type.fields == nil ? "null" : "{}")
    let columns = [ColumnVector.of([good, text, good, text], type: .string)]
    let result = try Evaluator([expression], input: [attribute]).evaluate(
      RecordBatch(rowCount: 4, columns: columns), EvaluationContext())[0]
    #expect(result.value(1) == result.value(3))
    #expect(result.value(0) == result.value(2))
    return result.value(1)
  }

  static func row(_ values: Value...) -> Value { .structure(values) }

  static let fields: [(json: String?, type: DataType, expected: Value)] = [
    ("1", .double, .double(1)), ("\"7\"", .double, .null), ("\"Infinity\"", .double, .double(.infinity)),
    ("2.5", .integer, .null), ("\"7\"", .integer, .null),
    ("7", .integer, .integer(7)), ("3000000000", .integer, .null), ("300", .byte, .null),
    ("9007199254740993", .long, .integer(9_007_199_254_740_993)),
    ("true", .string, .string("true")), ("{\"z\": 1}", .string, .string("{\"z\":1}")), ("null", .string, .null),
    ("\"q\\\"u\"", .string, .string("q\"u")),
    ("1.50", .decimal(precision: 10, scale: 2), .decimal(150)), ("\"2024-01-02\"", .date, .integer(19724)),
    ("true", .boolean, .boolean(true)),
    ("\"true\"", .boolean, .null), ("\"2024-01-02T03:04:05Z\"", .timestamp, .integer(1_704_164_645_000_000)),
    ("\"x\"", .timestamp, .null),
    ("\"aGk=\"", .binary, .binary([104, 105])), ("[1,2]", .array(.integer), L.ints(1, 2).value),
    ("[1,\"x\"]", .array(.integer), .null),
    ("[1,null]", .array(.integer), L.ints(1, nil).value), ("[]", .array(.integer), .array([])),
    ("[{\"n\":1},{\"n\":\"x\"}]", .array(struct1), .array([row(.integer(1)), row(.null)])),
    ("[1]", .array(struct1), .null),
    ("{\"x\":1,\"y\":null}", .map(.string, .integer), L.map(["x": 1, "y": nil]).value),
    ("{\"n\":5,\"m\":6}", struct1, row(.integer(5))), ("{}", struct1, row(.null)), ("5", struct1, .null),
  ]

  @Test(arguments: fields.indices)
  func fieldsOfFromJSON(_ index: Int) throws {
    let (json, type, expected) = Self.fields[index]
    let schema = DataType.structure([
      StructField("before", .integer), StructField("x", type), StructField("after", .string),
    ])
    let text = "{ \"after\" : \"z\", \"x\":\(json ?? ""),\"before\":1, \"other\":[{}] }"
    #expect(try Self.fromJSON(text, schema) == Self.row(.integer(1), expected, .string("z")), "\(json ?? "")")
  }

  @Test func wholeRecordsOfFromJSON() throws {
    let schema = DataType.structure([StructField("a", .integer), StructField("_corrupt_record", .string)])
    let plain = DataType.structure([StructField("a", .integer)])
    #expect(try Self.fromJSON("not json", plain) == Self.row(.null))
    #expect(try Self.fromJSON("[1,2]", plain) == Self.row(.null))
    #expect(try Self.fromJSON("{\"a\":1", plain) == Self.row(.null))
    #expect(try Self.fromJSON("", plain) == .null)
    #expect(try Self.fromJSON(" null ", plain) == Self.row(.null))
    #expect(try Self.fromJSON(nil, plain) == .null)
    #expect(try Self.fromJSON("{\"a\":1,\"a\":2}", plain) == Self.row(.integer(2)))
    #expect(try Self.fromJSON("{\"a\":\"x\"}", schema) == Self.row(.null, .string("{\"a\":\"x\"}")))
    #expect(try Self.fromJSON("{\"a\":3}", schema) == Self.row(.integer(3), .null))
    #expect(try Self.fromJSON("[1,2", .array(.integer)) == .null)
    #expect(try Self.fromJSON("[{\"n\":1}]", .array(Self.struct1)) == .array([Self.row(.integer(1))]))
    #expect(try Self.fromJSON("{\"n\":1}", .array(Self.struct1)) == .array([Self.row(.integer(1))]))
    let format: KeyValuePairs = ["timestampFormat": "dd/MM/yyyy HH:mm"]
    let time = DataType.structure([StructField("t", .timestamp)])
    #expect(
      try Self.fromJSON("{\"t\":\"02/01/2024 03:04\"}", time, format) == Self.row(.integer(1_704_164_640_000_000)))
    let error = #expect(throws: MillraceError.self) { _ = try Self.fromJSON("{\"a\":", plain, ["mode": "FAILFAST"]) }
    #expect(error?.code == "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    #expect(
      #expect(throws: MillraceError.self) { _ = try Self.fromJSON("{}", plain, ["mode": "x"]) }?.code
        == "PARSE_MODE_UNSUPPORTED")
  }

  static let written: [(value: Literal, expected: String?)] = [
    (
      L(value: row(.integer(1), .null), type: .structure([StructField("x", .integer), StructField("y", .string)])),
      "{\"x\":1}"
    ),
    (.ints(5, nil), "[5,null]"), (.map(["k": nil]), "{\"k\":null}"),
    (.texts("q\"uote\\ and \n é\u{1}"), "[\"q\\\"uote\\\\ and \\n é\\u0001\"]"),
    (L(value: .array([.double(1), .double(.nan), .double(1e10)]), type: .array(.double)), "[1.0,\"NaN\",1.0E10]"),
    (L(value: .array([.decimal(150)]), type: .array(.decimal(precision: 5, scale: 2))), "[1.50]"),
    (L(value: .array([.integer(1_704_164_645_000_000)]), type: .array(.timestamp)), "[\"2024-01-02T03:04:05.000Z\"]"),
    (L(value: .array([.integer(19724)]), type: .array(.date)), "[\"2024-01-02\"]"),
    (L(value: .array([.binary([104, 105])]), type: .array(.binary)), "[\"aGk=\"]"),
    (L(value: .array([.boolean(true)]), type: .array(.boolean)), "[true]"), (.null(.array(.integer)), nil),
  ]

  @Test(arguments: written.indices)
  func toJSON(_ index: Int) throws {
    #expect(try call("to_json", [Self.written[index].value]) == L.text(Self.written[index].expected).value)
  }

  @Test func nullFieldsMayBeKept() throws {
    let value = L(
      value: Self.row(.null, .integer(1)), type: .structure([StructField("a", .integer), StructField("b", .integer)]))
    let options = L(value: .map([.init(.string("ignoreNullFields"), .string("false"))]), type: .map(.string, .string))
    #expect(try call("to_json", [value, options], keepConstant: [1]) == .string("{\"a\":null,\"b\":1}"))
  }

  @Test func lengthsKeysAndSchemas() throws {
    #expect(try call("json_array_length", [.text("[1, [2], {}]")]) == .integer(3))
    #expect(try call("json_array_length", [.text("{}")]) == .null)
    #expect(try call("json_object_keys", [.text("{\"a\":1,\"b\":{\"c\":2}}")]) == L.texts("a", "b").value)
    #expect(try call("json_object_keys", [.text("{\"a\":1")]) == .null)
    let schemas = [
      ("{\"a\":1,\"b\":[1.5,2],\"c\":{\"d\":\"x\"}}", "STRUCT<a: BIGINT, b: ARRAY<DOUBLE>, c: STRUCT<d: STRING>>"),
      ("[]", "ARRAY<STRING>"),
      ("[{\"b\":null},{\"a\":true}]", "ARRAY<STRUCT<a: BOOLEAN, b: STRING>>"),
      ("12345678901234567890", "DECIMAL(20,0)"), ("[1,\"a\"]", "ARRAY<STRING>"),
    ]
    for (json, ddl) in schemas { #expect(try call("schema_of_json", [.text(json)], keepConstant: [0]) == .string(ddl)) }
  }
}
