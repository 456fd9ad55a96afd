import MillraceColumnar
import MillraceCore

extension CSVDialect {
  /// The options that decoder and encoder share.
  static let fields = [
    OptionField("sep", .string, "Character between fields", default: ","),
    OptionField("header", .boolean, "Whether a file's first line names the columns", default: "false"),
    OptionField("quote", .string, "Character around fields; empty for none", default: "\""),
    OptionField("escape", .string, "Character in front of a quote inside quotes", default: "\\"),
    OptionField("nullValue", .string, "What stands for NULL", default: ""),
  ]

  /// Spark's option that has a header compared with the columns.
  static let enforceField = OptionField(
    "enforceSchema", .boolean,
    "Whether columns are taken by their place, whatever a header says; else another header stops the query",
    default: "true")

  /// From options with Spark's names.
  init(_ options: Options) throws {
    self.init(
      separator: try Self.byte(options, "sep") ?? 0x2C, quote: try Self.byte(options, "quote") ?? 0,
      escape: try Self.byte(options, "escape") ?? 0, comment: try Self.byte(options, "comment") ?? 0,
      hasHeader: try options.bool("header") ?? false, nullValue: options.string("nullValue") ?? "")
  }

  /// A one-byte character, nil for an empty text.
  private static func byte(_ options: Options, _ name: String) throws -> UInt8? {
    guard let text = options.string(name), !text.isEmpty else { return nil }
    if text == "\\t" { return 0x09 }
    guard text.utf8.count == 1, let byte = text.utf8.first else {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option '\(name)' is '\(text)'", hint: "it takes one ASCII character, or \\t")
    }
    return byte
  }
}

extension DecoderFormat {
  /// Separated values.
  public static let csv = DecoderFormat(
    name: "csv", summary: "Separated values, one record per line, by a declared schema",
    fields: CSVDialect.fields + FaultHandler.optionFields + [
      OptionField("comment", .string, "Character that starts a line without a record", default: ""),
      FaultHandler.corruptField, ZoneOption.field, CSVDialect.enforceField,
    ],
    infer: { options, sample, _ in try FormatInference.separated(CSVDialect(options), options, sample) }
  ) { options, schema, badRecords in
    guard let schema else { throw schemaRequired("csv") }
    return try CSVDecoding(
      schema: schema, dialect: CSVDialect(options), badRecords: FaultHandler.policy(options, badRecords),
      corruptRecordName: options.string("columnNameOfCorruptRecord") ?? "_corrupt_record",
      zone: ZoneOption.zone(options), checksHeader: options.bool("enforceSchema") == false)
  }
}
