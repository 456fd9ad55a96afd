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
  /// They are in the version's file, from an offset on.
  case written(byteCount: Int, checksum: UInt32, offset: Int)
}

/// What a commit record says of the changes of state, and those that stand in it.
struct SavedChanges {
  var records: [StateDeltaRecord] = []
  var sections: [MemoryBuffer] = []
}

/// The file of a version's large changes, of all operators, made with the first of them. Several threads may add to it at once. Changes begin at
/// multiples of a block and go past the system's cache: it would take as much memory for them, and they are read only after a crash.
private final class ChangesFile: Sendable {
  private let files: any FileSystem
  private let directory: String
  private let path: String
  private let file = Mutex<(any File)?>(nil)
  /// Blocks that were given places.
  private let blockCount = Atomic(0)
  private static let block = FileMode.uncachedBlock

  init(_ files: any FileSystem, _ directory: String, version: Int64) {
    self.files = files
    self.directory = directory
    path = "\(directory)/\(version).delta"
  }

  deinit { try? file.withLock { try $0?.close() } }

  /// Writes changes and gives where they are.
  func add(_ bytes: MemoryBuffer) throws -> Int {
    let file = try open()
    let blocks = (bytes.capacity + Self.block - 1) / Self.block
    let offset = blockCount.wrappingAdd(blocks, ordering: .relaxed).oldValue * Self.block
    // What does not begin at a block in memory is copied, and so is the last block, to be filled up.
    let isAligned = Int(bitPattern: bytes.base) % Self.block == 0
    let direct = isAligned ? bytes.capacity / Self.block * Self.block : 0
    if direct > 0 { try file.write(UnsafeRawBufferPointer(start: bytes.base, count: direct), at: Int64(offset)) }
    let left = bytes.capacity - direct
    if left > 0 {
      let size = blocks * Self.block - direct
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: Self.block)
      defer { copy.deallocate() }
      copy.initializeMemory(as: UInt8.self, repeating: 0)
      copy.copyMemory(from: UnsafeRawBufferPointer(start: bytes.base + direct, count: left))
      try file.write(UnsafeRawBufferPointer(copy), at: Int64(offset + direct))
    }
    return offset
  }

  private func open() throws -> any File {
    try file.withLock { file in
      if let file { return file }
      CrashPoint.pass(CrashPoints.deltaBeforeWrite)
      let new = try files.open(path, .createUncached)
      file = new
      return new
    }
  }

  /// Makes the file durable, if there is one.
  func sync() throws {
    guard let file = file.withLock({ $0 }) else { return }
    CrashPoint.pass(CrashPoints.deltaAfterWrite)
    try file.sync()
    CrashPoint.pass(CrashPoints.deltaAfterSync)
    try files.syncDirectory(directory)
    CrashPoint.pass(CrashPoints.deltaAfterDirectorySync)
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
    let file = ChangesFile(files, directory, version: version)
    try executor.forEach(stores.count, as: .stateFiles, beside: main) { index in
      slots[index] = try written(capture(index, version), file)
      // Whoever comes last has all of them.
      if left.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 { try file.sync() }
    }
    return saved(slots.compactMap { $0 })
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
    let file = ChangesFile(files, directory, version: version)
    let written = try changes.map { try self.written($0, file) }
    try file.sync()
    return saved(written)
  }

  /// Writes changes that are too large for the log.
  private func written(_ changes: CapturedChanges, _ file: ChangesFile) throws -> CapturedChanges {
    guard case .bytes(let bytes, let checksum) = changes, bytes.capacity > tuning.inlineLimit else { return changes }
    return .written(byteCount: bytes.capacity, checksum: checksum, offset: try file.add(bytes))
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
      case .written(let byteCount, let checksum, let offset):
        record.byteCount = byteCount
        record.checksum = checksum
        record.isFile = true
        record.fileOffset = offset
      }
      saved.records.append(record)
    }
    return saved
  }
}
