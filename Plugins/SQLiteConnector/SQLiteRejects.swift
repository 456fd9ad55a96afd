import MillraceCore
import MillraceFormats

/// The rows of the present batch that the table refused.
///
/// They are kept in `_millrace_rejected` in the transaction of the batch until its successor, because after a crash the engine asks for
/// the rejected rows of a batch that is not written again.
final class SQLiteRejects {
  private static let table = "_millrace_rejected"
  private let database: SQLiteDatabase
  private let context: SinkContext
  private let schema: Schema
  private let encoder: any Encoder
  private(set) var rows: [RejectedRow] = []
  /// Whether the database may hold rows of an earlier batch.
  private var mayHoldOld = true

  init(_ database: SQLiteDatabase, _ context: SinkContext, _ schema: Schema) throws {
    self.database = database
    self.context = context
    self.schema = schema
    encoder = try JSONEncoding().makeEncoder(schema)
    try database.execute(
      "CREATE TABLE IF NOT EXISTS \(Self.table) (query TEXT, sink TEXT, batch INTEGER, position INTEGER, record TEXT NOT NULL, "
        + "code TEXT NOT NULL, message TEXT NOT NULL, \"column\" TEXT, PRIMARY KEY (query, sink, batch, position)) WITHOUT ROWID"
    )
  }

  func begin() { rows = [] }

  func add(_ batch: RecordBatch, _ row: Int, code: String, message: String, column: String? = nil) throws {
    rows.append(
      try RejectedRow(
        batch, row: row, encoder: encoder, code: code, message: message, column: column ?? columnAtFault(message)))
  }

  /// SQLite says `NOT NULL constraint failed: table.column`; of several columns none is named.
  private func columnAtFault(_ message: String) -> String? {
    guard let dot = message.lastIndex(of: ".") else { return nil }
    let name = message[message.index(after: dot)...]
    return schema.index(of: String(name)).map { schema.fields[$0].name }
  }

  /// Keeps them with the batch, in its transaction.
  func keep(batchID: Int64) throws {
    if mayHoldOld {
      try database.prepare("DELETE FROM \(Self.table) WHERE query = ? AND sink = ?").run([
        .text(context.queryID), .text(context.sinkName),
      ])
    }
    mayHoldOld = !rows.isEmpty
    if rows.isEmpty { return }
    let insert = try database.prepare("INSERT INTO \(Self.table) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
    for (position, row) in rows.enumerated() {
      try insert.run([
        .text(context.queryID), .text(context.sinkName), .integer(batchID), .integer(Int64(position)),
        .text(row.record), .text(row.code), .text(row.message), row.column.map { .text($0) } ?? .null,
      ])
    }
  }

  /// Those of a batch that was committed.
  func kept(batchID: Int64) throws -> [RejectedRow] {
    try database.rows(
      "SELECT record, code, message, \"column\" FROM \(Self.table) WHERE query = ? AND sink = ? AND batch = ? ORDER BY position",
      [.text(context.queryID), .text(context.sinkName), .integer(batchID)]
    ).map { row in
      RejectedRow(
        record: row[0].text ?? "", code: row[1].text ?? "", message: row[2].text ?? "", column: row[3].text)
    }
  }
}
