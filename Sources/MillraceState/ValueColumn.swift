import Glibc
import MillraceColumnar

/// One column of state values by row number, changed in place. Rows of strings point into an arena that is compacted when
/// most of it is garbage.
final class ValueColumn {
  let type: DataType
  private let stride: Int
  private let isView: Bool
  private var values: UnsafeMutableRawPointer
  /// 1 for NULL.
  private var nulls: UnsafeMutablePointer<UInt8>
  private var capacity = 0
  /// What the values lie in, where they were taken over.
  private var adopted: MemoryBuffer?
  private var arena = Arena()
  private var garbageBytes = 0
  private let undoValues = ByteBuffer(capacity: 0)
  private let undoNulls = ByteBuffer(capacity: 0)

  init(_ type: DataType) {
    self.type = type
    stride = type.physical.stride
    isView = type.physical == .view
    values = RawMemory.allocate(byteCount: 64)
    nulls = RawMemory.allocate(UInt8.self, capacity: 0)
  }

  deinit {
    if adopted == nil { RawMemory.deallocate(values, byteCount: capacity * stride + 64) }
    RawMemory.deallocate(nulls, capacity: capacity)
  }

  var memoryBytes: Int { capacity * (stride + 1) + arena.byteCount }

  /// Makes room for rows below `count`; new ones are NULL.
  func ensure(_ count: Int) {
    guard count > capacity else { return }
    let size = max(count, capacity * 2, 64)
    if adopted == nil {
      values = RawMemory.grow(
        values, byteCount: capacity * stride + 64, used: capacity * stride, to: size * stride + 64)
    } else {
      let own = RawMemory.allocate(byteCount: size * stride + 64)
      memcpy(own, values, capacity * stride)
      values = own
      adopted = nil
    }
    nulls = RawMemory.grow(nulls, capacity: capacity, used: capacity, to: size)
    memset(values + capacity * stride, 0, (size - capacity) * stride)
    memset(nulls + capacity, 1, size - capacity)
    capacity = size
  }

  /// Sets the values of a column that has no rows yet, by row number. Takes over the memory of the vector where it can, and copies it if it
  /// is to be changed while somebody else still has it.
  func adopt(_ vector: ColumnVector) {
    let count = vector.count
    guard capacity == 0, count > 0, !isView, !vector.isConstant else {
      let rows = Array(0..<UInt32(truncatingIfNeeded: count))
      ensure(count)
      return set(rows, count, from: vector)
    }
    RawMemory.deallocate(values, byteCount: 64)
    values = vector.buffer.base
    adopted = vector.buffer
    nulls = RawMemory.grow(nulls, capacity: 0, used: 0, to: count)
    capacity = count
    memset(nulls, 0, count)
    if vector.mayHaveNulls {
      for row in 0..<count where vector.isNull(row) { nulls[row] = 1 }
    }
  }

  /// Makes sure that nobody else sees a change of the values.
  private func own() {
    guard adopted != nil, !isKnownUniquelyReferenced(&adopted) else { return }
    let own = RawMemory.allocate(byteCount: capacity * stride + 64)
    memcpy(own, values, capacity * stride)
    values = own
    adopted = nil
  }

  /// Sets the values of `rows`, in order.
  func set(_ rows: UnsafePointer<UInt32>, _ count: Int, from vector: ColumnVector) {
    if isView { return setViews(rows, count, vector) }
    own()
    let flat = vector.flattened()
    switch stride {
    case 1: scatter(UInt8.self, rows, count, flat)
    case 2: scatter(UInt16.self, rows, count, flat)
    case 4: scatter(UInt32.self, rows, count, flat)
    case 8: scatter(UInt64.self, rows, count, flat)
    case 16: scatter(UInt128.self, rows, count, flat)
    default: break
    }
    let nulls = self.nulls
    for row in 0..<count { nulls[Int(rows[row])] = flat.isNull(row) ? 1 : 0 }
  }

  private func scatter<T: BitwiseCopyable>(
    _: T.Type, _ rows: UnsafePointer<UInt32>, _ count: Int, _ vector: ColumnVector
  ) {
    let source = vector.values(as: T.self)
    let target = values.assumingMemoryBound(to: T.self)
    for row in 0..<count { target[Int(truncatingIfNeeded: rows[row])] = source[row] }
  }

  private func setViews(_ rows: UnsafePointer<UInt32>, _ count: Int, _ vector: ColumnVector) {
    let target = values.assumingMemoryBound(to: StringView.self)
    for row in 0..<count {
      let at = Int(rows[row])
      discard(target[at])
      let isNull = vector.isNull(row)
      target[at] = isNull ? StringView() : arena.store(vector.views[vector.slot(row)])
      nulls[at] = isNull ? 1 : 0
    }
  }

