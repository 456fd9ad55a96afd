import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

@Suite struct CSVDecodingTests {
  static let schema = Schema([StructField("a", .string), StructField("b", .integer), StructField("c", .string)])

  static func decoding(
    _ dialect: CSVDialect = CSVDialect(), _ policy: BadRecordPolicy = .null, schema: Schema = schema
  ) throws -> CSVDecoding {
    try CSVDecoding(schema: schema, dialect: dialect, badRecords: policy)
  }

  @Test(
    arguments: [
      ("x,1,y", ["x", .integer(1), "y"]), ("x,1", ["x", .integer(1), .null]), ("x", ["x", .null, .null]),
      ("x,1,y,z", ["x", .integer(1), "y"]), (",,", [.null, .null, .null]), ("x,,", ["x", .null, .null]),
      ("x,no,y", ["x", .null, "y"]), (" x ,1, y", [" x ", .integer(1), " y"]),
      (#""x,y",1,"z""#, ["x,y", .integer(1), "z"]),
      (#""x\"y",1,"z\\""#, ["x\"y", .integer(1), "z\\"]), (#""",1,y"#, [.null, .integer(1), "y"]),
      (#"x"y,1,z"#, ["x\"y", .integer(1), "z"]), (#""x"y",1,z"#, ["x\"y", .integer(1), "z"]),
      ("x,+5,y", ["x", .integer(5), "y"]),
      ("x,007,y", ["x", .integer(7), "y"]),
    ] as [(String, [Value])]) func readsLines(_ line: String, _ row: [Value]) throws
  {
    #expect(try rows(Self.decoding(), line) == [row])
    for column in 0..<3 { #expect(try rows(Self.decoding(), line, columns: [column]) == [[row[column]]]) }
  }

  @Test func readsDoubledQuotes() throws {
    let dialect = CSVDialect(escape: 0x22)
    #expect(try rows(Self.decoding(dialect), "\"a\"\"b\",1,\"\"\"\"") == [["a\"b", .integer(1), "\""]])
  }

  @Test func readsOtherDialects() throws {
    let dialect = CSVDialect(separator: 0x09, quote: 0x27, comment: 0x23, nullValue: "NA")
    #expect(
      try rows(Self.decoding(dialect), "# no\nNA\t1\t'x\ty'\n'NA'\tNA\t\"z\"") == [
        [.null, .integer(1), "x\ty"], [.null, .null, "\"z\""],
      ])
  }

  @Test func readsTypes() throws {
    let types: [(DataType, String, Value)] = [
      (.boolean, "TRUE", .boolean(true)), (.boolean, "false", .boolean(false)), (.double, "1.5e2", .double(150)),
      (.decimal(precision: 6, scale: 2), "12.345", .decimal(1235)), (.date, "2024-01-31", .integer(19753)),
      (.timestamp, "2024-01-31 10:00:00", .integer(1_706_695_200_000_000)),
      (.long, "-9223372036854775808", .integer(.min)),
      (.byte, "128", .null), (.binary, "ab", .binary([97, 98])),
      (.timestampNTZ, "1970-01-01T00:00:01", .integer(1_000_000)),
    ]
    let schema = Schema(types.enumerated().map { StructField("c\($0)", $1.0) })
    let line = types.map(\.1).joined(separator: ",")
    #expect(try rows(Self.decoding(schema: schema), line) == [types.map(\.2)])
  }

  @Test func skipsHeaderAtAFilesStartOnly() throws {
    let decoder = try Self.decoding(CSVDialect(hasHeader: true)).makeDecoder(columns: [0], filters: [])
    #expect(try decode(decoder, "\na,b,c\nx,1,y\n").rows() == [["x"]])
    #expect(try decode(decoder, "a,b,c\nx,1,y\n", offset: 10).rows() == [["a"], ["x"]])
  }

  @Test func keepsCorruptRecords() throws {
    var schema = Self.schema
    schema.fields.append(StructField("_corrupt_record", .string))
    let found = try rows(Self.decoding(schema: schema), "x,1,y\nx,no,y\nx\nx,1,y,z\n\"x,1,y", columns: [0, 1, 3])
    #expect(
      found.map { [$0[0], $0[2]] } == [
        ["x", .null], ["x", "x,no,y"], ["x", "x"], ["x", "x,1,y,z"], ["x,1,y", "\"x,1,y"],
      ])
  }

  @Test func treatsMalformedLinesByPolicy() throws {
    let text = "x,1,y\nx,no,y\nz,2,y"
    #expect(try rows(Self.decoding(CSVDialect(), .skip), text).map { $0[0] } == ["x", "z"])
    let error = #expect(throws: MillraceError.self) { try rows(Self.decoding(CSVDialect(), .fail), text) }
    #expect(error?.location == "test@6")
  }
}

@Suite struct FormatRegistryTests {
  @Test func findsFormats() throws {
    for name in ["text", "json", "csv", "clf", "combined"] { #expect(try FormatRegistry.decoder(name).name == name) }
    let error = #expect(throws: MillraceError.self) { try FormatRegistry.decoder("jsn") }
    #expect(error?.code == "FORMAT_NOT_FOUND" && error?.hint == "did you mean 'json'?")
  }

  @Test func makesDecodersFromOptions() throws {
    func decoding(_ name: String, _ options: [String: String], _ schema: Schema?) throws -> any Decoding {
      let format = try FormatRegistry.decoder(name)
      return try format.make(try Options(options, fields: format.fields, of: name), schema, .null)
    }
    let schema = Schema([StructField("a", .string), StructField("t", .timestamp)])
    let csv = try decoding("csv", ["sep": "\\t", "header": "true", "timeZone": "+01:00"], schema)
    #expect(try rows(csv, "a\tt\nx\t1970-01-01 01:00:00") == [["x", .integer(0)]])
    let json = try decoding("json", ["mode": "DROPMALFORMED", "timeZone": "Europe/Berlin"], schema)
    #expect(try rows(json, "no\n{\"t\":\"1970-01-01 01:00:01\"}") == [[.null, .integer(1_000_000)]])
    #expect(throws: MillraceError.self) { try decoding("json", [:], nil) }
    #expect(throws: MillraceError.self) { try decoding("csv", ["sep": "ab"], schema) }
    #expect(throws: MillraceError.self) { try decoding("combined", [:], schema) }
  }
}
