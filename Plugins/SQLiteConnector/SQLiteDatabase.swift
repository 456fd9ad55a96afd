import CSQLite
import MillraceCore

/// A connection to a database. Used by one thread at a time.
final class SQLiteDatabase: @unchecked Sendable {
  /// Whether errors name a source, a sink or a state store.
  enum Side: String {
    case source = "SOURCE"
    case sink = "SINK"
    case state = "STATE"
  }

  let path: String
  let side: Side
  /// The table that errors name.
  var table = ""
  private let handle: OpaquePointer
  private var nameCount = 0

  /// Opens a database: for reading, or for writing, made if absent.
  init(_ path: String, _ side: Side, busyTimeout: Int64, isReadOnly: Bool = false) throws {
    self.path = path
    self.side = side
    let access = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    var opened: OpaquePointer?
    let status = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX, nil)
    guard let opened else {
      throw MillraceError("\(side.rawValue)_FAILED", "opening '\(path)': no memory", fault: .external)
    }
    handle = opened
    if status != SQLITE_OK { throw failure("opening") }
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout / 1000))
    // A name in double quotes must be a column, never silently a text.
    let switches = [(SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_DQS_DML, 0)]
    for (name, value) in switches where csqlite_set(handle, Int32(name), Int32(value)) == 0 {
      throw failure("securing")
    }
  }

  deinit { sqlite3_close_v2(handle) }

  /// Whether a transaction is open.
  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// Bytes that the page cache takes.
  var cacheBytes: Int {
    var used: Int32 = 0
    var highest: Int32 = 0
    sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_USED, &used, &highest, 0)
    return Int(used)
  }

  /// Most columns that a table or a result can have.
  var columnLimit: Int { Int(sqlite3_limit(handle, SQLITE_LIMIT_COLUMN, -1)) }

  /// A name that this connection has not given yet.
  func uniqueName(_ prefix: String) -> String {
    nameCount += 1
    return "\(prefix)_\(nameCount)"
  }

  /// Makes a virtual table known under a name.
  func register(_ module: UnsafePointer<sqlite3_module>, _ name: String, _ context: UnsafeMutableRawPointer) throws {
    if sqlite3_create_module_v2(handle, name, module, context, nil) != SQLITE_OK { throw failure("preparing") }
  }

  /// Ends what another thread runs on this connection.
  func interrupt() { sqlite3_interrupt(handle) }

  /// Runs statements without results.
  func execute(_ sql: String) throws {
    if sqlite3_exec(handle, sql, nil, nil, nil) != SQLITE_OK {
      throw failure("running '\(SQLiteDatabase.short(sql))' on")
    }
  }

  /// Compiles one statement.
  func prepare(_ sql: String) throws -> SQLiteStatement {
    var statement: OpaquePointer?
    let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard status == SQLITE_OK, let statement else { throw failure("preparing '\(SQLiteDatabase.short(sql))' on") }
    return SQLiteStatement(statement, of: self)
  }

  /// The rows of a query as values; for small results.
  func rows(_ sql: String, _ arguments: [SQLiteValue] = []) throws -> [[SQLiteValue]] {
    let statement = try prepare(sql)
    try statement.bind(arguments)
    var rows: [[SQLiteValue]] = []
    while try statement.step() { rows.append(statement.values) }
    return rows
  }

  /// What SQLite says was wrong last, and the name of its result code, such as `SQLITE_CONSTRAINT_NOTNULL`.
  var lastProblem: (code: String, message: String) {
    (SQLiteReason.name(sqlite3_extended_errcode(handle)), String(cString: sqlite3_errmsg(handle)))
  }

  private static func short(_ sql: String) -> String { sql.count <= 120 ? sql : "\(sql.prefix(117))..." }

  /// SQLite's last error, with the path and the table.
  func failure(_ attempt: String) -> MillraceError {
    let status = sqlite3_errcode(handle) & 0xFF
    let reason = SQLiteReason(status)
    let place = table.isEmpty ? "'\(path)'" : "'\(path)', table '\(table)'"
    return MillraceError(
      "\(side.rawValue)_\(reason.code)", "\(attempt) \(place): \(String(cString: sqlite3_errmsg(handle)))",
      hint: reason.hint,
      fault: reason.isUserFault ? .user : .external, isRetryable: reason.isRetryable)
  }
}

/// What SQLite's result codes mean to a person.
struct SQLiteReason {
  var code: String
  var hint: String?
  var isUserFault = false
  var isRetryable = false

  /// The name of a code that one row can be the cause of.
  static func name(_ extended: Int32) -> String {
    switch extended {
    case SQLITE_CONSTRAINT | 1 << 8: "SQLITE_CONSTRAINT_CHECK"
    case SQLITE_CONSTRAINT | 3 << 8: "SQLITE_CONSTRAINT_FOREIGNKEY"
    case SQLITE_CONSTRAINT | 5 << 8: "SQLITE_CONSTRAINT_NOTNULL"
    case SQLITE_CONSTRAINT | 6 << 8: "SQLITE_CONSTRAINT_PRIMARYKEY"
    case SQLITE_CONSTRAINT | 7 << 8: "SQLITE_CONSTRAINT_TRIGGER"
    case SQLITE_CONSTRAINT | 8 << 8: "SQLITE_CONSTRAINT_UNIQUE"
    case SQLITE_CONSTRAINT | 12 << 8: "SQLITE_CONSTRAINT_DATATYPE"
    default:
      switch extended & 0xFF {
      case SQLITE_MISMATCH: "SQLITE_MISMATCH"
      case SQLITE_TOOBIG: "SQLITE_TOOBIG"
      default: "SQLITE_CONSTRAINT"
      }
    }
  }

  /// Whether a row can be the cause of a status, so that other rows may be written.
  static func isOfRow(_ status: Int32) -> Bool {
    [SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_TOOBIG].contains(status & 0xFF)
  }

  init(_ status: Int32) {
    switch status {
    case SQLITE_BUSY, SQLITE_LOCKED:
      code = "BUSY"
      hint = "another connection is writing: end it, or raise 'busyTimeout'"
      isRetryable = true
    case SQLITE_FULL:
      code = "DISK_FULL"
      isRetryable = true
    case SQLITE_IOERR:
      code = "IO_ERROR"
      isRetryable = true
    case SQLITE_CANTOPEN:
      code = "CANNOT_OPEN"
      hint = "check that the path exists and is not a folder"
    case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
      code = "PERMISSION"
      hint = "the file and its folder must be writable"
    case SQLITE_NOTADB:
      code = "NOT_A_DATABASE"
      hint = "the file is something else; choose another 'path'"
    case SQLITE_CORRUPT:
      code = "CORRUPT"
      hint = "run: sqlite3 FILE 'PRAGMA integrity_check'"
    case SQLITE_CONSTRAINT, SQLITE_MISMATCH:
      code = "CONSTRAINT_VIOLATED"
      isUserFault = true
    case SQLITE_TOOBIG:
      code = "VALUE_TOO_LARGE"
      isUserFault = true
    default:
      code = "FAILED"
    }
  }
}
