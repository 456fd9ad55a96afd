import Glibc
import MillraceColumnar

/// One value of any type per group, or none. Flat values lie as in a vector, long strings in an arena that is rewritten when
/// mostly garbage; arrays, maps and structs are kept as encoded rows.
final class GroupValues {
  enum State {
    static let unset: UInt8 = 0
    static let null: UInt8 = 1
    static let value: UInt8 = 2
  }

  let type: DataType
  /// What is kept in `slots`: the type itself, or BINARY for encoded rows.
  let storedType: DataType
  let isEncoded: Bool
  private let codec: RowCodec
  private let stride: Int
  private let memory: GroupMemory
  private var count = 0
  private let flags = GroupArray<UInt8>(State.unset)
  private var arena = Arena()
  private var liveBytes = 0

  init(_ type: DataType) {
    self.type = type
    isEncoded = type.isNested
    storedType = isEncoded ? .binary : type
    codec = RowCodec([type], isCanonical: false)
    stride = storedType.physical.stride
    memory = GroupMemory(capacity: 16 * stride)
  }

  /// The values as they are stored, to be changed.
  var slots: UnsafeMutableRawPointer { memory.base }

  /// `State` of every group.
  var states: UnsafeMutablePointer<UInt8> { flags.base }

  func reserve(_ groupCount: Int) {
    guard groupCount > count else { return }
    flags.reserve(groupCount)
    memory.extend(to: groupCount * stride)
    memset(slots + count * stride, 0, (groupCount - count) * stride)
    count = groupCount
  }

  /// Takes over row `rows[i]` of `vector` for group `groups[i]`.
  func set(_ groups: UnsafePointer<UInt32>, _ rows: Selection, from vector: ColumnVector) {
    let count = rows.count
    if count == 0 { return }
    var source = vector
    var at = rows
    if isEncoded {
      let values = vector.gathered(rows).flattened()
      source = codec.encode([values], rowCount: count).withValidity(values.validity)
      at = .range(0..<count)
    }
    switch storedType.physical {
    case .none: for index in 0..<count { states[Int(groups[index])] = State.null }
    case .bool, .int8: copy(UInt8.self, groups, at, source)
    case .int16: copy(UInt16.self, groups, at, source)
    case .int32, .float: copy(UInt32.self, groups, at, source)
    case .int64, .double, .list: copy(UInt64.self, groups, at, source)
    case .int128, .interval: copy(UInt128.self, groups, at, source)
    case .view: copyViews(groups, at, source)
    case .structure: break
    }
  }

  private func copy<T>(
    _: T.Type, _ groups: UnsafePointer<UInt32>, _ selection: Selection, _ vector: ColumnVector
  ) {
    let rows = selection.rows
    let target = slots.assumingMemoryBound(to: T.self)
    let values = vector.values(as: T.self)
    let states = self.states
    for index in 0..<selection.count {
      let group = Int(groups[index]), row = Int(rows[index])
      target[group] = values[vector.slot(row)]
      states[group] = vector.isNull(row) ? State.null : State.value
    }
  }

  private func copyViews(_ groups: UnsafePointer<UInt32>, _ selection: Selection, _ vector: ColumnVector) {
    let rows = selection.rows
    let target = slots.assumingMemoryBound(to: StringView.self)
    for index in 0..<selection.count {
      let group = Int(groups[index]), row = Int(rows[index])
      let isNull = vector.isNull(row)
      let view = isNull ? StringView() : vector.views[vector.slot(row)]
      if !target[group].isInline { liveBytes -= target[group].count }
      if !view.isInline { liveBytes += view.count }
      target[group] = arena.store(view)
      states[group] = isNull ? State.null : State.value
    }
    if arena.byteCount > 2 * liveBytes + (1 << 16) { compact() }
  }

  private func compact() {
    let fresh = Arena()
    let views = slots.assumingMemoryBound(to: StringView.self)
    for group in 0..<count where !views[group].isInline { views[group] = fresh.store(views[group]) }
    arena = fresh
  }

  /// The values of the first groups as they are stored, without asking whether they are set.
  func stored(_ groupCount: Int) -> ColumnVector {
    let states = flags.values
    var nulls = NullTracker(count: groupCount)
    for group in 0..<groupCount where states[group] != State.value { nulls.setNull(group) }
    return ColumnVector(
      type: storedType, count: groupCount, values: memory.buffer(), validity: nulls.validity, owners: arena.owners)
  }

