import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// Lines of keys and values in any order: `logfmt`, `ltsv`, `key-value`. With a declared schema each column takes the value of the key
/// of its name; without one there is a single column `fields MAP<STRING, STRING>`.
struct PairDecoding: Decoding {
  let name: String
  let schema: Schema
  private let syntax: PairSyntax
  private let isMap: Bool
  private let corruptColumn: Int?
  private let badRecords: BadRecordPolicy
  private let zone: TimeZoneRules

  init(
    _ name: String, _ syntax: PairSyntax, schema: Schema?, badRecords: BadRecordPolicy = .null,
    corruptRecordName: String = "_corrupt_record", zone: TimeZoneRules = .utc
  ) throws {
    self.name = name
    self.syntax = syntax
    self.badRecords = badRecords
    self.zone = zone
    isMap = schema == nil
    self.schema = schema ?? Schema([StructField("fields", PairMaps.type)])
    corruptColumn = schema?.fields.firstIndex { $0.name == corruptRecordName && $0.type == .string }
    for field in schema?.fields ?? [] where !SpanWindow.isReadable(field.type) {
      throw MillraceError(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
        "\(name) has no values for column '\(field.name)' of type \(field.type)",
        hint: "declare it as STRING and convert it in the query")
    }
  }

  func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    PairDecoder(
      name, syntax, schema: schema, isMap: isMap, columns: columns, badRecords: badRecords,
      corruptColumn: corruptColumn,
      zone: zone)
  }
}

/// Decodes such lines.
final class PairDecoder: LineDecoder {
  let table: SpanTable
  private let syntax: PairSyntax
  private let schema: Schema
  private let isMap: Bool
  private let columns: [Int]
  private let corruptColumn: Int?
  private let wanted: [(column: Int, key: UnsafeRawBufferPointer)]
  /// Whether a line is read to its end, since it matters whether it is well.
  private let isComplete: Bool
  let types: [DataType]
  let windows = LineWindows()
  var faults: FaultHandler
  private let rules: SpanRules

  init(
    _ name: String, _ syntax: PairSyntax, schema: Schema, isMap: Bool, columns: [Int], badRecords: BadRecordPolicy,
    corruptColumn: Int?, zone: TimeZoneRules
  ) {
    self.syntax = syntax
    self.schema = schema
    self.isMap = isMap
    self.columns = columns
    self.corruptColumn = corruptColumn
    types = columns.map { schema.types[$0] }
    table = SpanTable(columnCount: schema.count, isUsed: false)
    wanted = Set(columns).filter { $0 != corruptColumn }.sorted().map { column in
      let name = Array(schema.fields[column].name.utf8)
      let key = UnsafeMutableRawBufferPointer.allocate(byteCount: name.count, alignment: 1)
      key.copyBytes(from: name)
      return (column, UnsafeRawBufferPointer(key))
    }
    for (column, _) in wanted { table.use(column) }
    isComplete = badRecords != .null || columns.contains { $0 == corruptColumn }
    faults = FaultHandler(policy: badRecords, format: name)
    rules = SpanRules(isText: true, zone: zone) { text, count, target in PairSyntax.unescape(text, count, target) }
  }

  deinit { for (_, key) in wanted { key.deallocate() } }

  func decode(_ block: LineBlock) throws -> (rowCount: Int, columns: [ColumnVector]) {
    table.reserve(block.count)
    var row = 0
    for line in 0..<block.count where ck_span_length(block.lines[line]) > 0 {
      if isMap {
        if let (column, _) = wanted.first { table.spans(column)[row] = block.lines[line] }
      } else {
        readKeys(block, line, row)
      }
      table.lines[row] = UInt32(truncatingIfNeeded: line)
      row += 1
    }
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    let made = columns.map { column in
      column == corruptColumn
        ? nil
        : isMap
          ? PairMaps(syntax).column(window, table.spans(column), row, isBad: table.isBad)
          : window.column(schema.fields[column].type, table.spans(column), row, isBad: table.isBad)
    }
    return (row, made.map { $0 ?? faults.corruptRecords(window, table, row, lines: block.lines) })
  }

