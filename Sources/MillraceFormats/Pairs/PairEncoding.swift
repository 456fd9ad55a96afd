import MillraceColumnar
import MillraceCore

/// Rows as lines of keys and values: `logfmt` and `ltsv`. A NULL column is left out.
struct PairEncoding: Encoding {
  let name: String
  private let syntax: Syntax
  private let zone: TimeZoneRules

  /// What can be written.
  enum Syntax: Sendable {
    /// Values in quotes where a reader would not see their end, with escapes in them.
    case logfmt
    /// Tabs and line breaks in values become blanks, since LTSV has no way to write them.
    case ltsv
  }

  init(_ name: String, _ syntax: Syntax, zone: TimeZoneRules = .utc) {
    self.name = name
    self.syntax = syntax
    self.zone = zone
  }

  func makeEncoder(_ schema: Schema) throws -> any Encoder {
    for field in schema.fields {
      if field.type.isNested || field.type == .calendarInterval {
        throw MillraceError(
          "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
          "\(name) has no form for column '\(field.name)' of type \(field.type)",
          hint: "turn it into a string with to_json, or select its fields")
      }
      let isKey = field.name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x3D && $0 != 0x3A && $0 != 0x22 }
      guard isKey, !field.name.isEmpty else {
        throw MillraceError(
          "COLUMN_NAME_NOT_WRITABLE", "'\(field.name)' cannot be a key in \(name)",
          hint: "give the column another name with AS, without blanks, quotes, colons and equals signs")
      }
    }
    return PairEncoder(schema, syntax, zone)
  }
}

/// Writes such lines.
final class PairEncoder: Encoder {
  let header: [UInt8] = []
  private let types: [DataType]
  /// The key of each column with what stands behind it.
  private let keys: [[UInt8]]
  private let separator: UInt8
  private let isLogfmt: Bool
  private let zone: TimeZoneRules

  init(_ schema: Schema, _ syntax: PairEncoding.Syntax, _ zone: TimeZoneRules) {
    types = schema.types
    isLogfmt = syntax == .logfmt
    separator = isLogfmt ? 0x20 : 0x09
    let assignment: UInt8 = isLogfmt ? 0x3D : 0x3A
    keys = schema.names.map { Array($0.utf8) + [assignment] }
    self.zone = zone
  }

  func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws {
    var writer = ByteWriter(out)
    for row in rows {
      var isFirst = true
      for (index, type) in types.enumerated() where !batch.columns[index].isNull(row) && type != .void {
        writer.reserve(1)
        if !isFirst { writer.put(separator) }
        isFirst = false
        writer.append(keys[index])
        let column = batch.columns[index]
        if type == .string || type == .binary {
          write(column.bytes(row), &writer)
        } else if type == .variant {
          VariantText.withJSON(column.bytes(row), zone: zone) { write($0, &writer) }
        } else {
          _ = writer.appendScalar(type, column, column.slot(row), zone: zone)
        }
      }
      writer.reserve(1)
      writer.put(0x0A)
    }
    writer.finish()
  }

  private func write(_ text: UnsafeRawBufferPointer, _ writer: inout ByteWriter) {
    if isLogfmt {
      let needsQuotes = text.isEmpty || text.contains { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3D || $0 == 0x5C }
      return needsQuotes ? quote(text, &writer) : writer.append(text)
    }
    writer.reserve(text.count)
    for byte in text { writer.put(byte == 0x09 || byte == 0x0A || byte == 0x0D ? 0x20 : byte) }
  }

  private func quote(_ text: UnsafeRawBufferPointer, _ writer: inout ByteWriter) {
    writer.reserve(text.count * 6 + 2)
    writer.put(0x22)
    for byte in text {
      switch byte {
      case 0x22, 0x5C:
        writer.put(0x5C)
        writer.put(byte)
      case 0x0A: escape(0x6E, &writer)
      case 0x0D: escape(0x72, &writer)
      case 0x09: escape(0x74, &writer)
      case ..<0x20:
        escape(0x75, &writer)
        writer.put(0x30)
        writer.put(0x30)
        writer.put(HexDigit.lowercase(byte >> 4))
        writer.put(HexDigit.lowercase(byte & 15))
      default: writer.put(byte)
      }
    }
    writer.put(0x22)
  }

  private func escape(_ letter: UInt8, _ writer: inout ByteWriter) {
    writer.put(0x5C)
    writer.put(letter)
  }
}

extension EncoderFormat {
  /// logfmt.
  public static let logfmt = pairs(
    "logfmt", "Lines of key=value, values in quotes where needed; NULL is left out", .logfmt)
  /// Labeled tab-separated values.
  public static let ltsv = pairs("ltsv", "Lines of label:value with tabs between; NULL is left out", .ltsv)

  private static func pairs(_ name: String, _ summary: String, _ syntax: PairEncoding.Syntax) -> EncoderFormat {
    EncoderFormat(name: name, summary: summary, fields: [ZoneOption.field]) { options in
      PairEncoding(name, syntax, zone: try ZoneOption.zone(options))
    }
  }

  /// CSV with tabs.
  public static let tsv = EncoderFormat(
    name: "tsv", summary: "Tab-separated values, one record per line", fields: csv.fields.filter { $0.name != "sep" }
  ) { options in
    var dialect = try CSVDialect(options)
    dialect.separator = 0x09
    return CSVEncoding(
      dialect: dialect, trimsLeading: try options.bool("ignoreLeadingWhiteSpace") ?? true,
      trimsTrailing: try options.bool("ignoreTrailingWhiteSpace") ?? true, zone: try ZoneOption.zone(options))
  }
}
