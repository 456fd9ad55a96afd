import Glibc
public import MillraceColumnar
public import MillraceCore

/// Keyed state in memory, for the default provider.
///
/// A key keeps its row number for life, and a new key gets the lowest number that was free when the version began. So rows,
/// and with them the order of `scan`, depend only on the contents of the last version and the calls since: a store restored
/// from files goes on exactly like the one that wrote them. `changes()` names rows by number and repeats a key only when new.
public final class MemoryStateStore: FreezableStateStore, TimeIndexedStateStore, @unchecked Sendable {
  struct Mark {
    /// The row holds a key.
    static let live: UInt8 = 1
    /// Its values before this version are saved.
    static let changed: UInt8 = 2
    /// It came with this version.
    static let new: UInt8 = 4
    /// It went with this version; its number is not given away before the commit.
    static let removed: UInt8 = 8
    /// It changed in this version or before, and nobody has asked for it since.
    static let due: UInt8 = 16
    /// What a commit leaves.
    static let lasting = live | removed | due
  }

  var table: GroupTable
  let columns: [ValueColumn]
  let keyTypes: [DataType]
  let valueTypes: [DataType]
  @exclusivity(unchecked) var marks: [UInt8] = []
  @exclusivity(unchecked) var changedRows: [UInt32] = []
  @exclusivity(unchecked) var newRows = RowRuns()
  var removedRows: [UInt32] = []
  var times: TimeIndex?
  /// Who has the values of all rows, if it is not the columns.
  var resident: (any ResidentValues)?
  private var rows = MemoryBuffer(capacity: 0)
  private var isNew = MemoryBuffer(capacity: 0)
  /// Bytes of a row in the last changes.
  var expectedRowBytes = 32
  /// The last committed version; 0 for an empty store.
  public private(set) var version: Int64 = 0

  /// An empty store.
  public init(keyTypes: [DataType], valueTypes: [DataType]) {
    self.keyTypes = keyTypes
    self.valueTypes = valueTypes
    table = GroupTable(keyTypes: keyTypes, savesMemory: true)
    columns = valueTypes.map { ValueColumn($0) }
  }

  /// Number of keys.
  public var rowCount: Int { table.liveCount }

  /// Bytes of memory in use, about.
  public var memoryBytes: Int {
    let values =
      resident == nil
      ? columns.reduce(0) { $0 + $1.memoryBytes }
      : table.groupCount * valueTypes.reduce(0) { $0 + $1.physical.stride }
    return table.memoryBytes + marks.capacity + (times?.memoryBytes ?? 0) + values
  }

  var isClean: Bool { changedRows.isEmpty && newRows.isEmpty && removedRows.isEmpty }

  private func rowNumbers(_ count: Int) -> UnsafeMutablePointer<UInt32> {
    if rows.capacity < count * 4 { rows = MemoryBuffer(capacity: count * 8) }
    return rows.base.assumingMemoryBound(to: UInt32.self)
  }

  /// Values of keys.
  public func get(keys: [ColumnVector], count: Int) throws -> StateLookup {
    try checkOwnsValues()
    let numbers = rowNumbers(count)
    table.find(keys, count: count, into: numbers)
    return lookup(numbers, count)
  }

  /// Where keys were found, for a `put` of the same keys.
  package struct Places {
    fileprivate let numbers: MemoryBuffer
    fileprivate let count: Int
  }

  /// Values of keys, and where they are: `put` need not look for them again if nothing is changed in between.
  package func find(keys: [ColumnVector], count: Int) throws -> (StateLookup, Places) {
    try checkOwnsValues()
    let buffer = MemoryBuffer(capacity: count * 4)
    let numbers = buffer.base.assumingMemoryBound(to: UInt32.self)
    table.find(keys, count: count, into: numbers)
    return (lookup(numbers, count), Places(numbers: buffer, count: count))
  }

  private func lookup(_ numbers: UnsafePointer<UInt32>, _ count: Int) -> StateLookup {
    let found = MemoryBuffer(capacity: count)
    let flags = found.base.assumingMemoryBound(to: UInt8.self)
    for row in 0..<count { flags[row] = numbers[row] == GroupTable.absent ? 0 : 1 }
    return StateLookup(
      found: ColumnVector(type: .boolean, count: count, values: found),
      values: columns.map { $0.gather(numbers, count) })
  }

  /// Sets values of keys.
  public func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws {
    try checkOwnsValues()
    guard count > 0 else { return }
    let numbers = rowNumbers(count)
    let flags = newFlags(count)
    if table.liveCount == 0 {
      table.reserve(count)
    }
    table.findOrInsert(keys, count: count, into: numbers, isNew: flags)
    set(numbers, flags, keys: keys, values: values, count: count)
  }

