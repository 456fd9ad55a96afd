import MillraceCore

/// The database of a store: rows by key, the versions that are kept, and what each of them replaced.
final class SQLiteStateTable {
  /// 1: keys as the codec makes them. 2: with a table `layout`.
  private static let format: Int64 = 2

  let database: SQLiteDatabase
  /// How keys are found by time.
  let layout: SQLiteStateLayout
  private let times: SQLiteStateTimes?
  private let select: SQLiteStatement
  private let insert: SQLiteStatement
  private let update: SQLiteStatement
  private let delete: SQLiteStatement
  private let scratch = ByteBuffer()

  /// Opens or makes the database; without a path a nameless one that ends with the connection. `layout` is that of a new one.
  init(_ path: String?, cacheSize: Int64, _ layout: SQLiteStateLayout, _ valueCodec: RowCodec) throws {
    database = try SQLiteDatabase(path ?? "", .state, busyTimeout: 10_000_000)
    try database.execute("PRAGMA cache_size = -\(cacheSize >> 10)")
    if path == nil {
      try database.execute("PRAGMA synchronous = OFF")
    } else {
      try database.execute(
        """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 8192;
        PRAGMA journal_size_limit = \(64 << 20);
        """)
    }
    try Self.checkFormat(database)
    let isNew = try database.rows("PRAGMA user_version").first?.first?.integer ?? 0 == 0
    self.layout = isNew ? layout : try Self.layout(database)
    try database.execute(
      """
      BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS state (k BLOB PRIMARY KEY, v BLOB NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS versions (version INTEGER PRIMARY KEY, rows INTEGER NOT NULL, sum INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS undo
        (version INTEGER, part INTEGER, bytes BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (version, part));
      INSERT INTO versions SELECT 0, 0, 0 WHERE NOT EXISTS (SELECT 1 FROM versions);
      \(isNew ? Self.sql(layout) : "")
      COMMIT;
      """)
    times =
      if case .value(let position) = self.layout {
        try SQLiteStateTimes(database, valueCodec, position: position)
      } else { nil }
    select = try database.prepare("SELECT v, sum FROM state WHERE k = ?")
    insert = try database.prepare("INSERT INTO state (k, v, sum) VALUES (?, ?, ?)")
    update = try database.prepare("UPDATE state SET v = ?, sum = ? WHERE k = ?")
    delete = try database.prepare("DELETE FROM state WHERE k = ?")
  }

  private static func sql(_ layout: SQLiteStateLayout) -> String {
    if layout == .plain { return "PRAGMA user_version = 1;" }
    let (kind, position) = layout.numbers
    var sql = """
      CREATE TABLE layout (kind INTEGER NOT NULL, position INTEGER NOT NULL);
      INSERT INTO layout VALUES (\(kind), \(position));
      PRAGMA user_version = \(format);
      """
    if case .value = layout { sql += "CREATE TABLE times (t INTEGER, k BLOB, PRIMARY KEY (t, k)) WITHOUT ROWID;" }
    return sql
  }

  /// How a database that exists finds keys by time.
  static func layout(_ database: SQLiteDatabase) throws -> SQLiteStateLayout {
    guard try database.rows("PRAGMA user_version").first?.first?.integer ?? 0 > 1 else { return .plain }
    guard let row = try database.rows("SELECT kind, position FROM layout").first, let kind = row[0].integer,
      let position = row[1].integer, let layout = SQLiteStateLayout(kind: kind, position: position)
    else { throw corrupt(database, "it does not tell how its keys lie") }
    return layout
  }

  static func checkFormat(_ database: SQLiteDatabase) throws {
    let found = try database.rows("PRAGMA user_version").first?.first?.integer ?? 0
    guard found <= format else {
      throw MillraceError(
        "STATE_TOO_NEW", "'\(database.path)' was written in format \(found), this program knows \(format)",
        hint: "run the newer program")
    }
  }

