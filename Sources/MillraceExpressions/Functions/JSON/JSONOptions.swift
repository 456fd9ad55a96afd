import MillraceColumnar

/// Options of `from_json`, `to_json` and their CSV kin, out of a `map('key', 'value')` argument. Keys ignore case; those of Spark
/// that change nothing here are let through.
struct JSONOptions: Sendable {
  enum Mode: Sendable {
    case permissive, failFast
  }

  var mode = Mode.permissive
  var ignoresNullFields = true
  var corruptRecordColumn = "_corrupt_record"
  var timestampPattern: DateTimePattern?
  var timestampNTZPattern: DateTimePattern?
  var datePattern: DateTimePattern?
  var zone: TimeZoneRules
  /// All options as given, keys in lower case.
  var raw: [String: String] = [:]

  init(_ name: String, _ argument: Expression?, _ context: BindingContext, use: DateTimePattern.Use) throws {
    zone = try TimeZoneRules.required(context.timeZone)
    guard let argument else { return }
    guard case .map(let entries) = try Arguments.constant(name, "options", argument) else {
      throw MillraceError(
        "INVALID_OPTIONS.NON_MAP_FUNCTION", "the options of `\(name)` must be a constant map of strings",
        hint: "write map('key', 'value')")
    }
    for entry in entries {
      guard case .string(let key) = entry.key, case .string(let value) = entry.value else {
        throw MillraceError(
          "INVALID_OPTIONS.NON_STRING_TYPE", "keys and values of the options of `\(name)` must be strings")
      }
      raw[key.lowercased()] = value
    }
    switch raw["mode"]?.uppercased() ?? "PERMISSIVE" {
    case "PERMISSIVE": break
    case "FAILFAST": mode = .failFast
    case let other:
      throw MillraceError(
        "PARSE_MODE_UNSUPPORTED", "`\(name)` does not know the mode \(other)", hint: "use PERMISSIVE or FAILFAST")
    }
    if let flag = raw["ignorenullfields"] { ignoresNullFields = flag.lowercased() == "true" }
    if let column = raw["columnnameofcorruptrecord"] { corruptRecordColumn = column }
    if let zoneName = raw["timezone"] { zone = try TimeZoneRules.required(zoneName) }
    timestampPattern = try raw["timestampformat"].map { try DateTimePattern($0, for: use) }
    timestampNTZPattern = try raw["timestampntzformat"].map { try DateTimePattern($0, for: use) }
    datePattern = try raw["dateformat"].map { try DateTimePattern($0, for: use) }
  }

  /// The error for a record that FAILFAST does not forgive.
  static func malformed(_ text: UnsafeRawBufferPointer, isArray: Bool = false) -> MillraceError {
    MillraceError(
      "MALFORMED_RECORD_IN_PARSING.\(isArray ? "CANNOT_PARSE_JSON_ARRAYS_AS_STRUCTS" : "WITHOUT_SUGGESTION")",
      "a record could not be read with its schema: \(String(decoding: text.prefix(200), as: UTF8.self))",
      hint: "use the mode PERMISSIVE to get NULLs instead")
  }
}
