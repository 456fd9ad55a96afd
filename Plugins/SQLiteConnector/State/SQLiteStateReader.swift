import MillraceCore

/// Reads the versions that a store keeps while the store may be at work: one read transaction sees one moment of the database.
final class SQLiteStateReader: StateReader {
  private let path: String?
  private let keyCodec: RowCodec
  private let valueCodec: RowCodec

  /// A reader of the database at `path`; nil: there is none yet.
  init(_ path: String?, keyTypes: [DataType], valueTypes: [DataType]) {
    self.path = path
    keyCodec = RowCodec(keyTypes)
    valueCodec = RowCodec(valueTypes, isCanonical: false)
  }

  private func open() throws -> SQLiteDatabase? {
    guard let path else { return nil }
    let database = try SQLiteDatabase(path, .state, busyTimeout: 10_000_000, isReadOnly: true)
    try SQLiteStateTable.checkFormat(database)
    try database.execute("PRAGMA temp_store = FILE; BEGIN")
    return database
  }

  func versions() throws -> ClosedRange<Int64>? {
    guard let database = try open(),
      let row = try database.rows("SELECT min(version), max(version) FROM versions").first,
      let oldest = row[0].integer, let newest = row[1].integer
    else { return nil }
    return oldest...newest
  }

  func scan(version: Int64, _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void)
    throws
  {
    guard let database = try open() else { return }
    guard let mark = try SQLiteStateTable.mark(database, at: version) else {
      throw MillraceError(
        "STATE_VERSION_NOT_RETAINED", "'\(database.path)' no longer holds version \(version)",
        hint: "raise 'minVersionsToRetain' of the state store to keep more versions")
    }
    let scan = try SQLiteStateScan(
      database, try relation(database, at: mark.version), keyCodec, valueCodec,
      try SQLiteStateTable.layout(database))
    while let batch = try scan.next() { try body(batch.keys, batch.values, batch.count) }
    guard scan.mark.rowCount == mark.rowCount, scan.mark.sum == mark.sum else {
      throw SQLiteStateTable.corrupt(
        database, "\(scan.mark.rowCount) keys were read of version \(version), which had \(mark.rowCount)")
    }
  }

  /// What to read for a version: the table itself for the last one, else the table under what later versions replaced.
  private func relation(_ database: SQLiteDatabase, at version: Int64) throws -> String {
    guard let last = try SQLiteStateTable.mark(database), last.version > version else { return "state" }
    try database.execute("CREATE TEMP TABLE replaced (k BLOB PRIMARY KEY, v BLOB, sum INTEGER) WITHOUT ROWID")
    let insert = try database.prepare("INSERT OR REPLACE INTO temp.replaced (k, v, sum) VALUES (?, ?, ?)")
    try SQLiteUndoLog.undo(database, after: version) { key, value in
      try insert.bind(key, at: 1)
      if let value {
        try insert.bind(value, at: 2)
        try insert.bind(SQLiteStateTable.short(SQLiteRowSum.of(key, value)), at: 3)
      } else {
        try insert.bindNull(at: 2)
        try insert.bindNull(at: 3)
      }
      try insert.runOnce()
    }
    try database.execute(
      """
      CREATE TEMP VIEW earlier AS
        SELECT k, v, sum FROM main.state WHERE NOT EXISTS (SELECT 1 FROM temp.replaced WHERE replaced.k = state.k)
        UNION ALL SELECT k, v, sum FROM temp.replaced WHERE v IS NOT NULL
      """)
    return "temp.earlier"
  }
}
