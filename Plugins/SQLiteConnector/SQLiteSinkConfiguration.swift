import MillraceCore

/// The options of a sink, checked as far as that goes without the database.
struct SQLiteSinkConfiguration: Sendable {
  var path: String
  var table: String
  var keys: [String]
  var mode: SQLiteWriteMode
  /// What the user wrote to have it, for messages.
  var modeInWords: String
  var createsTable: Bool
  var evolves: Bool
  var synchronous: String
  var journalMode: String
  var busyTimeout: Int64
  var cacheSize: Int64
  var pageSize: Int64
  var checkpointSize: Int64

  static let fields: [OptionField] = [
    OptionField(
      "path", .path, "The database file; it and its folder are made if absent.", isRequired: true,
      example: "out/traffic.db"),
    OptionField("table", .string, "The table to write.", isRequired: true, example: "traffic"),
    OptionField(
      "keys", .list(.string),
      "Columns that identify a row, for modes upsert and update. Default: the primary key of an existing table.",
      example: "minute,status"),
    OptionField(
      "mode", .choice(SQLiteWriteMode.allCases.map(\.rawValue)),
      "What becomes of a row: `append` adds it; `upsert` replaces the row with the same keys or adds it; `update` replaces it and adds "
        + "none; `replace` puts each batch in place of all rows; `changelog` adds it with the columns `_operation` and `_batch`. "
        + "Default by output mode: append, upsert for update, replace for complete.", example: "upsert"),
    OptionField(
      "createTable", .boolean, "Whether to make the table from the query's columns, with `keys` as its primary key.",
      default: "true"),
    OptionField(
      "evolve", .boolean,
      "Whether to add columns that the query has and an existing table lacks; they are NULL in the rows that are there.",
      default: "false"),
    OptionField(
      "synchronous", .choice(["EXTRA", "FULL", "NORMAL", "OFF"]),
      "How much SQLite waits for the disk; below FULL a power cut can lose committed batches.", default: "FULL"),
    OptionField(
      "journalMode", .choice(["WAL", "DELETE", "TRUNCATE", "PERSIST"]),
      "SQLite's journal; WAL lets others read meanwhile.",
      default: "WAL"),
    OptionField(
      "busyTimeout", .duration, "How long to wait for another writer.", default: "5 seconds", range: 0...3_600_000_000),
    OptionField(
      "cacheSize", .byteCount, "Memory for database pages.", default: "32 MiB", range: 65536...1 << 40),
    OptionField(
      "pageSize", .byteCount, "Page of a database that is made: a power of two; one that exists keeps its own.",
      default: "8 KiB", range: 512...65536),
    OptionField(
      "checkpointSize", .byteCount,
      "How much the WAL may hold before its pages go into the database; a file that grew because of a long reader is cut to four times this.",
      default: "16 MiB", range: 65536...1 << 30),
  ]

  init(_ options: Options, schema: Schema, outputMode: OutputMode) throws {
    path = try SQLiteName.path(options.required("path"))
    table = try SQLiteName.table(options.required("table"))
    keys = options.list("keys").filter { !$0.isEmpty }
    let given = options.string("mode").flatMap { SQLiteWriteMode(rawValue: $0.lowercased()) }
    mode = given ?? SQLiteWriteMode(for: outputMode)
    modeInWords = given.map { "mode \($0.rawValue)" } ?? "outputMode \(outputMode.rawValue)"
    evolves = try options.bool("evolve") ?? false
    createsTable = try options.bool("createTable") ?? true
    synchronous = options.string("synchronous") ?? "FULL"
    journalMode = options.string("journalMode") ?? "WAL"
    busyTimeout = try options.duration("busyTimeout") ?? 5_000_000
    cacheSize = try options.byteCount("cacheSize") ?? 32 << 20
    pageSize = try options.byteCount("pageSize") ?? 8192
    if pageSize & (pageSize - 1) != 0 {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'pageSize' is \(pageSize)", hint: "it takes a power of two from 512 to 65536")
    }
    checkpointSize = try options.byteCount("checkpointSize") ?? 16 << 20
    try mode.check(outputMode, table: table)
    try checkColumns(schema)
    try resolveKeys(schema)
  }

  private func checkColumns(_ schema: Schema) throws {
    guard schema.count > 0 else {
      throw MillraceError("SINK_SCHEMA_MISMATCH", "the query for table '\(table)' has no columns")
    }
    var seen: Set<String> = []
    let own = [SQLiteWriteMode.operationColumn, SQLiteWriteMode.batchColumn]
    if mode == .changelog, let taken = schema.names.first(where: { own.contains($0.lowercased()) }) {
      throw MillraceError(
        "COLUMN_ALREADY_EXISTS",
        "the query for table '\(table)' has a column '\(taken)', which a changelog has of its own",
        hint: "rename it with AS")
    }
    for field in schema.fields {
      try SQLiteName.check(field.name, "column")
      if !seen.insert(field.name.lowercased()).inserted {
        throw MillraceError(
          "COLUMN_ALREADY_EXISTS", "the query for table '\(table)' has two columns '\(field.name)'",
          hint: "SQLite ignores case in names; rename one with AS")
      }
      if field.type == .calendarInterval {
        throw MillraceError(
          "SINK_UNSUPPORTED_TYPE", "column '\(field.name)' is an INTERVAL, which SQLite has no type for",
          hint: "cast it to STRING, INTERVAL DAY TO SECOND or INTERVAL YEAR TO MONTH")
      }
    }
  }

  /// The columns that the table must have for rows of a schema.
  func tableSchema(_ schema: Schema) -> Schema {
    guard mode == .changelog else { return schema }
    return Schema(
      schema.fields + [
        StructField(SQLiteWriteMode.operationColumn, .string), StructField(SQLiteWriteMode.batchColumn, .long),
      ])
  }

  /// Keys get the spelling of the query's columns.
  private mutating func resolveKeys(_ schema: Schema) throws {
    var resolved: [String] = []
    for key in keys {
      guard let index = schema.index(of: key) else {
        throw MillraceError(
          "SINK_KEY_NOT_FOUND", "key '\(key)' of table '\(table)' is no column of the query",
          hint: NearestName.of(key, among: schema.names).map { "did you mean '\($0)'?" }
            ?? "columns are: \(schema.names.joined(separator: ", "))")
      }
      resolved.append(schema.fields[index].name)
    }
    if let twice = resolved.first(where: { name in resolved.filter { $0 == name }.count > 1 }) {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'keys' names '\(twice)' twice")
    }
    keys = resolved
  }
}