  private func discard(_ view: StringView) {
    if !view.isInline { garbageBytes += view.count }
  }

  /// The values of `rows`; NULL where a row is `GroupTable.absent`.
  func gather(_ rows: UnsafePointer<UInt32>, _ count: Int) -> ColumnVector {
    let out = MemoryBuffer(capacity: count * stride)
    switch stride {
    case 1: collect(UInt8.self, 0, rows, count, out)
    case 2: collect(UInt16.self, 0, rows, count, out)
    case 4: collect(UInt32.self, 0, rows, count, out)
    case 8: collect(UInt64.self, 0, rows, count, out)
    case 16: collect(UInt128.self, 0, rows, count, out)
    default: break
    }
    var validity: Bitmap?
    for row in 0..<count where rows[row] == GroupTable.absent || nulls[Int(rows[row])] != 0 {
      let bits = validity ?? Bitmap(count: count, all: true)
      bits.clear(row)
      validity = bits
    }
    return ColumnVector(type: type, count: count, values: out, validity: validity, owners: isView ? arena.owners : [])
  }

  /// The values of rows that follow one another.
  func slice(_ rows: Range<Int>) -> ColumnVector {
    let out = MemoryBuffer(capacity: rows.count * stride)
    memcpy(out.base, values + rows.lowerBound * stride, rows.count * stride)
    let flags = nulls + rows.lowerBound
    var validity: Bitmap?
    if memchr(flags, 1, rows.count) != nil {
      let bits = Bitmap(count: rows.count, all: true)
      for row in 0..<rows.count where flags[row] != 0 { bits.clear(row) }
      validity = bits
    }
    return ColumnVector(
      type: type, count: rows.count, values: out, validity: validity, owners: isView ? arena.owners : [])
  }

  private func collect<T: BitwiseCopyable>(
    _: T.Type, _ zero: T, _ rows: UnsafePointer<UInt32>, _ count: Int, _ out: MemoryBuffer
  ) {
    let source = values.assumingMemoryBound(to: T.self)
    let target = out.base.assumingMemoryBound(to: T.self)
    for row in 0..<count {
      target[row] = rows[row] == GroupTable.absent ? zero : source[Int(truncatingIfNeeded: rows[row])]
    }
  }

  /// Remembers the values of `rows` so that `restore` can bring them back.
  func save(_ rows: [UInt32]) {
    for row in rows {
      undoValues.append(UnsafeRawBufferPointer(start: values + Int(row) * stride, count: stride))
      undoNulls.append(nulls[Int(row)])
    }
  }

  /// Brings back all saved values; `rows` are the rows of all `save` calls in order.
  func restore(_ rows: [UInt32]) {
    guard !rows.isEmpty, let savedValues = undoValues.bytes.baseAddress, let savedNulls = undoNulls.bytes.baseAddress
    else {
      return
    }
    own()
    for (index, row) in rows.enumerated() {
      if isView {
        discard(values.assumingMemoryBound(to: StringView.self)[Int(row)])
        garbageBytes -= max(0, (savedValues + index * 16).loadUnaligned(as: StringView.self).longByteCount)
      }
      memcpy(values + Int(row) * stride, savedValues + index * stride, stride)
      nulls[Int(row)] = savedNulls.load(fromByteOffset: index, as: UInt8.self)
    }
  }

  /// Forgets saved values.
  func forgetSaved() {
    undoValues.removeAll()
    undoNulls.removeAll()
  }

  /// Forgets all values and gives the memory back.
  func removeAll() {
    if adopted == nil { RawMemory.deallocate(values, byteCount: capacity * stride + 64) }
    RawMemory.deallocate(nulls, capacity: capacity)
    values = RawMemory.allocate(byteCount: 64)
    nulls = RawMemory.allocate(UInt8.self, capacity: 0)
    adopted = nil
    capacity = 0
    arena = Arena()
    garbageBytes = 0
    forgetSaved()
  }

  /// Makes rows NULL.
  func clear(_ rows: [UInt32]) {
    for row in rows {
      if isView {
        discard(values.assumingMemoryBound(to: StringView.self)[Int(row)])
        values.assumingMemoryBound(to: StringView.self)[Int(row)] = StringView()
      }
      nulls[Int(row)] = 1
    }
  }

  /// Frees garbage once it is most of the memory. No saved values may be outstanding.
  func compactIfWorthwhile() {
    guard isView, garbageBytes > 1 << 16, garbageBytes > arena.byteCount / 2 else { return }
    let fresh = Arena()
    let views = values.assumingMemoryBound(to: StringView.self)
    for row in 0..<capacity where !views[row].isInline { views[row] = fresh.store(views[row]) }
    arena = fresh
    garbageBytes = 0
  }
}

extension StringView {
  /// Bytes outside the view.
  fileprivate var longByteCount: Int { isInline ? 0 : count }
}
