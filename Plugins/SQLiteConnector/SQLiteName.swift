import MillraceCore

/// Names that come from configuration or columns and end up in SQL: only ever quoted.
enum SQLiteName {
  /// The table that holds the last batch of every query and sink.
  static let commits = "_millrace_commits"

  /// The name as a quoted identifier.
  static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Names as a list of quoted identifiers.
  static func quoted(_ names: [String]) -> String { names.map { quoted($0) }.joined(separator: ", ") }

  /// Refuses what SQLite cannot take as a name.
  static func check(_ name: String, _ what: String) throws {
    if name.isEmpty || name.utf8.contains(0) {
      throw MillraceError(
        "SQLITE_NAME", "a \(what) of SQLite cannot be named '\(name)'",
        hint: "names have one character at least, and no NUL")
    }
  }

  /// A table that a pipeline may write.
  static func table(_ name: String) throws -> String {
    try check(name, "table")
    let plain = name.lowercased()
    if plain.hasPrefix("_millrace_") || plain.hasPrefix("sqlite_") {
      throw MillraceError(
        "SQLITE_NAME", "table '\(name)' is reserved", hint: "names must not start with '_millrace_' or 'sqlite_'")
    }
    return name
  }

  /// A database file.
  static func path(_ path: String) throws -> String {
    if path.isEmpty || path.utf8.contains(0) || path == ":memory:" {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'path' is '\(path)'",
        hint: "it takes a file; for rows in memory use format 'memory'")
    }
    return path
  }
}
