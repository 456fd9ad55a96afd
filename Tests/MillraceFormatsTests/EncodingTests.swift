import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

@Suite struct EncodingTests {
  static func encode(_ encoding: any Encoding, _ rows: [[Value]], _ schema: Schema) throws -> String {
    let out = ByteBuffer(capacity: 1)
    let encoder = try encoding.makeEncoder(schema)
    encoder.header.withUnsafeBytes { out.append($0) }
    let batch = RecordBatch.of(rows, schema: schema)
    try encoder.encode(batch, rows: 0..<batch.rowCount, into: out)
    return String(decoding: out.bytes, as: UTF8.self)
  }

  static let values: [(DataType, Value, json: String, csv: String)] = [
    (.string, "plain", #""plain""#, "plain"), (.string, "", #""""#, #""""#),
    (.string, "a\"b\\c", #""a\"b\\c""#, #""a\"b\\c""#),
    (.string, "tab\tnl\n\u{1}é", #""tab\tnl\n\u0001é""#, "\"tab\tnl\n\u{1}é\""),
    (.string, " x,y ", #"" x,y ""#, #""x,y""#),
    (
      .string, "a text that is longer than sixteen bytes \"q\"", #""a text that is longer than sixteen bytes \"q\"""#,
      #""a text that is longer than sixteen bytes \"q\"""#
    ),
    (.boolean, .boolean(true), "true", "true"), (.byte, .integer(-128), "-128", "-128"),
    (.long, .integer(.min), "-9223372036854775808", "-9223372036854775808"),
    (.double, .double(1.5), "1.5", "1.5"), (.double, .double(1e10), "1.0E10", "1.0E10"),
    (.double, .double(.nan), #""NaN""#, "NaN"),
    (.float, .double(0.25), "0.25", "0.25"), (.decimal(precision: 10, scale: 2), .decimal(-1205), "-12.05", "-12.05"),
    (.date, .integer(19753), #""2024-01-31""#, "2024-01-31"),
    (.timestamp, .integer(1_704_067_200_000_000), #""2024-01-01T00:00:00.000Z""#, "2024-01-01T00:00:00.000Z"),
    (.timestamp, .integer(-1), #""1969-12-31T23:59:59.999Z""#, "1969-12-31T23:59:59.999Z"),
    (.timestampNTZ, .integer(1_234_567), #""1970-01-01T00:00:01.234""#, "1970-01-01T00:00:01.234"),
  ]

  @Test func writesValues() throws {
    for (type, value, json, csv) in Self.values {
      let schema = Schema([StructField("x", type)])
      #expect(try Self.encode(JSONEncoding(), [[value]], schema) == "{\"x\":\(json)}\n")
      #expect(try Self.encode(CSVEncoding(), [[value]], schema) == csv + "\n")
    }
  }

  @Test func writesVariantsAsJSON() throws {
    let out = ByteBuffer()
    var writer = VariantWriter(out)
    let opened = writer.openObject()
    for (name, number) in [("b", Int64(1)), ("a", 2)] {
      let field = Array(name.utf8).withUnsafeBytes { writer.beginField(of: opened, name: $0) }
      writer.append(.long, number)
      writer.endField(of: opened, field)
    }
    #expect(writer.close(object: opened) == nil)
    let value = Value.binary(Array(out.bytes))
    let schema = Schema([StructField("x", .variant), StructField("y", .array(.variant))])
    #expect(
      try Self.encode(JSONEncoding(), [[value, .array([value, .null])], [.null, .null]], schema)
        == "{\"x\":{\"a\":2,\"b\":1},\"y\":[{\"a\":2,\"b\":1},null]}\n{}\n")
    let flat = Schema([StructField("x", .variant)])
    #expect(try Self.encode(CSVEncoding(), [[value]], flat) == #""{\"a\":2,\"b\":1}""# + "\n")
  }

  @Test func leavesNullsOut() throws {
    let schema = Schema([StructField("a", .integer), StructField("b \"q\"", .string), StructField("c", .void)])
    let rows: [[Value]] = [[.null, .null, .null], [.integer(1), .null, .null], [.null, "x", .null]]
    #expect(try Self.encode(JSONEncoding(), rows, schema) == "{}\n{\"a\":1}\n{\"b \\\"q\\\"\":\"x\"}\n")
    #expect(try Self.encode(CSVEncoding(dialect: CSVDialect(nullValue: "-")), rows, schema) == "-,-,-\n1,-,-\n-,x,-\n")
  }

  @Test func writesNestedValues() throws {
    let schema = Schema([
      StructField("s", .structure([StructField("x", .integer), StructField("y", .array(.string))])),
      StructField("m", .map(.integer, .double)), StructField("b", .binary),
    ])
    let rows: [[Value]] = [
      [
        .structure([.null, .array(["p", .null])]), .map([.init(.integer(1), .double(2)), .init(.integer(3), .null)]),
        .binary([104, 105]),
      ],
      [.null, .map([]), .null],
    ]
    #expect(
      try Self.encode(JSONEncoding(), rows, schema) == """
        {"s":{"y":["p",null]},"m":{"1":2.0,"3":null},"b":"aGk="}
        {"m":{}}

        """)
    #expect(throws: MillraceError.self) { try Self.encode(CSVEncoding(), rows, schema) }
  }

  @Test func writesZones() throws {
    let schema = Schema([StructField("t", .timestamp)])
    let zone = try TimeZoneRules.required("Europe/Berlin")
    #expect(
      try Self.encode(JSONEncoding(zone: zone), [[.integer(0)], [.integer(1_720_000_000_000_000)]], schema)
        == "{\"t\":\"1970-01-01T01:00:00.000+01:00\"}\n{\"t\":\"2024-07-03T11:46:40.000+02:00\"}\n")
  }

  @Test func repairsBrokenUTF8() throws {
    let vector = ColumnVector.of([.binary([0x61, 0xFF, 0x62])], type: .binary).retyped(.string)
    let encoder = try JSONEncoding().makeEncoder(Schema([StructField("x", .string)]))
    let out = ByteBuffer()
    try encoder.encode(RecordBatch(rowCount: 1, columns: [vector]), rows: 0..<1, into: out)
    #expect(String(decoding: out.bytes, as: UTF8.self) == "{\"x\":\"a\u{FFFD}b\"}\n")
  }

  @Test func writesHeaders() throws {
    let schema = Schema([StructField("a", .integer), StructField("b,c", .string)])
    let dialect = CSVDialect(hasHeader: true)
    #expect(try Self.encode(CSVEncoding(dialect: dialect), [[.integer(1), "x"]], schema) == "a,\"b,c\"\n1,x\n")
  }

  @Test func writesText() throws {
    let schema = Schema([StructField("value", .string)])
    #expect(try Self.encode(TextEncoding(), [["a"], [.null], ["b c"]], schema) == "a\n\nb c\n")
    #expect(throws: MillraceError.self) { try TextEncoding().makeEncoder(Schema([StructField("a", .integer)])) }
  }

  /// What the encoders write, the decoders read.
  @Test func readsBackWhatItWrote() throws {
    var random = Seeded(state: 11)
    let schema = Schema([
      StructField("s", .string), StructField("i", .long), StructField("d", .double), StructField("t", .timestamp),
      StructField("a", .array(.string)),
    ])
    let alphabet = Array("ab,\"\\\n\té {}[]:😀")
    let rows: [[Value]] = (0..<3000).map { index in
      let text = String(
        (0..<Int(random.next() % 40)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
      return [
        .string(text), .integer(Int64(bitPattern: random.next())), .double(Double(random.next() % 1000) / 8),
        .integer(Int64(index) * 997_001_000), .array([.string(text), .null]),
      ]
    }
    let json = try Self.encode(JSONEncoding(), rows, schema)
    #expect(try MillraceFormatsTests.rows(JSONDecoding(schema: schema, badRecords: .fail), json) == rows)
    #expect(try MillraceFormatsTests.rows(JSONDecoding(schema: schema), json) == rows)
    let flat = Schema(Array(schema.fields[..<4]))
    let lines = rows.map { row -> [Value] in
      guard case .string(let text) = row[0] else { return row }
      let oneLine = text.split(separator: "\n").joined()
      return [oneLine.isEmpty ? "x" : .string(oneLine)] + row[1..<4]
    }
    let csv = try Self.encode(CSVEncoding(trimsLeading: false, trimsTrailing: false), lines, flat)
    #expect(try MillraceFormatsTests.rows(CSVDecoding(schema: flat, badRecords: .fail), csv) == lines)
  }
}
