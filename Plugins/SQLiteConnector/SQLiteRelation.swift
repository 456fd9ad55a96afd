import MillraceCore

/// A table, view or query in an open database, and the statements on it.
struct SQLiteRelation {
  private let configuration: SQLiteSourceConfiguration
  private let database: SQLiteDatabase

  init(_ configuration: SQLiteSourceConfiguration) throws {
    self.configuration = configuration
    database = try SQLiteDatabase(configuration.path, .source, busyTimeout: configuration.busyTimeout, isReadOnly: true)
    if case .table(let table) = configuration.relation {
      database.table = table
      let known = try database.rows("SELECT 1 FROM pragma_table_list WHERE name = ? COLLATE NOCASE", [.text(table)])
      if known.isEmpty { try SQLiteTable(database: database, name: table).notFound() }
    }
  }

  /// The columns with the types that they were declared with.
  func schema() throws -> Schema {
    let statement = try database.prepare("SELECT * FROM \(configuration.from)")
    return Schema(
      (0..<statement.columnCount).map {
        StructField(statement.name($0), SQLiteCell.type(declared: statement.declaredType($0)))
      })
  }

  /// Throws unless the relation has the declared columns.
  func check(_ schema: Schema) throws {
    let statement = try database.prepare("SELECT * FROM \(configuration.from)")
    let names = (0..<statement.columnCount).map { statement.name($0) }
    for field in schema.fields where !names.contains(where: { $0.lowercased() == field.name.lowercased() }) {
      throw MillraceError(
        "SOURCE_SCHEMA_MISMATCH", "\(configuration.name) in '\(configuration.path)' has no column '\(field.name)'",
        hint: NearestName.of(field.name, among: names).map { "did you mean '\($0)'?" }
          ?? "its columns are: \(names.joined(separator: ", "))")
    }
  }

  /// The expressions whose values order the rows, from the first that differs.
  func keys() throws -> [String] {
    let rowid = rowidName()
    switch configuration.increment {
    case .none: return []
    case .rowid:
      guard let rowid else {
        throw MillraceError(
          "SOURCE_NO_ROWID", "\(configuration.name) in '\(configuration.path)' has no rowid to tell new rows by",
          hint: "set 'incremental' to a column whose values only grow, or to none to read all rows once")
      }
      return [rowid]
    case .column(let column):
      try check(Schema([StructField(column, .string)]))
      return [SQLiteName.quoted(column)] + (try tieBreaker(rowid, besides: column))
    }
  }

  /// What tells rows with equal values apart. Without it those that come after the end of a batch would never be read.
  private func tieBreaker(_ rowid: String?, besides column: String) throws -> [String] {
    if let chosen = configuration.tieBreaker {
      try check(Schema(chosen.map { StructField($0, .string) }))
      return chosen.map { "ifnull(\(SQLiteName.quoted($0)), '')" }
    }
    if let rowid { return [rowid] }
    var primary: [String] = []
    if case .table(let table) = configuration.relation {
      primary = try SQLiteTable(database: database, name: table).columns().filter { $0.keyPosition > 0 }
        .sorted { $0.keyPosition < $1.keyPosition }.map(\.name)
    }
    if primary.isEmpty {
      throw MillraceError(
        "SOURCE_NO_TIE_BREAKER",
        "nothing tells rows of \(configuration.name) in '\(configuration.path)' with equal '\(column)' apart, so some could be lost",
        hint: "set 'tieBreaker' to columns that do, or to none if no two rows have the same '\(column)'")
    }
    return primary.filter { $0.lowercased() != column.lowercased() }.map { SQLiteName.quoted($0) }
  }

  /// The condition that a row is old enough; nil without a lag.
  ///
  /// Text that is no time does not wait. A number that cannot be seconds of our time is milliseconds or microseconds.
  private func settled(_ now: Int64) -> String? {
    guard configuration.lag > 0, case .column(let name) = configuration.increment else { return nil }
    let column = SQLiteName.quoted(name)
    let seconds = """
      CASE typeof(\(column)) WHEN 'text' THEN (julianday(\(column)) - 2440587.5) * 86400.0 ELSE CASE \
      WHEN \(column) < 5373484.5 AND typeof(\(column)) = 'real' THEN (\(column) - 2440587.5) * 86400.0 \
      WHEN \(column) < 1e11 THEN \(column) WHEN \(column) < 1e14 THEN \(column) / 1e3 ELSE \(column) / 1e6 END END
      """
    return "ifnull((\(seconds)) <= \(Double(now - configuration.lag) / 1e6), 1)"
  }

