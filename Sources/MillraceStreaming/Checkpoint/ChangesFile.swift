import MillraceCore
import Synchronization

/// The file of a version's large changes, of all operators, made with the first of them. Several threads may add to it at once. Changes begin at
/// multiples of a block and go past the system's cache: it would take as much memory for them, and they are read only after a crash.
final class ChangesFile: Sendable {
  private struct Opened {
    var file: any File
    /// Writes while more is encoded; nil until that is asked for.
    var behind: WriteBehind?
  }

  private let files: any FileSystem
  private let directory: String
  private let path: String
  private let opened = Mutex<Opened?>(nil)
  /// Where the next changes go, behind all that were given places.
  private let end = Atomic(0)

  init(_ files: any FileSystem, _ directory: String, version: Int64) {
    self.files = files
    self.directory = directory
    path = "\(directory)/\(version).delta"
  }

  deinit {
    opened.withLock { opened in
      opened?.behind?.cancel()
      try? opened?.file.close()
    }
  }

  /// Writes changes that are all of a store's, and gives where they are.
  func add(_ bytes: UnsafeRawBufferPointer) throws -> Range<Int> {
    let file = try open()
    let offset = place(bytes.count)
    // What does not begin at a block in memory is copied, and so is the last block, to be filled up.
    let block = FileMode.uncachedBlock
    let isAligned = Int(bitPattern: bytes.baseAddress) % block == 0
    let direct = isAligned ? bytes.count / block * block : 0
    if direct > 0 { try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<direct]), at: Int64(offset)) }
    if direct < bytes.count {
      let copy = AlignedBlocks(bytes.count - direct)
      defer { copy.deallocate() }
      try file.write(copy.fill(UnsafeRawBufferPointer(rebasing: bytes[direct...])), at: Int64(offset + direct))
    }
    return offset..<offset + bytes.count
  }

  /// Writes a piece of changes on another thread, from a copy, and gives where it will be. What goes wrong with it, a later call throws.
  func addBehind(_ bytes: UnsafeRawBufferPointer) throws -> Range<Int> {
    let offset = place(bytes.count)
    try writeBehind().add(bytes, at: Int64(offset))
    return offset..<offset + bytes.count
  }

  private func place(_ byteCount: Int) -> Int {
    end.wrappingAdd(FileMode.wholeBlocks(byteCount), ordering: .relaxed).oldValue
  }

  private func open() throws -> any File {
    try opened.withLock { opened in
      if let opened { return opened.file }
      CrashPoint.pass(CrashPoints.deltaBeforeWrite)
      let new = try files.open(path, .createUncached)
      opened = Opened(file: new)
      return new
    }
  }

  private func writeBehind() throws -> WriteBehind {
    let file = try open()
    return try opened.withLock { opened in
      if let behind = opened?.behind { return behind }
      let new = try WriteBehind(file)
      opened?.behind = new
      return new
    }
  }

  /// Makes the file durable, if there is one.
  func sync() throws {
    guard let opened = opened.withLock({ $0 }) else { return }
    try opened.behind?.finish()
    CrashPoint.pass(CrashPoints.deltaAfterWrite)
    try opened.file.sync()
    CrashPoint.pass(CrashPoints.deltaAfterSync)
    try files.syncDirectory(directory)
    CrashPoint.pass(CrashPoints.deltaAfterDirectorySync)
  }
}
