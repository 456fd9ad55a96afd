import Glibc

extension ColumnVector {
  /// The rows that `selection` names, in its order. String bytes are shared, not copied.
  public func gathered(_ selection: Selection) -> ColumnVector {
    let rows = selection.rows
    let length = selection.count
    if isConstant { return constant(count: length) }
    let valid = validity.map { validity in
      let result = Bitmap(count: length, all: false)
      let source = validity.words, target = result.words
      for index in 0..<length {
        let row = Int(rows[index])
        target[index >> 6] |=
          ((source[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1) << UInt64(truncatingIfNeeded: index & 63)
      }
      return result
    }
    let out = MemoryBuffer(capacity: length * type.physical.stride)
    switch type.physical {
    case .none: break
    case .bool, .int8: gatherValues(UInt8.self, rows, length, out)
    case .int16: gatherValues(UInt16.self, rows, length, out)
    case .int32, .float: gatherValues(UInt32.self, rows, length, out)
    case .int64, .double, .list: gatherValues(UInt64.self, rows, length, out)
    case .int128, .view, .interval: gatherValues(UInt128.self, rows, length, out)
    case .structure:
      return ColumnVector(
        type: type, count: length, values: out, validity: valid, children: children.map { $0.gathered(selection) })
    }
    return ColumnVector(type: type, count: length, values: out, validity: valid, children: children, owners: owners)
  }

  private func gatherValues<T>(_: T.Type, _ rows: UnsafeMutablePointer<Int32>, _ length: Int, _ out: MemoryBuffer) {
    let source = values(as: T.self)
    let target = out.base.assumingMemoryBound(to: T.self)
    for index in 0..<length { target[index] = source[Int(rows[index])] }
  }

  /// The rows that `rows` names; -1 gives null.
  public func gatheredOrNull(_ rows: UnsafePointer<Int32>, count length: Int) -> ColumnVector {
    let valid = Bitmap(count: length, all: false)
    let selection = Selection(capacity: length)
    var hasNull = false
    for index in 0..<length {
      let row = rows[index]
      if row >= 0 && !isNull(Int(row)) { valid.set(index) } else { hasNull = true }
      selection.rows[index] = max(row, 0)
    }
    if count == 0 { return .nulls(type, count: length) }
    let plain = isConstant ? flattened().withValidity(nil) : withValidity(nil)
    return plain.gathered(selection).withValidity(hasNull ? valid : nil)
  }

  /// The same rows with one stored value per row.
  public func flattened() -> ColumnVector {
    guard isConstant else { return self }
    let valid = isNull(0) ? Bitmap(count: count, all: false) : nil
    let stride = type.physical.stride
    let out = MemoryBuffer(capacity: count * stride)
    for row in 0..<count where stride > 0 { memcpy(out.base + row * stride, buffer.base, stride) }
    let flatChildren =
      type.physical == .structure ? children.map { $0.constantOrFirst(count: count).flattened() } : children
    return ColumnVector(type: type, count: count, values: out, validity: valid, children: flatChildren, owners: owners)
  }

  /// Row 0 as a constant of `count` rows; an empty vector becomes nulls.
  public func constantOrFirst(count: Int) -> ColumnVector {
    if isConstant { return constant(count: count) }
    if self.count == 0 { return .nulls(type, count: count) }
    let one = gathered(.range(0..<1))
    return ColumnVector(
      type: type, count: count, values: one.buffer, validity: one.validity, isConstant: true, children: one.children,
      owners: one.owners)
  }

  /// All rows of `parts` in order; the parts must have the same physical type.
  public static func concatenated(_ parts: [ColumnVector]) -> ColumnVector {
    guard let first = parts.first else { return .nulls(.void, count: 0) }
    if parts.count == 1 { return first }
    let total = parts.reduce(0) { $0 + $1.count }
    let stride = first.type.physical.stride
    let out = MemoryBuffer(capacity: total * stride)
    let valid = parts.contains { $0.mayHaveNulls } ? Bitmap(count: total, all: true) : nil
    let flat = parts.map { $0.flattened().compacted() }
    var offset = 0
    for part in flat {
      if stride > 0, part.count > 0 { memcpy(out.base + offset * stride, part.buffer.base, part.count * stride) }
      if let valid, part.mayHaveNulls {
        for row in 0..<part.count where part.isNull(row) { valid.clear(offset + row) }
      }
      offset += part.count
    }
    var children: [ColumnVector] = []
    switch first.type.physical {
    case .structure:
      children = first.children.indices.map { index in .concatenated(flat.map { $0.children[index] }) }
    case .list:
      children = first.children.indices.map { index in .concatenated(flat.map { $0.children[index] }) }
      let lists = out.base.assumingMemoryBound(to: ListView.self)
      var row = 0
      var shift = 0
      for part in flat {
        for _ in 0..<part.count {
          lists[row].offset &+= Int32(truncatingIfNeeded: shift)
          row += 1
        }
        shift += part.children[0].count
      }
    default: break
    }
    return ColumnVector(
      type: first.type, count: total, values: out, validity: valid, children: children, owners: flat.flatMap(\.owners))
  }

  /// A copy that owns all its string bytes, so that the memory it was decoded from can go. Of lists only the elements that some row names are kept.
  public func detached() -> ColumnVector {
    guard type.physical == .view else {
      if children.isEmpty { return self }
      let own = compacted()
      return ColumnVector(
        type: type, count: count, values: own.buffer, validity: validity, isConstant: isConstant,
        children: own.children.map { $0.detached() }, owners: [])
    }
    let stored = isConstant ? 1 : count
    var total = 0
    for row in 0..<stored where !isNull(row) && !views[row].isInline { total += views[row].count }
    let arena = MemoryBuffer(capacity: total)
    let out = MemoryBuffer(capacity: stored * 16)
    let target = out.base.assumingMemoryBound(to: StringView.self)
    var used = 0
    for row in 0..<stored {
      let view = isNull(row) ? StringView() : views[row]
      if view.isInline {
        target[row] = view
      } else {
        memcpy(arena.base + used, view.address, view.count)
        target[row] = StringView(arena.base + used, view.count)
        used += view.count
      }
    }
    return ColumnVector(
      type: type, count: count, values: out, validity: validity, isConstant: isConstant, owners: [arena])
  }

  /// A list vector without elements that no row names; itself where those are few, if they may be kept. Gathered rows share the elements of
  /// all rows they came from: whoever copies them must not copy the rest for every piece.
  package func compacted(keepingFew: Bool = true) -> ColumnVector {
    guard type.physical == .list, let elements = children.first?.count else { return self }
    let stored = isConstant ? min(count, 1) : count
    let lists = values(as: ListView.self)
    var used = 0
    for row in 0..<stored where !isNull(row) { used += Int(lists[row].length) }
    if keepingFew && elements <= 2 * used + 64 { return self }
    let kept = Selection(capacity: used)
    let out = MemoryBuffer(capacity: stored * type.physical.stride)
    let target = out.base.assumingMemoryBound(to: ListView.self)
    var next = 0
    for row in 0..<stored {
      let list = isNull(row) ? ListView(offset: 0, length: 0) : lists[row]
      target[row] = ListView(offset: next, length: Int(list.length))
      for element in 0..<list.length {
        kept.rows[next] = list.offset + element
        next += 1
      }
    }
    return ColumnVector(
      type: type, count: count, values: out, validity: validity, isConstant: isConstant,
      children: children.map { $0.gathered(kept) }, owners: owners)
  }
}
