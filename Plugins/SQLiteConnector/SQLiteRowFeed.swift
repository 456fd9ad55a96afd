import CSQLite
import MillraceCore

/// Batches as a table that statements of one connection can read: `INSERT … SELECT … FROM` it takes thousands of rows with one
/// statement, without a call per cell to bind it and a reset per fifty rows.
///
/// The columns are `c0`, `c1` and so on. Every statement reads the rows that `show` named last.
final class SQLiteRowFeed {
  /// Name of the table in SQL.
  let name: String
  private let window: UnsafeMutablePointer<SQLiteFeedWindow>
  private var batches: [RecordBatch] = []
  private var order: MemoryBuffer?
  private var capacity: Int
  private let json = ByteBuffer()

  /// Makes the table known to a connection, which must end after the feed's last statement and may outlive the feed.
  init(_ database: SQLiteDatabase, columnCount: Int) throws {
    name = database.uniqueName("_millrace_rows")
    capacity = columnCount
    window = .allocate(capacity: 1)
    window.initialize(
      to: SQLiteFeedWindow(
        columnCount: columnCount, columns: .allocate(capacity: columnCount),
        scratch: .allocate(capacity: columnCount * SQLiteFeedWindow.scratchSize), feed: Unmanaged.passUnretained(self)))
    try database.register(SQLiteRowFeed.module, name, window)
  }

  deinit {
    window.pointee.columns.deallocate()
    window.pointee.scratch.deallocate()
    window.deallocate()
  }

  /// Takes batches, whose rows come in the order of `places` (one `SQLitePlace` each), or as they are where there is but one.
  func load(_ batches: [RecordBatch], places: MemoryBuffer? = nil) {
    self.batches = batches
    order = places
    let columnCount = window.pointee.columnCount
    if batches.count * columnCount > capacity {
      window.pointee.columns.deallocate()
      capacity = batches.count * columnCount
      window.pointee.columns = .allocate(capacity: capacity)
    }
    var cell = window.pointee.columns
    for batch in batches {
      for column in batch.columns {
        cell.initialize(to: SQLiteFeedColumn(column))
        cell += 1
      }
    }
    window.pointee.places = places.map { UnsafePointer($0.base.assumingMemoryBound(to: SQLitePlace.self)) }
    show(0..<0)
  }

  /// Lets the next statement read these rows.
  func show(_ rows: Range<Int>) {
    window.pointee.from = rows.lowerBound
    window.pointee.to = rows.upperBound
  }

  /// Lets the batches go.
  func unload() {
    show(0..<0)
    batches = []
    order = nil
  }

  /// Where the row at a place of the order is.
  func row(_ place: Int) -> (batch: RecordBatch, row: Int) {
    guard let places = window.pointee.places else { return (batches[0], place) }
    return (batches[Int(places[place].batch)], Int(places[place].row))
  }

  fileprivate func writeJSON(_ batch: Int, _ column: Int, _ row: Int) -> ByteBuffer {
    json.removeAll()
    SQLiteJSON.write(batches[batch].columns[column], row, into: json)
    return json
  }

  /// What SQLite calls. Its memory lives as long as the process, because connections keep its address.
  private nonisolated(unsafe) static let module: UnsafePointer<sqlite3_module> = {
    let made = UnsafeMutablePointer<sqlite3_module>.allocate(capacity: 1)
    made.initialize(to: sqlite3_module())
    made.pointee.xConnect = { database, rows, _, _, table, _ in SQLiteRowTable.connect(database, rows, table) }
    made.pointee.xBestIndex = { _, plan in
      plan?.pointee.estimatedCost = 1
      return SQLITE_OK
    }
    made.pointee.xDisconnect = { table in SQLiteRowTable.disconnect(table) }
    made.pointee.xDestroy = { table in SQLiteRowTable.disconnect(table) }
    made.pointee.xOpen = { table, cursor in SQLiteRowTable.open(table, cursor) }
    made.pointee.xClose = { cursor in SQLiteRowTable.close(cursor) }
    made.pointee.xFilter = { cursor, _, _, _, _ in SQLiteRowTable.begin(cursor) }
    made.pointee.xNext = { cursor in
      let cursor = SQLiteRowTable.cursor(cursor)
      cursor.pointee.place &+= 1
      SQLiteRowTable.window(cursor.pointee.rows).pointee.prefetch(
        behind: Int(cursor.pointee.place), end: Int(cursor.pointee.end))
      return SQLITE_OK
    }
    made.pointee.xEof = { cursor in
      let cursor = SQLiteRowTable.cursor(cursor)
      return cursor.pointee.place >= cursor.pointee.end ? 1 : 0
    }
    made.pointee.xColumn = { cursor, context, column in
      guard let context else { return SQLITE_ERROR }
      let cursor = SQLiteRowTable.cursor(cursor)
      SQLiteRowTable.window(cursor.pointee.rows).pointee.put(Int(cursor.pointee.place), Int(column), context)
      return SQLITE_OK
    }
    made.pointee.xRowid = { cursor, rowid in
      rowid?.pointee = SQLiteRowTable.cursor(cursor).pointee.place
      return SQLITE_OK
    }
    return UnsafePointer(made)
  }()
}

