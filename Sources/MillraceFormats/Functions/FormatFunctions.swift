import CKernels
import Glibc
import MillraceColumnar
import MillraceCore
public import MillraceExpressions

/// SQL functions that read a string as a log format does: `parse_syslog(value)`, `parse_logfmt(value)`, `grok(value, pattern)` and so on.
/// A text that is not of the format gives NULL.
public enum FormatFunctions {
  /// All of them.
  public static let all: [ScalarFunction] =
    [
      fixed(
        "parse_clf", "Common Log Format", example: #"10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.0" 200 5"#
      ) { _ in
        AccessLogDecoding(.clf)
      },
      fixed(
        "parse_combined", "Combined Log Format",
        example: #"10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.0" 200 5 "-" "curl""#
      ) { _ in AccessLogDecoding(.combined) },
      fixed(
        "parse_syslog", "syslog", example: "<34>1 2003-10-11T22:14:15.003Z host su - ID47 - hello", isTimed: true
      ) {
        RecordDecoding(SyslogScanner(now: $0))
      },
      fixed(
        "parse_apache_error", "Apache's error log",
        example: "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 7:tid 8] AH00128: File does not exist"
      ) { _ in RecordDecoding(ApacheErrorScanner()) },
      fixed("parse_nginx_error", "nginx's error log", example: "2000/10/11 14:32:52 [error] 7#8: *9 open() failed") {
        _ in
        RecordDecoding(NginxErrorScanner())
      },
      fixed(
        "parse_cef", "the Common Event Format", example: "CEF:0|vendor|product|1.0|100|worm stopped|10|src=10.0.0.1"
      ) { _ in
        RecordDecoding(CEFScanner())
      },
      fixed("parse_cri", "a CRI log", example: "2016-10-06T00:17:09.669794202Z stdout F hello") { _ in
        RecordDecoding(CRIScanner())
      },
      pairs("parse_logfmt", "logfmt", "level=info msg=\"well done\"", .logfmt),
      pairs("parse_ltsv", "LTSV", "host:10.0.0.1\\tstatus:200", .ltsv),
    ] + [keyValue, regex, grok]

  /// The registry with these functions.
  public static func added(to registry: FunctionRegistry) -> FunctionRegistry {
    var result = registry
    for function in all { result.register(function) }
    return result
  }

  private static func fixed(
    _ name: String, _ format: String, example: String, isTimed: Bool = false,
    _ make: @escaping @Sendable (_ batchTime: Int64) -> any Decoding
  ) -> ScalarFunction {
    ScalarFunction(
      name, summary: "The fields of a line of \(format) as a struct; NULL if it is none.",
      example: "\(name)('\(example)')"
    ) { (arguments: [Expression], context: BindingContext) in
      let text = try Arguments.coerce(name, arguments, [.type(.string)], context)
      return call(name, text[0], "", make(0).schema, isStruct: true, isTimed: isTimed, make)
    }
  }

  private static func pairs(_ name: String, _ format: String, _ example: String, _ syntax: PairSyntax) -> ScalarFunction
  {
    ScalarFunction(
      name, summary: "The keys and values of a line of \(format) as a map; NULL if it is none.",
      example: "\(name)('\(example)')"
    ) { (arguments: [Expression], context: BindingContext) in
      let text = try Arguments.coerce(name, arguments, [.type(.string)], context)
      return call(name, text[0], "", try PairDecoding(name, syntax, schema: nil), isStruct: false)
    }
  }

  private static let keyValue = ScalarFunction(
    "parse_key_value",
    summary:
      "Keys and values as a map; the second and third argument say what stands between pairs (' ') and within them ('=').",
    example: "parse_key_value('a:1;b:2', ';', ':')"
  ) { (arguments: [Expression], context: BindingContext) in
    let name = "parse_key_value"
    let bound = try Arguments.coerce(
      name, arguments, [.type(.string), .type(.string), .type(.string)], counts: 1...3, context)
    let pairs = bound.count > 1 ? try constant(name, "pairSeparator", bound[1]) : " "
    let value = bound.count > 2 ? try constant(name, "valueSeparator", bound[2]) : "="
    let syntax = PairSyntax.keyValue(
      pairs: try PairSyntax.separator(pairs, "pairSeparator"), value: try PairSyntax.separator(value, "valueSeparator"))
    return call(name, bound[0], "\(pairs)\(value)", try PairDecoding(name, syntax, schema: nil), isStruct: false)
  }

  private static let regex = ScalarFunction(
    "parse_regex",
    summary: "The named groups of a regular expression as a struct of strings; NULL if it does not match.",
    example: "parse_regex('error: disk full', '(?<level>[a-z]+): (?<message>.*)')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("parse_regex", arguments, [.type(.string), .type(.string)], context)
    let pattern = try constant("parse_regex", "pattern", bound[1])
    return call(
      "parse_regex", bound[0], pattern, try PatternDecoding("parse_regex", pattern, schema: nil), isStruct: true)
  }

