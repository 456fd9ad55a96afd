import MillraceCore

/// Reads rows of state in the order of their keys, some thousand at a time; nothing stays open in between.
final class SQLiteStateScan {
  private static let batchSize = 4096

  private let database: SQLiteDatabase
  private let first: SQLiteStatement
  private let following: SQLiteStatement
  private let keyCodec: RowCodec
  private let valueCodec: RowCodec
  private let prefixSize: Int
  /// Whether the first statement goes on where it was, in place of a statement for each batch.
  private let isOneStatement: Bool
  private var last: [UInt8]?
  private var isAtEnd = false
  /// Of the rows so far.
  private(set) var mark = SQLiteStateTable.Mark()

  /// Rows of `relation`, which has the columns k, v and sum; with `before` only those whose key sorts before these bytes.
  init(
    _ database: SQLiteDatabase, _ relation: String, _ keyCodec: RowCodec, _ valueCodec: RowCodec,
    _ layout: SQLiteStateLayout, before: [UInt8]? = nil
  ) throws {
    self.database = database
    isOneStatement = false
    prefixSize = layout.prefixSize
    self.keyCodec = keyCodec
    self.valueCodec = valueCodec
    let bound = before == nil ? "" : " AND k < ?1"
    first = try database.prepare(
      "SELECT k, v, sum FROM \(relation) WHERE true\(bound) ORDER BY k LIMIT \(Self.batchSize)")
    following = try database.prepare(
      "SELECT k, v, sum FROM \(relation) WHERE k > ?2\(bound) ORDER BY k LIMIT \(Self.batchSize)")
    if let before {
      try first.bind([.blob(before)])
      try following.bind([.blob(before)])
    }
  }

  /// Rows whose time in a table by times is at or before `time`. The database must not change before the end.
  init(_ database: SQLiteDatabase, through time: Int64, _ keyCodec: RowCodec, _ valueCodec: RowCodec) throws {
    self.database = database
    self.keyCodec = keyCodec
    self.valueCodec = valueCodec
    isOneStatement = true
    prefixSize = 0
    first = try database.prepare(
      "SELECT k, v, sum FROM times CROSS JOIN state USING (k) WHERE t <= ? ORDER BY t, k")
    following = first
    try first.bind(time, at: 1)
  }

  /// The next rows, nil at the end.
  func next() throws -> (keys: [ColumnVector], values: [ColumnVector], count: Int)? {
    if isAtEnd { return nil }
    let statement = last == nil ? first : following
    if let last, !isOneStatement { try statement.bind(.blob(last), at: 2) }
    let keys = keyCodec.types.map { ColumnBuilder($0, capacity: Self.batchSize) }
    let values = valueCodec.types.map { ColumnBuilder($0, capacity: Self.batchSize) }
    var count = 0
    while count < Self.batchSize, try statement.step() {
      let key = statement.bytes(0), value = statement.bytes(1)
      let sum = SQLiteRowSum.of(key, value)
      guard statement.integer(2) == SQLiteStateTable.short(sum) else {
        throw SQLiteStateTable.corrupt(database, "the checksum of a row is wrong")
      }
      mark.rowCount += 1
      mark.sum &+= sum
      try keyCodec.decode(UnsafeRawBufferPointer(rebasing: key.dropFirst(prefixSize)), into: keys)
      try valueCodec.decode(value, into: values)
      count += 1
      if count == Self.batchSize { last = Array(key) }
    }
    if !isOneStatement { statement.reset() }
    isAtEnd = count < Self.batchSize
    return count == 0 ? nil : (keys.map { $0.finish() }, values.map { $0.finish() }, count)
  }
}
