import CSQLite
import MillraceCore

/// Binds cells of a batch to the parameters of a statement, a column at a time. Text is not copied: the batch and the binder's
/// own memory must live until the statement has run.
final class SQLiteBinder {
  /// Bytes for one formatted date, timestamp or decimal.
  private static let cellSize = 96
  private let columnCount: Int
  private let rowCapacity: Int
  private let cells: MemoryBuffer
  private let json = ByteBuffer()

  /// For statements of up to `rowCapacity` rows.
  init(columnCount: Int, rowCapacity: Int) {
    self.columnCount = columnCount
    self.rowCapacity = rowCapacity
    cells = MemoryBuffer(capacity: columnCount * rowCapacity * SQLiteBinder.cellSize)
  }

  /// Binds `rows` of a batch; gives SQLite's status.
  func bind(_ batch: RecordBatch, _ rows: Range<Int>, to statement: SQLiteStatement) -> Int32 {
    var status: Int32 = SQLITE_OK
    for (index, column) in batch.columns.enumerated() {
      let result = bind(column, at: index, rows, statement.pointer)
      if result != SQLITE_OK { status = result }
    }
    return status
  }

  private func bind(_ column: ColumnVector, at index: Int, _ rows: Range<Int>, _ statement: OpaquePointer) -> Int32 {
    let cells = self.cells.base.assumingMemoryBound(to: UInt8.self) + index * rowCapacity * SQLiteBinder.cellSize
    let first = Int32(index + 1)
    switch column.type {
    case .void: return each(column, rows, first, statement) { _, _ in SQLITE_OK }
    case .boolean:
      let values = column.values(as: UInt8.self)
      return each(column, rows, first, statement) { sqlite3_bind_int64(statement, $0, Int64(values[$1])) }
    case .byte:
      let values = column.values(as: Int8.self)
      return each(column, rows, first, statement) { sqlite3_bind_int64(statement, $0, Int64(values[$1])) }
    case .short:
      let values = column.values(as: Int16.self)
      return each(column, rows, first, statement) { sqlite3_bind_int64(statement, $0, Int64(values[$1])) }
    case .integer, .yearMonthInterval:
      let values = column.values(as: Int32.self)
      return each(column, rows, first, statement) { sqlite3_bind_int64(statement, $0, Int64(values[$1])) }
    case .long, .dayTimeInterval:
      let values = column.values(as: Int64.self)
      return each(column, rows, first, statement) { sqlite3_bind_int64(statement, $0, values[$1]) }
    case .float:
      let values = column.values(as: Float.self)
      return each(column, rows, first, statement) { sqlite3_bind_double(statement, $0, Double(values[$1])) }
    case .double:
      let values = column.values(as: Double.self)
      return each(column, rows, first, statement) { sqlite3_bind_double(statement, $0, values[$1]) }
    case .string:
      return each(column, rows, first, statement) {
        let text = column.bytes($1)
        return sqlite3_bind_text64(
          statement, $0, text.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64(text.count), nil,
          UInt8(SQLITE_UTF8))
      }
    case .binary:
      return each(column, rows, first, statement) {
        let bytes = column.bytes($1)
        return bytes.isEmpty
          ? sqlite3_bind_zeroblob(statement, $0, 0)
          : sqlite3_bind_blob64(statement, $0, bytes.baseAddress, UInt64(bytes.count), nil)
      }
    case .date:
      let values = column.values(as: Int32.self)
      return formatted(column, rows, first, statement, cells) { DateTimeText.write(days: Int(values[$0]), to: $1) }
    case .timestamp, .timestampNTZ:
      let values = column.values(as: Int64.self)
      return formatted(column, rows, first, statement, cells) { DateTimeText.write(microseconds: values[$0], to: $1) }
    case .decimal(_, let scale):
      let values = column.values(as: Int128.self)
      return formatted(column, rows, first, statement, cells) { NumberText.write(values[$0], scale: scale, to: $1) }
    case .array, .map, .structure, .calendarInterval:
      return each(column, rows, first, statement) { parameter, row in
        json.removeAll()
        SQLiteJSON.write(column, row, into: json)
        return csqlite_bind_text_copy(statement, parameter, json.bytes.baseAddress, Int32(clamping: json.count))
      }
    }
  }

  /// Calls `body` with the parameter and the slot of every cell that is not null; binds NULL to the others.
  @inline(__always)
  private func each(
    _ column: ColumnVector, _ rows: Range<Int>, _ first: Int32, _ statement: OpaquePointer,
    _ body: (Int32, Int) -> Int32
  ) -> Int32 {
    var parameter = first
    var status: Int32 = SQLITE_OK
    let isAlwaysNull = column.type == .void
    for row in rows {
      let result =
        isAlwaysNull || column.isNull(row) ? sqlite3_bind_null(statement, parameter) : body(parameter, column.slot(row))
      if result != SQLITE_OK { status = result }
      parameter += Int32(columnCount)
    }
    return status
  }

  /// Binds text that `format` writes into a cell.
  @inline(__always)
  private func formatted(
    _ column: ColumnVector, _ rows: Range<Int>, _ first: Int32, _ statement: OpaquePointer,
    _ cells: UnsafeMutablePointer<UInt8>,
    _ format: (Int, UnsafeMutablePointer<UInt8>) -> Int
  ) -> Int32 {
    var cell = cells
    return each(column, rows, first, statement) { parameter, slot in
      let length = format(slot, cell)
      defer { cell += SQLiteBinder.cellSize }
      return cell.withMemoryRebound(to: CChar.self, capacity: length) {
        sqlite3_bind_text(statement, parameter, $0, Int32(length), nil)
      }
    }
  }
}
