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
}

/// What a commit record says of the changes of state, and those that stand in it.
struct SavedChanges {
  var records: [StateDeltaRecord] = []
  var sections: [MemoryBuffer] = []
}

/// Makes what batches changed durable: small changes in the log, large ones of all operators in one file, which costs one write and two syncs
/// however many they are.
extension StateFiles {
  /// Whether the state is large enough for several threads to be worth their while.
  var isLarge: Bool {
    stores.contains { $0 is any DurableStateStore || $0.memoryBytes > 8 * tuning.inlineLimit }
  }

  /// Makes the changes of the batch ready for its commit record: small ones as sections, large ones in a durable file.
  func save(version: Int64) throws -> SavedChanges { try write(capture(version: version), version: version) }

  /// The same beside `main`, which runs on the calling thread.
  func save(version: Int64, beside main: () throws -> Void) throws -> SavedChanges {
    let slots = UnsafeMutableBufferPointer<CapturedChanges?>.allocate(capacity: stores.count)
    slots.initialize(repeating: nil)
    defer {
      slots.deinitialize()
      slots.deallocate()
    }
    let left = Atomic(stores.count)
    var saved = SavedChanges()
    try executor.forEach(stores.count, as: .stateFiles, beside: main) { index in
      slots[index] = try capture(index, version)
      // Whoever comes last has all of them.
      if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
        saved = try write(slots.compactMap { $0 }, version: version)
      }
    }
    return saved
  }

  /// Takes the changes of the batch out of each store.
  func capture(version: Int64) throws -> [CapturedChanges] {
    if isLarge { return try collected(stores.count) { try capture($0, version) } }
    return try stores.indices.map { try capture($0, version) }
  }

  private func capture(_ index: Int, _ version: Int64) throws -> CapturedChanges {
    if let store = stores[index] as? any DurableStateStore {
      CrashPoint.pass(CrashPoints.stateBeforePrepare)
      let token = try store.prepare(version: version)
      CrashPoint.pass(CrashPoints.stateAfterPrepare)
      return .kept(token: token)
    }
    let bytes = try changelogStore(index).changes()
    return .bytes(bytes, checksum: ck_crc32c(0, bytes.base, bytes.capacity))
  }

  /// Makes changes durable as far as they do not go into the log, by store. May be called from another thread than all else.
  func write(_ changes: [CapturedChanges], version: Int64) throws -> SavedChanges {
    var saved = SavedChanges()
    var large: [MemoryBuffer] = []
    var offset = 0
    for (index, change) in changes.enumerated() {
      switch change {
      case .kept(let token):
        saved.records.append(
          StateDeltaRecord(operatorIndex: index, byteCount: 0, checksum: 0, isFile: false, token: token))
      case .bytes(let bytes, let checksum):
        let isFile = bytes.capacity > tuning.inlineLimit
        saved.records.append(
          StateDeltaRecord(
            operatorIndex: index, byteCount: bytes.capacity, checksum: checksum, isFile: isFile,
            fileOffset: isFile ? offset : nil))
        if isFile {
          large.append(bytes)
          offset += bytes.capacity
        } else {
          saved.sections.append(bytes)
        }
      }
    }
    if !large.isEmpty { try writeFile(large, version) }
    return saved
  }

  private func writeFile(_ changes: [MemoryBuffer], _ version: Int64) throws {
    CrashPoint.pass(CrashPoints.deltaBeforeWrite)
    let file = try files.open("\(directory)/\(version).delta", .create)
    defer { try? file.close() }
    var offset: Int64 = 0
    for bytes in changes {
      try file.write(UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity), at: offset)
      offset += Int64(bytes.capacity)
    }
    CrashPoint.pass(CrashPoints.deltaAfterWrite)
    try file.sync()
    CrashPoint.pass(CrashPoints.deltaAfterSync)
    try files.syncDirectory(directory)
    CrashPoint.pass(CrashPoints.deltaAfterDirectorySync)
  }
}
