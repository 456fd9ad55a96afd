import Glibc

/// How the columns of a group key become 16 bytes.
///
/// - `view`: one string or binary column is its own `StringView`; NULL is a view of the impossible length 2^32 - 1.
/// - `packed`: fixed-width columns that fit into 15 bytes lie side by side; the last byte has a bit for each NULL.
/// - `encoded`: anything else is written as bytes (NULL bits, then the values that are not NULL, strings with their length
///   in front), and the key is a view of them.
struct GroupKeyLayout: Sendable {
  enum Form: Sendable {
    case view, packed, encoded
  }

  static let nullWord: UInt64 = 0xFFFF_FFFF
  private static let nullByte = 15

  let types: [DataType]
  let form: Form
  private let physicals: [DataType.Physical]
  private let nullBytes: Int

  init(_ types: [DataType]) {
    self.types = types
    physicals = types.map(\.physical)
    precondition(!types.contains(where: \.isNested), "group keys are flat")
    let width = physicals.reduce(0) { $0 + $1.stride }
    if physicals == [.view] {
      form = .view
    } else if !physicals.contains(.view) && width <= Self.nullByte && types.count <= 8 {
      form = .packed
    } else {
      form = .encoded
    }
    nullBytes = (types.count + 7) / 8
  }

  /// The keys of `count` rows from `start`, in `words` or, where no work is needed, in the column itself.
  /// Views of encoded keys point into `scratch`.
  @inline(__always)
  func encode(
    _ columns: [ColumnVector], start: Int, count: Int, words: UnsafeMutablePointer<StringView>, scratch: ByteBuffer
  ) -> UnsafePointer<StringView> {
    switch form {
    case .view:
      let column = columns[0]
      if !column.mayHaveNulls && !column.isConstant { return column.views + start }
      copyViews(column, start, count, words)
    case .packed: pack(columns, start, count, words)
    case .encoded: encodeRows(columns, start, count, words, scratch)
    }
    return UnsafePointer(words)
  }

  private func copyViews(_ column: ColumnVector, _ start: Int, _ count: Int, _ words: UnsafeMutablePointer<StringView>)
  {
    let views = column.views
    for row in 0..<count {
      words[row] =
        column.isNull(start + row) ? StringView(word0: Self.nullWord, word1: 0) : views[column.slot(start + row)]
    }
  }

  // MARK: Packed keys

  private func pack(_ columns: [ColumnVector], _ start: Int, _ count: Int, _ words: UnsafeMutablePointer<StringView>) {
    memset(words, 0, count * 16)
    var target = UnsafeMutableRawPointer(words)
    for (index, column) in columns.enumerated() {
      switch physicals[index] {
      case .float: Self.spread(column, start, count, target, Self.normalized(float:))
      case .double: Self.spread(column, start, count, target, Self.normalized(double:))
      case .bool, .int8: Self.spread(column, start, count, target) { (value: UInt8) in value }
      case .int16: Self.spread(column, start, count, target) { (value: UInt16) in value }
      case .int32: Self.spread(column, start, count, target) { (value: UInt32) in value }
      case .int64: Self.spread(column, start, count, target) { (value: UInt64) in value }
      case .none, .int128, .view, .interval, .list, .structure: break
      }
      let stride = physicals[index].stride
      if column.mayHaveNulls || physicals[index] == .none {
        for row in 0..<count where column.isNull(start + row) || physicals[index] == .none {
          memset(target + row * 16, 0, stride)
          let bits = UnsafeMutableRawPointer(words + row) + Self.nullByte
          bits.storeBytes(of: bits.load(as: UInt8.self) | 1 << UInt8(index), as: UInt8.self)
        }
      }
      target += stride
    }
  }

  /// Writes one column's values 16 bytes apart.
  @inline(__always)
  private static func spread<T: FixedWidthInteger>(
    _ column: ColumnVector, _ start: Int, _ count: Int, _ target: UnsafeMutableRawPointer, _ change: (T) -> T
  ) {
    let values = column.values(as: T.self)
    if column.isConstant {
      let value = change(values[0])
      for row in 0..<count { (target + row &* 16).storeBytes(of: value, as: T.self) }
    } else {
      for row in 0..<count { (target + row &* 16).storeBytes(of: change(values[start &+ row]), as: T.self) }
    }
  }

  @inline(__always)
  private static func normalized(float bits: UInt32) -> UInt32 {
    if bits << 1 == 0 { return 0 }
    return bits & 0x7FFF_FFFF > 0x7F80_0000 ? 0x7FC0_0000 : bits
  }

  @inline(__always)
  private static func normalized(double bits: UInt64) -> UInt64 {
    if bits << 1 == 0 { return 0 }
    return bits & 0x7FFF_FFFF_FFFF_FFFF > 0x7FF0_0000_0000_0000 ? 0x7FF8_0000_0000_0000 : bits
  }

  // MARK: Encoded keys

  /// Bytes between encoded rows, so that 16 bytes can be stored at once wherever a row ends.
  private static let slack = 16

