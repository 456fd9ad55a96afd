import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExecution

/// A snapshot of one operator's state.
struct StateBase: Sendable, Hashable {
  var operatorIndex: Int
  var version: Int64
  var byteCount: Int
  var checksum: UInt32

  var json: JSON {
    .array([.int(Int64(operatorIndex)), .int(version), .int(Int64(byteCount)), .int(Int64(checksum))])
  }

  init(operatorIndex: Int, version: Int64, byteCount: Int, checksum: UInt32) {
    self.operatorIndex = operatorIndex
    self.version = version
    self.byteCount = byteCount
    self.checksum = checksum
  }

  init(_ json: JSON) throws {
    guard let parts = json.array, parts.count == 4, let index = parts[0].int, let version = parts[1].int,
      let count = parts[2].int, let checksum = parts[3].int
    else { throw MillraceError("CHECKPOINT_CORRUPT", "a record of a snapshot has another form", fault: .external) }
    self.init(
      operatorIndex: Int(index), version: version, byteCount: Int(count), checksum: UInt32(truncatingIfNeeded: checksum)
    )
  }
}

/// The state of a query's operators on disk: a snapshot each, and what changed since, in the log or in files.
///
/// Files bear the version in their name and count only once a log record names them. A snapshot is made when the changes since
/// the last one have become as large, so that what is kept and what a restart reads stay within twice the state.
final class StateFiles {
  private struct Operator {
    var base: StateBase?
    /// The first changes of all are the whole state: until there is a snapshot, they stand for it.
    var firstDeltaBytes: Int?
    /// Bytes of changes that came on top.
    var deltaBytes = 0
    var deltaFiles: [Int64] = []
    /// The segment with the oldest change that is needed.
    var firstSegment: Int?
  }

  private let files: any FileSystem
  private let directory: String
  private let tuning: CheckpointTuning
  private let executor: any BatchExecutor
  private let stores: [any StateStore]
  private var operators: [Operator]

  init(files: any FileSystem, directory: String, executor: any BatchExecutor, tuning: CheckpointTuning) {
    self.files = files
    self.directory = directory
    self.executor = executor
    stores = executor.stateStores
    self.tuning = tuning
    operators = Array(repeating: Operator(), count: stores.count)
  }

  /// The snapshots in force.
  var bases: [StateBase] { operators.compactMap(\.base) }

  /// The folder of a store's files.
  static func folder(_ directory: String, _ index: Int) -> String { "\(directory)/\(index)" }

  /// The file of a version's changes, where they are too large for the log.
  static func deltaPath(_ directory: String, _ index: Int, _ version: Int64) -> String {
    "\(folder(directory, index))/\(version).delta"
  }

  /// The file of a snapshot.
  static func snapshotPath(_ directory: String, _ index: Int, _ version: Int64) -> String {
    "\(folder(directory, index))/\(version).snapshot"
  }

  private func folder(_ index: Int) -> String { Self.folder(directory, index) }

  private func deltaPath(_ index: Int, _ version: Int64) -> String { Self.deltaPath(directory, index, version) }

  private func snapshotPath(_ index: Int, _ version: Int64) -> String { Self.snapshotPath(directory, index, version) }

  // MARK: Writing

