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
  /// They are in the version's file, in pieces, or on their way there.
  case written([Range<Int>], checksum: UInt32)
}

/// What a version changed in all stores, taken out of them and not durable yet.
struct CapturedState {
  /// Of each store.
  fileprivate var changes: [CapturedChanges]
  fileprivate let file: ChangesFile
}

/// What a commit record says of the changes of state, and those that stand in it.
struct SavedChanges {
  var records: [StateDeltaRecord] = []
  var sections: [MemoryBuffer] = []
}

/// The changes of one store, which come in pieces: a single one that is not large is kept, all others are on their way to the version's file at once.
private struct ChangesWriter: ~Copyable {
  /// Most bytes that are kept.
  private static let keptLimit = 512 << 10

  private let file: ChangesFile
  private var kept: MemoryBuffer?
  private var pieces: [Range<Int>] = []
  private var checksum: UInt32 = 0

  init(_ file: ChangesFile) {
    self.file = file
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) throws {
    checksum = ck_crc32c(checksum, bytes.baseAddress, bytes.count)
    if let kept {
      self.kept = nil
      pieces.append(try file.addBehind(kept.bytes))
    } else if pieces.isEmpty && bytes.count <= Self.keptLimit {
      kept = MemoryBuffer(copying: bytes)
      return
    }
    pieces.append(try file.addBehind(bytes))
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
  func save(version: Int64) throws -> SavedChanges { try finish(capture(version: version)) }

  /// The same beside `main`, which runs on the calling thread.
  func save(version: Int64, beside main: () throws -> Void) throws -> SavedChanges {
    noteFirstRows()
    let slots = UnsafeMutableBufferPointer<CapturedChanges?>.allocate(capacity: stores.count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    let left = Atomic(stores.count)
    let file = ChangesFile(files, directory, version: version)
    try executor.forEach(stores.count, as: .stateFiles, beside: main) { index in
      slots[index] = try written(changes(index, version, file), file)
      // Whoever comes last has all of them.
      if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { try file.sync() }
    }
    return saved(slots.compactMap { $0 })
  }

  /// Takes the changes of the batch out of each store. Large ones are then on their way to the disk.
  func capture(version: Int64) throws -> CapturedState {
    noteFirstRows()
    let file = ChangesFile(files, directory, version: version)
    func changes(_ index: Int) throws -> CapturedChanges { try self.changes(index, version, file) }
    let all = isLarge ? try collected(stores.count, changes) : try stores.indices.map(changes)
    return CapturedState(changes: all, file: file)
  }

  /// Makes changes durable as far as they do not go into the log. May be called from another thread than all else.
  func finish(_ captured: CapturedState) throws -> SavedChanges {
    let changes = try captured.changes.map { try written($0, captured.file) }
    try captured.file.sync()
    return saved(changes)
  }

  /// What a store that keeps its versions itself has to say of this one; nil for others.
  private func prepare(_ index: Int, _ version: Int64) throws -> CapturedChanges? {
    guard let store = stores[index] as? any DurableStateStore else { return nil }
    CrashPoint.pass(CrashPoints.stateBeforePrepare)
    let token = try store.prepare(version: version)
    CrashPoint.pass(CrashPoints.stateAfterPrepare)
    return .kept(token: token)
  }

  /// Takes the changes out of a store.
  private func changes(_ index: Int, _ version: Int64, _ file: ChangesFile) throws -> CapturedChanges {
    if let kept = try prepare(index, version) { return kept }
    var writer = ChangesWriter(file)
    try changelogStore(index).changes { try writer.add($0) }
    return writer.finish()
  }

  /// Writes changes that were kept and are too large for the log.
  private func written(_ changes: CapturedChanges, _ file: ChangesFile) throws -> CapturedChanges {
    guard case .bytes(let bytes, let checksum) = changes, bytes.capacity > tuning.inlineLimit else { return changes }
    return .written([try file.add(bytes.bytes)], checksum: checksum)
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
