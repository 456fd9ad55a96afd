import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExpressions

/// Lines read by a regular expression: each named group is a column.
struct PatternDecoding: Decoding {
  let name: String
  let schema: Schema
  private let pattern: LinePattern
  /// Group of each column, nil for that of records with a fault.
  private let groups: [Int?]
  private let badRecords: BadRecordPolicy
  private let zone: TimeZoneRules

  /// The columns are those of `schema`, which must be named after groups, or all groups as STRING or what `types` says.
  init(
    _ name: String, _ source: String, types: [String: DataType] = [:], schema: Schema?,
    badRecords: BadRecordPolicy = .null, corruptRecordName: String = "_corrupt_record", zone: TimeZoneRules = .utc
  ) throws {
    self.name = name
    self.badRecords = badRecords
    self.zone = zone
    let pattern = try LinePattern(source)
    self.pattern = pattern
    let numbers = Dictionary(pattern.groups.map { ($0.name, $0.number) }, uniquingKeysWith: { first, _ in first })
    guard !numbers.isEmpty else {
      throw MillraceError(
        "PATTERN_WITHOUT_NAMES", "the pattern of decode '\(name)' names no group",
        hint: "write (?<name>…) around what is to be a column")
    }
    let all = Schema(pattern.groups.map { StructField($0.name, types[$0.name] ?? .string) })
    self.schema = schema ?? all
    groups = try self.schema.fields.map { field in
      if let number = numbers[field.name] {
        guard SpanWindow.isReadable(field.type) else {
          throw MillraceError(
            "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
            "\(name) has no values for column '\(field.name)' of type \(field.type)",
            hint: "declare it as STRING and convert it in the query")
        }
        return number
      }
      if field.name == corruptRecordName && field.type == .string { return nil }
      let nearest = NearestName.of(field.name, among: pattern.groups.map(\.name))
      throw MillraceError(
        "PATTERN_GROUP_NOT_FOUND", "the pattern of decode '\(name)' has no group '\(field.name)'",
        hint: nearest.map { "did you mean '\($0)'?" }
          ?? "its groups are: \(pattern.groups.map(\.name).joined(separator: ", "))")
    }
  }

  func makeDecoder(columns: [Int], filters: [PushedFilter]) throws -> any Decoder {
    PatternDecoder(
      pattern, columns: columns.map { (schema.fields[$0].name, groups[$0], schema.fields[$0].type) },
      badRecords: badRecords, name: name, zone: zone)
  }
}

/// Decodes such lines.
final class PatternDecoder: LineDecoder {
  let table: SpanTable
  private let pattern: LinePattern
  private let columns: [(name: String, group: Int?, type: DataType)]
  let types: [DataType]
  let windows = LineWindows()
  var faults: FaultHandler
  private let rules: SpanRules

  init(
    _ pattern: LinePattern, columns: [(name: String, group: Int?, type: DataType)], badRecords: BadRecordPolicy,
    name: String,
    zone: TimeZoneRules
  ) {
    self.pattern = pattern
    self.columns = columns
    types = columns.map(\.type)
    table = SpanTable(columnCount: columns.count)
    faults = FaultHandler(policy: badRecords, format: name)
    rules = SpanRules(isText: true, zone: zone) { text, count, target in
      target.update(from: text, count: count)
      return count
    }
  }

  func decode(_ block: LineBlock) throws -> (rowCount: Int, columns: [ColumnVector]) {
    table.reserve(block.count)
    let texts = MemoryBuffer(capacity: max(block.count, 1) * MemoryLayout<StringView>.stride)
    let views = texts.base.assumingMemoryBound(to: StringView.self)
    var rows = 0
    for line in 0..<block.count where ck_span_length(block.lines[line]) > 0 {
      let span = block.lines[line]
      views[rows] = StringView(padded: block.base + ck_span_offset(span), ck_span_length(span))
      table.lines[rows] = UInt32(truncatingIfNeeded: line)
      rows += 1
    }
    table.isBad.update(repeating: 1, count: rows)
    for column in columns.indices { table.spans(column).update(repeating: 0, count: rows) }
    try pattern.match(views, count: rows) { row, place in
      table.isBad[row] = 0
      let start = ck_span_offset(block.lines[Int(table.lines[row])])
      for (column, target) in columns.enumerated() {
        guard let group = target.group, let range = place(group) else { continue }
        // A number or time that is not there is NULL, as in CSV.
        if range.isEmpty && target.type != .string { continue }
        table.spans(column)[row] = ck_span(start + range.lowerBound, range.count, UInt32(CK_TEXT))
      }
    }
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    let made = columns.enumerated().map { index, column in
      column.group == nil ? nil : window.column(column.type, table.spans(index), rows, isBad: table.isBad)
    }
    return (rows, made.map { $0 ?? faults.corruptRecords(window, table, rows, lines: block.lines) })
  }

  func probes(_ block: LineBlock) -> [FaultProbe] {
    let window = SpanWindow(base: block.base, owner: block.owner, isASCII: block.isASCII, rules: rules)
    return columns.enumerated().filter { $0.element.group != nil }.map { index, column in
      FaultProbe(name: column.name, type: column.type, spans: table.spans(index)) {
        _ = window.column(column.type, $0, $1, isBad: $2)
      }
    }
  }
}

extension DecoderFormat {
  private static let patternFields =
    FaultHandler.optionFields + [
      FaultHandler.corruptField, ZoneOption.field,
    ]

  /// A regular expression with named groups.
  public static let regex = DecoderFormat(
    name: "regex", summary: "Lines read by a regular expression whose named groups are the columns",
    fields: [
      OptionField(
        "pattern", .string, "Java's dialect; the first match in a line counts", isRequired: true,
        example: #"^(?<level>\w+) (?<message>.*)$"#)
    ] + patternFields
  ) { options, schema, badRecords in
    try PatternDecoding(
      "regex", try options.required("pattern"), schema: schema, badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: try ZoneOption.zone(options))
  }

  /// Grok.
  public static let grok = DecoderFormat(
    name: "grok", summary: "Lines read by a grok pattern such as %{IP:client} %{WORD:method} %{INT:status:int}",
    fields: [
      OptionField(
        "pattern", .string, "Text with %{NAME:column:type}; types are int, long, float, double, boolean, timestamp",
        isRequired: true, example: "%{IP:client} %{WORD:method} %{INT:status:int}"),
      OptionField(
        "patterns", .string, "Patterns of one's own, a line each: NAME and its expression",
        example: "ORDER [A-Z]{2}\\d+"),
    ] + patternFields
  ) { options, schema, badRecords in
    let expanded = try GrokPattern(try options.required("pattern"), custom: options.string("patterns"))
    return try PatternDecoding(
      "grok", expanded.expression, types: expanded.types, schema: schema,
      badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: try ZoneOption.zone(options))
  }
}