  /// Makes the changes of the batch ready for its commit record: small ones as sections, large ones as durable files.
  func save(version: Int64) throws -> (records: [StateDeltaRecord], sections: [MemoryBuffer]) {
    let slots = UnsafeMutableBufferPointer<Saved?>.allocate(capacity: stores.count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    let isLarge = stores.contains { $0 is any DurableStateStore || $0.memoryBytes > 8 * tuning.inlineLimit }
    if isLarge {
      try executor.forEach(stores.count) { slots[$0] = try save($0, version) }
    } else {
      for index in stores.indices { slots[index] = try save(index, version) }
    }
    let saved = slots.compactMap { $0 }
    return (saved.map(\.record), saved.compactMap(\.section))
  }

  /// The changes of one store; without a section when they are in a file.
  private struct Saved {
    var record: StateDeltaRecord
    var section: MemoryBuffer?
  }

  /// The changes of the batch of each store, which all leave it to the engine to keep them.
  func capture() throws -> [MemoryBuffer] {
    let slots = UnsafeMutableBufferPointer<MemoryBuffer?>.allocate(capacity: stores.count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    try executor.forEach(stores.count) { slots[$0] = try changelogStore($0).changes() }
    return slots.compactMap { $0 }
  }

  /// The same as `save`, of changes that were taken before. May be called from another thread than all else.
  func write(_ changes: [MemoryBuffer], version: Int64) throws -> (
    records: [StateDeltaRecord], sections: [MemoryBuffer]
  ) {
    let saved = try changes.enumerated().map { try save($0.element, $0.offset, version) }
    return (saved.map(\.record), saved.compactMap(\.section))
  }

  private func save(_ index: Int, _ version: Int64) throws -> Saved {
    if let store = stores[index] as? any DurableStateStore {
      CrashPoint.pass(CrashPoints.stateBeforePrepare)
      let token = try store.prepare(version: version)
      CrashPoint.pass(CrashPoints.stateAfterPrepare)
      let record = StateDeltaRecord(operatorIndex: index, byteCount: 0, checksum: 0, isFile: false, token: token)
      return Saved(record: record, section: nil)
    }
    return try save(try changelogStore(index).changes(), index, version)
  }

  private func save(_ changes: MemoryBuffer, _ index: Int, _ version: Int64) throws -> Saved {
    let record = StateDeltaRecord(
      operatorIndex: index, byteCount: changes.capacity, checksum: ck_crc32c(0, changes.base, changes.capacity),
      isFile: changes.capacity > tuning.inlineLimit)
    if record.isFile { try writeDelta(changes, index, version) }
    return Saved(record: record, section: record.isFile ? nil : changes)
  }

  private func changelogStore(_ index: Int) throws -> any ChangelogStateStore {
    guard let store = stores[index] as? any ChangelogStateStore else {
      throw MillraceError(
        "STATE_STORE_NOT_DURABLE", "the state store of operator \(index) keeps nothing beyond the process",
        hint: "implement ChangelogStateStore or DurableStateStore", fault: .bug)
    }
    return store
  }

  private func writeDelta(_ changes: MemoryBuffer, _ index: Int, _ version: Int64) throws {
    CrashPoint.pass(CrashPoints.deltaBeforeWrite)
    try files.createDirectory(folder(index))
    let file = try files.open(deltaPath(index, version), .create)
    defer { try? file.close() }
    try file.write(UnsafeRawBufferPointer(start: changes.base, count: changes.capacity), at: 0)
    CrashPoint.pass(CrashPoints.deltaAfterWrite)
    try file.sync()
    CrashPoint.pass(CrashPoints.deltaAfterSync)
    try syncFolders(index)
    CrashPoint.pass(CrashPoints.deltaAfterDirectorySync)
  }

  /// The folder's own name must be durable, too, which matters only for its first file.
  private func syncFolders(_ index: Int) throws {
    try files.syncDirectory(folder(index))
    try files.syncDirectory(directory)
  }

  /// The batch is committed: its changes count.
  func committed(_ records: [StateDeltaRecord], version: Int64, segment: Int) {
    for record in records where record.token == nil { note(record, version, segment) }
  }

  private func note(_ record: StateDeltaRecord, _ version: Int64, _ segment: Int) {
    let index = record.operatorIndex
    if operators[index].base == nil && operators[index].firstDeltaBytes == nil {
      operators[index].firstDeltaBytes = record.byteCount
    } else {
      operators[index].deltaBytes += record.byteCount
    }
    if record.isFile { operators[index].deltaFiles.append(version) }
    operators[index].firstSegment = operators[index].firstSegment ?? segment
  }

  /// Operators whose changes have outgrown their snapshot.
  private var dueOperators: [Int] {
    operators.indices.filter { index in
      let state = operators[index]
      return state.deltaFiles.count >= tuning.fileLimit
        || state.deltaBytes >= max(state.base?.byteCount ?? state.firstDeltaBytes ?? 0, tuning.snapshotMinimum)
    }
  }

  /// Whether a snapshot should be made now.
  var isSnapshotDue: Bool { !dueOperators.isEmpty }

  /// Writes the snapshots that are due. They count once a head record names them; then call `removeOld`.
  func writeSnapshots(version: Int64) throws -> [StateBase] {
    try dueOperators.map { try writeSnapshot($0, version) }
  }

  private func writeSnapshot(_ index: Int, _ version: Int64) throws -> StateBase {
    CrashPoint.pass(CrashPoints.snapshotBeforeWrite)
    try files.createDirectory(folder(index))
    let path = snapshotPath(index, version)
    let file = try files.open("\(path).tmp", .create)
    defer { try? file.close() }
    var offset: Int64 = 0
    var checksum: UInt32 = 0
    try changelogStore(index).snapshot { piece in
      var length = UInt32(piece.count)
      try withUnsafeBytes(of: &length) { header in
        try file.write(header, at: offset)
        checksum = ck_crc32c(checksum, header.baseAddress, header.count)
      }
      try file.write(piece, at: offset + 4)
      checksum = ck_crc32c(checksum, piece.baseAddress, piece.count)
      offset += 4 + Int64(piece.count)
    }
    try file.sync()
    CrashPoint.pass(CrashPoints.snapshotAfterSync)
    try files.rename("\(path).tmp", to: path)
    CrashPoint.pass(CrashPoints.snapshotAfterRename)
    try syncFolders(index)
    CrashPoint.pass(CrashPoints.snapshotAfterDirectorySync)
    return StateBase(operatorIndex: index, version: version, byteCount: Int(offset), checksum: checksum)
  }

  /// The bases once `fresh` ones are in force.
  func bases(with fresh: [StateBase]) -> [StateBase] {
    operators.indices.compactMap { index in fresh.first { $0.operatorIndex == index } ?? operators[index].base }
  }

  /// A durable record names `fresh`: what they replace goes.
  func replaceBases(_ fresh: [StateBase]) throws {
    for base in fresh {
      let index = base.operatorIndex
      let old = operators[index]
      operators[index] = Operator(base: base)
      CrashPoint.pass(CrashPoints.stateBeforeRemove)
      for version in old.deltaFiles { try files.remove(deltaPath(index, version)) }
      if let base = old.base { try files.remove(snapshotPath(index, base.version)) }
    }
  }

  /// The oldest segment of the log that holds a change that is needed; nil if none does.
  var firstNeededSegment: Int? { operators.compactMap(\.firstSegment).min() }

  // MARK: Restoring

  /// Brings the stores to the version that the log ends with, and removes files that no record names.
  func restore(_ log: CommitLog, _ recovered: RecoveredLog) throws {
    let version = recovered.commit?.stateVersion ?? 0
    for base in recovered.bases where base.operatorIndex < stores.count {
      try load(base)
      operators[base.operatorIndex].base = base
    }
    for delta in recovered.deltas {
      guard delta.record.operatorIndex < stores.count else { throw gap(delta.record.operatorIndex, delta.version) }
      try apply(delta, log)
      note(delta.record, delta.version, delta.segment)
    }
    for (index, store) in stores.enumerated() {
      if let store = store as? any DurableStateStore {
        let record = recovered.commit?.deltas.first { $0.operatorIndex == index }
        if record == nil && version > 0 { throw gap(index, version) }
        try store.restore(version: version, token: record?.token)
        continue
      }
      let versions = recovered.deltas.filter { $0.record.operatorIndex == index }.map(\.version)
      let first = (operators[index].base?.version ?? 0) + 1
      guard first <= version + 1, versions == Array(first..<version + 1) else { throw gap(index, version) }
      if version > 0 { try store.commit(version: version) }
    }
    try removeStrays()
  }

  private func gap(_ index: Int, _ version: Int64) -> MillraceError {
    MillraceError(
      "CHECKPOINT_CORRUPT", "the log lacks changes of operator \(index) up to version \(version)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
  }

  private func apply(_ delta: DeltaLocation, _ log: CommitLog) throws {
    let index = delta.record.operatorIndex
    try ChangelogFiles(files: files, checkpointState: directory, log: log.directory).apply(
      delta, to: changelogStore(index))
  }

  private func load(_ base: StateBase) throws {
    try ChangelogFiles(files: files, checkpointState: directory, log: "").load(
      base, into: changelogStore(base.operatorIndex))
  }

  static func damaged(_ path: String, _ expected: Int, _ found: Int) -> MillraceError {
    MillraceError(
      "STATE_CORRUPT", "'\(path)' is damaged: \(expected) bytes with another checksum were written, \(found) were read",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
  }

  static func readAll(_ files: any FileSystem, _ path: String) throws -> MemoryBuffer {
    let file = try files.open(path, .read)
    defer { try? file.close() }
    let size = Int(try file.status().size)
    let buffer = MemoryBuffer(capacity: size)
    let got = try file.read(into: UnsafeMutableRawBufferPointer(start: buffer.base, count: size), at: 0)
    if got != size { throw damaged(path, size, got) }
    return buffer
  }

  /// Removes what a crash left: half-written files, and files of versions that are not in force.
  private func removeStrays() throws {
    for (index, state) in operators.enumerated() {
      guard try files.status(folder(index)) != nil else { continue }
      var needed = Set(state.deltaFiles.map { "\($0).delta" })
      if let base = state.base { needed.insert("\(base.version).snapshot") }
      for name in try files.list(folder(index)) where !needed.contains(name) {
        if name.hasSuffix(".delta") || name.hasSuffix(".snapshot") || name.hasSuffix(".tmp") {
          CrashPoint.pass(CrashPoints.stateBeforeRemove)
          try files.remove("\(folder(index))/\(name)")
        }
      }
    }
  }
}
