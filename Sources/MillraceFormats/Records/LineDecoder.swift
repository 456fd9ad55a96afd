import CKernels
import MillraceColumnar
import MillraceCore

/// A decoder whose records are lines, so that it can also be a function of a string column.
protocol LineDecoder: BadRecordKeeper {
  /// Types of the columns that it gives.
  var types: [DataType] { get }
  /// Finds the lines of windows.
  var windows: LineWindows { get }
  /// The line of each row and whether the row has a fault, after `decode(_:)`.
  var table: SpanTable { get }
  /// Does with faults what the policy says.
  var faults: FaultHandler { get set }
  /// Decodes lines; blank ones, and those that a filter leaves out, give no row.
  func decode(_ lines: LineBlock) throws -> (rowCount: Int, columns: [ColumnVector])
  /// The columns of the block that was decoded last, for finding out which has a fault.
  func probes(_ lines: LineBlock) -> [FaultProbe]
}

extension LineDecoder {
  var badRecordCount: Int64 { faults.count }
  var keepsBadRecords: Bool { faults.keepsBadRecords }
  var lineCount: Int { windows.lineCount }

  func takeBadRecords() -> BadRecords { faults.takeBadRecords() }

  func decode(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, origin: RecordOrigin) throws -> RecordBatch {
    guard let block = try windows.lines(of: bytes, owner: owner, origin) else {
      return RecordBatch(rowCount: 0, columns: types.map { ColumnVector.of([], type: $0) })
    }
    let (rows, columns) = try decode(block)
    let scene = FaultScene(base: block.base, lines: block.lines, lineNumbers: windows.lineNumbers, origin: origin) {
      self.probes(block)
    }
    return try faults.settle(RecordBatch(rowCount: rows, columns: columns), table, scene)
  }
}

/// Lines in a window.
struct LineBlock {
  let base: UnsafePointer<UInt8>
  let lines: UnsafePointer<UInt64>
  let count: Int
  let owner: AnyObject
  /// Whether no byte has its high bit set.
  let isASCII: Bool
}

/// Finds the lines of one window after the other.
final class LineWindows {
  private var index = LineIndex()

  /// Lines of the last window.
  var lineCount: Int { index.lineCount }

  /// As `LineIndex.lineNumbers`.
  var lineNumbers: UnsafePointer<UInt32>? { index.lineNumbers }

  /// The lines of a window, valid until the next call; nil for one without bytes.
  func lines(of bytes: UnsafeRawBufferPointer, owner: AnyObject, _ origin: RecordOrigin) throws -> LineBlock? {
    try index.find(in: bytes, of: origin)
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
    return LineBlock(base: base, lines: index.spans.base, count: index.count, owner: owner, isASCII: index.isASCII)
  }
}

/// Decodes records of a format with fixed fields.
final class RecordDecoder<Scanner: RecordScanner>: LineDecoder {
  let table: SpanTable
  private let scanner: Scanner
  private let columns: [Int]
  private let wanted: [Int]
  /// Position of the column for records with a fault, behind the format's own.
  private let corruptColumn: Int
  let types: [DataType]
  let windows = LineWindows()
  var faults: FaultHandler
  private let rules: SpanRules
  private var times: [Int: LogTime] = [:]

  init(_ scanner: Scanner, columns: [Int], badRecords: BadRecordPolicy, zone: TimeZoneRules) {
    self.scanner = scanner
    self.columns = columns
    let fields = scanner.fields
    corruptColumn = fields.count
    types = columns.map { $0 < fields.count ? fields[$0].type : .string }
    wanted = Set(columns.filter { $0 < fields.count }).sorted()
    table = SpanTable(columnCount: fields.count, isUsed: false)
    for column in wanted {
      table.use(column)
      if case .time(let form) = fields[column].form { times[column] = LogTime(form, zone: zone) }
    }
    faults = FaultHandler(policy: badRecords, format: scanner.name)
    rules = SpanRules(isText: true, zone: zone) { text, count, target in PairSyntax.unescape(text, count, target) }
  }

