import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExecution
import Synchronization

/// What a version changed in one store, taken out of it.
enum CapturedChanges {
  /// The store keeps them itself.
  case kept(token: JSON)
  /// The engine keeps them.
  case bytes(MemoryBuffer, checksum: UInt32)
  /// They are in the version's file, in pieces.
  case written([Range<Int>], checksum: UInt32)
}

/// What a commit record says of the changes of state, and those that stand in it.
struct SavedChanges {
  var records: [StateDeltaRecord] = []
  var sections: [MemoryBuffer] = []
}

/// The changes of one store, which come in pieces: a single small one is kept, all others go to the version's file.
private struct ChangesWriter: ~Copyable {
  private let file: ChangesFile
  private let inlineLimit: Int
  private var kept: MemoryBuffer?
  private var pieces: [Range<Int>] = []
  private var checksum: UInt32 = 0

  init(_ file: ChangesFile, inlineLimit: Int) {
    self.file = file
    self.inlineLimit = inlineLimit
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) throws {
    checksum = ck_crc32c(checksum, bytes.baseAddress, bytes.count)
    if let kept {
      self.kept = nil
      pieces.append(try file.add(UnsafeRawBufferPointer(start: kept.base, count: kept.capacity)))
    } else if pieces.isEmpty && bytes.count <= inlineLimit {
      kept = MemoryBuffer(copying: bytes)
      return
    }
    pieces.append(try file.add(bytes, behind: !pieces.isEmpty))
  }

  /// After the last piece.
  func finish() -> CapturedChanges {
    if pieces.isEmpty { return .bytes(kept ?? MemoryBuffer(capacity: 0), checksum: checksum) }
    return .written(pieces, checksum: checksum)
  }
}

/// Makes what batches changed durable: small changes in the log, large ones of all operators in one file, which costs one write and two syncs
/// however many they are.
extension StateFiles {
  /// Whether the state is large enough for several threads to be worth their while.
  var isLarge: Bool {
    stores.contains { $0 is any DurableStateStore || $0.memoryBytes > 8 * tuning.inlineLimit }
  }

  /// Makes the changes of the batch ready for its commit record: small ones as sections, large ones in a durable file.
  func save(version: Int64) throws -> SavedChanges {
    let file = ChangesFile(files, directory, version: version)
    let changes = try forEachStore { try save($0, version, file) }
    try file.sync()
    return saved(changes)
  }

  /// The same beside `main`, which runs on the calling thread.
  func save(version: Int64, beside main: () throws -> Void) throws -> SavedChanges {
    let slots = UnsafeMutableBufferPointer<CapturedChanges?>.allocate(capacity: stores.count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    let left = Atomic(stores.count)
    let file = ChangesFile(files, directory, version: version)
    try executor.forEach(stores.count, as: .stateFiles, beside: main) { index in
      slots[index] = try save(index, version, file)
      // Whoever comes last has all of them.
      if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { try file.sync() }
    }
    return saved(slots.compactMap { $0 })
  }

  /// Takes the changes of the batch out of each store.
  func capture(version: Int64) throws -> [CapturedChanges] {
    try forEachStore { index in
      if let kept = try prepare(index, version) { return kept }
      let bytes = try changelogStore(index).changes()
      return .bytes(bytes, checksum: ck_crc32c(0, bytes.base, bytes.capacity))
    }
  }

  /// `body` of each store, on the workers where there is much to do.
  private func forEachStore(_ body: (Int) throws -> CapturedChanges) throws -> [CapturedChanges] {
    isLarge ? try collected(stores.count, body) : try stores.indices.map(body)
  }

  /// What a store that keeps its versions itself has to say of this one; nil for others.
  private func prepare(_ index: Int, _ version: Int64) throws -> CapturedChanges? {
    guard let store = stores[index] as? any DurableStateStore else { return nil }
    CrashPoint.pass(CrashPoints.stateBeforePrepare)
    let token = try store.prepare(version: version)
    CrashPoint.pass(CrashPoints.stateAfterPrepare)
    return .kept(token: token)
  }

  /// Takes the changes out of a store and writes them piece by piece, unless they are small.
  private func save(_ index: Int, _ version: Int64, _ file: ChangesFile) throws -> CapturedChanges {
    if let kept = try prepare(index, version) { return kept }
    var writer = ChangesWriter(file, inlineLimit: tuning.inlineLimit)
    try changelogStore(index).changes { try writer.add($0) }
    return writer.finish()
  }

  /// Makes changes durable as far as they do not go into the log, by store. May be called from another thread than all else.
  func write(_ changes: [CapturedChanges], version: Int64) throws -> SavedChanges {
    let file = ChangesFile(files, directory, version: version)
    let written = try changes.map { try self.written($0, file) }
    try file.sync()
    return saved(written)
  }

  /// Writes changes that are too large for the log.
  private func written(_ changes: CapturedChanges, _ file: ChangesFile) throws -> CapturedChanges {
    guard case .bytes(let bytes, let checksum) = changes, bytes.capacity > tuning.inlineLimit else { return changes }
    let place = try file.add(UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity))
    return .written([place], checksum: checksum)
  }

  /// What the commit record says of changes, by store.
  private func saved(_ changes: [CapturedChanges]) -> SavedChanges {
    var saved = SavedChanges()
    for (index, change) in changes.enumerated() {
      var record = StateDeltaRecord(operatorIndex: index, byteCount: 0, checksum: 0, isFile: false)
      switch change {
      case .kept(let token): record.token = token
      case .bytes(let bytes, let checksum):
        record.byteCount = bytes.capacity
        record.checksum = checksum
        saved.sections.append(bytes)
      case .written(let pieces, let checksum):
        record.byteCount = pieces.reduce(0) { $0 + $1.count }
        record.checksum = checksum
        record.isFile = true
        record.pieces = pieces
      }
      saved.records.append(record)
    }
    return saved
  }
}