  private func encodeRows(
    _ columns: [ColumnVector], _ start: Int, _ count: Int, _ words: UnsafeMutablePointer<StringView>,
    _ scratch: ByteBuffer
  ) {
    let places = MemoryBuffer(capacity: count * 16)
    let starts = places.base.assumingMemoryBound(to: Int.self)
    let cursors = starts + count
    for row in 0..<count { cursors[row] = nullBytes }
    for (index, column) in columns.enumerated() { addLengths(column, physicals[index], start, count, cursors) }
    var total = 0
    for row in 0..<count {
      let length = cursors[row]
      starts[row] = total
      cursors[row] = total &+ nullBytes
      total &+= length &+ Self.slack
    }
    scratch.removeAll()
    let base = scratch.reserve(total + Self.slack)
    for row in 0..<count {
      for byte in 0..<nullBytes { (base + starts[row]).storeBytes(of: 0, toByteOffset: byte, as: UInt8.self) }
    }
    for (index, column) in columns.enumerated() { writeColumn(column, index, start, count, base, starts, cursors) }
    for row in 0..<count { words[row] = StringView(padded: base + starts[row], cursors[row] &- starts[row]) }
  }

  private func addLengths(
    _ column: ColumnVector, _ physical: DataType.Physical, _ start: Int, _ count: Int,
    _ lengths: UnsafeMutablePointer<Int>
  ) {
    guard physical == .view else {
      let stride = physical.stride
      for row in 0..<count where !column.isNull(start &+ row) { lengths[row] &+= stride }
      return
    }
    let views = column.views
    for row in 0..<count where !column.isNull(start &+ row) {
      lengths[row] &+= 4 &+ views[column.slot(start &+ row)].count
    }
  }

  private func writeColumn(
    _ column: ColumnVector, _ index: Int, _ start: Int, _ count: Int, _ base: UnsafeMutableRawPointer,
    _ starts: UnsafeMutablePointer<Int>, _ cursors: UnsafeMutablePointer<Int>
  ) {
    let physical = physicals[index]
    if column.mayHaveNulls || physical == .none {
      for row in 0..<count where column.isNull(start + row) || physical == .none {
        let bits = base + starts[row] + index / 8
        bits.storeBytes(of: bits.load(as: UInt8.self) | 1 << UInt8(index % 8), as: UInt8.self)
      }
    }
    switch physical {
    case .view: writeViews(column, start, count, base, cursors)
    case .float: Self.write(column, start, count, base, cursors, Self.normalized(float:))
    case .double: Self.write(column, start, count, base, cursors, Self.normalized(double:))
    case .bool, .int8: Self.write(column, start, count, base, cursors) { (value: UInt8) in value }
    case .int16: Self.write(column, start, count, base, cursors) { (value: UInt16) in value }
    case .int32: Self.write(column, start, count, base, cursors) { (value: UInt32) in value }
    case .int64: Self.write(column, start, count, base, cursors) { (value: UInt64) in value }
    case .int128, .interval: Self.write(column, start, count, base, cursors) { (value: UInt128) in value }
    case .none, .list, .structure: break
    }
  }

  /// Appends one column's values to the rows in which they are not NULL.
  @inline(__always)
  private static func write<T: FixedWidthInteger>(
    _ column: ColumnVector, _ start: Int, _ count: Int, _ base: UnsafeMutableRawPointer,
    _ cursors: UnsafeMutablePointer<Int>, _ change: (T) -> T
  ) {
    let values = column.values(as: T.self)
    for row in 0..<count where !column.isNull(start &+ row) {
      (base + cursors[row]).storeBytes(of: change(values[column.slot(start &+ row)]), as: T.self)
      cursors[row] &+= MemoryLayout<T>.size
    }
  }

  /// A short string's view is its length and its bytes already.
  private func writeViews(
    _ column: ColumnVector, _ start: Int, _ count: Int, _ base: UnsafeMutableRawPointer,
    _ cursors: UnsafeMutablePointer<Int>
  ) {
    let views = column.views
    for row in 0..<count where !column.isNull(start &+ row) {
      let view = views[column.slot(start &+ row)]
      let target = base + cursors[row]
      target.storeBytes(of: view.word0, as: UInt64.self)
      if view.isInline {
        target.storeBytes(of: view.word1, toByteOffset: 8, as: UInt64.self)
      } else {
        memcpy(target + 4, view.address, view.count)
      }
      cursors[row] &+= 4 &+ view.count
    }
  }

  // MARK: Back to columns

  /// Columns of `count` keys. `owners` keep the bytes behind views alive.
  func decode(_ keys: MemoryBuffer, count: Int, owners: [AnyObject]) -> [ColumnVector] {
    switch form {
    case .view: [decodeViews(keys, count, owners)]
    case .packed: decodePacked(keys, count)
    case .encoded: decodeRows(keys, count, owners)
    }
  }

  private func decodeViews(_ keys: MemoryBuffer, _ count: Int, _ owners: [AnyObject]) -> ColumnVector {
    let words = keys.base.assumingMemoryBound(to: StringView.self)
    var validity: Bitmap?
    for row in 0..<count where words[row].word0 == Self.nullWord {
      let bits = validity ?? Bitmap(count: count, all: true)
      bits.clear(row)
      validity = bits
      words[row] = StringView()
    }
    return ColumnVector(type: types[0], count: count, values: keys, validity: validity, owners: owners)
  }

