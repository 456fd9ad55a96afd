import MillraceCore

/// Keyed state in a SQLite database, for state larger than memory. One row per key; keys and values are rows of `RowCodec`.
///
/// The changes of a version are one transaction that also holds what they replaced, so `restore` can go back to any version that is
/// kept, also from one that was prepared and never committed. Keys of a batch are visited in the order of the database, which
/// touches each of its pages once. Every row has a checksum that is looked at when it is read, and each version the number and
/// the fingerprint of all rows.
final class SQLiteStateStore: DurableStateStore, TimeIndexedStateStore, @unchecked Sendable {
  private let keyCodec: RowCodec
  private let valueCodec: RowCodec
  private let directory: String?
  private let configuration: SQLiteStateStoreConfiguration
  private let files: any FileSystem
  private var opened: (table: SQLiteStateTable, undo: SQLiteUndoLog)?
  /// The state now.
  private var now = SQLiteStateTable.Mark()
  /// The last committed state that differs from the one before.
  private var committed = SQLiteStateTable.Mark()
  /// The last committed version, whether it changed anything or not.
  private var version: Int64 = 0
  private var hasChanges = false
  private var isPrepared = false
  private var lastLookup: Lookup?
  private var isFolderDurable = false
  private var timeColumn: StateColumn?

  /// What the last `get` found, because the next `put` is mostly of the same keys.
  private struct Lookup {
    var keys: SQLiteSortedKeys
    /// BINARY, NULL where there is none.
    var values: ColumnVector
  }

  init(
    keyTypes: [DataType], valueTypes: [DataType], directory: String?, _ configuration: SQLiteStateStoreConfiguration,
    files: any FileSystem
  ) {
    keyCodec = RowCodec(keyTypes)
    valueCodec = RowCodec(valueTypes, isCanonical: false)
    self.directory = directory
    self.configuration = configuration
    self.files = files
  }

  var rowCount: Int { Int(now.rowCount) }

  var memoryBytes: Int { opened?.table.database.cacheBytes ?? 0 }

  /// The database; it is opened when it is first needed.
  private func open() throws -> (table: SQLiteStateTable, undo: SQLiteUndoLog) {
    if let opened { return opened }
    if let directory { try files.createDirectory(directory) }
    let table = try SQLiteStateTable(
      directory.map { SQLiteStateStoreProvider.path($0) }, cacheSize: configuration.cacheSize,
      SQLiteStateLayout(timeColumn), valueCodec)
    let made = (table: table, undo: try SQLiteUndoLog(table.database))
    opened = made
    return made
  }

  // MARK: Rows

