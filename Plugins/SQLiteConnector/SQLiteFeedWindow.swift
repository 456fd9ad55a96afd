import CSQLite
import MillraceCore

/// A row of several batches.
struct SQLitePlace {
  var batch: UInt32
  var row: UInt32
}

/// One column of one batch as a statement reads it. Plain memory, so that a cell costs neither a lookup nor a count of references.
struct SQLiteFeedColumn {
  enum Form: UInt8 {
    case null, boolean, int8, int16, int32, int64, float, double, text, blob, date, timestamp, decimal, json
  }

  var form: Form
  var scale: Int
  /// Bytes from one value to the next.
  var stride: Int
  /// What of a row's number tells its slot: all of it, or nothing where one value stands for all rows.
  var slotMask: Int
  var values: UnsafeRawPointer
  var validity: UnsafePointer<UInt64>?

  init(_ column: ColumnVector) {
    form = SQLiteFeedColumn.form(column.type)
    scale = if case .decimal(_, let scale) = column.type { scale } else { 0 }
    stride = SQLiteFeedColumn.stride(form)
    slotMask = column.isConstant ? 0 : -1
    values = UnsafeRawPointer(column.buffer.base)
    validity = column.validity.map { UnsafePointer($0.words) }
  }

  private static func stride(_ form: Form) -> Int {
    switch form {
    case .null, .json: 0
    case .boolean, .int8: 1
    case .int16: 2
    case .int32, .float, .date: 4
    case .int64, .double, .timestamp: 8
    case .text, .blob, .decimal: 16
    }
  }

  private static func form(_ type: DataType) -> Form {
    switch type {
    case .void: .null
    case .boolean: .boolean
    case .byte: .int8
    case .short: .int16
    case .integer, .yearMonthInterval: .int32
    case .long, .dayTimeInterval: .int64
    case .float: .float
    case .double: .double
    case .string: .text
    case .binary: .blob
    case .date: .date
    case .timestamp, .timestampNTZ: .timestamp
    case .decimal: .decimal
    case .array, .map, .structure, .variant, .calendarInterval: .json
    }
  }
}

/// The rows that a statement is to read now. Text and blobs are not copied: SQLite reads them where the batch has them.
struct SQLiteFeedWindow {
  /// Bytes for one formatted date, timestamp or decimal.
  static let scratchSize = 96

  let columnCount: Int
  /// The columns of the first batch, of the second, and so on.
  var columns: UnsafeMutablePointer<SQLiteFeedColumn>
  /// The rows in their order; nil: those of the only batch as they are.
  var places: UnsafePointer<SQLitePlace>?
  var from = 0
  var to = 0
  /// Room for a formatted cell of each column.
  let scratch: UnsafeMutablePointer<UInt8>
  let feed: Unmanaged<SQLiteRowFeed>

  /// Rows in the order of their keys lie anywhere in memory, so each cell would be waited for: those of a later row are asked for ahead, and
  /// the texts, whose addresses must be there by then, of one that is nearer.
  private static let cellsAhead = 24
  private static let textsAhead = 10

  /// Asks for what the rows behind a place will need; `end` is behind the last place.
  @inline(__always)
  func prefetch(behind place: Int, end: Int) {
    guard let places else { return }
    if place &+ SQLiteFeedWindow.cellsAhead < end {
      let ahead = places[place &+ SQLiteFeedWindow.cellsAhead]
      let row = Int(truncatingIfNeeded: ahead.row)
      let cells = columns + Int(truncatingIfNeeded: ahead.batch) &* columnCount
      for index in 0..<columnCount where cells[index].slotMask != 0 {
        csqlite_prefetch(cells[index].values + row &* cells[index].stride)
      }
    }
    if place &+ SQLiteFeedWindow.textsAhead < end {
      let ahead = places[place &+ SQLiteFeedWindow.textsAhead]
      let row = Int(truncatingIfNeeded: ahead.row)
      let cells = columns + Int(truncatingIfNeeded: ahead.batch) &* columnCount
      for index in 0..<columnCount where cells[index].form == .text || cells[index].form == .blob {
        let views = cells[index].values.assumingMemoryBound(to: StringView.self)
        let view = views + (row & cells[index].slotMask)
        // Two lines of the cache; the processor goes on by itself with what is longer.
        if !view.pointee.isInline { csqlite_prefetch_lines(view.pointee.word1) }
      }
    }
  }

