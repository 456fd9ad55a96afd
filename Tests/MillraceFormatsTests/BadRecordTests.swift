import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// What decoders keep of records that they cannot decode, and what they say is wrong.
struct BadRecordTests {
  struct Case: Sendable {
    var format: DecoderFormat
    var options: [String: String] = [:]
    var schema: Schema?
    var text: String
    /// `offset line column record` of each, the line counted from 0.
    var kept: [String]
  }

  static let numbers = Schema([StructField("a", .integer), StructField("b", .timestamp)])
  static let good = "1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1"
  static let cases = [
    Case(
      format: .json, schema: numbers, text: "{\"a\":1}\nnope\n\n{\"a\":\"x\"}\n{\"a\":2,\"b\":\"never\"}\n",
      kept: ["8 1 - nope", "14 3 a {\"a\":\"x\"}", "24 4 b {\"a\":2,\"b\":\"never\"}"]),
    Case(
      format: .json, schema: Schema([StructField("s", .structure([StructField("n", .integer)]))]),
      text: "{\"s\":{\"n\":[]}}\n{\"s\":{\"n\":1}}\n", kept: ["0 0 s {\"s\":{\"n\":[]}}"]),
    Case(
      format: .csv, options: ["header": "true"], schema: numbers, text: "a,b\n1,\nx,\n2,yesterday\n3,,,\n",
      kept: ["7 2 a x,", "10 3 b 2,yesterday", "22 4 - 3,,,"]),
    Case(
      format: .logfmt, schema: numbers, text: "a=1\na=x\nb=\"open\n", kept: ["4 1 a a=x", "8 2 - b=\"open"]),
    Case(format: .combined, text: "nope\n\(good) \"-\" \"x\"\n", kept: ["0 0 - nope"]),
    Case(format: .clf, text: "\(good)\n1.2.3.4 - - [never] \"GET / HTTP/1.0\" 200 1\n", kept: ["64 1 - *"]),
    Case(
      format: .cri, text: "2016-10-06T00:17:09.669794202Z stdout F x\nnot a log\n", kept: ["42 1 time not a log"]),
    Case(format: .docker, text: "{\"log\":\"a\\n\"}\n{\n", kept: ["14 1 - {"]),
    Case(
      format: .regex, options: ["pattern": "^(?<a>\\w+) (?<b>.*)$"], schema: numbers, text: "1 2020-01-01\nz\nz z\n",
      kept: ["13 1 - z", "15 2 a z z"]),
  ]

  @Test(arguments: cases.indices) func keptWithPlaceAndReason(index: Int) throws {
    let one = Self.cases[index]
    let options = try Options(one.options, fields: one.format.fields, of: one.format.name)
    let decoding = try one.format.make(options, one.schema, .deadLetter)
    let columns = Array(decoding.schema.fields.indices)
    let decoder = try decoding.makeDecoder(columns: columns, filters: [])
    let good = try decode(decoder, one.text)
    let keeper = try #require(decoder as? any BadRecordKeeper)
    #expect(keeper.keepsBadRecords && keeper.badRecordCount == Int64(one.kept.count))
    let kept = keeper.takeBadRecords()
    var texts: [String] = []
    kept.forEach { record, fault, bytes in
      let text = one.kept[texts.count].hasSuffix("*") ? "*" : String(decoding: bytes, as: UTF8.self)
      texts.append("\(record.offset) \(record.line ?? -1) \(fault.column ?? "-") \(text)")
      #expect(fault.code == (fault.column == nil ? "MALFORMED_RECORD_IN_PARSING" : "CANNOT_PARSE_FIELD"))
      #expect(record.length == Int64(bytes.count))
    }
    #expect(texts == one.kept)
    #expect(keeper.takeBadRecords().count == 0, "each is given away once")
    // What is left is what `skip` leaves, and it is as long.
    let skipping = try one.format.make(options, one.schema, .skip).makeDecoder(columns: columns, filters: [])
    #expect(try decode(skipping, one.text).rowCount == good.rowCount)
    #expect(keeper.lineCount == one.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1)
  }

  /// Formats with columns of their own get one for lines with a fault.
  @Test(arguments: [DecoderFormat.combined, .clf, .docker, .cri, .syslog])
  func columnForLinesWithAFault(format: DecoderFormat) throws {
    let options = try Options(
      ["columnNameOfCorruptRecord": "_corrupt_record"], fields: format.fields, of: format.name)
    let decoding = try format.make(options, nil, .null)
    let column = decoding.schema.count - 1
    #expect(decoding.schema.fields[column] == StructField("_corrupt_record", .string))
    #expect(try rows(decoding, "<nope\n", columns: [column, 0]) == [[.string("<nope"), .null]])
    #expect(try rows(decoding, "<nope\n", columns: [column]) == [[.string("<nope")]])
  }

  @Test func putTogether() {
    let fault = BadRecords.Fault(code: "A", message: "a"), other = BadRecords.Fault(code: "B", message: "b")
    var left = BadRecords(), right = BadRecords()
    func add(_ text: String, _ records: inout BadRecords, _ offset: Int64, _ line: Int64, _ fault: BadRecords.Fault) {
      var copy = text
      copy.withUTF8 { records.append(UnsafeRawBufferPointer($0), offset: offset, line: line, fault: fault) }
    }
    add("one", &left, 0, 0, fault)
    add("", &right, 10, 0, other)
    add("two", &right, 11, 1, fault)
    left.append(right, line: 5)
    left.append(right, line: nil)
    var texts: [String] = []
    left.forEach { record, fault, bytes in
      texts.append("\(record.offset) \(record.line ?? -1) \(fault.code) \(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(texts == ["0 0 A one", "10 5 B ", "11 6 A two", "10 -1 B ", "11 -1 A two"])
    #expect(left.faults.count == 2 && left.byteCount == 9)
  }
}
