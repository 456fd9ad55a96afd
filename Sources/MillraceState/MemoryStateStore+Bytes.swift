import CKernels
public import MillraceColumnar
public import MillraceCore

/// Changes and snapshots as bytes.
extension MemoryStateStore {
  /// What changed since the last version.
  public func changes() throws -> MemoryBuffer {
    let out = ByteBuffer(capacity: expectedChangeBytes)
    try writeChanges(to: out, pieceSize: .max) { _ in }
    return out.take()
  }

  /// What changed since the last version, in pieces of about 1 MiB.
  public func changes(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    let pieceSize = 1 << 20
    // Room that is not needed is never touched.
    let out = ByteBuffer(capacity: min(expectedChangeBytes, 2 * pieceSize))
    try writeChanges(to: out, pieceSize: pieceSize, write)
    try write(out.bytes)
  }

  private var expectedChangeBytes: Int { 4096 + (changedRows.count + newRows.count) * expectedRowBytes }

  /// Appends what changed to a buffer. When that has `pieceSize` bytes, they are a delta that is written and leaves the buffer; the last one stays.
  private func writeChanges(
    to out: ByteBuffer, pieceSize: Int, _ write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let removed = removedRows.filter { marks[Int($0)] & Mark.new == 0 }.sorted()
    let changed = inOrder(changedRows, marked: Mark.changed)
    var writer = StateDelta.Writer(out)
    writer.begin()
    var written = 0
    let sectionRows = min(StateDelta.sectionRows, pieceRows)
    func forEachSection(_ count: Int, _ body: (Range<Int>) throws -> Void) throws {
      for start in stride(from: 0, to: count, by: sectionRows) {
        if out.count >= pieceSize {
          writer.finish()
          try write(out.bytes)
          written += out.count
          out.removeAll()
          writer.begin()
        }
        try body(start..<min(start + sectionRows, count))
      }
    }
    func forEachSection(of rows: [UInt32], _ body: (UnsafeBufferPointer<UInt32>) throws -> Void) throws {
      try rows.withUnsafeBufferPointer { rows in
        try forEachSection(rows.count) { try body(UnsafeBufferPointer(rebasing: rows[$0])) }
      }
    }
    try forEachSection(of: removed) { writer.remove($0) }
    try forEachSection(of: changed) { try writer.change($0, values: values($0)) }
    if removedRows.isEmpty, newRows.runs.count == 1, let run = newRows.runs.first {
      // As they are where no row is used again: they need no list.
      try forEachSection(run.count) { section in
        let rows = run.dropFirst(section.lowerBound).prefix(section.count)
        try Array(rows).withUnsafeBufferPointer { try writer.add($0, keys: keyColumns($0), values: values($0)) }
      }
    } else {
      try forEachSection(of: addedRows) { try writer.add($0, keys: keyColumns($0), values: values($0)) }
    }
    writer.finish()
    expectedRowBytes = (written + out.count) / max(changed.count + newRows.count, 1) + 1
  }

  /// The new rows that are not removed, by number.
  var addedRows: [UInt32] { inOrder(newRows.rows, marked: Mark.new) }

  /// The rows of a list that are not removed, by number. Unless they are few, the marks of all are looked through: sorting would cost more than
  /// all else of a large change.
  func inOrder(_ rows: [UInt32], marked mark: UInt8) -> [UInt32] {
    if rows.count < table.groupCount / 256 { return rows.filter { marks[Int($0)] & Mark.removed == 0 }.sorted() }
    return [UInt32](unsafeUninitializedCapacity: rows.count + 16) { target, count in
      guard let target = target.baseAddress else { return }
      count = ck_marked(marks, min(marks.count, table.groupCount), mark | Mark.removed, mark, target)
    }
  }

  /// The rows as a range, if they follow one another; they ascend.
  private func run(_ rows: UnsafeBufferPointer<UInt32>) -> Range<Int>? {
    guard let first = rows.first, let last = rows.last, Int(last - first) == rows.count - 1 else { return nil }
    return Int(first)..<Int(last) + 1
  }

  /// The keys of rows, by number.
  func keyColumns(_ rows: UnsafeBufferPointer<UInt32>) -> [ColumnVector] {
    if let run = run(rows) { return table.keyColumns(run) }
    guard let base = rows.baseAddress else { return [] }
    return table.keyColumns(base, count: rows.count)
  }

  /// The values of rows, by number.
  func values(_ rows: UnsafeBufferPointer<UInt32>) throws -> [ColumnVector] {
    if resident == nil, let run = run(rows) { return columns.map { $0.slice(run) } }
    guard let base = rows.baseAddress else { return [] }
    if let resident { return try resident.values(of: base, count: rows.count) }
    return columns.map { $0.gather(base, rows.count) }
  }

  /// Everything, in pieces of about 1 MiB.
  public func snapshot(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    try checkClean()
    let out = ByteBuffer()
    var writer = StateDelta.Writer(out)
    try forEachRun(of: pieceRows) { numbers, count in
      out.removeAll()
      let rows = UnsafeBufferPointer(start: numbers, count: count)
      writer.begin()
      try writer.add(rows, keys: keyColumns(rows), values: values(rows))
      writer.finish()
      try write(out.bytes)
    }
  }

  /// A copy of the rows as columns; the bytes of long strings are not copied.
  public func freeze() throws -> any FrozenState {
    try checkClean()
    let frozen = FrozenRows()
    try forEachRun(of: pieceRows) { numbers, count in
      let rows = UnsafeBufferPointer(start: numbers, count: count)
      try frozen.add(StateDelta.Section(numbers: Array(rows), keys: keyColumns(rows), values: values(rows)))
    }
    return frozen
  }

  /// Rows that have about 1 MiB together.
  private var pieceRows: Int {
    min(max((1 << 20) / max(memoryBytes / max(rowCount, 1), 1), 64), StateDelta.largestSection)
  }

  private func checkClean() throws {
    guard isClean else {
      throw MillraceError("INTERNAL_ERROR", "a snapshot of state was asked for in the middle of a version", fault: .bug)
    }
  }

  /// Takes in changes or a piece of a snapshot.
  public func apply(_ changes: UnsafeRawBufferPointer) throws {
    guard isClean else {
      throw MillraceError("INTERNAL_ERROR", "state was restored in the middle of a version", fault: .bug)
    }
    try checkOwnsValues()
    let delta = try StateDelta(changes, keyTypes: keyTypes, valueTypes: valueTypes)
    for row in delta.removed { try checkLive(row) }
    for section in delta.changed {
      for row in section.numbers { try checkLive(row) }
    }
    table.unlink(delta.removed, count: delta.removed.count)
    for section in delta.added {
      guard table.insert(section.keys, count: section.numbers.count, at: section.numbers) else {
        throw StateDelta.corrupt("a row or key is there twice")
      }
    }
    ensureRows()
    for section in delta.added {
      for row in section.numbers { marks[Int(row)] = Mark.live }
    }
    for section in delta.changed + delta.added {
      for (column, values) in zip(columns, section.values) {
        column.set(section.numbers, section.numbers.count, from: values)
      }
    }
    if let times {
      for row in delta.removed { times.remove(row) }
      for section in delta.changed + delta.added { index(section.numbers) }
    }
    free(delta.removed)
    for column in columns { column.compactIfWorthwhile() }
  }

  private func checkLive(_ row: UInt32) throws {
    if Int(row) < marks.count && marks[Int(row)] & Mark.live != 0 { return }
    throw StateDelta.corrupt("row \(row) does not exist")
  }
}
