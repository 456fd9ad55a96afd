import CSQLite
import MillraceCore

/// A value as SQLite stores it.
enum SQLiteValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case blob([UInt8])

  var integer: Int64? { if case .integer(let number) = self { number } else { nil } }
  var text: String? { if case .text(let text) = self { text } else { nil } }
}

/// A compiled statement.
final class SQLiteStatement {
  let pointer: OpaquePointer
  private let database: SQLiteDatabase

  init(_ pointer: OpaquePointer, of database: SQLiteDatabase) {
    self.pointer = pointer
    self.database = database
  }

  deinit { sqlite3_finalize(pointer) }

  /// Goes to the next row; false at the end, where the statement can be run again.
  func step() throws -> Bool {
    switch sqlite3_step(pointer) {
    case SQLITE_ROW: return true
    case SQLITE_DONE:
      sqlite3_reset(pointer)
      return false
    default:
      let error = database.failure("using")
      sqlite3_reset(pointer)
      throw error
    }
  }

  /// Runs a statement that gives no rows; false when a row was refused, with nothing changed.
  func runUnlessRefused() throws -> Bool {
    switch sqlite3_step(pointer) {
    case SQLITE_DONE, SQLITE_ROW:
      sqlite3_reset(pointer)
      return true
    case let status where SQLiteReason.isOfRow(status) && database.isInTransaction:
      sqlite3_reset(pointer)
      return false
    default:
      let error = database.failure("writing to")
      sqlite3_reset(pointer)
      throw error
    }
  }

  /// Binds and runs a statement that gives no rows.
  func run(_ arguments: [SQLiteValue]) throws {
    try bind(arguments)
    while try step() {}
  }

  /// SQLite's last error on the statement's connection.
  func failure(_ attempt: String) -> MillraceError { database.failure(attempt) }

  /// Makes the statement ready to run again.
  func reset() { sqlite3_reset(pointer) }

  /// Binds the first parameters, copying text.
  func bind(_ values: [SQLiteValue]) throws {
    for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1)) }
  }

  /// Binds one parameter, copying text.
  func bind(_ value: SQLiteValue, at parameter: Int32) throws {
    let status: Int32
    switch value {
    case .null: status = sqlite3_bind_null(pointer, parameter)
    case .integer(let number): status = sqlite3_bind_int64(pointer, parameter, number)
    case .real(let number): status = sqlite3_bind_double(pointer, parameter, number)
    case .text(var text):
      status = text.withUTF8 { csqlite_bind_text_copy(pointer, parameter, $0.baseAddress, Int32(clamping: $0.count)) }
    case .blob(let bytes):
      status = bytes.withUnsafeBytes {
        csqlite_bind_blob_copy(pointer, parameter, $0.baseAddress, Int32(clamping: $0.count))
      }
    }
    if status != SQLITE_OK { throw database.failure("binding a value for") }
  }

  /// Number of result columns.
  var columnCount: Int { Int(sqlite3_column_count(pointer)) }

  /// The present row.
  var values: [SQLiteValue] { (0..<columnCount).map { value($0) } }

  /// One cell of the present row.
  func value(_ column: Int) -> SQLiteValue {
    let index = Int32(column)
    switch sqlite3_column_type(pointer, index) {
    case SQLITE_INTEGER: return .integer(sqlite3_column_int64(pointer, index))
    case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, index))
    case SQLITE_TEXT: return .text(String(decoding: bytes(column), as: UTF8.self))
    case SQLITE_BLOB: return .blob(Array(bytes(column)))
    default: return .null
    }
  }

  /// Whether a cell of the present row is NULL.
  func isNull(_ column: Int) -> Bool { sqlite3_column_type(pointer, Int32(column)) == SQLITE_NULL }

  /// Bytes of a text or blob, valid until the next step.
  func bytes(_ column: Int) -> UnsafeRawBufferPointer {
    let index = Int32(column)
    let start = sqlite3_column_blob(pointer, index)
    return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(pointer, index)))
  }

  /// Name of a result column.
  func name(_ column: Int) -> String { String(cString: sqlite3_column_name(pointer, Int32(column))) }

  /// Declared type of the table column behind a result column, if there is one.
  func declaredType(_ column: Int) -> String? {
    sqlite3_column_decltype(pointer, Int32(column)).map { String(cString: $0) }
  }
}
