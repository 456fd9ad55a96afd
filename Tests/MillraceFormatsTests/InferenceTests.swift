import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// Columns that are inferred, as Spark 4.3 infers them.
struct InferenceTests {
  static func sample(_ texts: [String]) -> SchemaSample {
    SchemaSample(
      texts.enumerated().map { index, text in
        let buffer = window(text)
        return SchemaSample.Part(
          bytes: UnsafeRawBufferPointer(start: buffer.base, count: text.utf8.count), owner: buffer,
          origin: RecordOrigin(name: "f\(index)", offset: 0))
      })
  }

  static func infer(
    _ format: DecoderFormat, _ texts: [String], _ options: [String: String] = [:], policy: BadRecordPolicy = .null
  ) throws -> String {
    let infer = try #require(format.infer)
    return try infer(try Options(options, fields: format.fields, of: format.name), sample(texts), policy).ddl
  }

  @Test(arguments: [
    (#"{"b":1,"a":"x"}"#, "a STRING, b BIGINT"),
    ("{\"a\":1}\n{\"a\":2.5}", "a DOUBLE"),
    ("{\"a\":1}\n{\"a\":\"x\"}", "a STRING"),
    ("{\"a\":1}\n{\"a\":true}", "a STRING"),
    ("{\"a\":null}\n{\"a\":true}", "a BOOLEAN"),
    (#"{"a":null}"#, "a STRING"),
    (#"{"a":12345678901234567890}"#, "a DECIMAL(20,0)"),
    ("{\"a\":1}\n{\"a\":12345678901234567890123}", "a DECIMAL(23,0)"),
    ("{\"a\":0.1}\n{\"a\":12345678901234567890}", "a DOUBLE"),
    (#"{"a":1234567890123456789012345678901234567890}"#, "a DOUBLE"),
    (#"{"a":1e3}"#, "a DOUBLE"),
    (#"{"a":[1,2.5,null]}"#, "a ARRAY<DOUBLE>"),
    (#"{"a":[]}"#, "a ARRAY<STRING>"),
    (#"{"a":[{"y":1},{"x":"z"}]}"#, "a ARRAY<STRUCT<x: STRING, y: BIGINT>>"),
    ("{\"a\":{\"y\":1}}\n{\"a\":{\"x\":[true]}}", "a STRUCT<x: ARRAY<BOOLEAN>, y: BIGINT>"),
    ("{\"a\":{\"y\":1}}\n{\"a\":7}", "a STRING"),
    (#"{"a":{},"b":1}"#, "b BIGINT"),
    (#"{"B":1,"a":1,"_c":1,"\u00e4":1}"#, "B BIGINT, _c BIGINT, a BIGINT, `ä` BIGINT"),
    ("{\"a\":1}\n\n  \nnonsense\n[1]", "_corrupt_record STRING, a BIGINT"),
    ("{\"a\":\"\\\"}\",\"b\":1}", "a STRING, b BIGINT"),
  ])
  func json(text: String, columns: String) throws {
    #expect(try Self.infer(.json, [text]) == columns)
  }

  @Test func jsonByPolicy() throws {
    #expect(try Self.infer(.json, ["{\"a\":1}\nx"], policy: .skip) == "a BIGINT")
    #expect(try Self.infer(.json, ["{\"a\":1}\nx"], ["mode": "DROPMALFORMED"]) == "a BIGINT")
    #expect(
      try Self.infer(.json, ["{\"a\":1}\nx"], ["columnNameOfCorruptRecord": "bad"]) == "a BIGINT, bad STRING")
    let error = #expect(throws: MillraceError.self) { try Self.infer(.json, ["{\"a\":1}\nx"], policy: .fail) }
    #expect(error?.code == "MALFORMED_RECORD_IN_PARSING" && error?.location == "f0@8")
    let none = #expect(throws: MillraceError.self) { try Self.infer(.json, ["{}\n{}"]) }
    #expect(none?.code == "UNABLE_TO_INFER_SCHEMA")
  }

  /// Whatever the depth, nothing traps.
  @Test func jsonTooDeep() throws {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(try Self.infer(.json, ["{\"a\":1}\n{\"b\":\(deep)}"]) == "_corrupt_record STRING, a BIGINT")
  }

  @Test(arguments: [
    ("a,b\n1,x\n2,y\n", "a INT, b STRING"),
    ("a\n1\n3000000000\n", "a BIGINT"),
    ("a\n1\n12345678901234567890\n", "a DECIMAL(20,0)"),
    ("a\n1\n2.5\n", "a DOUBLE"),
    ("a\n1\nx\n", "a STRING"),
    ("a\ntrue\nFALSE\n", "a BOOLEAN"),
    ("a\ntrue\n1\n", "a STRING"),
    ("a\n2024-01-02\n2024-01-03\n", "a DATE"),
    ("a\n2024-01-02\n2024-01-03 10:00:00\n", "a TIMESTAMP"),
    ("a\n2024-01-03T10:00:00Z\n", "a TIMESTAMP"),
    ("a,b\n1,\n,\n", "a INT, b STRING"),
    ("a,,a\n1,2,3\n", "a0 INT, _c1 INT, a2 INT"),
    ("\"x,y\",b\n1,\"2\"\n", "`x,y` INT, b INT"),
    ("a,b\n1\n2,3,4\n", "a INT, b INT"),
  ])
  func csv(text: String, columns: String) throws {
    #expect(try Self.infer(.csv, [text], ["header": "true"]) == columns)
  }

  @Test func csvWithoutAHeader() throws {
    #expect(try Self.infer(.csv, ["1,x\n2,y\n"]) == "_c0 INT, _c1 STRING")
    #expect(try Self.infer(.csv, ["1;x\n"], ["sep": ";"]) == "_c0 INT, _c1 STRING")
    #expect(try Self.infer(.csv, ["1,NA\n2,3\n"], ["nullValue": "NA"]) == "_c0 INT, _c1 INT")
    #expect(try Self.infer(.tsv, ["n\tt\n1\tx y\n"], ["header": "true"]) == "n INT, t STRING")
  }

  /// Each file has its own header, and all files say what the types are.
  @Test func csvOfSeveralFiles() throws {
    #expect(try Self.infer(.csv, ["a,b\n1,2\n", "a,b\n3,x\n"], ["header": "true"]) == "a INT, b STRING")
  }

  @Test func pairs() throws {
    let text = "level=info n=1 at=2024-01-01T00:00:00Z msg=\"a b\" fast\nn=2.5 level=warn more=\n"
    #expect(
      try Self.infer(.logfmt, [text]) == "level STRING, n DOUBLE, at TIMESTAMP, msg STRING, fast BOOLEAN, more STRING")
    #expect(try Self.infer(.ltsv, ["host:a\tstatus:200\nstatus:404\thost:b\n"]) == "host STRING, status INT")
    #expect(
      try Self.infer(.keyValue, ["a:1;b:x\n"], ["pairSeparator": ";", "valueSeparator": ":"]) == "a INT, b STRING")
  }

  /// What is inferred reads what it was inferred from.
  @Test func whatIsInferredIsReadable() throws {
    let text =
      "{\"a\":[{\"y\":1},{\"x\":\"z\"}],\"b\":12345678901234567890,\"c\":{\"d\":null}}\n{\"b\":7,\"c\":{\"d\":false}}\n"
    let infer = try #require(DecoderFormat.json.infer)
    let options = try Options([:], fields: DecoderFormat.json.fields, of: "json")
    let schema = try infer(options, Self.sample([text]), .fail)
    #expect(try rows(JSONDecoding(schema: schema, badRecords: .fail), text).count == 2)
  }

  @Test func aHeaderThatNamesOthersIsAnError() throws {
    let schema = Schema([StructField("a", .integer), StructField("b", .string)])
    var dialect = CSVDialect()
    dialect.hasHeader = true
    let decoding = try CSVDecoding(schema: schema, dialect: dialect, checksHeader: true)
    #expect(try rows(decoding, "A,b\n1,x\n").count == 1)
    let error = #expect(throws: MillraceError.self) { try rows(decoding, "b,a\nx,1\n") }
    #expect(error?.code == "CSV_HEADER_MISMATCH" && error?.location == "test@0")
    #expect(try rows(CSVDecoding(schema: schema, dialect: dialect), "b,a\n1,x\n").count == 1)
  }
}
