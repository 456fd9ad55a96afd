import MillraceCore

/// How a database keeps the time by which its keys are found; fixed when it is made.
enum SQLiteStateLayout: Hashable {
  /// Not at all.
  case plain
  /// The time is a column of the keys: it stands in front of their bytes, so that keys lie in the order of their times.
  case key(Int)
  /// The time is a column of the values: a second table has the keys by time.
  case value(Int)

  init(_ column: StateColumn?) {
    self =
      switch column {
      case nil: .plain
      case .key(let position): .key(position)
      case .value(let position): .value(position)
      }
  }

  /// As two numbers in the database.
  var numbers: (kind: Int64, position: Int64) {
    switch self {
    case .plain: (0, 0)
    case .key(let position): (1, Int64(position))
    case .value(let position): (2, Int64(position))
    }
  }

  init?(kind: Int64, position: Int64) {
    switch kind {
    case 0: self = .plain
    case 1: self = .key(Int(position))
    case 2: self = .value(Int(position))
    default: return nil
    }
  }

  /// Bytes in front of those that the codec makes of a key.
  var prefixSize: Int { if case .key = self { Self.timeSize } else { 0 } }

  /// A byte that sorts NULL behind all times, and the time, highest byte first, the sign turned.
  private static let timeSize = 9

  /// The bytes of keys as they lie in the database.
  func encode(_ codec: RowCodec, _ keys: [ColumnVector], count: Int) -> ColumnVector {
    let plain = codec.encode(keys, rowCount: count)
    guard case .key(let position) = self else { return plain }
    let times = keys[position]
    let instants = times.values(as: Int64.self)
    var total = 0
    for row in 0..<count { total += plain.bytes(row).count + Self.timeSize }
    let block = MemoryBuffer(capacity: total)
    let out = MemoryBuffer(capacity: count * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    var target = block.base
    for row in 0..<count {
      let bytes = plain.bytes(row)
      Self.write(times.isNull(row) ? nil : instants[times.slot(row)], to: target)
      if let source = bytes.baseAddress { (target + Self.timeSize).copyMemory(from: source, byteCount: bytes.count) }
      views[row] = StringView(target, bytes.count + Self.timeSize)
      target += bytes.count + Self.timeSize
    }
    return ColumnVector(type: .binary, count: count, values: out, owners: [block])
  }

  private static func write(_ time: Int64?, to target: UnsafeMutableRawPointer) {
    target.storeBytes(of: time == nil ? 1 : 0, as: UInt8.self)
    let word = time.map { UInt64(bitPattern: $0) ^ 1 << 63 } ?? 0
    target.storeBytes(of: word.bigEndian, toByteOffset: 1, as: UInt64.self)
  }

  /// The first bytes of a key that is later than `time`, and later than all that are not.
  static func bound(after time: Int64) -> [UInt8] {
    if time == .max { return [1] }
    var bytes = [UInt8](repeating: 0, count: timeSize)
    bytes.withUnsafeMutableBytes { write(time + 1, to: $0.baseAddress.unsafelyUnwrapped) }
    return bytes
  }
}

/// The times of keys by the values beside them, for `SQLiteStateLayout.value`.
final class SQLiteStateTimes {
  private let codec: RowCodec
  private let position: Int
  private let insert: SQLiteStatement
  private let delete: SQLiteStatement

  init(_ database: SQLiteDatabase, _ codec: RowCodec, position: Int) throws {
    self.codec = codec
    self.position = position
    insert = try database.prepare("INSERT OR IGNORE INTO times (t, k) VALUES (?, ?)")
    delete = try database.prepare("DELETE FROM times WHERE t = ? AND k = ?")
  }

  /// The time in the bytes of a value, whose form `RowCodec` tells.
  func time(in value: UnsafeRawBufferPointer) throws -> Int64? {
    var at = 0
    for type in codec.types.prefix(position) {
      guard at < value.count else { break }
      let isNull = value[at] == 0
      at += 1
      if isNull { continue }
      switch type.physical {
      case .view:
        guard at + 4 <= value.count else { return try decodedTime(in: value) }
        at += 4 + Int(value.loadUnaligned(fromByteOffset: at, as: UInt32.self))
      case .list, .structure: return try decodedTime(in: value)
      default: at += type.physical.stride
      }
    }
    guard at < value.count else { return try decodedTime(in: value) }
    if value[at] == 0 { return nil }
    guard at + 9 <= value.count else { return try decodedTime(in: value) }
    return value.loadUnaligned(fromByteOffset: at + 1, as: Int64.self)
  }

  /// The same by the codec, which knows all types and tells what is damaged.
  private func decodedTime(in value: UnsafeRawBufferPointer) throws -> Int64? {
    let builders = codec.types.map { ColumnBuilder($0, capacity: 1) }
    try codec.decode(value, into: builders)
    return Self.time(builders[position].finish(), 0)
  }

  /// The time in a row of columns of values.
  func time(_ values: [ColumnVector], _ row: Int) -> Int64? { Self.time(values[position], row) }

  private static func time(_ column: ColumnVector, _ row: Int) -> Int64? {
    column.isNull(row) ? nil : column.values(as: Int64.self)[column.slot(row)]
  }

  /// A key has another time than before.
  func move(_ key: UnsafeRawBufferPointer, from old: Int64?, to new: Int64?) throws {
    if old == new { return }
    if let old {
      try delete.bind(old, at: 1)
      try delete.bind(key, at: 2)
      try delete.runOnce()
    }
    if let new {
      try insert.bind(new, at: 1)
      try insert.bind(key, at: 2)
      try insert.runOnce()
    }
  }
}
