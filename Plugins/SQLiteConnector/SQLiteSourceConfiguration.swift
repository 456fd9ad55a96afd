import MillraceCore

/// The options of a source.
struct SQLiteSourceConfiguration: Sendable {
  /// What new rows are told by.
  enum Increment: Sendable, Hashable {
    case rowid
    case column(String)
    /// All rows once.
    case none
  }

  /// Where rows come from.
  enum Relation: Sendable {
    case table(String)
    case query(String)
  }

  var path: String
  var relation: Relation
  var increment: Increment
  /// What tells rows with equal values of the incremental column apart; nil: what the table has.
  var tieBreaker: [String]?
  /// How long after its time a row is read, in microseconds.
  var lag: Int64
  var maxRowsPerBatch: Int64
  var busyTimeout: Int64

  static let fields: [OptionField] = [
    OptionField("path", .path, "The database file.", isRequired: true, example: "out/traffic.db"),
    OptionField("table", .string, "The table or view to read; this or 'query'.", example: "traffic"),
    OptionField(
      "query", .string, "A SELECT to read; this or 'table'.", example: "SELECT id, name FROM hosts WHERE active"),
    OptionField(
      "incremental", .string,
      "How new rows are told: 'rowid' (rows are only added; the default for tables), a column whose values only grow, "
        + "or 'none' (all rows once; the default for queries).", example: "updated_at"),
    OptionField(
      "tieBreaker", .list(.string),
      "Columns that tell rows with the same value of the incremental column apart, so that none of them is lost at the end of a batch. "
        + "Default for tables: the rowid or the primary key; views and queries must name them, or say 'none' where no two rows "
        + "have the same value.", example: "id"),
    OptionField(
      "lag", .duration,
      "How old a row must be by the time in its incremental column before it is read, for writers that commit a row after others with "
        + "a later time. Numbers are seconds, milliseconds or microseconds since 1970, whichever they can be.",
      default: "0 seconds", range: 0...86_400_000_000),
    OptionField(
      "maxRowsPerBatch", .integer, "Most rows of one micro-batch.", default: "1000000", range: 1...1 << 40),
    OptionField(
      "busyTimeout", .duration, "How long to wait for a writer.", default: "5 seconds", range: 0...3_600_000_000),
  ]

  init(_ options: Options) throws {
    path = try SQLiteName.path(options.required("path"))
    switch (options.string("table"), options.string("query")) {
    case (let table?, nil):
      try SQLiteName.check(table, "table")
      relation = .table(table)
    case (nil, let query?): relation = .query(try SQLiteSourceConfiguration.trimmed(query))
    case (nil, nil):
      throw MillraceError("OPTION_MISSING", "a sqlite source needs the option 'table' or 'query'")
    default:
      throw MillraceError("OPTION_CONFLICT", "a sqlite source takes 'table' or 'query', not both")
    }
    var isTable = false
    if case .table = relation { isTable = true }
    switch options.string("incremental") {
    case nil: increment = isTable ? .rowid : .none
    case "none": increment = .none
    case "rowid":
      if !isTable {
        throw MillraceError(
          "OPTION_CONFLICT", "a query has no rowid", hint: "set 'incremental' to a column of the query, or to none")
      }
      increment = .rowid
    case let column?:
      try SQLiteName.check(column, "column")
      increment = .column(column)
    }
    tieBreaker = options.string("tieBreaker") == nil ? nil : options.list("tieBreaker").filter { !$0.isEmpty }
    if tieBreaker?.map({ $0.lowercased() }) == ["none"] { tieBreaker = [] }
    for column in tieBreaker ?? [] { try SQLiteName.check(column, "column") }
    lag = try options.duration("lag") ?? 0
    if case .column = increment {
    } else if tieBreaker != nil || lag > 0 {
      throw MillraceError(
        "OPTION_CONFLICT", "the options 'tieBreaker' and 'lag' are for an incremental column",
        hint: "set 'incremental' to the name of one")
    }
    maxRowsPerBatch = try options.int("maxRowsPerBatch") ?? 1_000_000
    busyTimeout = try options.duration("busyTimeout") ?? 5_000_000
  }

  /// The query without the semicolon at its end, so that it can stand in brackets.
  private static func trimmed(_ query: String) throws -> String {
    var text = Substring(query)
    while let last = text.last, last == ";" || last.isWhitespace { text.removeLast() }
    if text.isEmpty || text.utf8.contains(0) {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'query' is '\(query)'", hint: "it takes a SELECT")
    }
    return String(text)
  }

  /// Name for errors and progress.
  var name: String {
    if case .table(let table) = relation { table } else { "query" }
  }

  /// What stands behind FROM; a line end so that a comment in the query does not swallow the bracket.
  var from: String {
    switch relation {
    case .table(let table): SQLiteName.quoted(table)
    case .query(let query): "(\(query)\n)"
    }
  }
}
