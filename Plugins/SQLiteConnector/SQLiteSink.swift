import MillraceCore

/// Writes rows into one table. The batch's number goes into `_millrace_commits` in the same transaction, so that a batch is in
/// the table once, whatever happens.
///
/// What becomes of a row there is told by `SQLiteWriteMode`.
final class SQLiteSink: RejectingSink, EarlyRowSink, OrderedRowSink, ReplacingSink, @unchecked Sendable {
  private let configuration: SQLiteSinkConfiguration
  private let schema: Schema
  private let outputMode: OutputMode
  private let environment: Environment
  private var opened: Opened?
  private var rowCount: Int64 = 0
  private var isolatesRejected = false
  /// The batch that was begun and not committed.
  private var begun: Int64?

  /// What exists from `open` to `close`.
  private struct Opened {
    var context: SinkContext
    var writer: SQLiteWriter
    var rows: SQLiteRowWriter
    /// Columns that identify a row.
    var keys: [String]
    var rejects: SQLiteRejects?
  }

  init(_ configuration: SQLiteSinkConfiguration, schema: Schema, outputMode: OutputMode, environment: Environment) {
    self.configuration = configuration
    self.schema = schema
    self.outputMode = outputMode
    self.environment = environment
  }

  var description: String { "sqlite[\(configuration.path), \(configuration.table)]" }
  var guarantee: SinkGuarantee { .transactional }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func open(_ context: SinkContext) throws {
    let writer = try SQLiteWriter.open(configuration, query: context.queryID, environment: environment)
    opened = try configuration.settle(in: writer.database) { try prepare(writer, context) }
  }

  /// Makes what is missing in the database.
  private func prepare(_ writer: SQLiteWriter, _ context: SinkContext) throws -> Opened {
    let table = SQLiteTable(database: writer.database, name: configuration.table)
    try writer.database.execute(
      "CREATE TABLE IF NOT EXISTS \(SQLiteName.commits) (query TEXT, sink TEXT, batch INTEGER NOT NULL, rows INTEGER NOT NULL, "
        + "target TEXT NOT NULL, committed_at TEXT NOT NULL, PRIMARY KEY (query, sink)) WITHOUT ROWID")
    let keys = try prepare(table)
    let rejects = isolatesRejected ? try SQLiteRejects(writer.database, context, schema) : nil
    return Opened(
      context: context, writer: writer,
      rows: try SQLiteRowWriter(table, schema: schema, keys: keys, mode: configuration.mode, report: rejects),
      keys: keys, rejects: rejects)
  }