  static func corrupt(_ database: SQLiteDatabase, _ what: String) -> MillraceError {
    MillraceError(
      "STATE_CORRUPT", "'\(database.path)': \(what)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
  }

  // MARK: Rows

  /// The value of a key, valid until the next call.
  func value(of key: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer? {
    try select.bind(key, at: 1)
    guard try select.step() else { return nil }
    scratch.removeAll()
    scratch.append(select.bytes(0))
    let sum = select.integer(1)
    select.reset()
    guard Self.short(SQLiteRowSum.of(key, scratch.bytes)) == sum else {
      throw Self.corrupt(database, "the checksum of a row is wrong")
    }
    return scratch.bytes
  }

  func insert(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, sum: UInt64) throws {
    try insert.bind(key, at: 1)
    try insert.bind(value, at: 2)
    try insert.bind(Self.short(sum), at: 3)
    try insert.runOnce()
  }

  func update(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, sum: UInt64) throws {
    try update.bind(value, at: 1)
    try update.bind(Self.short(sum), at: 2)
    try update.bind(key, at: 3)
    try update.runOnce()
  }

  func delete(_ key: UnsafeRawBufferPointer) throws {
    try delete.bind(key, at: 1)
    try delete.runOnce()
  }

  // MARK: Times

  /// Notes the time of a key that gets values; `old` are the bytes of those it has.
  func note(_ key: UnsafeRawBufferPointer, old: UnsafeRawBufferPointer?, _ values: [ColumnVector], _ row: Int) throws {
    guard let times else { return }
    try times.move(key, from: try old.flatMap { try times.time(in: $0) }, to: times.time(values, row))
  }

  /// Notes that a key gets or loses the bytes of a value.
  func note(_ key: UnsafeRawBufferPointer, old: UnsafeRawBufferPointer?, new: UnsafeRawBufferPointer?) throws {
    guard let times else { return }
    try times.move(
      key, from: try old.flatMap { try times.time(in: $0) }, to: try new.flatMap { try times.time(in: $0) })
  }

  /// What of a row's fingerprint stands beside it.
  static func short(_ sum: UInt64) -> Int64 { Int64(Int32(truncatingIfNeeded: sum)) }

  // MARK: Versions

  /// A version and what the rows come to in it.
  struct Mark: Hashable {
    var version: Int64 = 0
    var rowCount: Int64 = 0
    var sum: UInt64 = 0

    var token: JSON {
      .dictionary(["version": .int(version), "rows": .int(rowCount), "sum": .string(String(sum, radix: 16))])
    }

    init() {}

    init?(_ token: JSON) {
      guard let version = token["version"]?.int, let rows = token["rows"]?.int,
        let sum = token["sum"]?.string.flatMap({ UInt64($0, radix: 16) })
      else { return nil }
      self.version = version
      rowCount = rows
      self.sum = sum
    }

    init(_ row: [SQLiteValue]) {
      version = row[0].integer ?? 0
      rowCount = row[1].integer ?? 0
      sum = UInt64(bitPattern: row[2].integer ?? 0)
    }
  }

  /// The last version at or before `version` that changed anything.
  static func mark(_ database: SQLiteDatabase, at version: Int64 = .max) throws -> Mark? {
    try database.rows(
      "SELECT version, rows, sum FROM versions WHERE version <= ? ORDER BY version DESC LIMIT 1", [.integer(version)]
    ).first.map { Mark($0) }
  }

  /// Writes a version, and forgets those that `retained` ones do not include; inside the transaction of its changes.
  func write(_ mark: Mark, retained: Int64) throws {
    try database.prepare("INSERT INTO versions (version, rows, sum) VALUES (?, ?, ?)").run([
      .integer(mark.version), .integer(mark.rowCount), .integer(Int64(bitPattern: mark.sum)),
    ])
    let oldest = SQLiteValue.integer(mark.version - retained + 1)
    try database.prepare("DELETE FROM undo WHERE version <= ?").run([oldest])
    try database.prepare(
      "DELETE FROM versions WHERE version < (SELECT max(version) FROM versions WHERE version <= ?)"
    ).run([oldest])
  }

  /// Reads all rows and compares what they come to. A row in the wrong place would not be found by its key, so checksums of the
  /// rows alone are not enough.
  func verify(_ mark: Mark) throws {
    let rows = try database.prepare("SELECT k, v, sum FROM state")
    var count: Int64 = 0
    var total: UInt64 = 0
    let last = ByteBuffer()
    while try rows.step() {
      let key = rows.bytes(0)
      let sum = SQLiteRowSum.of(key, rows.bytes(1))
      guard Self.short(sum) == rows.integer(2), rows.isBlob(0), rows.isBlob(1) else {
        throw Self.corrupt(database, "the checksum of a row is wrong")
      }
      guard count == 0 || SQLiteSortedKeys.compare(last.bytes, key) < 0 else {
        throw Self.corrupt(database, "a row is out of order")
      }
      last.removeAll()
      last.append(key)
      count += 1
      total &+= sum
    }
    guard count == mark.rowCount, total == mark.sum else {
      throw Self.corrupt(
        database, "\(count) keys with another fingerprint were read of the \(mark.rowCount) of version \(mark.version)")
    }
  }

  /// Goes back to a version that is kept, in one transaction.
  func undo(to version: Int64) throws {
    CrashPoint.pass("state.sqlite.undo.before")
    try database.execute("BEGIN IMMEDIATE")
    do {
      try SQLiteUndoLog.undo(database, after: version) { key, value in
        if times != nil { try note(key, old: try self.value(of: key), new: value) }
        try delete(key)
        if let value { try insert(key, value, sum: SQLiteRowSum.of(key, value)) }
      }
      try database.prepare("DELETE FROM undo WHERE version > ?").run([.integer(version)])
      try database.prepare("DELETE FROM versions WHERE version > ?").run([.integer(version)])
      CrashPoint.pass("state.sqlite.undo.before-commit")
      try database.execute("COMMIT")
    } catch {
      try? database.execute("ROLLBACK")
      throw error
    }
    CrashPoint.pass("state.sqlite.undo.after-commit")
  }
}
