import CSQLite
import MillraceCore

/// What the changes of a version replaced, in pieces inside the transaction that makes them: the way back to the version before.
///
/// A piece is entries one after the other: length and bytes of the key, length and bytes of the value it had, or `absent`.
/// Pieces and entries are undone last to first, so a key that was changed twice ends with what it had in the beginning.
final class SQLiteUndoLog {
  private static let absent = UInt32.max
  private static let pieceSize = 256 << 10

  private let insert: SQLiteStatement
  private let buffer = ByteBuffer()
  private var part: Int64 = 0

  init(_ database: SQLiteDatabase) throws {
    insert = try database.prepare("INSERT INTO undo (version, part, bytes, sum) VALUES (?, ?, ?, ?)")
  }

  /// Notes what a key had, nil if it was not there.
  func add(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?, version: Int64) throws {
    buffer.append(raw: UInt32(truncatingIfNeeded: key.count))
    buffer.append(key)
    buffer.append(raw: value.map { UInt32(truncatingIfNeeded: $0.count) } ?? Self.absent)
    if let value { buffer.append(value) }
    if buffer.count >= Self.pieceSize { try flush(version: version) }
  }

  /// Writes what is not written yet.
  func flush(version: Int64) throws {
    if buffer.count == 0 { return }
    try insert.bind(version, at: 1)
    try insert.bind(part, at: 2)
    try insert.bind(buffer.bytes, at: 3)
    try insert.bind(Int64(bitPattern: SQLiteRowSum.fold(buffer.bytes, UInt64(bitPattern: version))), at: 4)
    try insert.runOnce()
    part += 1
    buffer.removeAll()
  }

  /// Begins a version.
  func reset() {
    part = 0
    buffer.removeAll()
  }

  /// Calls `body` with the entries of all versions after `version`, last to first.
  static func undo(
    _ database: SQLiteDatabase, after version: Int64,
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    let pieces = try database.prepare(
      "SELECT version, bytes, sum FROM undo WHERE version > ? ORDER BY version DESC, part DESC")
    try pieces.bind(version, at: 1)
    while try pieces.step() {
      let bytes = pieces.bytes(1)
      let sum = SQLiteRowSum.fold(bytes, UInt64(bitPattern: pieces.integer(0)))
      guard pieces.integer(2) == Int64(bitPattern: sum) else { throw damaged(database) }
      try entries(of: bytes, database, body)
    }
  }

  private static func entries(
    of bytes: UnsafeRawBufferPointer, _ database: SQLiteDatabase,
    _ body: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    var starts: [Int] = []
    var at = 0
    func length(_ at: Int) throws -> UInt32 {
      guard at + 4 <= bytes.count else { throw damaged(database) }
      return bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)
    }
    while at < bytes.count {
      starts.append(at)
      at += 4 + Int(try length(at))
      let value = try length(at)
      at += 4 + (value == absent ? 0 : Int(value))
    }
    guard at == bytes.count else { throw damaged(database) }
    for start in starts.reversed() {
      let keyEnd = start + 4 + Int(try length(start))
      let value = try length(keyEnd)
      let key = UnsafeRawBufferPointer(rebasing: bytes[(start + 4)..<keyEnd])
      let rest = bytes[(keyEnd + 4)...]
      try body(key, value == absent ? nil : UnsafeRawBufferPointer(rebasing: rest.prefix(Int(value))))
    }
  }

  private static func damaged(_ database: SQLiteDatabase) -> MillraceError {
    SQLiteStateTable.corrupt(database, "the record of what a version replaced is damaged")
  }
}

extension SQLiteStatement {
  /// Binds a number.
  func bind(_ number: Int64, at parameter: Int32) throws {
    if sqlite3_bind_int64(pointer, parameter, number) != SQLITE_OK { throw failure("binding a number for") }
  }

  /// Binds bytes that must stay until the statement was run; they are not copied.
  func bind(_ bytes: UnsafeRawBufferPointer, at parameter: Int32) throws {
    let status = csqlite_bind_blob_static(pointer, parameter, bytes.baseAddress, Int32(clamping: bytes.count))
    if status != SQLITE_OK { throw failure("binding bytes for") }
  }

  /// Binds NULL.
  func bindNull(at parameter: Int32) throws {
    if sqlite3_bind_null(pointer, parameter) != SQLITE_OK { throw failure("binding NULL for") }
  }

  /// Runs a statement that gives no rows, once.
  func runOnce() throws {
    let status = sqlite3_step(pointer)
    guard status == SQLITE_DONE else {
      let error = failure("writing to")
      reset()
      throw error
    }
    reset()
  }

  /// Whether a cell of the present row is bytes; the same bytes as text would have another place in the order.
  func isBlob(_ column: Int32) -> Bool { sqlite3_column_type(pointer, column) == SQLITE_BLOB }

  /// A number of the present row.
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(pointer, column) }
}
