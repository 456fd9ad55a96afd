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
/// Files bear the version in their name and count only once a log record names them. A snapshot is begun when the changes since the last one have
/// become twice as large as it would be, so that what is kept and what a restart reads stay within about three times the state. State that only grows
/// needs none: its changes are what a snapshot would be. It is written beside the batches that
/// follow, from what the stores held at its version, and comes into force with a commit after it is durable; until then
/// the snapshot before it and all changes stay.
final class StateFiles {
  /// What a version changed in an operator's state.
  struct Change {
    var version: Int64
    var byteCount: Int
    /// The segment of the log with the record, and the bytes themselves if they are not in a file.
    var segment: Int
    /// The file, if they are in one.
    var path: String?
  }

  private struct Operator {
    var base: StateBase?
    /// After the snapshot. Without one, the first are the whole state and stand for it.
    var changes: [Change] = []
    /// Rows of the store at the snapshot's version, or at that of the change that stands for it.
    var baseRows = 0
    /// Rows of the store at the version of the snapshot that is being written.
    var freshRows = 0

    /// Bytes that a snapshot of so many rows would have, about.
    func snapshotBytes(rows: Int) -> Int {
      let bytes = base?.byteCount ?? changes.first?.byteCount ?? 0
      return baseRows == 0 ? bytes : Int(Double(bytes) * Double(rows) / Double(baseRows))
    }

    /// Bytes of changes that came on top.
    var grownBytes: Int { changes.dropFirst(base == nil ? 1 : 0).reduce(0) { $0 + $1.byteCount } }
    var paths: [String] { changes.compactMap(\.path) }
  }

  let files: any FileSystem
  let directory: String
  let tuning: CheckpointTuning
  let executor: any BatchExecutor
  let stores: [any StateStore]
  private var operators: [Operator]
  /// Snapshots that are being written.
  private var writing: BackgroundSnapshots?

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
  static func deltaPath(_ directory: String, _ version: Int64, _ record: StateDeltaRecord) -> String {
    let folder = record.pieces == nil ? folder(directory, record.operatorIndex) : directory
    return "\(folder)/\(version).delta"
  }

  /// The file of a snapshot.
  static func snapshotPath(_ directory: String, _ index: Int, _ version: Int64) -> String {
    "\(folder(directory, index))/\(version).snapshot"
  }

  private func folder(_ index: Int) -> String { Self.folder(directory, index) }

  func changelogStore(_ index: Int) throws -> any ChangelogStateStore {
    guard let store = stores[index] as? any ChangelogStateStore else {
      throw MillraceError(
        "STATE_STORE_NOT_DURABLE", "the state store of operator \(index) keeps nothing beyond the process",
        hint: "implement ChangelogStateStore or DurableStateStore", fault: .bug)
    }
    return store
  }

  /// The batch is committed: its changes count.
  func committed(_ records: [StateDeltaRecord], version: Int64, segment: Int) {
    for record in records where record.token == nil { note(record, version, segment) }
  }

  private func note(_ record: StateDeltaRecord, _ version: Int64, _ segment: Int) {
    let path = record.isFile ? Self.deltaPath(directory, version, record) : nil
    operators[record.operatorIndex].changes.append(
      Change(version: version, byteCount: record.byteCount, segment: segment, path: path))
  }

  /// Before the changes of a batch are taken out of the stores: of how many rows they are, where they will stand for a snapshot.
  func noteFirstRows() {
    for index in operators.indices where operators[index].base == nil && operators[index].changes.isEmpty {
      operators[index].baseRows = stores[index].rowCount
    }
  }

  // MARK: Snapshots

  /// Operators whose changes have outgrown their snapshot.
  private var dueOperators: [Int] {
    operators.indices.filter { index in
      let state = operators[index]
      return state.paths.count >= tuning.fileLimit
        || state.grownBytes
          >= max(state.snapshotBytes(rows: stores[index].rowCount) * tuning.snapshotRatio, tuning.snapshotMinimum)
    }
  }

  /// Operators whose snapshot is due and whose stores must stand still while it is written.
  private var blockingOperators: [Int] { dueOperators.filter { !(stores[$0] is any FreezableStateStore) } }

  /// Whether a snapshot is due that no batch can be computed beside.
  var isBlockingSnapshotDue: Bool { !blockingOperators.isEmpty }

  /// Writes the snapshots that no batch can be computed beside. They count once a head record names them; then call `replaceBases`.
  func writeBlockingSnapshots(version: Int64) throws -> [StateBase] {
    try blockingOperators.map { index in
      let store = try changelogStore(index)
      operators[index].freshRows = store.rowCount
      return try SnapshotFile(files: files, directory: directory, index: index, version: version).write {
        try store.snapshot($0)
      }
    }
  }

