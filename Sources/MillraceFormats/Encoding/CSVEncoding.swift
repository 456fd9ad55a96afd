public import MillraceColumnar
import MillraceCore

/// Separated values, as Spark's CSV sink writes them: quotes only where needed, `""` for an empty string.
public struct CSVEncoding: Encoding {
  /// `csv`.
  public let name = "csv"
  private let dialect: CSVDialect
  private let trims: (leading: Bool, trailing: Bool)
  private let zone: TimeZoneRules

  /// Makes the encoding. Spark cuts white space off both ends of strings, unless told otherwise.
  public init(
    dialect: CSVDialect = CSVDialect(), trimsLeading: Bool = true, trimsTrailing: Bool = true,
    zone: TimeZoneRules = .utc
  ) {
    self.dialect = dialect
    self.zone = zone
    trims = (trimsLeading, trimsTrailing)
  }

  /// An encoder for rows of `schema`, which must have flat types.
  public func makeEncoder(_ schema: Schema) throws -> any Encoder {
    for field in schema.fields where field.type.isNested || field.type == .calendarInterval {
      throw MillraceError(
        "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE", "CSV has no form for column '\(field.name)' of type \(field.type)",
        hint: "turn it into a string with to_json, or select its fields")
    }
    return CSVEncoder(schema, dialect, trims, zone)
  }
}

/// Writes rows as separated values.
final class CSVEncoder: Encoder {
  let header: [UInt8]
  private let types: [DataType]
  private let isText: [Bool]
  private let isVoid: [Bool]
  private let dialect: CSVDialect
  private let trims: (leading: Bool, trailing: Bool)
  private let zone: TimeZoneRules
  private let nullText: [UInt8]
  /// For each byte whether it makes quotes necessary.
  private let isSpecial: [Bool]

  init(_ schema: Schema, _ dialect: CSVDialect, _ trims: (leading: Bool, trailing: Bool), _ zone: TimeZoneRules) {
    types = schema.types
    isText = schema.types.map { $0 == .string || $0 == .binary }
    isVoid = schema.types.map { $0 == .void }
    self.dialect = dialect
    self.trims = trims
    self.zone = zone
    nullText = Array(dialect.nullValue.utf8)
    var special = [Bool](repeating: false, count: 256)
    for byte in [dialect.separator, dialect.quote, 0x0A, 0x0D] { special[Int(byte)] = true }
    isSpecial = special
    guard dialect.hasHeader else {
      header = []
      return
    }
    let out = ByteBuffer()
    var writer = ByteWriter(out)
    for (index, name) in schema.names.enumerated() {
      if index > 0 { writer.append([dialect.separator]) }
      Array(name.utf8).withUnsafeBytes { Self.write($0, dialect, special, &writer) }
    }
    writer.append([0x0A])
    writer.finish()
    header = Array(out.bytes)
  }

  func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws {
    var writer = ByteWriter(out)
    for row in rows {
      for index in types.indices {
        if index > 0 {
          writer.reserve(1)
          writer.put(dialect.separator)
        }
        write(batch.columns[index], index, row, &writer)
      }
      writer.reserve(1)
      writer.put(0x0A)
    }
    writer.finish()
  }

  private func write(_ vector: ColumnVector, _ index: Int, _ row: Int, _ writer: inout ByteWriter) {
    if vector.isNull(row) || isVoid[index] { return writer.append(nullText) }
    if isText[index] {
      return Self.write(trimmed(vector.bytes(row)), dialect, isSpecial, &writer)
    }
    if types[index] == .variant {
      return VariantText.withJSON(vector.bytes(row), zone: zone) { Self.write($0, dialect, isSpecial, &writer) }
    }
    _ = writer.appendScalar(types[index], vector, vector.slot(row), zone: zone)
  }

  private func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var from = 0
    var to = bytes.count
    while trims.leading, from < to, bytes[from] <= 0x20 { from += 1 }
    while trims.trailing, to > from, bytes[to - 1] <= 0x20 { to -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[from..<to])
  }

  private static func write(
    _ text: UnsafeRawBufferPointer, _ dialect: CSVDialect, _ isSpecial: [Bool], _ writer: inout ByteWriter
  ) {
    let needsQuotes =
      text.isEmpty || text.contains { isSpecial[Int($0)] } || (dialect.comment != 0 && text[0] == dialect.comment)
    guard needsQuotes, dialect.quote != 0 else { return writer.append(text) }
    writer.reserve(text.count * 2 + 2)
    writer.put(dialect.quote)
    for byte in text {
      if byte == dialect.quote || byte == dialect.escape { writer.put(dialect.escape) }
      writer.put(byte)
    }
    writer.put(dialect.quote)
  }
}

extension EncoderFormat {
  /// Separated values.
  public static let csv = EncoderFormat(
    name: "csv", summary: "Separated values, one record per line",
    fields: CSVDialect.fields + [
      OptionField("ignoreLeadingWhiteSpace", .boolean, "Whether to cut blanks in front of strings", default: "true"),
      OptionField("ignoreTrailingWhiteSpace", .boolean, "Whether to cut blanks behind strings", default: "true"),
      ZoneOption.field,
    ]
  ) { options in
    CSVEncoding(
      dialect: try CSVDialect(options), trimsLeading: try options.bool("ignoreLeadingWhiteSpace") ?? true,
      trimsTrailing: try options.bool("ignoreTrailingWhiteSpace") ?? true, zone: try ZoneOption.zone(options))
  }
}