  private static let grok = ScalarFunction(
    "grok",
    summary: "The columns of a grok pattern, %{NAME:column:type}, as a struct; NULL if it does not match.",
    example: "grok('10.0.0.1 GET 200', '%{IP:client} %{WORD:method} %{INT:status:int}')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("grok", arguments, [.type(.string), .type(.string)], context)
    let pattern = try constant("grok", "pattern", bound[1])
    let expanded = try GrokPattern(pattern)
    let decoding = try PatternDecoding("grok", expanded.expression, types: expanded.types, schema: nil)
    return call("grok", bound[0], pattern, decoding, isStruct: true)
  }

  private static func constant(_ name: String, _ argument: String, _ expression: Expression) throws -> String {
    guard case .string(let text) = try Arguments.constant(name, argument, expression) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the \(argument) of `\(name)` must be a constant string",
        hint: "write it as a literal")
    }
    return text
  }

  private static func call(
    _ name: String, _ text: Expression, _ variant: String, _ decoding: any Decoding, isStruct: Bool
  ) -> Expression {
    call(name, text, variant, decoding.schema, isStruct: isStruct) { _ in decoding }
  }

  /// `make` gets the time of the batch, by which a batch that comes again reads the same. A call that is `isTimed` uses it and so is not
  /// computed when the query is planned, even of a constant.
  private static func call(
    _ name: String, _ text: Expression, _ variant: String, _ schema: Schema, isStruct: Bool, isTimed: Bool = false,
    _ make: @escaping @Sendable (_ batchTime: Int64) -> any Decoding
  ) -> Expression {
    let type = isStruct ? DataType.structure(schema.fields) : schema.fields[0].type
    let function = BoundFunction(
      name, variant: variant, type: type, isNullable: true, isDeterministic: !isTimed, canFail: false
    ) {
      vectors, count, context in
      try FormatCall(decoding: make(context.batchTimestamp), isStruct: isStruct).apply(vectors[0].flattened(), count)
    }
    return .call(function, [text])
  }
}

/// Reads the strings of one batch.
private struct FormatCall {
  let decoding: any Decoding
  let isStruct: Bool

  func apply(_ column: ColumnVector, _ count: Int) throws -> ColumnVector {
    guard
      let decoder = try decoding.makeDecoder(columns: Array(decoding.schema.fields.indices), filters: [])
        as? any LineDecoder
    else { throw MillraceError("INTERNAL_ERROR", "'\(decoding.name)' does not read lines", fault: .bug) }
    var total = 0
    for row in 0..<count { total += column.bytes(row).count }
    guard total < LineIndex.windowLimit else {
      throw MillraceError(
        "RECORD_TOO_LARGE", "\(total) bytes of text were to be parsed at once", hint: "the limit is 256 MiB")
    }
    // A byte in front, since a span of 0 is NULL.
    let text = MemoryBuffer(capacity: total + 1)
    let base = text.base.assumingMemoryBound(to: UInt8.self)
    let places = MemoryBuffer(capacity: max(count, 1) * 8)
    let lines = places.base.assumingMemoryBound(to: UInt64.self)
    var at = 1
    for row in 0..<count {
      let bytes = column.bytes(row)
      let length = column.isNull(row) ? 0 : bytes.count
      if let source = bytes.baseAddress, length > 0 { memcpy(base + at, source, length) }
      lines[row] = ck_span(at, length, UInt32(CK_TEXT))
      at += length
    }
    let isASCII = UnsafeRawBufferPointer(start: base + 1, count: at - 1).allSatisfy { $0 < 0x80 }
    let block = LineBlock(base: base, lines: lines, count: count, owner: text, isASCII: isASCII)
    let (rows, columns) = try decoder.decode(block)
    return spread(columns, decoder.table, rows, count)
  }

  /// A row for each string: those that gave none, or one with a fault, are NULL.
  private func spread(_ columns: [ColumnVector], _ table: SpanTable, _ rows: Int, _ count: Int) -> ColumnVector {
    var picks = [Int32](repeating: -1, count: count)
    for row in 0..<rows where table.isBad[row] == 0 { picks[Int(table.lines[row])] = Int32(truncatingIfNeeded: row) }
    let spread = columns.map { $0.flattened().gatheredOrNull(picks, count: count) }
    guard isStruct else { return spread[0] }
    var nulls = NullTracker(count: max(count, 1))
    for row in 0..<count where picks[row] < 0 { nulls.setNull(row) }
    return .structure(decoding.schema.fields, spread, count: count, validity: nulls.validity)
  }
}
