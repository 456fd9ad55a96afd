import MillraceCore

/// Reads rows of state in the order of their keys, some thousand at a time; nothing stays open in between.
final class SQLiteStateScan {
  private static let batchSize = 4096

  private let database: SQLiteDatabase
  private let first: SQLiteStatement
  private let following: SQLiteStatement
  private let keyCodec: RowCodec
  private let valueCodec: RowCodec
  private var last: [UInt8]?
  private var isAtEnd = false
  /// Of the rows so far.
  private(set) var mark = SQLiteStateTable.Mark()

  /// Rows of `relation`, which has the columns k, v and sum.
  init(_ database: SQLiteDatabase, _ relation: String, _ keyCodec: RowCodec, _ valueCodec: RowCodec) throws {
    self.database = database
    self.keyCodec = keyCodec
    self.valueCodec = valueCodec
    first = try database.prepare("SELECT k, v, sum FROM \(relation) ORDER BY k LIMIT \(Self.batchSize)")
    following = try database.prepare(
      "SELECT k, v, sum FROM \(relation) WHERE k > ? ORDER BY k LIMIT \(Self.batchSize)")
  }

  /// The next rows, nil at the end.
  func next() throws -> (keys: [ColumnVector], values: [ColumnVector], count: Int)? {
    if isAtEnd { return nil }
    let statement = last == nil ? first : following
    if let last { try statement.bind([.blob(last)]) }
    let keys = keyCodec.types.map { ColumnBuilder($0, capacity: Self.batchSize) }
    let values = valueCodec.types.map { ColumnBuilder($0, capacity: Self.batchSize) }
    var count = 0
    while try statement.step() {
      let key = statement.bytes(0), value = statement.bytes(1)
      let sum = SQLiteRowSum.of(key, value)
      guard statement.integer(2) == SQLiteStateTable.short(sum) else {
        throw SQLiteStateTable.corrupt(database, "the checksum of a row is wrong")
      }
      mark.rowCount += 1
      mark.sum &+= sum
      try keyCodec.decode(key, into: keys)
      try valueCodec.decode(value, into: values)
      count += 1
      if count == Self.batchSize { last = Array(key) }
    }
    isAtEnd = count < Self.batchSize
    return count == 0 ? nil : (keys.map { $0.finish() }, values.map { $0.finish() }, count)
  }
}