  /// A name under which the rowid can be had: some table's own columns may hide others.
  private func rowidName() -> String? {
    guard case .table(let table) = configuration.relation,
      let kind = try? database.rows(
        "SELECT 1 FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND type = 'table' AND wr = 0", [.text(table)]),
      !kind.isEmpty, let columns = try? SQLiteTable(database: database, name: table).columns()
    else { return nil }
    let names = Set(columns.map { $0.name.lowercased() })
    return ["rowid", "_rowid_", "oid"].first { !names.contains($0) }
  }

  /// The key of the last row, nil when there are no rows.
  func last(_ keys: [String], now: Int64) throws -> [SQLiteValue]? {
    let settled = settled(now).map { " AND \($0)" } ?? ""
    let order = keys.map { "\($0) DESC" }.joined(separator: ", ")
    return try row(
      "SELECT \(keys.joined(separator: ", ")) FROM \(configuration.from) WHERE \(keys[0]) IS NOT NULL\(settled) ORDER BY \(order) LIMIT 1",
      [])
  }

  /// The key of the last of the next `rows` rows, nil when there is none.
  func end(
    _ keys: [String], after: [SQLiteValue]?, upTo: [SQLiteValue]?, rows: Int64, now: Int64
  ) throws -> [SQLiteValue]? {
    var range = SQLiteRelation.condition(keys, after: after, upTo: upTo)
    if let settled = settled(now) { range.sql += " AND \(settled)" }
    let select = "SELECT \(keys.joined(separator: ", ")) FROM \(configuration.from) WHERE \(range.sql) ORDER BY "
    let order = keys.joined(separator: ", ")
    if let end = try row("\(select)\(order) LIMIT 1 OFFSET \(rows - 1)", range.arguments) { return end }
    let descending = keys.map { "\($0) DESC" }.joined(separator: ", ")
    return try row("\(select)\(descending) LIMIT 1", range.arguments)
  }

  private func row(_ sql: String, _ arguments: [SQLiteValue]) throws -> [SQLiteValue]? {
    guard let row = try database.rows(sql, arguments).first else { return nil }
    for case .blob in row {
      throw MillraceError(
        "SOURCE_UNSUPPORTED_TYPE",
        "\(configuration.name) in '\(configuration.path)' has a blob in the column that tells new rows",
        hint: "set 'incremental' to a column of numbers or text")
    }
    return row
  }

  /// A statement that gives columns of the rows in a range, in the order of their keys.
  func select(
    _ fields: [StructField], keys: [String], after: [SQLiteValue]?, upTo: [SQLiteValue]?
  ) throws -> SQLiteStatement {
    let columns = fields.isEmpty ? "1" : SQLiteName.quoted(fields.map(\.name))
    let range = SQLiteRelation.condition(keys, after: after, upTo: upTo)
    let order = keys.isEmpty ? "" : " ORDER BY \(keys.joined(separator: ", "))"
    let statement = try database.prepare("SELECT \(columns) FROM \(configuration.from) WHERE \(range.sql)\(order)")
    try statement.bind(range.arguments)
    return statement
  }

  private static func condition(
    _ keys: [String], after: [SQLiteValue]?, upTo: [SQLiteValue]?
  ) -> (sql: String, arguments: [SQLiteValue]) {
    let key = keys.count == 1 ? keys[0] : "(\(keys.joined(separator: ", ")))"
    let value = keys.count == 1 ? "?" : "(\(keys.map { _ in "?" }.joined(separator: ", ")))"
    var parts = keys.first.map { ["\($0) IS NOT NULL"] } ?? ["1"]
    if after != nil { parts.append("\(key) > \(value)") }
    if upTo != nil { parts.append("\(key) <= \(value)") }
    return (parts.joined(separator: " AND "), (after ?? []) + (upTo ?? []))
  }
}
