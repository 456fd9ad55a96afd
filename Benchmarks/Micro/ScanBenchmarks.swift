import CKernels
import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Bytes to columns: line ends, access logs, JSON, CSV.
enum ScanBenchmarks {
  private static let size = 1 << 20

  static func all() throws -> [MicroBenchmark] {
    let text = Samples.lines(size, Samples.textLine)
    let log = Samples.lines(size, Samples.accessLine)
    let json = Samples.lines(size, Samples.jsonLine)
    let csv = Samples.lines(size, Samples.csvLine)
    let access = AccessLogDecoding(.combined)
    let status = try required(access.schema.index(of: "status"))
    let event = Schema([
      StructField("user_id", .string), StructField("event_type", .string), StructField("event_time", .timestamp),
      StructField("latency_us", .long),
      StructField("geo", .structure([StructField("country", .string), StructField("lat", .double)])),
      StructField("tags", .array(element: .string, containsNull: true)), StructField("q", .string),
    ])
    let order = Schema([
      StructField("order_id", .long), StructField("ordered_at", .timestamp), StructField("customer", .string),
      StructField("country", .string), StructField("product", .string), StructField("quantity", .integer),
      StructField("price", .decimal(precision: 10, scale: 2)), StructField("coupon", .string),
    ])
    let events = try JSONDecoding(schema: event)
    let orders = try CSVDecoding(schema: order, dialect: CSVDialect(escape: UInt8(ascii: "\"")))
    return [
      lines(text.buffer, text.count),
      try decoding("scan/text", TextDecoding(), [0], text),
      try decoding("scan/access log, all columns", access, Array(access.schema.fields.indices), log),
      try decoding(
        "scan/access log, pushed filter", access, [3, status].sorted(), log,
        filters: [PushedFilter(column: status, .greaterOrEqual, .integer(500))]),
      try decoding("scan/json, two fields", events, [1, 3], json),
      try decoding("scan/json, times", events, [2], json),
      try decoding(
        "scan/json, pushed filter", events, [0, 1], json,
        filters: [PushedFilter(column: 1, .equal, .string("purchase"))]),
      try decoding("scan/json, nested", events, [4, 5], json),
      try decoding("scan/json, escapes", events, [6], json),
      try decoding("scan/csv, all columns", orders, Array(order.fields.indices), csv),
      try decoding("scan/csv, two columns", orders, [3, 5], csv),
    ]
  }

  private static func lines(_ buffer: MemoryBuffer, _ count: Int) -> MicroBenchmark {
    let spans = UnsafeMutablePointer<UInt64>.allocate(capacity: count + 64)
    let base = UnsafePointer(buffer.base.assumingMemoryBound(to: UInt8.self))
    return MicroBenchmark("scan/line ends", rows: count, bytes: buffer.capacity) {
      var state = ck_line_state()
      consume(ck_lines(base, buffer.capacity, &state, spans, count + 64))
    }
  }

  private static func decoding(
    _ name: String, _ decoding: any Decoding, _ columns: [Int], _ text: SampleText,
    filters: [PushedFilter] = []
  ) throws -> MicroBenchmark {
    let decoder = try decoding.makeDecoder(columns: columns, filters: filters)
    let origin = RecordOrigin(name: "sample", offset: 0)
    return MicroBenchmark(name, rows: text.count, bytes: text.buffer.capacity) {
      consume(try decoder.decode(text.buffer.bytes, owner: text.buffer, origin: origin))
    }
  }

  /// A value that the sample data must have.
  private static func required<T>(_ value: T?) throws -> T {
    guard let value else { throw MillraceError("INTERNAL_ERROR", "a column of the sample is missing", fault: .bug) }
    return value
  }
}