  private func decodePacked(_ keys: MemoryBuffer, _ count: Int) -> [ColumnVector] {
    var source = UnsafeRawPointer(keys.base)
    return types.indices.map { index in
      let stride = physicals[index].stride
      let out = MemoryBuffer(capacity: count * stride)
      switch stride {
      case 1: Self.collect(UInt8.self, source, count, out)
      case 2: Self.collect(UInt16.self, source, count, out)
      case 4: Self.collect(UInt32.self, source, count, out)
      case 8: Self.collect(UInt64.self, source, count, out)
      default: break
      }
      source += stride
      let bits = UnsafeRawPointer(keys.base) + Self.nullByte
      let validity = Self.validity(count) { row in (bits + row * 16).load(as: UInt8.self) & 1 << UInt8(index) != 0 }
      return ColumnVector(type: types[index], count: count, values: out, validity: validity)
    }
  }

  @inline(__always)
  private static func collect<T: BitwiseCopyable>(
    _: T.Type, _ source: UnsafeRawPointer, _ count: Int, _ out: MemoryBuffer
  ) {
    let target = out.base.assumingMemoryBound(to: T.self)
    for row in 0..<count { target[row] = (source + row &* 16).loadUnaligned(as: T.self) }
  }

  @inline(__always)
  private static func validity(_ count: Int, _ isNull: (Int) -> Bool) -> Bitmap? {
    var validity: Bitmap?
    for row in 0..<count where isNull(row) {
      let bits = validity ?? Bitmap(count: count, all: true)
      bits.clear(row)
      validity = bits
    }
    return validity
  }

  private func decodeRows(_ keys: MemoryBuffer, _ count: Int, _ owners: [AnyObject]) -> [ColumnVector] {
    let words = keys.base.assumingMemoryBound(to: StringView.self)
    let places = MemoryBuffer(capacity: count * 16)
    let starts = places.base.assumingMemoryBound(to: UnsafeRawPointer.self)
    let cursors = (places.base + count * 8).assumingMemoryBound(to: UnsafeRawPointer.self)
    for row in 0..<count {
      starts[row] = words[row].isInline ? UnsafeRawPointer(words + row) + 4 : words[row].address
      cursors[row] = starts[row] + nullBytes
    }
    return types.indices.map { index in
      let stride = physicals[index].stride
      let out = MemoryBuffer(capacity: count * stride)
      memset(out.base, 0, count * stride)
      let bit: UInt8 = 1 << UInt8(index % 8)
      let validity = Self.validity(count) { row in (starts[row] + index / 8).load(as: UInt8.self) & bit != 0 }
      for row in 0..<count where stride > 0 && validity?[row] != false {
        if physicals[index] == .view {
          let length = Int(cursors[row].loadUnaligned(as: UInt32.self))
          out.base.assumingMemoryBound(to: StringView.self)[row] = StringView(cursors[row] + 4, length)
          cursors[row] += 4 + length
        } else {
          memcpy(out.base + row * stride, cursors[row], stride)
          cursors[row] += stride
        }
      }
      return ColumnVector(type: types[index], count: count, values: out, validity: validity, owners: owners)
    }
  }
}

extension GroupTable {
  /// The keys of all groups, in the order of their numbers. Only without removals.
  public func keyColumns() -> [ColumnVector] { lendKeys().map { [$0] } ?? keyColumns(0..<groupCount) }

  /// From so many groups on their keys are not copied if there is another way.
  private static let lentFrom = 1 << 14

  /// The column of all keys in the table's own memory, if they are one there.
  private func lendKeys() -> ColumnVector? {
    guard layout.form == .view, groupCount >= Self.lentFrom, freeGroups.isEmpty else { return nil }
    for group in 0..<groupCount where keys[group].word0 == GroupKeyLayout.nullWord { return nil }
    let size = keyCapacity * MemoryLayout<StringView>.stride
    let lent = lentKeys ?? MemoryBuffer(adopting: keys, capacity: size - 64, allocated: size)
    if lent.capacity < groupCount * MemoryLayout<StringView>.stride { return nil }
    lentKeys = lent
    return ColumnVector(type: keyTypes[0], count: groupCount, values: lent, validity: nil, owners: arena.owners)
  }

  /// The keys of consecutive groups.
  public func keyColumns(_ range: Range<Int>) -> [ColumnVector] {
    let words = MemoryBuffer(capacity: range.count * 16)
    memcpy(words.base, keys + range.lowerBound, range.count * 16)
    return layout.decode(words, count: range.count, owners: layout.form == .packed ? [] : arena.owners)
  }

  /// The keys of `count` groups in the given order.
  public func keyColumns(_ groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    let words = MemoryBuffer(capacity: count * 16)
    let target = words.base.assumingMemoryBound(to: StringView.self)
    for row in 0..<count { target[row] = keys[Int(truncatingIfNeeded: groups[row])] }
    return layout.decode(words, count: count, owners: layout.form == .packed ? [] : arena.owners)
  }
}
