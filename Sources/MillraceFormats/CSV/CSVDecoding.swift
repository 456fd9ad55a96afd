import CKernels
public import MillraceColumnar
import MillraceCore

/// How separated values are written.
public struct CSVDialect: Sendable, Hashable {
  /// Between fields.
  public var separator: UInt8
  /// Around fields, 0 for none.
  public var quote: UInt8
  /// In front of a quote inside quotes.
  public var escape: UInt8
  /// Starts a line that is no record, 0 for none.
  public var comment: UInt8
  /// Whether a file's first line names the columns.
  public var hasHeader: Bool
  /// What stands for NULL.
  public var nullValue: String

  /// Spark's defaults.
  public init(
    separator: UInt8 = 0x2C, quote: UInt8 = 0x22, escape: UInt8 = 0x5C, comment: UInt8 = 0, hasHeader: Bool = false,
    nullValue: String = ""
  ) {
    self.separator = separator
    self.quote = quote
    self.escape = escape
    self.comment = comment
    self.hasHeader = hasHeader
    self.nullValue = nullValue
  }
}

/// Separated values, one record per line, read as Spark's CSV source reads them, by a declared schema and the order of its columns.
public struct CSVDecoding: Decoding {
  /// `csv`.
  public let name = "csv"
  /// As declared.
  public let schema: Schema
  private let dialect: CSVDialect
  private let badRecords: BadRecordPolicy
  private let corruptColumn: Int?
  private let zone: TimeZoneRules
  private let checksHeader: Bool

  /// Makes the decoding; `corruptRecordName` names the column for lines with a fault, if the schema has it. With `checksHeader` a file
  /// whose header does not name the columns is an error.
  public init(
    schema: Schema, dialect: CSVDialect = CSVDialect(), badRecords: BadRecordPolicy = .null,
    corruptRecordName: String = "_corrupt_record", zone: TimeZoneRules = .utc, checksHeader: Bool = false
  ) throws {
    self.schema = schema
    self.dialect = dialect
    self.checksHeader = checksHeader
    self.badRecords = badRecords
    self.zone = zone
    corruptColumn = schema.fields.firstIndex { $0.name == corruptRecordName && $0.type == .string }
    for field in schema.fields where !SpanWindow.isReadable(field.type) {
      throw MillraceError(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "CSV has no values for column '\(field.name)' of type \(field.type)",
        hint: "declare it as STRING and convert it in the query")
    }
  }

  /// A decoder that looks at each line as far as the wanted columns need, and uses filters on whole numbers.
  public func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    CSVDecoder(
      schema: schema, dialect: dialect, columns: columns, filters: filters, badRecords: badRecords,
      corruptColumn: corruptColumn, zone: zone, checksHeader: checksHeader)
  }
}

/// Decodes CSV lines.
final class CSVDecoder: BadRecordKeeper {
  private let schema: Schema
  private let dialect: CSVDialect
  private let columns: [Int]
  private let corruptColumn: Int?
  private let nullText: [UInt8]
  private let checksHeader: Bool
  private let table: SpanTable
  private let fieldMap: UnsafeMutablePointer<Int32>
  private var plan: ck_csv_plan
  private var lines = LineIndex()
  private var faults: FaultHandler
  private let rules: SpanRules
  private var filter: SpanFilter

  var badRecordCount: Int64 { faults.count }
  var keepsBadRecords: Bool { faults.keepsBadRecords }
  var lineCount: Int { lines.lineCount }

  func takeBadRecords() -> BadRecords { faults.takeBadRecords() }

  init(
    schema: Schema, dialect: CSVDialect, columns: [Int], filters: [PushedFilter] = [], badRecords: BadRecordPolicy,
    corruptColumn: Int?, zone: TimeZoneRules, checksHeader: Bool = false
  ) {
    self.checksHeader = checksHeader
    self.schema = schema
    self.dialect = dialect
    self.columns = columns
    self.corruptColumn = corruptColumn
    nullText = Array(dialect.nullValue.utf8)
    table = SpanTable(columnCount: schema.count, isUsed: false)
    faults = FaultHandler(policy: badRecords, format: "csv")
    // Columns of the file are those of the schema without the corrupt record.
    let inFile = schema.fields.indices.filter { $0 != corruptColumn }
    fieldMap = .allocate(capacity: inFile.count + 1)
    var stop = 0
    for (position, column) in inFile.enumerated() {
      let isWanted = columns.contains(column)
      fieldMap[position] = isWanted ? Int32(column) : -1
      if isWanted {
        table.use(column)
        stop = position + 1
      }
    }
    let isComplete = badRecords != .null || columns.contains { $0 == corruptColumn }
    plan = ck_csv_plan(
      separator: dialect.separator, quote: dialect.quote, escape: dialect.escape, comment: dialect.comment,
      fields: UnsafePointer(fieldMap), width: Int32(inFile.count), stop: isComplete ? .max : Int32(stop),
      is_complete: isComplete ? 1 : 0, is_empty_null: dialect.nullValue.isEmpty ? 1 : 0, are_lines: 1)
    rules = SpanRules(isText: true, zone: zone) {
      [quote = dialect.quote, escape = dialect.escape] text, count, target in
      ck_csv_unescape(text, count, quote, escape, target)
    }
    filter = SpanFilter(rules: rules)
    // Where faults count, those of rows that nobody wants do, too.
    for filter in filters where !isComplete && columns.contains(filter.column) {
      self.filter.add(filter, column: filter.column, type: schema.types[filter.column])
    }
  }

