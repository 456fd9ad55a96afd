import MillraceCore

/// A table in a database, as far as a sink must know it.
struct SQLiteTable {
  struct Column {
    var name: String
    /// Position in the primary key from 1, or 0.
    var keyPosition: Int64
    /// Whether an insert that leaves it out fails.
    var isNeeded: Bool
    var type: SQLiteColumnType
  }

  let database: SQLiteDatabase
  let name: String

  /// The table's columns; empty when there is no such table.
  func columns() throws -> [Column] {
    let isStrict =
      try database.rows("SELECT strict FROM pragma_table_list WHERE name = ? COLLATE NOCASE", [.text(name)]).first?[0]
      .integer == 1
    return try database.rows(
      "SELECT name, pk, \"notnull\", dflt_value, type FROM pragma_table_xinfo(?) WHERE hidden = 0", [.text(name)]
    )
    .map { row in
      let position = row[1].integer ?? 0
      return Column(
        name: row[0].text ?? "", keyPosition: position,
        isNeeded: row[2].integer == 1 && row[3] == .null && position == 0,
        type: SQLiteColumnType(declared: row[4].text ?? "", isStrict: isStrict))
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

  /// Adds the columns that the table lacks, all or none; they are NULL in the rows that are there.
  func evolve(_ columns: [Column], to schema: Schema, keys: [String]) throws {
    let known = Set(columns.map { $0.name.lowercased() })
    let missing = schema.fields.filter { !known.contains($0.name.lowercased()) }
    if missing.isEmpty { return }
    if let key = missing.first(where: { field in keys.contains { $0.lowercased() == field.name.lowercased() } }) {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH",
        "table '\(name)' in '\(database.path)' has no column '\(key.name)', and a key cannot be added to a table",
        hint: "write to a new table")
    }
    CrashPoint.pass("sqlite.evolve")
    try database.execute("BEGIN IMMEDIATE")
    do {
      for field in missing {
        try database.execute(
          "ALTER TABLE \(SQLiteName.quoted(name)) ADD COLUMN \(SQLiteName.quoted(field.name)) \(field.type.sqliteName)")
      }
      CrashPoint.pass("sqlite.evolve.commit")
      try database.execute("COMMIT")
    } catch {
      try? database.execute("ROLLBACK")
      throw error
    }
    CrashPoint.pass("sqlite.evolve.committed")
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
        hint: (hints + [
          "its columns are: \(names.joined(separator: ", "))", "set evolve to true to have new columns added",
        ]).joined(separator: "; "))
    }
    if let needed = columns.first(where: { $0.isNeeded && schema.index(of: $0.name) == nil }) {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH",
        "the query gives no column '\(needed.name)', which table '\(name)' in '\(database.path)' needs",
        hint: "it is NOT NULL without a default: add it to the query")
    }
    let unfit = columns.compactMap { column -> String? in
      guard let index = schema.index(of: column.name), !column.type.holds(schema.fields[index].type) else { return nil }
      return "\(column.name): table \(column.type.declared), query \(schema.fields[index].type.sql)"
    }
    if !unfit.isEmpty {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH",
        "table '\(name)' in '\(database.path)' would not keep the query's values as they are: \(unfit.joined(separator: "; "))",
        hint: "cast them in the query to what the table has, or write to a new table")
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
