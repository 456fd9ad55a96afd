import CSQLite
import MillraceCore

/// Inserts or replaces the rows of batches in one table, many rows per statement.
final class SQLiteRowWriter {
  /// More rows per statement are no faster.
  private static let rowsPerStatement = 50
  /// Rows from which writing in the order of the key is faster: neighbours are then on the same page of the database.
  private static let sortedFrom = 512
  private let table: SQLiteTable
  private let schema: Schema
  private let keyColumns: [Int]
  private let replacesRows: Bool
  private let many: SQLiteStatement
  private let one: SQLiteStatement
  private let chunk: Int
  private let binder: SQLiteBinder
  /// Rows to be written in the order of their keys with those that follow: appending to a table in its own order takes half the
  /// time of writing several sorted runs into each other.
  private var waiting: [RecordBatch] = []
  private var waitingCount = 0
  /// Rows that wait at most.
  private static let waitingLimit = 1 << 20

  /// Prepares the statements; with `replacesRows`, a row with the same keys is replaced.
  init(_ table: SQLiteTable, schema: Schema, keys: [String], replacesRows: Bool) throws {
    self.table = table
    self.schema = schema
    self.replacesRows = replacesRows
    keyColumns = keys.compactMap { schema.index(of: $0) }
    let limit = table.database.parameterLimit / schema.count
    if limit == 0 {
      throw MillraceError(
        "SINK_SCHEMA_MISMATCH", "\(schema.count) columns are more than SQLite takes in one row of '\(table.name)'")
    }
    chunk = min(limit, SQLiteRowWriter.rowsPerStatement)
    table.database.table = table.name
    let sql = { (rows: Int) in SQLiteRowWriter.sql(table.name, schema, keys: replacesRows ? keys : [], rows: rows) }
    do {
      many = try table.database.prepare(sql(chunk))
      one = try table.database.prepare(sql(1))
    } catch let error as MillraceError where error.message.contains("ON CONFLICT") {
      throw MillraceError(
        "SINK_KEYS_MISSING",
        "table '\(table.name)' in '\(table.database.path)' is not unique by its keys \(keys.joined(separator: ", "))",
        hint: "run: CREATE UNIQUE INDEX millrace_keys ON \(SQLiteName.quoted(table.name)) (\(SQLiteName.quoted(keys)))")
    }
    binder = SQLiteBinder(columnCount: schema.count, rowCapacity: chunk)
  }

  private static func sql(_ table: String, _ schema: Schema, keys: [String], rows: Int) -> String {
    let row = "(" + Array(repeating: "?", count: schema.count).joined(separator: ", ") + ")"
    var sql = "INSERT INTO \(SQLiteName.quoted(table)) (\(SQLiteName.quoted(schema.names))) VALUES "
    sql += Array(repeating: row, count: rows).joined(separator: ", ")
    if keys.isEmpty { return sql }
    let isKey = Set(keys.map { $0.lowercased() })
    let changes = schema.names.filter { !isKey.contains($0.lowercased()) }.map { name in
      "\(SQLiteName.quoted(name)) = excluded.\(SQLiteName.quoted(name))"
    }
    sql += " ON CONFLICT (\(SQLiteName.quoted(keys))) DO "
    return sql + (changes.isEmpty ? "NOTHING" : "UPDATE SET \(changes.joined(separator: ", "))")
  }

  /// Removes all rows.
  func removeAll() throws { try table.database.execute("DELETE FROM \(SQLiteName.quoted(table.name))") }

  /// Forgets what `write` took and `finish` has not written.
  func begin() {
    waiting = []
    waitingCount = 0
  }

  /// Writes all rows of a batch, at the latest with `finish`. Those with the same keys are written in their order.
  func write(_ batch: RecordBatch) throws {
    guard replacesRows else { return try insert(batch) }
    try refuseNullKeys(batch)
    waiting.append(batch)
    waitingCount += batch.rowCount
    if waitingCount >= SQLiteRowWriter.waitingLimit { try finish() }
  }

  /// Writes rows that wait.
  func finish() throws {
    if waiting.isEmpty { return }
    var batch = waiting.count == 1 ? waiting[0] : RecordBatch.concatenated(waiting)
    begin()
    if batch.rowCount >= SQLiteRowWriter.sortedFrom, let leading = keyColumns.first {
      batch = batch.gathered(SQLiteKeyOrder.order(of: batch.columns[leading]))
    }
    try insert(batch)
  }

  private func insert(_ batch: RecordBatch) throws {
    var row = 0
    while row + chunk <= batch.rowCount {
      let rows = row..<row + chunk
      try bind(batch, rows, to: many)
      if try !many.runUnlessConstrained() { try writeSingly(batch, rows) }
      row += chunk
    }
    try writeSingly(batch, row..<batch.rowCount)
  }

  /// Writes row by row, so that an error can name the row.
  private func writeSingly(_ batch: RecordBatch, _ rows: Range<Int>) throws {
    for row in rows {
      try bind(batch, row..<row + 1, to: one)
      if try !one.runUnlessConstrained() { throw refusal(batch, row) }
    }
  }

  private func bind(_ batch: RecordBatch, _ rows: Range<Int>, to statement: SQLiteStatement) throws {
    if binder.bind(batch, rows, to: statement) != SQLITE_OK { throw table.database.failure("binding a value for") }
  }

  /// SQLite takes any two NULLs for different keys: replacing would add a row each time.
  private func refuseNullKeys(_ batch: RecordBatch) throws {
    for index in keyColumns where batch.columns[index].mayHaveNulls || batch.columns[index].type == .void {
      let column = batch.columns[index]
      if column.type == .void || column.nullCount > 0 {
        throw MillraceError(
          "SINK_NULL_KEY",
          "key column '\(schema.fields[index].name)' of table '\(table.name)' in '\(table.database.path)' is NULL in a row",
          hint:
            "leave such rows out with WHERE \(schema.fields[index].name) IS NOT NULL, or give them a value with coalesce()"
        )
      }
    }
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
    if error.message.contains("UNIQUE constraint") && !replacesRows {
      error.hint = "a row with this key is there already: use output mode update, or another key"
    }
    return error
  }
}
