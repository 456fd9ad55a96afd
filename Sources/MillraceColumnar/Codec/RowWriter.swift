import Glibc

/// Sizes and bytes of values for `RowCodec`; trusts its caller that the target is large enough.
struct RowWriter {
  let isCanonical: Bool

  /// Adds to `sizes[row]` what the value of each row takes.
  static func addSizes(_ column: ColumnVector, _ rowCount: Int, _ sizes: UnsafeMutablePointer<Int>) {
    let stride = column.type.physical.stride
    switch column.type.physical {
    case .view, .list, .structure:
      for row in 0..<rowCount { sizes[row] += size(column, row) }
    default:
      guard column.mayHaveNulls || column.type == .void else {
        for row in 0..<rowCount { sizes[row] += stride + 1 }
        return
      }
      for row in 0..<rowCount { sizes[row] += column.isNull(row) ? 1 : stride + 1 }
    }
  }

  /// Bytes of one value.
  static func size(_ column: ColumnVector, _ row: Int) -> Int {
    if column.isNull(row) { return 1 }
    switch column.type.physical {
    case .view: return 5 + column.views[column.slot(row)].count
    case .list:
      var total = 5
      let range = column.values(as: ListView.self)[column.slot(row)].range
      for child in column.children { for index in range { total += size(child, index) } }
      return total
    case .structure:
      let inner = column.isConstant ? 0 : row
      return column.children.reduce(1) { $0 + size($1, inner) }
    default: return 1 + column.type.physical.stride
    }
  }

  /// Writes the value of each row at `base + cursors[row]` and moves the cursors past it.
  func writeColumn(
    _ column: ColumnVector, _ rowCount: Int, _ base: UnsafeMutableRawPointer, _ cursors: UnsafeMutablePointer<Int>
  ) {
    switch column.type.physical {
    case .bool, .int8: writeFixed(column, UInt8.self, rowCount, base, cursors) { $0 }
    case .int16: writeFixed(column, UInt16.self, rowCount, base, cursors) { $0 }
    case .int32: writeFixed(column, UInt32.self, rowCount, base, cursors) { $0 }
    case .int64: writeFixed(column, UInt64.self, rowCount, base, cursors) { $0 }
    case .int128, .interval: writeFixed(column, UInt128.self, rowCount, base, cursors) { $0 }
    case .float: writeFixed(column, Float.self, rowCount, base, cursors, normalised)
    case .double: writeFixed(column, Double.self, rowCount, base, cursors, normalised)
    case .none, .view, .list, .structure:
      for row in 0..<rowCount { cursors[row] = write(column, row, base + cursors[row]) - base }
    }
  }

  @inline(__always)
  private func writeFixed<T>(
    _ column: ColumnVector, _: T.Type, _ rowCount: Int, _ base: UnsafeMutableRawPointer,
    _ cursors: UnsafeMutablePointer<Int>, _ normalise: (T) -> T
  ) {
    let values = column.values(as: T.self)
    for row in 0..<rowCount {
      let target = base + cursors[row]
      if column.isNull(row) {
        target.storeBytes(of: 0, as: UInt8.self)
        cursors[row] += 1
      } else {
        target.storeBytes(of: 1, as: UInt8.self)
        (target + 1).storeBytes(of: normalise(values[column.slot(row)]), as: T.self)
        cursors[row] += 1 + MemoryLayout<T>.size
      }
    }
  }

  /// Writes one value and gives the address behind it.
  func write(_ column: ColumnVector, _ row: Int, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    if column.isNull(row) || column.type == .void {
      target.storeBytes(of: 0, as: UInt8.self)
      return target + 1
    }
    target.storeBytes(of: 1, as: UInt8.self)
    let at = column.slot(row)
    let payload = target + 1
    switch column.type.physical {
    case .none: return payload
    case .float: return put(normalised(column.values(as: Float.self)[at]), payload)
    case .double: return put(normalised(column.values(as: Double.self)[at]), payload)
    case .view:
      let bytes = column.bytes(row)
      let start = put(UInt32(truncatingIfNeeded: bytes.count), payload)
      if let source = bytes.baseAddress, bytes.count > 0 { memcpy(start, source, bytes.count) }
      return start + bytes.count
    case .list:
      let range = column.values(as: ListView.self)[at].range
      let start = put(UInt32(truncatingIfNeeded: range.count), payload)
      return column.children.count == 1 ? writeElements(column, range, start) : writeEntries(column, range, start)
    case .structure:
      var end = payload
      for child in column.children { end = write(child, column.isConstant ? 0 : row, end) }
      return end
    default:
      let stride = column.type.physical.stride
      memcpy(payload, column.buffer.base + at * stride, stride)
      return payload + stride
    }
  }

  private func writeElements(
    _ column: ColumnVector, _ range: Range<Int>, _ start: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    let child = column.children[0]
    var end = start
    for index in range { end = write(child, index, end) }
    return end
  }

  /// Writes the entries of a map, in the order of their encoded keys if the row is to be canonical.
  private func writeEntries(
    _ column: ColumnVector, _ range: Range<Int>, _ start: UnsafeMutableRawPointer
  ) -> UnsafeMutableRawPointer {
    let keys = column.children[0], values = column.children[1]
    var end = start
    var order = Array(range)
    if isCanonical && range.count > 1 {
      let encoded = range.map { index in
        [UInt8](unsafeUninitializedCapacity: Self.size(keys, index)) { buffer, count in
          guard let base = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
          count = write(keys, index, base) - base
        }
      }
      order.sort { encoded[$0 - range.lowerBound].lexicographicallyPrecedes(encoded[$1 - range.lowerBound]) }
    }
    for index in order { end = write(values, index, write(keys, index, end)) }
    return end
  }

  @inline(__always)
  private func put<T>(_ value: T, _ target: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    target.storeBytes(of: value, as: T.self)
    return target + MemoryLayout<T>.size
  }

  @inline(__always)
  private func normalised<T: BinaryFloatingPoint>(_ value: T) -> T {
    if !isCanonical { return value }
    return value == 0 ? 0 : value == value ? value : .nan
  }
}