  deinit { fieldMap.deallocate() }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    try lines.find(in: bytes, of: origin)
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
      return RecordBatch(rowCount: 0, columns: columns.map { ColumnVector.of([], type: schema.types[$0]) })
    }
    if checksHeader, dialect.hasHeader, origin.offset == 0 { try checkHeader(bytes, owner, origin) }
    // The header stands at the start of each file only.
    let skipped = dialect.hasHeader && origin.offset == 0 ? min(headerLines(start), lines.count) : 0
    let records = lines.spans.base + skipped
    table.reserve(lines.count)
    plan.are_lines = lines.areLines ? 1 : 0
    let found = ck_csv_lines(
      &plan, start, records, lines.count - skipped, UnsafePointer(table.columns), table.lines, table.isBad)
    let window = SpanWindow(base: start, owner: owner, isASCII: lines.isASCII, rules: rules)
    if !nullText.isEmpty {
      for column in Set(columns) where column != corruptColumn { clearNulls(table.spans(column), found, start) }
    }
    let rows = filter.apply(to: table, found, base: start)
    let made = columns.map { column in
      column == corruptColumn
        ? nil : window.column(schema.fields[column].type, table.spans(column), rows, isBad: table.isBad)
    }
    let complete = made.map { $0 ?? faults.corruptRecords(window, table, rows, lines: records) }
    let scene = FaultScene(
      base: start, lines: records, skippedLines: skipped, lineNumbers: lines.lineNumbers, origin: origin
    ) { self.probes(window) }
    return try faults.settle(RecordBatch(rowCount: rows, columns: complete), table, scene)
  }

  private func probes(_ window: SpanWindow) -> [FaultProbe] {
    Set(columns).filter { $0 != corruptColumn }.sorted().map { column in
      let field = schema.fields[column]
      return FaultProbe(name: field.name, type: field.type, spans: table.spans(column)) {
        _ = window.column(field.type, $0, $1, isBad: $2)
      }
    }
  }

  private func checkHeader(_ bytes: UnsafeRawBufferPointer, _ owner: AnyObject, _ origin: RecordOrigin) throws {
    let found = try CSVHeader.names(
      of: SchemaSample.Part(bytes: bytes, owner: owner, origin: origin), dialect)
    let wanted = schema.fields.indices.filter { $0 != corruptColumn }.map { schema.fields[$0].name }
    if found.isEmpty || found.map({ $0.lowercased() }) == wanted.map({ $0.lowercased() }) { return }
    throw MillraceError(
      "CSV_HEADER_MISMATCH", "the header of '\(origin.name)' does not name the columns that are read",
      hint: "it names: \(found.joined(separator: ", ")); the columns are: \(wanted.joined(separator: ", "))",
      location: "\(origin.name)@0")
  }

  /// Lines up to and including the first that has something on it.
  private func headerLines(_ base: UnsafePointer<UInt8>) -> Int {
    var number = 0
    while number < lines.count {
      let span = lines.spans.base[number]
      number += 1
      let length = ck_span_length(span)
      if length > 0 && (dialect.comment == 0 || base[ck_span_offset(span)] != dialect.comment) { break }
    }
    return number
  }

  /// Makes NULL what is written like the null value, in quotes or not.
  private func clearNulls(_ spans: UnsafeMutablePointer<UInt64>, _ count: Int, _ base: UnsafePointer<UInt8>) {
    nullText.withUnsafeBufferPointer { text in
      for row in 0..<count where ck_span_length(spans[row]) == text.count {
        let value = UnsafeBufferPointer(start: base + ck_span_offset(spans[row]), count: text.count)
        if value.elementsEqual(text) { spans[row] = 0 }
      }
    }
  }
}