  /// Sets values of keys that `find` has looked for.
  package func put(keys: [ColumnVector], values: [ColumnVector], count: Int, at places: Places) throws {
    guard count > 0 else { return }
    precondition(places.count == count, "other keys were looked for")
    let numbers = places.numbers.base.assumingMemoryBound(to: UInt32.self)
    let flags = newFlags(count)
    let all = Selection(capacity: count)
    var absentCount = 0
    for row in 0..<count {
      all.rows[absentCount] = Int32(truncatingIfNeeded: row)
      flags[row] = 0
      absentCount += numbers[row] == GroupTable.absent ? 1 : 0
    }
    if absentCount > 0 {
      let absent = all.truncated(to: absentCount)
      let inserted = MemoryBuffer(capacity: absentCount * 5)
      let places = inserted.base.assumingMemoryBound(to: UInt32.self)
      let areNew = (inserted.base + absentCount * 4).assumingMemoryBound(to: UInt8.self)
      table.findOrInsert(keys.map { $0.gathered(absent) }, count: absentCount, into: places, isNew: areNew)
      for index in 0..<absentCount {
        let row = Int(absent.rows[index])
        numbers[row] = places[index]
        flags[row] = areNew[index]
      }
    }
    set(numbers, flags, keys: keys, values: values, count: count)
  }

  private func newFlags(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if isNew.capacity < count { isNew = MemoryBuffer(capacity: count * 2) }
    return isNew.base.assumingMemoryBound(to: UInt8.self)
  }

  /// Sets values of rows, of which `flags` are the new ones.
  private func set(
    _ numbers: UnsafePointer<UInt32>, _ flags: UnsafePointer<UInt8>, keys: [ColumnVector], values: [ColumnVector],
    count: Int
  ) {
    ensureRows()
    let firstChange = changedRows.count
    for row in 0..<count {
      let number = Int(numbers[row])
      if flags[row] != 0 {
        marks[number] = Mark.live | Mark.new
        newRows.append(numbers[row])
      } else if marks[number] & (Mark.new | Mark.changed) == 0 {
        marks[number] |= Mark.changed
        changedRows.append(numbers[row])
      }
    }
    let firstTouched = Array(changedRows[firstChange...])
    for (column, vector) in zip(columns, values) {
      column.save(firstTouched)
      column.set(numbers, count, from: vector)
    }
    index(numbers, count, keys: keys, values: values, isNew: flags)
  }

  /// Notes the times of rows that were put; those of old rows change only with their values.
  private func index(
    _ numbers: UnsafePointer<UInt32>, _ count: Int, keys: [ColumnVector], values: [ColumnVector],
    isNew: UnsafePointer<UInt8>?
  ) {
    guard let times else { return }
    switch times.column {
    case .value(let position): times.set(numbers, count, values[position])
    case .key(let position):
      guard let isNew else { return times.set(numbers, count, keys[position]) }
      let rows = Selection((0..<count).filter { isNew[$0] != 0 })
      if rows.count == 0 { return }
      let some = (0..<rows.count).map { numbers[Int(rows.rows[$0])] }
      times.set(some, some.count, keys[position].gathered(rows))
    }
  }

  /// Notes the times of rows as the store has them.
  func index(_ numbers: [UInt32]) {
    guard let times, !numbers.isEmpty else { return }
    switch times.column {
    case .value(let position): times.set(numbers, numbers.count, columns[position].gather(numbers, numbers.count))
    case .key(let position):
      times.set(numbers, numbers.count, table.keyColumns(numbers, count: numbers.count)[position])
    }
  }

  /// Takes over a table as the keys of an empty store, with a value in each column for each of its groups: the same as `put`
  /// of all its keys in order, without a copy of them. Gives false, having done nothing, when the store has or had rows in this
  /// version. The table may be read by others until the store is next changed.
  package func adopt(_ table: GroupTable, values: [ColumnVector]) -> Bool {
    let count = table.groupCount
    let isEmpty = isClean && self.table.groupCount == 0 && resident == nil
    guard isEmpty, table.liveCount == count, table.keyTypes == keyTypes else { return false }
    self.table = table
    newRows.append(contentsOf: 0..<UInt32(truncatingIfNeeded: count))
    marks = Array(repeating: Mark.live | Mark.new, count: count)
    for (column, vector) in zip(columns, values) { column.adopt(vector) }
    if times != nil { index(newRows.rows) }
    return true
  }

  func ensureMarks() {
    if marks.count < table.groupCount {
      marks.append(contentsOf: repeatElement(0, count: max(table.groupCount - marks.count, marks.count)))
    }
  }

  func ensureRows() {
    ensureMarks()
    for column in columns { column.ensure(table.groupCount) }
  }

  /// Removes keys.
  public func remove(keys: [ColumnVector], count: Int) throws {
    try checkOwnsValues()
    let numbers = rowNumbers(count)
    table.find(keys, count: count, into: numbers)
    for row in 0..<count where numbers[row] != GroupTable.absent {
      let number = Int(numbers[row])
      guard marks[number] & Mark.removed == 0 else { continue }
      marks[number] = marks[number] & ~Mark.live | Mark.removed
      removedRows.append(numbers[row])
      times?.remove(numbers[row])
      table.unlink(numbers + row, count: 1)
    }
  }

