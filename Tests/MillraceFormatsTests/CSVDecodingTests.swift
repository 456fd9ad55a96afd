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

  /// Fields of all lengths, in quotes or not, so that quotes and separators stand at all places of the 64 bytes looked at together.
  @Test(arguments: [UInt64](1...8)) func readsWhatWasWritten(seed: UInt64) throws {
    var random = Seeded(state: seed)
    let schema = Schema((0..<5).map { StructField("c\($0)", .string) })
    let dialect = CSVDialect(escape: seed % 2 == 0 ? 0x22 : 0x5C)
    let escape = seed % 2 == 0 ? "\"" : "\\"
    var lines: [String] = []
    var wanted: [[Value]] = []
    for _ in 0..<300 {
      var fields: [String] = []
      var row: [Value] = []
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let length = Int.random(in: 0...[3, 12, 70][Int.random(in: 0...2, using: &random)], using: &random)
        let text = (0..<length).map { _ in ["a", "b", "z", "0", " "][Int.random(in: 0...4, using: &random)] }.joined()
        if Int.random(in: 0...3, using: &random) == 0 {
          let inner = "q,\(text)\",\(text)"
          fields.append(
            "\"\(inner.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: escape + "\""))\"")
          row.append(.string(inner))
        } else {
          fields.append(text)
          row.append(text.isEmpty ? .null : .string(text))
        }
      }
      if fields.joined().isEmpty { continue }
      lines.append(fields.joined(separator: ","))
      wanted.append(Array((row + Array(repeating: .null, count: 5)).prefix(5)))
    }
    let text = lines.joined(separator: "\n")
    let decoding = try Self.decoding(dialect, schema: schema)
    #expect(try rows(decoding, text) == wanted)
    #expect(try rows(decoding, text, columns: [3]) == wanted.map { [$0[3]] })
    #expect(try rows(decoding, text, columns: [4, 0]) == wanted.map { [$0[4], $0[0]] })
  }

  @Test func leavesOutRowsThatFailAComparison() throws {
    let text = (0..<200).map { "x\($0),\($0 % 7 == 0 ? "no" : "\($0 % 5)"),y" }.joined(separator: "\n")
    let all = try rows(Self.decoding(), text)
    let few = [PushedFilter(column: 1, .greater, .integer(3))]
    #expect(try rows(Self.decoding(), text, filters: few) == all.filter { $0[1] == .integer(4) })
    let between = [PushedFilter(column: 1, .greaterOrEqual, .integer(1)), PushedFilter(column: 1, .less, .integer(3))]
    #expect(
      try rows(Self.decoding(), text, filters: between, columns: [0, 1])
        == all.filter { $0[1] == .integer(1) || $0[1] == .integer(2) }.map { Array($0[0...1]) })
    let one = few + [PushedFilter(column: 0, .equal, .string("x4"))]
    #expect(try rows(Self.decoding(), text, filters: one) == [["x4", .integer(4), "y"]])
    // Where faults count, all rows are looked at.
    let skipping = try Self.decoding(.init(), .skip)
    let decoder = try skipping.makeDecoder(columns: [0, 1], filters: few)
    #expect(try decode(decoder, text).rowCount == all.count { $0[1] != .null })
    #expect(decoder.badRecordCount == 29)
  }

  /// Texts up to eight bytes and longer ones, in quotes and with escapes, which are not looked into.
  @Test(arguments: ["", "x", "seven77", "eight888", "nine99999", "a text that is a good deal longer"])
  func leavesOutRowsOfOtherTexts(text: String) throws {
    let others = [
      "y", "eight889", "nine99998", "a text that is a good deal longen", "a text that is a good deal longer ", "",
    ]
    let lines = ([text] + others).flatMap { [$0, "\"\($0)\"", "\"\($0)\\\"\""] }
    let schema = Schema([StructField("a", .string), StructField("b", .integer)])
    let decoding = try Self.decoding(CSVDialect(nullValue: "none"), schema: schema)
    let all = lines.map { $0 + ",1" }.joined(separator: "\n")
    let found = try rows(decoding, all, filters: [PushedFilter(column: 0, .equal, .string(text))])
    #expect(found.count { $0[0] == .string(text) } == 2)
    #expect(found.count { $0[0] != .string(text) } == lines.count { $0.contains("\\") })
  }

  /// Records of a source that gives no lines, and such as were put together from lines.
  @Test func lineEndsInRecordsAreText() throws {
    let out = ByteBuffer()
    // More than the 64 bytes that are looked at together stand before a quote that no kernel knows.
    let long = String(repeating: "l", count: 70)
    for record in ["a\nb,1,x", "\(long),2,y", "\"q\r\n,\",3,z", "c,4,\u{1B}"] {
      Array(record.utf8).withUnsafeBytes { RecordEscaping.append($0, to: out) }
    }
    let decoder = try Self.decoding().makeDecoder(columns: [0, 1, 2], filters: [])
    let escaped = MemoryBuffer(copying: out.bytes)
    let batch = try decoder.decode(
      UnsafeRawBufferPointer(start: escaped.base, count: out.count), owner: escaped,
      origin: RecordOrigin(name: "test", offset: 0, isEscaped: true))
    #expect(
      batch.rows() == [
        ["a\nb", .integer(1), "x"], [.string(long), .integer(2), "y"], ["q\r\n,", .integer(3), "z"],
        ["c", .integer(4), "\u{1B}"],
      ])
    var origin = RecordOrigin(name: "test", offset: 0)
    origin.grouping = try recordRules(["multiline.continuation": #"^\s"#]).grouping
    let lines = window("a\n b,1,x\nplain,2,y\n")
    let joined = try decoder.decode(
      UnsafeRawBufferPointer(start: lines.base, count: lines.capacity), owner: lines, origin: origin)
    #expect(joined.rows() == [["a\n b", .integer(1), "x"], ["plain", .integer(2), "y"]])
  }

  @Test func leavesOutRowsOfOtherTimes() throws {
    let schema = Schema([
      StructField("at", .timestamp), StructField("local", .timestampNTZ), StructField("day", .date),
      StructField("n", .integer),
    ])
    let times = (0..<96).map { hour -> String in
      let text = "2026-01-0\(1 + hour / 24) \(hour % 24 < 10 ? "0" : "")\(hour % 24):30:00"
      return "\(text),\(text),\(text.prefix(10)),\(hour)"
    }
    let text = (times + [",,,96", "no,no,no,97"]).joined(separator: "\n")
    let decoding = try Self.decoding(schema: schema)
    let day: Int64 = 20_454, micros: Int64 = 86_400_000_000
    let late = try [
      PushedFilter(column: 0, .greaterOrEqual, .integer((day + 2) * micros)),
      PushedFilter(column: 1, .greater, .integer((day + 2) * micros)),
      PushedFilter(column: 2, .greater, .integer(day + 1)),
    ].map { try rows(decoding, text, filters: [$0], columns: [3, 0, 1, 2]).map { $0[0] } }
    #expect(late == Array(repeating: (48..<96).map { .integer($0) }, count: 3))
    // What nearly all rows pass is left alone for a while; the rows that fail are left out afterwards.
    let decoder = try decoding.makeDecoder(
      columns: [3, 0], filters: [PushedFilter(column: 0, .less, .integer((day + 3) * micros))])
    let early = times.prefix(40).joined(separator: "\n")
    let found = try [early, text, text].map { try decode(decoder, $0).rowCount }
    #expect(found == [40, 98, 72])
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
      (.float, "1.000000178813934326171874", .double(Double(1.0000001 as Float))),
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