  func probes(_ block: LineBlock) -> [FaultProbe] {
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    return wanted.map { column, _ in
      let field = schema.fields[column]
      return FaultProbe(name: field.name, type: field.type, spans: table.spans(column)) { [isMap, syntax] in
        _ =
          isMap
          ? PairMaps(syntax).column(window, $0, $1, isBad: $2) : window.column(field.type, $0, $1, isBad: $2)
      }
    }
  }

  /// Finds the wanted keys of one line. Lines mostly have them in the same order, so the search for a key begins behind the last one
  /// found.
  private func readKeys(_ block: LineBlock, _ line: Int, _ row: Int) {
    for (column, _) in wanted { table.spans(column)[row] = 0 }
    var cursor = PairCursor(syntax, RecordText(block.base, line: block.lines[line]))
    var turn = 0
    var found = 0
    while isComplete || found < wanted.count, let pair = cursor.next() {
      let key = block.base + ck_span_offset(pair.key), length = ck_span_length(pair.key)
      for step in 0..<wanted.count {
        let index = turn + step < wanted.count ? turn + step : turn + step - wanted.count
        let (column, name) = wanted[index]
        guard name.count == length, let bytes = name.baseAddress, memcmp(key, bytes, length) == 0 else { continue }
        let isEmpty = ck_span_length(pair.value) == 0 && schema.fields[column].type != .string
        let isFlag = ck_span_kind(pair.value) == CK_TRUE && schema.fields[column].type == .boolean
        if table.spans(column)[row] == 0 { found += 1 }
        table.spans(column)[row] = isEmpty && !isFlag ? 0 : pair.value
        turn = index + 1 < wanted.count ? index + 1 : 0
        break
      }
    }
    if cursor.isBad { table.isBad[row] = 1 }
  }
}

extension DecoderFormat {
  /// logfmt.
  public static let logfmt = pairs("logfmt", "Lines of key=value as logfmt has them, values in quotes where needed") {
    _ in
    .logfmt
  }
  /// Labeled tab-separated values.
  public static let ltsv = pairs("ltsv", "Lines of label:value with tabs between") { _ in .ltsv }
  /// Keys and values with characters of one's own between them.
  public static let keyValue = pairs(
    "key-value", "Lines of keys and values with any characters between them",
    fields: [
      OptionField("pairSeparator", .string, "Character between pairs; blanks around it do not count", default: " "),
      OptionField("valueSeparator", .string, "Character between a key and its value", default: "="),
    ]
  ) { options in
    .keyValue(
      pairs: try PairSyntax.separator(options.string("pairSeparator") ?? " ", "pairSeparator"),
      value: try PairSyntax.separator(options.string("valueSeparator") ?? "=", "valueSeparator"))
  }

  private static func pairs(
    _ name: String, _ summary: String, fields: [OptionField] = [],
    _ syntax: @escaping @Sendable (Options) throws -> PairSyntax
  ) -> DecoderFormat {
    DecoderFormat(
      name: name, summary: summary,
      fields: fields + FaultHandler.optionFields + [
        FaultHandler.corruptField, ZoneOption.field,
      ],
      infer: { options, sample, _ in try FormatInference.pairs(name, syntax(options), options, sample) }
    ) { options, schema, badRecords in
      try PairDecoding(
        name, try syntax(options), schema: schema, badRecords: FaultHandler.policy(options, badRecords),
        corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
        zone: try ZoneOption.zone(options))
    }
  }
}

extension PairSyntax {
  /// The one byte of a separator's text.
  static func separator(_ text: String, _ option: String) throws -> UInt8 {
    if text == "\\t" { return 0x09 }
    guard text.utf8.count == 1, let byte = text.utf8.first, byte != 0x22, byte != 0x0A else {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option '\(option)' is '\(text)'",
        hint: "it takes one ASCII character other than \", or \\t")
    }
    return byte
  }
}