  /// Gives SQLite the cell of a row, NULL where nothing is given.
  @inline(__always)
  func put(_ place: Int, _ index: Int, _ context: OpaquePointer) {
    var row = place
    var batch = 0
    if let places {
      row = Int(truncatingIfNeeded: places[place].row)
      batch = Int(truncatingIfNeeded: places[place].batch)
    }
    let column = columns + (batch &* columnCount &+ index)
    let slot = row & column.pointee.slotMask
    if let validity = column.pointee.validity,
      validity[slot &>> 6] & (1 &<< UInt64(truncatingIfNeeded: slot & 63)) == 0
    {
      return
    }
    let values = column.pointee.values
    switch column.pointee.form {
    case .null: break
    case .boolean: sqlite3_result_int64(context, Int64(load(values, slot, UInt8.self)))
    case .int8: sqlite3_result_int64(context, Int64(load(values, slot, Int8.self)))
    case .int16: sqlite3_result_int64(context, Int64(load(values, slot, Int16.self)))
    case .int32: sqlite3_result_int64(context, Int64(load(values, slot, Int32.self)))
    case .int64: sqlite3_result_int64(context, load(values, slot, Int64.self))
    case .float: sqlite3_result_double(context, Double(load(values, slot, Float.self)))
    case .double: sqlite3_result_double(context, load(values, slot, Double.self))
    case .text:
      let bytes = bytes(values, slot)
      sqlite3_result_text64(
        context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), nil, UInt8(SQLITE_UTF8))
    case .blob:
      let bytes = bytes(values, slot)
      if bytes.isEmpty {
        sqlite3_result_zeroblob(context, 0)
      } else {
        sqlite3_result_blob64(context, bytes.baseAddress, UInt64(bytes.count), nil)
      }
    case .date:
      let target = scratch + index &* SQLiteFeedWindow.scratchSize
      put(target, DateTimeText.write(days: Int(load(values, slot, Int32.self)), to: target), context)
    case .timestamp:
      let target = scratch + index &* SQLiteFeedWindow.scratchSize
      put(target, DateTimeText.write(microseconds: load(values, slot, Int64.self), to: target), context)
    case .decimal:
      let target = scratch + index &* SQLiteFeedWindow.scratchSize
      put(
        target, NumberText.write(load(values, slot, Int128.self), scale: column.pointee.scale, to: target), context)
    case .json: feed.takeUnretainedValue().putJSON(batch, index, row, context)
    }
  }

  @inline(__always)
  private func load<T>(_ values: UnsafeRawPointer, _ slot: Int, _: T.Type) -> T {
    values.assumingMemoryBound(to: T.self)[slot]
  }

  @inline(__always)
  private func bytes(_ values: UnsafeRawPointer, _ slot: Int) -> UnsafeRawBufferPointer {
    let view = values.assumingMemoryBound(to: StringView.self) + slot
    let count = view.pointee.count
    return view.pointee.isInline
      ? UnsafeRawBufferPointer(start: UnsafeRawPointer(view) + 4, count: count)
      : UnsafeRawBufferPointer(start: view.pointee.address, count: count)
  }

  /// Formatted text stays where it is until the next row of the column, and by then SQLite has the row in a page.
  @inline(__always)
  private func put(_ text: UnsafeMutablePointer<UInt8>, _ count: Int, _ context: OpaquePointer) {
    sqlite3_result_text64(
      context, UnsafeRawPointer(text).assumingMemoryBound(to: CChar.self), UInt64(count), nil, UInt8(SQLITE_UTF8))
  }
}
