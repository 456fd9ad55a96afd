import Glibc

/// Rows as bytes: each chosen column's value of a row, nested ones included, in order.
///
/// Canonical rows are equal as bytes exactly if their values are equal: -0.0 is written as 0.0, every NaN alike and map
/// entries in the order of their keys. Other rows give back what was put in, bit by bit.
///
/// One value is a byte, 0 for NULL or 1, and then: the bytes of a number as they lie in memory (little end first); a 32-bit
/// length and the bytes of a string or binary value; a 32-bit count and the elements of an array; a 32-bit count and keys
/// and values in turn of a map; the fields of a struct. Who keeps rows beyond the process writes `version` beside them.
public struct RowCodec: Sendable {
  /// Changes whenever the bytes of a value do.
  public static let version: UInt8 = 1

  /// Types of the columns of a row.
  public let types: [DataType]
  /// Whether equal values give equal bytes.
  public let isCanonical: Bool

  /// A codec for columns of the given types.
  public init(_ types: [DataType], isCanonical: Bool = true) {
    self.types = types
    self.isCanonical = isCanonical
  }

  /// Every row of `columns` as one BINARY value.
  public func encode(_ columns: [ColumnVector], rowCount: Int) -> ColumnVector {
    let sizes = MemoryBuffer.zeroed(rowCount * 8)
    let cursors = sizes.base.assumingMemoryBound(to: Int.self)
    for column in columns { RowWriter.addSizes(column, rowCount, cursors) }
    var total = 0
    for row in 0..<rowCount {
      let size = cursors[row]
      cursors[row] = total
      total += size
    }
    let block = MemoryBuffer(capacity: total)
    let writer = RowWriter(isCanonical: isCanonical)
    for column in columns { writer.writeColumn(column, rowCount, block.base, cursors) }
    let out = MemoryBuffer(capacity: rowCount * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    var start = 0
    for row in 0..<rowCount {
      // The cursor of a row now stands at its end.
      views[row] = StringView(block.base + start, cursors[row] - start)
      start = cursors[row]
    }
    return ColumnVector(type: .binary, count: rowCount, values: out, owners: [block])
  }

  /// Bytes that `write` needs for one row.
  public func size(of columns: [ColumnVector], row: Int) -> Int {
    columns.reduce(0) { $0 + RowWriter.size($1, row) }
  }

  /// Writes one row and gives the number of bytes, which `size(of:row:)` told before.
  @discardableResult
  public func write(_ columns: [ColumnVector], row: Int, to target: UnsafeMutableRawPointer) -> Int {
    let writer = RowWriter(isCanonical: isCanonical)
    var end = target
    for column in columns { end = writer.write(column, row, end) }
    return end - target
  }

  /// One row as bytes of its own.
  public func encode(_ columns: [ColumnVector], row: Int) -> [UInt8] {
    let count = size(of: columns, row: row)
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      if let base = buffer.baseAddress { write(columns, row: row, to: UnsafeMutableRawPointer(base)) }
      used = count
    }
  }

  /// One row as bytes that `arena` keeps.
  public func encode(_ columns: [ColumnVector], row: Int, into arena: Arena) -> StringView {
    let count = size(of: columns, row: row)
    let target = arena.reserve(count)
    write(columns, row: row, to: target)
    let view = StringView(target, count)
    if view.isInline { arena.giveBack(count) }
    return view
  }

  /// Appends the values of one encoded row to `builders`, one per type.
  public func decode(_ bytes: UnsafeRawBufferPointer, into builders: [ColumnBuilder]) throws {
    var reader = RowReader(bytes)
    for builder in builders { try reader.read(into: builder) }
    guard reader.isAtEnd else { throw RowReader.damaged("bytes are left over") }
  }

  /// The columns of a BINARY vector of encoded rows; a NULL row gives NULL in every column.
  public func decode(_ rows: ColumnVector) throws -> [ColumnVector] {
    let builders = types.map { ColumnBuilder($0, capacity: rows.count) }
    for row in 0..<rows.count {
      if rows.isNull(row) {
        for builder in builders { builder.appendNull() }
      } else {
        try decode(rows.bytes(row), into: builders)
      }
    }
    return builders.map { $0.finish() }
  }
}
