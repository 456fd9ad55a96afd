import MillraceColumnar
import MillraceCore

extension DecoderFormat {
  /// CSV with tabs.
  public static let tsv = DecoderFormat(
    name: "tsv", summary: "Tab-separated values, one record per line, by a declared schema",
    fields: csv.fields.filter { $0.name != "sep" },
    infer: { options, sample, _ in
      var dialect = try CSVDialect(options)
      dialect.separator = 0x09
      return try FormatInference.separated(dialect, options, sample)
    }
  ) { options, schema, badRecords in
    guard let schema else { throw schemaRequired("tsv") }
    var dialect = try CSVDialect(options)
    dialect.separator = 0x09
    return try CSVDecoding(
      schema: schema, dialect: dialect, badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: ZoneOption.zone(options), checksHeader: options.bool("enforceSchema") == false)
  }

  /// The W3C's extended log format.
  public static let w3c = DecoderFormat(
    name: "w3c", summary: "The W3C's extended log format, as IIS writes it; '-' is NULL, lines with # are directives",
    fields: [
      OptionField(
        "fields", .string, "The #Fields directive: names in the order of the file", isRequired: true,
        example: "date time c-ip cs-method cs-uri-stem sc-status time-taken")
    ] + FaultHandler.optionFields + [FaultHandler.addedCorruptField]
  ) { options, schema, badRecords in
    let names = try options.required("fields").split(separator: " ").map(String.init)
    let corrupt = options.string("columnNameOfCorruptRecord")
    let own = Schema(
      names.map { StructField(Self.columnName($0), w3cNumbers.contains($0) ? .long : .string) }
        + (corrupt.map { [StructField($0, .string)] } ?? []))
    if let schema, schema.names != own.names {
      throw MillraceError(
        "SCHEMA_NOT_ALLOWED", "the schema of decode 'w3c' has other columns than its option 'fields'",
        hint: "declare them in the same order: \(own.ddl)")
    }
    let dialect = CSVDialect(separator: 0x20, quote: 0x22, escape: 0x22, comment: 0x23, nullValue: "-")
    return try CSVDecoding(
      schema: schema ?? own, dialect: dialect, badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: corrupt ?? "")
  }

  private static let w3cNumbers: Set<String> = [
    "sc-status", "sc-substatus", "sc-win32-status", "sc-bytes", "cs-bytes", "time-taken", "s-port", "c-port",
  ]

  /// `cs(User-Agent)` becomes `cs_user_agent`.
  private static func columnName(_ field: String) -> String {
    var name = ""
    for character in field.lowercased() where character != ")" {
      name.append(character.isASCII && (character.isLetter || character.isNumber) ? character : "_")
    }
    return name
  }

  /// Graylog's extended log format.
  public static let gelf = DecoderFormat(
    name: "gelf",
    summary:
      "Graylog's extended log format as JSON lines; declare a schema to get the additional fields, such as _user",
    fields: json.fields
  ) { options, schema, badRecords in
    let own = Schema([
      StructField("version", .string), StructField("host", .string), StructField("short_message", .string),
      StructField("full_message", .string), StructField("timestamp", .double), StructField("level", .integer),
    ])
    return try JSONDecoding(
      schema: schema ?? own, badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: try ZoneOption.zone(options))
  }

  static func schemaRequired(_ name: String) -> MillraceError {
    MillraceError(
      "SCHEMA_REQUIRED", "decode '\(name)' needs the columns declared",
      hint: "add \"schema\": \"name STRING, …\" to the source")
  }
}
