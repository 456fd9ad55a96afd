import CKernels
public import MillraceColumnar
import MillraceCore

/// One JSON object per line, read as Spark's JSON source reads it, by a declared schema.
///
/// Fields that nobody asks for are skipped, not parsed, and a line is left as soon as all wanted fields were found; of equal keys the
/// first counts then. So that every fault in a line is seen (and the last of equal keys counts), lines are read to their end when bad
/// records are to be skipped or to fail the query, or when the corrupt-record column is asked for.
public struct JSONDecoding: Decoding {
  /// Always `json`.
  public let name = "json"
  /// The declared columns, the corrupt-record column among them if it was declared.
  public let schema: Schema
  private let badRecords: BadRecordPolicy
  private let corruptColumn: Int?
  private let zone: TimeZoneRules

  /// Makes the decoding; `corruptRecordName` names the column for lines with a fault, if the schema has it.
  public init(
    schema: Schema, badRecords: BadRecordPolicy = .null, corruptRecordName: String = "_corrupt_record",
    zone: TimeZoneRules = .utc
  ) throws {
    self.schema = schema
    self.badRecords = badRecords
    self.zone = zone
    corruptColumn = schema.fields.firstIndex { $0.name == corruptRecordName && $0.type == .string }
    for field in schema.fields { try Self.check(field.type, field.name) }
  }

  private static func check(_ type: DataType, _ name: String) throws {
    switch type {
    case .dayTimeInterval, .yearMonthInterval, .calendarInterval, .variant: throw unsupported(type, name)
    case .map(let key, let value, _):
      if key != .string { throw unsupported(type, name) }
      try check(value, name)
    default: for child in type.childTypes { try check(child, name) }
    }
  }

  private static func unsupported(_ type: DataType, _ name: String) -> MillraceError {
    MillraceError(
      "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "JSON has no values for column '\(name)' of type \(type)",
      hint: "declare it as STRING and convert it in the query")
  }

  /// Makes a decoder that looks for the fields of `columns` only; of `filters` it uses equality with a text and
  /// comparisons with a whole number or a time.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    JSONDecoder(
      schema: schema, columns: columns, filters: filters, badRecords: badRecords, corruptColumn: corruptColumn,
      zone: zone)
  }
}

/// Decodes JSON lines: the scanner finds where the wanted values lie, then one column after the other is made from them.
final class JSONDecoder: BadRecordKeeper {
  private let scanner: JSONObjectScanner
  private let fields: [JSONField]
  private let names: [String]
  /// For each column of the result its field, or nil for the corrupt record.
  private let fieldOfColumn: [Int?]
  private let rules: SpanRules
  private var lines = LineIndex()
  private var faults: FaultHandler
  private var filter: SpanFilter

  var badRecordCount: Int64 { faults.count }
  var keepsBadRecords: Bool { faults.keepsBadRecords }
  var lineCount: Int { lines.lineCount }

  func takeBadRecords() -> BadRecords { faults.takeBadRecords() }

  init(
    schema: Schema, columns: [Int], filters: [PushedFilter], badRecords: BadRecordPolicy, corruptColumn: Int?,
    zone: TimeZoneRules
  ) {
    let isComplete = badRecords != .null || columns.contains { $0 == corruptColumn }
    var wanted: [Int] = []
    func field(_ column: Int) -> Int {
      if let known = wanted.firstIndex(of: column) { return known }
      wanted.append(column)
      return wanted.count - 1
    }
    fieldOfColumn = columns.map { $0 == corruptColumn ? nil : field($0) }
    let shown = wanted
    var required: [(field: Int, text: String)] = []
    for filter in filters where filter.column != corruptColumn {
      guard let text = filter.requiredText(of: schema.fields[filter.column].type) else { continue }
      required.append((field(filter.column), text))
    }
    names = shown.map { schema.fields[$0].name }
    fields = shown.map { JSONField(schema.fields[$0].type, isComplete: isComplete) }
    scanner = JSONObjectScanner(fields: wanted.map { schema.fields[$0].name }, isComplete: isComplete)
    for (field, text) in required { scanner.require(field, equals: text) }
    rules = SpanRules(isText: false, zone: zone) { text, count, target in
      let length = ck_json_unescape(text, count, target)
      return length == Int(bitPattern: UInt.max) ? nil : length
    }
    faults = FaultHandler(policy: badRecords, format: "json")
    filter = SpanFilter(rules: rules)
    // Where faults count, those of rows that nobody wants do, too.
    for filter in filters where !isComplete {
      guard let field = shown.firstIndex(of: filter.column) else { continue }
      self.filter.add(filter, column: field, type: schema.fields[filter.column].type)
    }
  }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    try lines.find(in: bytes, of: origin)
    var mark: UInt8 = 0
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    return try withUnsafePointer(to: &mark) { empty in
      let start = base ?? empty
      let found = scanner.scan(lines: lines.spans.base, lines.count, in: start)
      let rows = filter.apply(to: scanner.table, found, base: start)
      let window = SpanWindow(base: start, owner: owner, isASCII: lines.isASCII, rules: rules)
      return try batch(window, rows, origin)
    }
  }

  private func batch(_ window: SpanWindow, _ rows: Int, _ origin: RecordOrigin) throws -> RecordBatch {
    let table = scanner.table
    let made = fields.enumerated().map { index, field in
      field.column(window, table.spans(index), rows, isBad: table.isBad)
    }
    let columns = fieldOfColumn.map { field in
      field.map { made[$0] } ?? faults.corruptRecords(window, table, rows, lines: lines.spans.base)
    }
    let scene = FaultScene(
      base: window.base, lines: lines.spans.base, lineNumbers: lines.lineNumbers, origin: origin
    ) { self.probes(window) }
    return try faults.settle(RecordBatch(rowCount: rows, columns: columns), table, scene)
  }

  private func probes(_ window: SpanWindow) -> [FaultProbe] {
    fields.enumerated().map { index, field in
      FaultProbe(name: names[index], type: field.type, spans: scanner.table.spans(index)) {
        _ = field.column(window, $0, $1, isBad: $2)
      }
    }
  }
}

extension DecoderFormat {
  /// JSON lines.
  public static let json = DecoderFormat(
    name: "json", summary: "One JSON object per line, by a declared schema",
    fields: FaultHandler.optionFields + [
      FaultHandler.corruptField, ZoneOption.field,
    ],
    infer: { options, sample, badRecords in
      try FormatInference.json(options, sample, FaultHandler.policy(options, badRecords))
    }
  ) { options, schema, badRecords in
    guard let schema else { throw schemaRequired("json") }
    return try JSONDecoding(
      schema: schema, badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: try ZoneOption.zone(options))
  }
}
