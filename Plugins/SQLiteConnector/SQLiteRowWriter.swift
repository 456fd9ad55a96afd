import CSQLite
import MillraceCore

/// Writes the rows of batches into one table, thousands with a statement.
///
/// A statement in which a row is refused has changed nothing. Its rows are then written in ever smaller parts until the rows at fault
/// stand alone: they are reported, or the first of them is the error.
final class SQLiteRowWriter {
  /// Rows of one statement: many enough to cost nothing each, few enough to write them again for a row that is refused.
  private static let rowsPerStatement = 8192
  /// Parts of a statement that was refused; below that it is halved.
  private static let rowsPerPart = 64
  /// Rows from which writing in the order of the key is faster: neighbours are then on the same page of the database.
  private static let sortedFrom = 512
  /// Rows that wait at most.
  private static let waitingLimit = 1 << 20
  private let table: SQLiteTable
  private let schema: Schema
  private let keyColumns: [Int]
  private let mode: SQLiteWriteMode
  private let statement: SQLiteStatement
  private let feed: SQLiteRowFeed
  private let report: SQLiteRejects?
  /// Rows to be written in the order of their keys with those that follow: appending to a table in its own order takes half the
  /// time of writing several sorted runs into each other.
  private var waiting: [RecordBatch] = []
  private var waitingCount = 0

  /// Prepares the statements. Rows that are refused go to `report`; without it they are errors.
  init(
    _ table: SQLiteTable, schema: Schema, keys: [String], mode: SQLiteWriteMode, report: SQLiteRejects?
  ) throws {
    self.table = table
    self.schema = schema
    self.mode = mode
    self.report = report
    keyColumns = mode.needsKeys ? keys.compactMap { schema.index(of: $0) } : []
    let limit = table.database.columnLimit
    if schema.count + 2 > limit {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH", "\(schema.count) columns are more than SQLite takes in a row of '\(table.name)'",
        hint: "it takes \(limit) at most")
    }
    table.database.table = table.name
    feed = try SQLiteRowFeed(table.database, columnCount: schema.count)
    do {
      statement = try table.database.prepare(mode.sql(table.name, schema, keys: keys, feed: feed.name))
    } catch let error as MillraceError where error.message.contains("ON CONFLICT") {
      throw MillraceError(
        "SINK_KEYS_MISSING",
        "table '\(table.name)' in '\(table.database.path)' is not unique by its keys \(keys.joined(separator: ", "))",
        hint: "run: CREATE UNIQUE INDEX millrace_keys ON \(SQLiteName.quoted(table.name)) (\(SQLiteName.quoted(keys)))")
    }
  }

  /// The column in whose order many rows are written fastest; nil where they are written as they come.
  var orderColumn: Int? { keyColumns.first }

  /// Begins a batch of a query; forgets what `write` took and `finish` has not written.
  func begin(batchID: Int64, outputMode: OutputMode) throws {
    waiting = []
    waitingCount = 0
    if mode == .changelog {
      try statement.bind([.text(SQLiteWriteMode.operation(of: outputMode)), .integer(batchID)])
    }
    if mode == .replace { try table.database.execute("DELETE FROM \(SQLiteName.quoted(table.name))") }
  }

  /// Writes all rows of a batch, at the latest with `finish`. Those with the same keys are written in their order.
  func write(_ batch: RecordBatch) throws {
    if batch.rowCount == 0 { return }
    guard mode.needsKeys else {
      feed.load([batch])
      defer { feed.unload() }
      return try insert(batch.rowCount)
    }
    let batch = try withoutNullKeys(batch)
    waiting.append(
      RecordBatch(
        rowCount: batch.rowCount,
        columns: batch.columns.map { $0.owners.isEmpty && $0.children.isEmpty ? $0 : $0.detached() }))
    waitingCount += batch.rowCount
    if waitingCount >= SQLiteRowWriter.waitingLimit { try finish() }
  }

  /// Writes rows that wait.
  func finish() throws {
    if waiting.isEmpty { return }
    let batches = waiting
    let count = waitingCount
    waiting = []
    waitingCount = 0
    defer { feed.unload() }
    if count >= SQLiteRowWriter.sortedFrom, let leading = keyColumns.first {
      feed.load(batches, places: SQLiteKeyOrder.places(of: batches.map { $0.columns[leading] }))
      return try insert(count)
    }
    for batch in batches {
      feed.load([batch])
      try insert(batch.rowCount)
    }
  }

  /// Writes the first `count` rows of the feed.
  private func insert(_ count: Int) throws {
    var row = 0
    while row < count {
      let end = min(row + SQLiteRowWriter.rowsPerStatement, count)
      try insert(row..<end)
      row = end
    }
  }

  private func insert(_ rows: Range<Int>) throws {
    feed.show(rows)
    if try statement.runUnlessRefused() { return }
    if rows.count == 1 { return try refuse(rows.lowerBound) }
    let size = rows.count > SQLiteRowWriter.rowsPerPart ? SQLiteRowWriter.rowsPerPart : (rows.count + 1) / 2
    for start in stride(from: rows.lowerBound, to: rows.upperBound, by: size) {
      try insert(start..<min(start + size, rows.upperBound))
    }
  }

  private func refuse(_ place: Int) throws {
    let (batch, row) = feed.row(place)
    guard let report else { throw refusal(batch, row) }
    let problem = table.database.lastProblem
    try report.add(batch, row, code: problem.code, message: problem.message)
  }

  /// SQLite takes any two NULLs for different keys: replacing would add a row each time.
  private func withoutNullKeys(_ batch: RecordBatch) throws -> RecordBatch {
    var isBad: [Bool]?
    for index in keyColumns {
      let column = batch.columns[index]
      guard column.type == .void || column.nullCount > 0 else { continue }
      guard let report else { throw nullKey(index) }
      var marks = isBad ?? Array(repeating: false, count: batch.rowCount)
      for row in 0..<batch.rowCount where !marks[row] && (column.type == .void || column.isNull(row)) {
        marks[row] = true
        let error = nullKey(index)
        try report.add(batch, row, code: error.code, message: error.message, column: schema.fields[index].name)
      }
      isBad = marks
    }
    guard let isBad else { return batch }
    return batch.gathered(Selection(isBad.indices.filter { !isBad[$0] }))
  }

  private func nullKey(_ index: Int) -> MillraceError {
    let name = schema.fields[index].name
    return MillraceError(
      "SINK_NULL_KEY", "key column '\(name)' of table '\(table.name)' in '\(table.database.path)' is NULL in a row",
      hint: "leave such rows out with WHERE \(name) IS NOT NULL, or give them a value with coalesce()")
  }

  private func refusal(_ batch: RecordBatch, _ row: Int) -> MillraceError {
    let text = ByteBuffer()
    for (index, column) in batch.columns.enumerated() {
      if index > 0 { text.append(", ") }
      text.append("\(schema.fields[index].name) = ")
      SQLiteJSON.write(column, row, into: text)
    }
    let values = String(decoding: text.bytes, as: UTF8.self)
    var error = table.database.failure(
      "writing the row (\(values.count > 400 ? "\(values.prefix(400))..." : values)) to")
    if error.message.contains("UNIQUE constraint") && !mode.needsKeys {
      error.hint = "a row with this key is there already: use mode upsert, or another key"
    } else if error.hint == nil {
      error.hint = "correct the row in the query, or set onBadRecord of the sink to skip or deadLetter"
    }
    return error
  }
}
