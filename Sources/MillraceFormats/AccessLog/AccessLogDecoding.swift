import CKernels
public import MillraceColumnar
import MillraceCore

/// Access logs in Common Log Format (`clf`) or with referer and user agent (`combined`), as Apache and nginx write them.
public struct AccessLogDecoding: Decoding {
  /// Which of the two formats.
  public enum Variant: String, Sendable {
    /// The Common Log Format.
    case clf
    /// The same with referer and user agent behind.
    case combined
  }

  /// `clf` or `combined`.
  public var name: String { variant.rawValue }
  /// All fields of the format; `-` in the log is NULL.
  public let schema: Schema
  private let variant: Variant
  /// Columns of the format itself.
  private let ownCount: Int
  private let badRecords: BadRecordPolicy

  /// Makes the decoding; `corruptColumn` adds a column of that name for lines with a fault.
  public init(_ variant: Variant, badRecords: BadRecordPolicy = .null, corruptColumn: String? = nil) {
    self.variant = variant
    self.badRecords = badRecords
    let fields: [(String, DataType)] = [
      ("host", .string), ("ident", .string), ("user", .string), ("time", .timestamp), ("request", .string),
      ("method", .string), ("target", .string), ("protocol", .string), ("status", .integer), ("bytes", .long),
      ("referer", .string), ("user_agent", .string),
    ]
    let own = fields.prefix(variant == .clf ? 10 : 12).map { StructField($0.0, $0.1) }
    schema = Schema(own + (corruptColumn.map { [StructField($0, .string)] } ?? []))
    ownCount = own.count
  }

  /// A decoder that reads each line as far as the wanted columns need.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    AccessLogDecoder(
      schema: schema, ownCount: ownCount, columns: columns, filters: filters, badRecords: badRecords)
  }
}

/// Decodes access-log lines. Conditions on the status are tested before a line becomes a row, those on other fields before it gets values.
final class AccessLogDecoder: LineDecoder {
  let types: [DataType]
  private let columns: [Int]
  private let names: [String]
  /// Columns of the format itself; behind them comes that for lines with a fault.
  private let ownCount: Int
  private var plan: ck_access_plan
  let table = SpanTable(columnCount: Int(CK_ACCESS_FIELDS), isUsed: false)
  let windows = LineWindows()
  var faults: FaultHandler
  private var times = AccessLogTime()
  private static let rules = SpanRules(isText: true, zone: .utc) { text, count, target in
    AccessLogText.unescape(text, count, target)
  }
  private var filter = SpanFilter(rules: AccessLogDecoder.rules)

  init(schema: Schema, ownCount: Int, columns: [Int], filters: [PushedFilter], badRecords: BadRecordPolicy) {
    types = columns.map { schema.types[$0] }
    names = columns.map { schema.fields[$0].name }
    self.columns = columns
    self.ownCount = ownCount
    faults = FaultHandler(policy: badRecords, format: "access-log")
    plan = ck_access_plan(last: 0, status_filter: 0, status_low: .min, status_high: .max)
    // Lines are read to the end where it matters whether they are well.
    let isComplete = badRecords != .null || columns.contains { $0 >= ownCount }
    let deepest = isComplete ? ownCount - 1 : (columns.max() ?? 0)
    plan.last = Self.last(deepest)
    for filter in filters {
      let type = schema.types[filter.column]
      if filter.column == Int(CK_STATUS) {
        guard case .integer(let value) = filter.value, let status = Int32(exactly: value) else { continue }
        restrict(filter.comparison, status)
      } else if !isComplete && columns.contains(filter.column) && type != .timestamp {
        // Times are written in a way of their own.
        self.filter.add(filter, column: filter.column, type: type)
      }
    }
    for column in Set(columns) where column < ownCount { table.use(column) }
  }

  /// The field at which reading may stop when `column` is the last one wanted.
  private static func last(_ column: Int) -> Int32 {
    let stops = [CK_TIME, CK_STATUS, CK_BYTES, CK_REFERER, CK_AGENT]
    return Int32(stops.first { $0 >= column } ?? CK_AGENT)
  }

  private func restrict(_ comparison: PushedFilter.Comparison, _ status: Int32) {
    plan.status_filter = 1
    plan.last = max(plan.last, Int32(CK_STATUS))
    switch comparison {
    case .equal:
      plan.status_low = max(plan.status_low, status)
      plan.status_high = min(plan.status_high, status)
    case .less: plan.status_high = min(plan.status_high, status &- 1)
    case .lessOrEqual: plan.status_high = min(plan.status_high, status)
    case .greater: plan.status_low = max(plan.status_low, status &+ 1)
    case .greaterOrEqual: plan.status_low = max(plan.status_low, status)
    case .notEqual: break
    }
  }

  func decode(_ block: LineBlock) throws -> (rowCount: Int, columns: [ColumnVector]) {
    table.reserve(block.count)
    let found = ck_access_lines(
      &plan, block.base, block.lines, block.count, UnsafePointer(table.columns), table.lines, table.isBad)
    let rows = filter.apply(to: table, found, base: block.base)
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: Self.rules)
    let made = zip(columns, types).map { column, type in
      column < ownCount ? self.column(column, type, window, table.spans(column), rows, table.isBad) : nil
    }
    return (rows, made.map { $0 ?? faults.corruptRecords(window, table, rows, lines: block.lines) })
  }

  private func column(
    _ column: Int, _ type: DataType, _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ rows: Int,
    _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    column == Int(CK_TIME)
      ? times.column(window, spans, rows, isBad: isBad) : window.column(type, spans, rows, isBad: isBad)
  }

  func probes(_ block: LineBlock) -> [FaultProbe] {
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: Self.rules)
    return columns.indices.filter { columns[$0] < ownCount }.map { index in
      let (column, type) = (columns[index], types[index])
      return FaultProbe(name: names[index], type: type, spans: table.spans(column)) {
        _ = self.column(column, type, window, $0, $1, $2)
      }
    }
  }
}

extension DecoderFormat {
  /// Common Log Format.
  public static let clf = accessLog(
    .clf, "Access logs in Common Log Format: host, ident, user, time, request, status, bytes")
  /// Combined Log Format.
  public static let combined = accessLog(
    .combined, "Access logs in Combined Log Format: as clf, with referer and user agent")

  private static func accessLog(_ variant: AccessLogDecoding.Variant, _ summary: String) -> DecoderFormat {
    DecoderFormat(
      name: variant.rawValue, summary: summary, fields: FaultHandler.optionFields + [FaultHandler.addedCorruptField]
    ) { options, schema, badRecords in
      let decoding = AccessLogDecoding(
        variant, badRecords: try FaultHandler.policy(options, badRecords),
        corruptColumn: options.string("columnNameOfCorruptRecord"))
      if let schema, schema != decoding.schema {
        throw MillraceError(
          "SCHEMA_NOT_ALLOWED", "decode '\(variant.rawValue)' has columns of its own", hint: "leave the schema out")
      }
      return decoding
    }
  }
}