extension SQLiteRowFeed {
  /// A nested value as text, which SQLite copies.
  func putJSON(_ batch: Int, _ column: Int, _ row: Int, _ context: OpaquePointer) {
    let text = writeJSON(batch, column, row)
    csqlite_result_text_copy(context, text.bytes.baseAddress, UInt64(text.count))
  }
}

/// The functions of the module, on SQLite's structures.
private enum SQLiteRowTable {
  @inline(__always)
  static func cursor(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> UnsafeMutablePointer<csqlite_rows_cursor>
  {
    UnsafeMutableRawPointer(cursor.unsafelyUnwrapped).assumingMemoryBound(to: csqlite_rows_cursor.self)
  }

  @inline(__always)
  static func window(_ rows: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<SQLiteFeedWindow> {
    rows.unsafelyUnwrapped.assumingMemoryBound(to: SQLiteFeedWindow.self)
  }

  static func connect(
    _ database: OpaquePointer?, _ rows: UnsafeMutableRawPointer?,
    _ table: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab>?>?
  ) -> Int32 {
    guard let table, let rows else { return SQLITE_ERROR }
    let columns = (0..<window(rows).pointee.columnCount).map { "c\($0)" }.joined(separator: ", ")
    let status = sqlite3_declare_vtab(database, "CREATE TABLE x(\(columns))")
    guard status == SQLITE_OK else { return status }
    let made = UnsafeMutablePointer<csqlite_rows_table>.allocate(capacity: 1)
    made.initialize(to: csqlite_rows_table())
    made.pointee.rows = rows
    table.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab.self)
    return SQLITE_OK
  }

  static func disconnect(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> Int32 {
    UnsafeMutableRawPointer(table)?.assumingMemoryBound(to: csqlite_rows_table.self).deallocate()
    return SQLITE_OK
  }

  static func open(
    _ table: UnsafeMutablePointer<sqlite3_vtab>?,
    _ cursor: UnsafeMutablePointer<UnsafeMutablePointer<sqlite3_vtab_cursor>?>?
  ) -> Int32 {
    guard let table, let cursor else { return SQLITE_ERROR }
    let made = UnsafeMutablePointer<csqlite_rows_cursor>.allocate(capacity: 1)
    made.initialize(to: csqlite_rows_cursor())
    made.pointee.rows = UnsafeMutableRawPointer(table).assumingMemoryBound(to: csqlite_rows_table.self).pointee.rows
    cursor.pointee = UnsafeMutableRawPointer(made).assumingMemoryBound(to: sqlite3_vtab_cursor.self)
    return SQLITE_OK
  }

  static func close(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
    UnsafeMutableRawPointer(cursor)?.assumingMemoryBound(to: csqlite_rows_cursor.self).deallocate()
    return SQLITE_OK
  }

  static func begin(_ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?) -> Int32 {
    let cursor = self.cursor(cursor)
    let window = self.window(cursor.pointee.rows)
    cursor.pointee.place = Int64(window.pointee.from)
    cursor.pointee.end = Int64(window.pointee.to)
    return SQLITE_OK
  }
}
