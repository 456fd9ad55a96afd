import MillraceCore

/// A table in a database, as far as a sink must know it.
struct SQLiteTable {
  struct Column {
    var name: String
    /// Position in the primary key from 1, or 0.
    var keyPosition: Int64
    /// Whether an insert that leaves it out fails.
    var isNeeded: Bool
  }

  let database: SQLiteDatabase
  let name: String

  /// The table's columns; empty when there is no such table.
  func columns() throws -> [Column] {
    try database.rows(
      "SELECT name, pk, \"notnull\", dflt_value FROM pragma_table_xinfo(?) WHERE hidden = 0", [.text(name)]
    )
    .map { row in
      let position = row[1].integer ?? 0
      return Column(
        name: row[0].text ?? "", keyPosition: position,
        isNeeded: row[2].integer == 1 && row[3] == .null && position == 0)
    }
  }

  /// Makes the table for the rows of a schema.
  func create(_ schema: Schema, keys: [String]) throws {
    var parts = schema.fields.map { "\(SQLiteName.quoted($0.name)) \($0.type.sqliteName)" }
    if !keys.isEmpty { parts.append("PRIMARY KEY (\(SQLiteName.quoted(keys)))") }
    try database.execute(
      "CREATE TABLE \(SQLiteName.quoted(name)) (\(parts.joined(separator: ", ")))\(keys.isEmpty ? "" : " WITHOUT ROWID")"
    )
  }

  /// Throws unless rows of the schema can go into `columns`.
  func check(_ columns: [Column], take schema: Schema) throws {
    let names = columns.map(\.name)
    let known = Set(names.map { $0.lowercased() })
    let missing = schema.names.filter { !known.contains($0.lowercased()) }
    if !missing.isEmpty {
      let hints = missing.compactMap { name in
        NearestName.of(name, among: names).map { "'\(name)': did you mean '\($0)'?" }
      }
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH",
        "table '\(name)' in '\(database.path)' has no column \(missing.map { "'\($0)'" }.joined(separator: ", "))",
        hint: (hints + ["its columns are: \(names.joined(separator: ", "))"]).joined(separator: "; "))
    }
    if let needed = columns.first(where: { $0.isNeeded && schema.index(of: $0.name) == nil }) {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH",
        "the query gives no column '\(needed.name)', which table '\(name)' in '\(database.path)' needs",
        hint: "it is NOT NULL without a default: add it to the query")
    }
  }

  /// Throws with the nearest table's name.
  func notFound() throws -> Never {
    let others = try database.rows(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    .compactMap { $0[0].text }.filter { $0 != SQLiteName.commits }
    let hint =
      NearestName.of(name, among: others).map { "did you mean '\($0)'?" }
      ?? (others.isEmpty ? "the database has no tables" : "tables are: \(others.joined(separator: ", "))")
    throw MillraceError(
      "\(database.side.rawValue)_TABLE_NOT_FOUND", "'\(database.path)' has no table '\(name)'",
      hint: database.side == .sink ? "\(hint); set createTable to true to have it made" : hint)
  }
}

extension DataType {
  /// The declared type of a column that holds values of this type.
  ///
  /// BOOLEAN, integers and intervals (months, or microseconds) are INTEGER; FLOAT and DOUBLE are REAL; BINARY is BLOB. The others
  /// are TEXT: DATE and TIMESTAMP as `2024-01-01` and `2024-01-01 00:00:00` (UTC), which SQLite's date functions read and which
  /// sort by time; DECIMAL in full; ARRAY, MAP and STRUCT as JSON.
  var sqliteName: String {
    switch self {
    case .boolean, .byte, .short, .integer, .long, .dayTimeInterval, .yearMonthInterval: "INTEGER"
    case .float, .double: "REAL"
    case .binary: "BLOB"
    case .void, .decimal, .string, .date, .timestamp, .timestampNTZ, .calendarInterval, .array, .map, .structure: "TEXT"
    }
  }
}