  /// The values of some groups as they are stored.
  func stored(of groups: UnsafePointer<UInt32>, count: Int) -> ColumnVector {
    let validity = flags.validity(of: groups, count: count) { $0 == State.value }
    let out = MemoryBuffer(capacity: count * stride)
    switch storedType.physical {
    case .none, .structure: break
    case .bool, .int8: gather(UInt8.self, groups, count, out)
    case .int16: gather(UInt16.self, groups, count, out)
    case .int32, .float: gather(UInt32.self, groups, count, out)
    case .int64, .double, .list: gather(UInt64.self, groups, count, out)
    case .int128, .interval, .view: gather(UInt128.self, groups, count, out)
    }
    return ColumnVector(type: storedType, count: count, values: out, validity: validity, owners: arena.owners)
  }

  private func gather<T: BitwiseCopyable>(
    _: T.Type, _ groups: UnsafePointer<UInt32>, _ count: Int, _ out: MemoryBuffer
  ) {
    let source = memory.bytes.assumingMemoryBound(to: T.self)
    source.gather(groups, count, into: out.base.assumingMemoryBound(to: T.self))
  }

  /// Whether some groups have been set, as a BOOLEAN vector.
  func isSet(of groups: UnsafePointer<UInt32>, count: Int) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count)
    let target = buffer.base.assumingMemoryBound(to: UInt8.self)
    let states = flags.values
    for row in 0..<count { target[row] = states[Int(truncatingIfNeeded: groups[row])] == State.unset ? 0 : 1 }
    return ColumnVector(type: .boolean, count: count, values: buffer)
  }

  /// Whether the first groups have been set, as a BOOLEAN vector.
  func isSet(_ groupCount: Int) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: groupCount)
    let target = buffer.base.assumingMemoryBound(to: UInt8.self)
    let states = flags.values
    for group in 0..<groupCount { target[group] = states[group] == State.unset ? 0 : 1 }
    return ColumnVector(type: .boolean, count: groupCount, values: buffer)
  }

  /// The values of the first groups; NULL where none is set.
  func values(_ groupCount: Int) throws -> ColumnVector {
    let stored = self.stored(groupCount)
    return isEncoded ? try codec.decode(stored)[0] : stored
  }

  /// The values of some groups.
  func values(of groups: UnsafePointer<UInt32>, count: Int) throws -> ColumnVector {
    try decoded(stored(of: groups, count: count))
  }

  /// Turns a column of stored values (a state) back into values.
  func decoded(_ stored: ColumnVector) throws -> ColumnVector {
    isEncoded ? try codec.decode(stored)[0] : stored
  }
}

/// Collects for each group the one row of a batch that won, so that values are copied once per group and batch.
final class Winners {
  private let best = GroupArray<Int32>(-1)
  private var touched: UnsafeMutablePointer<UInt32> = .allocate(capacity: 16)
  private var capacity = 16
  private(set) var count = 0

  deinit { touched.deallocate() }

  func reserve(_ groupCount: Int) { best.reserve(groupCount) }

  /// Row that leads in each group, -1 for none. Write through `lead`.
  var rows: UnsafeMutablePointer<Int32> { best.base }

  /// Groups that have a leading row, in the order in which they got one.
  var groups: UnsafePointer<UInt32> { UnsafePointer(touched) }

  @inline(__always)
  func lead(_ group: Int, _ row: Int) {
    if best.base[group] < 0 {
      if count == capacity { grow() }
      touched[count] = UInt32(truncatingIfNeeded: group)
      count += 1
    }
    best.base[group] = Int32(truncatingIfNeeded: row)
  }

  private func grow() {
    let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity * 2)
    larger.update(from: touched, count: count)
    touched.deallocate()
    touched = larger
    capacity *= 2
  }

  /// Leading rows in the order of `groups`.
  func leadingRows() -> Selection {
    let rows = Selection(capacity: count)
    for index in 0..<count { rows.rows[index] = best.base[Int(touched[index])] }
    return rows
  }

  /// Forgets the batch.
  func clear() {
    for index in 0..<count { best.base[Int(touched[index])] = -1 }
    count = 0
  }
}
