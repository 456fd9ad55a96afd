import MillraceCore

/// What becomes of a row in the table.
enum SQLiteWriteMode: String, CaseIterable, Sendable {
  /// It is added.
  case append
  /// It replaces the row with the same keys, or is added.
  case upsert
  /// It replaces the row with the same keys; where there is none, nothing happens.
  case update
  /// The batch takes the place of all rows.
  case replace
  /// It is added with what the query did and the batch's number, so that the table tells the history of the result.
  case changelog

  /// Columns that a changelog has beside the query's.
  static let operationColumn = "_operation"
  static let batchColumn = "_batch"

  /// What an output mode stands for unless the options say otherwise.
  init(for mode: OutputMode) {
    switch mode {
    case .append: self = .append
    case .update: self = .upsert
    case .complete: self = .replace
    }
  }

  /// Whether the table must know which row has which keys.
  var needsKeys: Bool { self == .upsert || self == .update }

  /// Throws where the rows of an output mode would make nonsense.
  func check(_ mode: OutputMode, table: String) throws {
    switch (self, mode) {
    case (.append, .update), (.append, .complete):
      throw MillraceError(
        "OPTION_CONFLICT",
        "mode 'append' would add each row of table '\(table)' again whenever output mode \(mode.rawValue) gives it anew",
        hint: "use mode \(SQLiteWriteMode(for: mode).rawValue), or changelog to keep every state of a row")
    case (.replace, .update):
      throw MillraceError(
        "OPTION_CONFLICT", "mode 'replace' would leave only the rows of table '\(table)' that the last batch changed",
        hint: "use mode upsert, or output mode complete")
    default: break
    }
  }

  /// What a changelog names the rows of an output mode.
  static func operation(of mode: OutputMode) -> String {
    switch mode {
    case .append: "insert"
    case .update: "upsert"
    case .complete: "replace"
    }
  }

  /// The statement that writes the rows of `feed`, whose columns are those of the schema in order.
  func sql(_ table: String, _ schema: Schema, keys: [String], feed: String) -> String {
    let cells = schema.fields.indices.map { "c\($0)" }
    var names = schema.names
    var values = cells
    if self == .changelog {
      names += [Self.operationColumn, Self.batchColumn]
      values += ["?1", "?2"]
    }
    var sql = "INSERT INTO \(SQLiteName.quoted(table)) (\(SQLiteName.quoted(names))) "
    sql += "SELECT \(values.joined(separator: ", ")) FROM \(feed)"
    guard needsKeys else { return sql }
    let positions = keys.compactMap { schema.index(of: $0) }
    if self == .update {
      let same = zip(keys, positions).map { "present.\(SQLiteName.quoted($0)) = \(feed).c\($1)" }
      sql +=
        " WHERE EXISTS (SELECT 1 FROM \(SQLiteName.quoted(table)) AS present WHERE \(same.joined(separator: " AND ")))"
    } else {
      sql += " WHERE true"
    }
    let changes = schema.fields.enumerated().filter { !positions.contains($0.offset) }.map { field in
      "\(SQLiteName.quoted(field.element.name)) = excluded.\(SQLiteName.quoted(field.element.name))"
    }
    sql += " ON CONFLICT (\(SQLiteName.quoted(keys))) DO "
    return sql + (changes.isEmpty ? "NOTHING" : "UPDATE SET \(changes.joined(separator: ", "))")
  }
}