  /// Makes, evolves or checks the table and gives the columns that identify a row.
  private func prepare(_ table: SQLiteTable) throws -> [String] {
    let tableSchema = configuration.tableSchema(schema)
    var columns = try table.columns()
    let needsKeys = configuration.mode.needsKeys
    if columns.isEmpty {
      if !configuration.createsTable { try table.notFound() }
      if needsKeys && configuration.keys.isEmpty { throw keysMissing("does not exist yet") }
      try table.create(tableSchema, keys: configuration.mode == .changelog ? [] : configuration.keys)
      return configuration.keys
    }
    if configuration.evolves {
      try table.evolve(columns, to: tableSchema, keys: configuration.keys)
      columns = try table.columns()
    }
    try table.check(columns, take: tableSchema)
    if !configuration.keys.isEmpty { return configuration.keys }
    let primary = columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }.map(\.name)
    if needsKeys && (primary.isEmpty || primary.contains { schema.index(of: $0) == nil }) {
      throw keysMissing(primary.isEmpty ? "has no primary key" : "has a primary key that the query does not give")
    }
    return primary
  }

  private func keysMissing(_ state: String) -> MillraceError {
    MillraceError(
      "SINK_KEYS_MISSING",
      "\(configuration.modeInWords) must know which row to replace, and table '\(configuration.table)' \(state)",
      hint: "set the option 'keys' to the columns that the query groups by")
  }

  var orderColumn: Int? { opened?.rows.orderColumn }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try recover(batchID: batchID, token: token, through: batchID)
  }

  func recover(batchID: Int64?, token: JSON?, through last: Int64?) throws -> Int64? {
    let opened = try self.required()
    opened.writer.rollback()
    let held = try opened.writer.database.rows(
      "SELECT batch FROM \(SQLiteName.commits) WHERE query = ? AND sink = ?",
      [.text(opened.context.queryID), .text(opened.context.sinkName)]
    ).first?[0].integer
    if let batchID, held ?? -1 < batchID {
      throw MillraceError(
        "SINK_BEHIND_CHECKPOINT",
        "'\(configuration.path)' holds batch \(held.map { "\($0)" } ?? "none") of sink '\(opened.context.sinkName)', the checkpoint has \(batchID)",
        hint: "the database was replaced by an older one: bring back the newer, or start with a new checkpoint",
        fault: .external)
    }
    if let held, held > (last ?? -1) + 1 {
      throw MillraceError(
        "SINK_AHEAD_OF_CHECKPOINT",
        "'\(configuration.path)' holds batch \(held) of sink '\(opened.context.sinkName)', the checkpoint has \(last.map { "\($0)" } ?? "none")",
        hint: "the checkpoint was replaced by an older one: bring back the newer, or write to a new database",
        fault: .external)
    }
    return held
  }

  /// A trigger of the table sees every row that is written, so none is left out then.
  func replacement() throws -> RowReplacement? {
    let opened = try self.required()
    let isWatched =
      try opened.writer.database.rows(
        "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE LIMIT 1",
        [.text(configuration.table)]
      ).first != nil
    if isWatched { return nil }
    switch configuration.mode {
    case .replace: return .all
    case .upsert: return .keys(Set(opened.keys.compactMap { schema.index(of: $0) }))
    case .append, .update, .changelog: return nil
    }
  }

  func begin(batchID: Int64) throws {
    let opened = try self.required()
    rowCount = 0
    begun = nil
    opened.rejects?.begin()
    CrashPoint.pass("sqlite.begin")
    opened.writer.database.table = configuration.table
    try opened.writer.begin(opened.context.sinkName)
    try opened.rows.begin(batchID: batchID, outputMode: outputMode)
    begun = batchID
  }

  func write(_ batch: RecordBatch) throws {
    try required().rows.write(batch)
    rowCount += Int64(batch.rowCount)
    CrashPoint.pass("sqlite.write")
  }

  func commit(batchID: Int64) throws -> JSON {
    let opened = try self.required()
    try opened.rows.finish()
    try opened.rejects?.keep(batchID: batchID)
    rowCount -= Int64(opened.rejects?.rows.count ?? 0)
    try opened.writer.database.prepare(
      "INSERT INTO \(SQLiteName.commits) (query, sink, batch, rows, target, committed_at) "
        + "VALUES (?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now')) ON CONFLICT (query, sink) DO UPDATE SET "
        + "batch = excluded.batch, rows = excluded.rows, target = excluded.target, committed_at = excluded.committed_at"
    ).run([
      .text(opened.context.queryID), .text(opened.context.sinkName), .integer(batchID), .integer(rowCount),
      .text(configuration.table),
    ])
    CrashPoint.pass("sqlite.commit")
    try opened.writer.commit(opened.context.sinkName)
    begun = nil
    CrashPoint.pass("sqlite.committed")
    return .dictionary(["version": .int(1), "batch": .int(batchID), "rows": .int(rowCount)])
  }

  func isolateRejectedRows() { isolatesRejected = true }

  func rejectedRows(batchID: Int64) throws -> [RejectedRow] {
    let opened = try self.required()
    guard let rejects = opened.rejects else { return [] }
    guard begun == batchID else { return try rejects.kept(batchID: batchID) }
    try opened.rows.finish()
    return rejects.rows
  }

  func close() throws {
    if let opened { opened.writer.leave(opened.context.sinkName) }
    opened = nil
  }

  private func required() throws -> Opened {
    guard let opened else { throw MillraceError("SINK_FAILED", "'\(description)' is not open", fault: .bug) }
    return opened
  }
}