  /// Begins to write the snapshots that are due, of the version at which the stores stand, unless some are being written. Not all of
  /// them where their stores are large: what is held fast takes memory until it is written.
  func beginSnapshots(version: Int64) throws {
    guard writing == nil else { return }
    var chosen: [Int] = []
    var memory = 0
    for index in dueOperators where stores[index] is any FreezableStateStore {
      memory += stores[index].memoryBytes
      if chosen.isEmpty || memory <= tuning.frozenLimit { chosen.append(index) }
    }
    if chosen.isEmpty { return }
    for index in chosen { operators[index].freshRows = stores[index].rowCount }
    let frozen = try collected(chosen.count) { place in
      guard let store = stores[chosen[place]] as? any FreezableStateStore else { return nil as (any FrozenState)? }
      return try store.freeze()
    }
    let snapshots = zip(chosen, frozen).map { index, state in
      (SnapshotFile(files: files, directory: directory, index: index, version: version), state)
    }
    writing = try BackgroundSnapshots(snapshots)
  }

  /// Snapshots that were written meanwhile, if all are; they count once a head record names them. Throws what went wrong with them.
  func finishedSnapshots(waiting: Bool) throws -> [StateBase] {
    guard let writing, waiting || tuning.awaitsSnapshots || writing.hasEnded else { return [] }
    self.writing = nil
    return try writing.wait()
  }

  /// Gives up what is being written.
  func close() {
    writing?.cancel()
    writing = nil
  }

  /// `body` of each index on the workers, without those that give nil.
  func collected<Result>(_ count: Int, _ body: (Int) throws -> Result?) throws -> [Result] {
    let slots = UnsafeMutableBufferPointer<Result?>.allocate(capacity: count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    try executor.forEach(count) { slots[$0] = try body($0) }
    return slots.compactMap { $0 }
  }

  /// The bases once `fresh` ones are in force.
  func bases(with fresh: [StateBase]) -> [StateBase] {
    operators.indices.compactMap { index in fresh.first { $0.operatorIndex == index } ?? operators[index].base }
  }

  /// A durable record names `fresh`: what they replace goes.
  func replaceBases(_ fresh: [StateBase]) throws {
    var old: [String] = []
    for base in fresh {
      let index = base.operatorIndex
      old += operators[index].paths
      if let before = operators[index].base { old.append(Self.snapshotPath(directory, index, before.version)) }
      let later = operators[index].changes.filter { $0.version > base.version }
      operators[index] = Operator(base: base, changes: later, baseRows: operators[index].freshRows)
    }
    let needed = Set(operators.flatMap(\.paths))
    var seen: Set<String> = []
    for path in old where !needed.contains(path) && seen.insert(path).inserted {
      CrashPoint.pass(CrashPoints.stateBeforeRemove)
      try files.remove(path)
    }
  }

  /// The oldest segment of the log that holds a change that is needed; nil if none does.
  var firstNeededSegment: Int? { operators.compactMap { $0.changes.map(\.segment).min() }.min() }

  // MARK: Restoring

  /// Brings the stores to the version that the log ends with, and removes files that no record names.
  func restore(_ log: CommitLog, _ recovered: RecoveredLog) throws {
    let version = recovered.commit?.stateVersion ?? 0
    for base in recovered.bases where base.operatorIndex < stores.count {
      try load(base)
      operators[base.operatorIndex].base = base
      operators[base.operatorIndex].baseRows = stores[base.operatorIndex].rowCount
    }
    for delta in recovered.deltas {
      guard delta.record.operatorIndex < stores.count else { throw gap(delta.record.operatorIndex, delta.version) }
      try apply(delta, log)
      noteFirstRows()
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
    try read(files, path, nil)
  }

  /// The bytes of a range of a file, or all.
  static func read(_ files: any FileSystem, _ path: String, _ range: Range<Int>?) throws -> MemoryBuffer {
    let file = try files.open(path, .read)
    defer { try? file.close() }
    let range = try range ?? 0..<Int(file.status().size)
    let buffer = MemoryBuffer(capacity: range.count)
    let got = try file.read(
      into: UnsafeMutableRawBufferPointer(start: buffer.base, count: range.count), at: Int64(range.lowerBound))
    if got != range.count { throw damaged(path, range.count, got) }
    return buffer
  }

  /// Removes what a crash left: half-written files, and files of versions that are not in force.
  private func removeStrays() throws {
    var needed = Set(operators.flatMap(\.paths))
    for base in bases { needed.insert(Self.snapshotPath(directory, base.operatorIndex, base.version)) }
    for folder in [directory] + operators.indices.map({ folder($0) }) where try files.status(folder) != nil {
      for name in try files.list(folder) where !needed.contains("\(folder)/\(name)") {
        if name.hasSuffix(".delta") || name.hasSuffix(".snapshot") || name.hasSuffix(".tmp") {
          CrashPoint.pass(CrashPoints.stateBeforeRemove)
          try files.remove("\(folder)/\(name)")
        }
      }
    }
  }
}