  func decode(_ block: LineBlock) throws -> (rowCount: Int, columns: [ColumnVector]) {
    table.reserve(block.count)
    var row = 0
    for line in 0..<block.count where ck_span_length(block.lines[line]) > 0 {
      for column in wanted { table.spans(column)[row] = 0 }
      var record = RecordText(block.base, line: block.lines[line])
      if !scanner.scan(&record, RecordSpans(columns: table.columns, row: row)) {
        for column in wanted { table.spans(column)[row] = 0 }
        table.isBad[row] = 1
      }
      table.lines[row] = UInt32(truncatingIfNeeded: line)
      row += 1
    }
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    let made = columns.map { $0 < corruptColumn ? column($0, window, table.spans($0), row, table.isBad) : nil }
    // Values may have faults too, so what the record was comes last.
    return (row, made.map { $0 ?? faults.corruptRecords(window, table, row, lines: block.lines) })
  }

  func probes(_ block: LineBlock) -> [FaultProbe] {
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    return wanted.map { index in
      FaultProbe(name: scanner.fields[index].name, type: scanner.fields[index].type, spans: table.spans(index)) {
        spans, rows, isBad in
        _ = self.column(index, window, spans, rows, isBad)
      }
    }
  }

  private func column(
    _ index: Int, _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ rows: Int,
    _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    let field = scanner.fields[index]
    switch field.form {
    case .plain: return window.column(field.type, spans, rows, isBad: isBad)
    case .time: return times[index]?.column(window, spans, rows, isBad: isBad) ?? .nulls(field.type, count: rows)
    case .code(let words): return Self.words(words, spans, rows)
    case .pairs(let syntax): return PairMaps(syntax).column(window, spans, rows, isBad: isBad)
    }
  }

  private static func words(_ words: [StaticString], _ spans: UnsafePointer<UInt64>, _ rows: Int) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(rows, 1) * MemoryLayout<StringView>.stride)
    let views = buffer.base.assumingMemoryBound(to: StringView.self)
    let known = words.map { StringView($0.utf8Start, $0.utf8CodeUnitCount) }
    var nulls = NullTracker(count: rows)
    for row in 0..<rows {
      let code = ck_span_offset(spans[row])
      if spans[row] != 0 && code < known.count {
        views[row] = known[code]
      } else {
        views[row] = StringView()
        nulls.setNull(row)
      }
    }
    return ColumnVector(type: .string, count: rows, values: buffer, validity: nulls.validity)
  }
}

/// A format with fixed fields as what `decode` names.
struct RecordDecoding<Scanner: RecordScanner>: Decoding {
  let scanner: Scanner
  let schema: Schema
  private let badRecords: BadRecordPolicy
  private let zone: TimeZoneRules

  init(
    _ scanner: Scanner, badRecords: BadRecordPolicy = .null, zone: TimeZoneRules = .utc, corruptColumn: String? = nil
  ) {
    self.scanner = scanner
    self.badRecords = badRecords
    self.zone = zone
    schema = Schema(
      scanner.fields.map { StructField($0.name, $0.type) } + (corruptColumn.map { [StructField($0, .string)] } ?? []))
  }

  var name: String { scanner.name }

  func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    RecordDecoder(scanner, columns: columns, badRecords: badRecords, zone: zone)
  }
}

extension DecoderFormat {
  /// A format with fixed fields, as settings give its scanner.
  static func records<Scanner: RecordScanner>(
    _ name: String, _ summary: String, fields: [OptionField] = [],
    _ make: @escaping @Sendable (Options) throws -> Scanner
  ) -> DecoderFormat {
    DecoderFormat(
      name: name, summary: summary,
      fields: fields + FaultHandler.optionFields + [
        ZoneOption.field, FaultHandler.addedCorruptField,
      ]
    ) { options, schema, badRecords in
      let decoding = RecordDecoding(
        try make(options), badRecords: try FaultHandler.policy(options, badRecords), zone: try ZoneOption.zone(options),
        corruptColumn: options.string("columnNameOfCorruptRecord"))
      try ownColumns(name, schema, decoding.schema)
      return decoding
    }
  }

  /// Refuses declared columns that are not the format's own.
  static func ownColumns(_ name: String, _ declared: Schema?, _ own: Schema) throws {
    if let declared, declared != own {
      throw MillraceError(
        "SCHEMA_NOT_ALLOWED", "decode '\(name)' has columns of its own", hint: "leave the schema out: \(own.ddl)")
    }
  }
}