  /// Rows that `scan` gives together: of so many, what a query wants of them is a small part.
  static let scannedRows = 1 << 16

  /// All keys and values by row number. Rows that `body` adds are not visited, those it removes are not either unless
  /// they are in the batch it was given.
  public func scan(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws {
    try forEachRun(of: Self.scannedRows) { numbers, count in
      let rows = UnsafeBufferPointer(start: numbers, count: count)
      try body(keyColumns(rows), try values(rows), count)
    }
  }

  /// Lets `scan(through:)` find keys by a time.
  public func indexTimes(of column: StateColumn) { times = TimeIndex(column) }

  /// The keys that are due, by row number as `scan` gives them.
  public func scan(
    through time: Int64, _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void
  ) throws {
    guard let times else {
      throw MillraceError("INTERNAL_ERROR", "no column of the state was named as its time", fault: .bug)
    }
    let rows = times.rows(through: time)
    for start in stride(from: 0, to: rows.count, by: 4096) {
      let numbers = Array(rows[start..<min(start + 4096, rows.count)])
      try body(
        table.keyColumns(numbers, count: numbers.count), columns.map { $0.gather(numbers, numbers.count) },
        numbers.count)
    }
  }

  /// Notes the rows that this version has set as due, until `takeDue`; a restored store has none.
  package func markDue() {
    forEachMarkOfVersion { $0 |= $0 & (Mark.changed | Mark.new) == 0 ? 0 : Mark.due }
  }

  /// Changes the marks of the rows that this version has changed or added. Where they are many, `body` is called for all rows.
  @inline(__always)
  private func forEachMarkOfVersion(_ body: (inout UInt8) -> Void) {
    marks.withUnsafeMutableBufferPointer { marks in
      if changedRows.count + newRows.count > table.groupCount / 16 {
        for row in marks.indices { body(&marks[row]) }
      } else {
        for row in changedRows { body(&marks[Int(row)]) }
        newRows.forEach { body(&marks[Int($0)]) }
      }
    }
  }

  /// Calls `body` with keys and values of the rows that are due, by row number, which then are not any more.
  package func takeDue(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws {
    try forEachRun(of: Self.scannedRows, marked: Mark.live | Mark.due) { numbers, count in
      let rows = UnsafeBufferPointer(start: numbers, count: count)
      try body(keyColumns(rows), try values(rows), count)
      for row in rows { marks[Int(row)] &= ~Mark.due }
    }
  }

  /// Calls `body` with the numbers of the rows that have all of `mark` in order, at most `size` at a time.
  func forEachRun(
    of size: Int, marked mark: UInt8 = Mark.live, _ body: (UnsafePointer<UInt32>, Int) throws -> Void
  ) throws {
    let buffer = MemoryBuffer(capacity: size * 4)
    let numbers = buffer.base.assumingMemoryBound(to: UInt32.self)
    var count = 0
    for row in 0..<table.groupCount where marks[row] & mark == mark {
      numbers[count] = UInt32(row)
      count += 1
      if count == size {
        try body(numbers, count)
        count = 0
      }
    }
    if count > 0 { try body(numbers, count) }
  }

  /// Ends a version: numbers of removed rows are free from here on.
  public func commit(version: Int64) throws {
    forEachMarkOfVersion { $0 &= Mark.lasting }
    free(removedRows)
    forgetChanges()
    for column in columns { column.compactIfWorthwhile() }
    self.version = version
  }

  func free(_ numbers: [UInt32]) {
    for row in numbers { marks[Int(row)] = 0 }
    for column in columns { column.clear(numbers) }
    table.release(numbers, count: numbers.count)
  }

  private func forgetChanges() {
    changedRows.removeAll(keepingCapacity: true)
    newRows.removeAll()
    removedRows.removeAll(keepingCapacity: true)
    for column in columns { column.forgetSaved() }
  }

  /// Goes back to the last version.
  public func rollback() throws {
    try checkOwnsValues()
    let new = newRows.rows
    let leaving = new.filter { marks[Int($0)] & Mark.removed == 0 }
    table.unlink(leaving, count: leaving.count)
    let returning = removedRows.filter { marks[Int($0)] & Mark.new == 0 }
    table.relink(returning, count: returning.count)
    for column in columns { column.restore(changedRows) }
    for row in changedRows { marks[Int(row)] = marks[Int(row)] & Mark.due | Mark.live }
    for row in returning { marks[Int(row)] = marks[Int(row)] & Mark.due | Mark.live }
    if let times {
      for row in new { times.remove(row) }
      index(changedRows + returning)
    }
    free(new)
    forgetChanges()
  }
}

/// Makes `MemoryStateStore`s.
public struct MemoryStateStoreProvider: StateStoreProvider {
  /// Makes a provider.
  public init() {}

  /// `memory`.
  public var name: String { "memory" }

  /// An empty store; the directory is not used.
  public func open(
    operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment
  ) throws -> any StateStore {
    MemoryStateStore(keyTypes: keyTypes, valueTypes: valueTypes)
  }
}