  func get(keys: [ColumnVector], count: Int) throws -> StateLookup {
    let table = try open().table
    let sorted = SQLiteSortedKeys(keyCodec, keys, count: count, table.layout)
    let found = MemoryBuffer(capacity: count)
    let flags = found.base.assumingMemoryBound(to: UInt8.self)
    let arena = Arena()
    let out = MemoryBuffer(capacity: count * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    var validity: Bitmap?
    for place in 0..<count {
      let row = sorted.row(place)
      if sorted.isRepeated(place) {
        let before = sorted.row(place - 1)
        views[row] = views[before]
        flags[row] = flags[before]
      } else if let value = try table.value(of: sorted.key(place)) {
        views[row] = value.baseAddress.map { arena.store($0, value.count) } ?? StringView()
        flags[row] = 1
        continue
      } else {
        views[row] = StringView()
        flags[row] = 0
      }
      if flags[row] == 1 { continue }
      let bits = validity ?? Bitmap(count: count, all: true)
      bits.clear(row)
      validity = bits
    }
    let values = ColumnVector(
      type: .binary, count: count, values: out, validity: validity, owners: arena.owners)
    lastLookup = Lookup(keys: sorted, values: values)
    return StateLookup(
      found: ColumnVector(type: .boolean, count: count, values: found), values: try valueCodec.decode(values))
  }

  func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws {
    guard count > 0 else { return }
    let sorted = SQLiteSortedKeys(keyCodec, keys, count: count, try open().table.layout)
    let encoded = valueCodec.encode(values, rowCount: count)
    let known = lastLookup.flatMap { $0.keys.hasSameKeys(as: sorted) ? $0 : nil }
    let (table, undo) = try begin()
    for place in 0..<count {
      let key = sorted.key(place)
      let old: UnsafeRawBufferPointer?
      if let known, !sorted.isRepeated(place) {
        let row = known.keys.row(place)
        old = known.values.isNull(row) ? nil : known.values.bytes(row)
      } else {
        old = try table.value(of: key)
      }
      let value = encoded.bytes(sorted.row(place))
      if let old, SQLiteSortedKeys.areEqual(old, value) { continue }
      try note(key, old, undo)
      try table.note(key, old: old, values, sorted.row(place))
      let sum = SQLiteRowSum.of(key, value)
      now.sum &+= sum
      now.rowCount += old == nil ? 1 : 0
      if old == nil { try table.insert(key, value, sum: sum) } else { try table.update(key, value, sum: sum) }
    }
  }

  func remove(keys: [ColumnVector], count: Int) throws {
    guard count > 0 else { return }
    let sorted = SQLiteSortedKeys(keyCodec, keys, count: count, try open().table.layout)
    let (table, undo) = try begin()
    for place in 0..<count where !sorted.isRepeated(place) {
      let key = sorted.key(place)
      guard let old = try table.value(of: key) else { continue }
      try note(key, old, undo)
      try table.note(key, old: old, new: nil)
      now.rowCount -= 1
      try table.delete(key)
    }
  }

  /// Notes what a key had before it is changed.
  private func note(_ key: UnsafeRawBufferPointer, _ old: UnsafeRawBufferPointer?, _ undo: SQLiteUndoLog) throws {
    hasChanges = true
    if let old { now.sum &-= SQLiteRowSum.of(key, old) }
    if directory != nil { try undo.add(key, old, version: version + 1) }
  }

  /// In the transaction of the next version.
  private func begin() throws -> (table: SQLiteStateTable, undo: SQLiteUndoLog) {
    lastLookup = nil
    let opened = try open()
    if !opened.table.database.isInTransaction {
      try opened.table.database.execute("BEGIN IMMEDIATE")
      opened.undo.reset()
    }
    return opened
  }

  func scan(_ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void) throws {
    guard now.rowCount > 0 else { return }
    let table = try open().table
    let scan = try SQLiteStateScan(table.database, "state", keyCodec, valueCodec, table.layout)
    while let batch = try scan.next() { try body(batch.keys, batch.values, batch.count) }
  }

  func indexTimes(of column: StateColumn) { timeColumn = column }

  func scan(
    through time: Int64, _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void
  ) throws {
    guard let timeColumn else {
      throw MillraceError("INTERNAL_ERROR", "no column of the state was named as its time", fault: .bug)
    }
    guard now.rowCount > 0 else { return }
    let table = try open().table
    let isIndexed = table.layout == SQLiteStateLayout(timeColumn)
    let scan: SQLiteStateScan =
      switch table.layout {
      case .key where isIndexed:
        try SQLiteStateScan(
          table.database, "state", keyCodec, valueCodec, table.layout, before: SQLiteStateLayout.bound(after: time))
      case .value where isIndexed:
        try SQLiteStateScan(table.database, through: time, keyCodec, valueCodec)
      default: try SQLiteStateScan(table.database, "state", keyCodec, valueCodec, table.layout)
      }
    while let batch = try scan.next() {
      // A database of an earlier program has no index.
      guard !isIndexed else {
        try body(batch.keys, batch.values, batch.count)
        continue
      }
      let rows = Self.due(timeColumn, batch.keys, batch.values, batch.count, time)
      if rows.count == 0 { continue }
      try body(batch.keys.map { $0.gathered(rows) }, batch.values.map { $0.gathered(rows) }, rows.count)
    }
  }

  private static func due(
    _ column: StateColumn, _ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int, _ time: Int64
  ) -> Selection {
    let times =
      switch column {
      case .key(let position): keys[position]
      case .value(let position): values[position]
      }
    let instants = times.values(as: Int64.self)
    return Selection((0..<count).filter { !times.isNull($0) && instants[times.slot($0)] <= time })
  }

  // MARK: Versions

  func prepare(version: Int64) throws -> JSON {
    lastLookup = nil
    guard version == self.version + 1 else {
      throw MillraceError("INTERNAL_ERROR", "version \(version) of state does not follow \(self.version)", fault: .bug)
    }
    guard let (table, undo) = opened, hasChanges else {
      try endEmptyTransaction()
      return committed.token
    }
    now.version = version
    try undo.flush(version: version)
    try table.write(now, retained: configuration.retained)
    CrashPoint.pass("state.sqlite.before-commit")
    try table.database.execute("COMMIT")
    CrashPoint.pass("state.sqlite.after-commit")
    isPrepared = true
    try makeFolderDurable()
    return now.token
  }

  /// SQLite makes its files durable; that they are found is up to the folders.
  private func makeFolderDurable() throws {
    guard let directory, !isFolderDurable else { return }
    try files.syncDirectory(directory)
    let parent = directory.lastIndex(of: "/").map { String(directory[..<$0]) } ?? "."
    try files.syncDirectory(parent.isEmpty ? "/" : parent)
    isFolderDurable = true
  }

  private func endEmptyTransaction() throws {
    if let database = opened?.table.database, database.isInTransaction { try database.execute("ROLLBACK") }
  }

  func commit(version: Int64) throws {
    lastLookup = nil
    if let database = opened?.table.database, database.isInTransaction {
      try database.execute(hasChanges ? "COMMIT" : "ROLLBACK")
    }
    committed = now
    self.version = version
    hasChanges = false
    isPrepared = false
  }

  func rollback() throws {
    lastLookup = nil
    if isPrepared {
      try opened?.table.undo(to: committed.version)
    } else {
      try endEmptyTransaction()
    }
    now = committed
    hasChanges = false
    isPrepared = false
  }

  func restore(version: Int64, token: JSON?) throws {
    guard let wanted = token.map({ SQLiteStateTable.Mark($0) }) ?? SQLiteStateTable.Mark() else {
      throw MillraceError(
        "STATE_CORRUPT", "the token '\(token?.text ?? "")' is not one of the store 'sqlite'",
        hint: "restore the checkpoint from a copy", fault: .external)
    }
    guard let directory else { return }
    let path = SQLiteStateStoreProvider.path(directory)
    self.version = version
    if try files.status(path) == nil {
      guard wanted.version == 0 else {
        throw MillraceError(
          "STATE_CORRUPT", "'\(path)' is missing; it held \(wanted.rowCount) keys",
          hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
      }
      return
    }
    let table = try open().table
    guard let kept = try SQLiteStateTable.mark(table.database, at: wanted.version), kept == wanted else {
      throw SQLiteStateTable.corrupt(
        table.database, "it does not hold the state of version \(wanted.version) with \(wanted.rowCount) keys")
    }
    if let last = try SQLiteStateTable.mark(table.database), last.version > wanted.version {
      try table.undo(to: wanted.version)
    }
    if configuration.verifiesAtStart { try table.verify(wanted) }
    now = wanted
    committed = wanted
  }
}
