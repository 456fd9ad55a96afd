import MillraceCore
import Synchronization

/// Passes everything on to the real file system until a number of changes was made; from then on every call fails, as if the
/// process had been killed there.
final class CrashingFileSystem: FileSystem {
  private let real = PosixFileSystem()
  private let left: Mutex<Int>

  init(after changes: Int) { left = Mutex(changes) }

  static let crash = MillraceError("TEST_CRASH", "the process was killed")

  fileprivate func change() throws {
    try left.withLock { left in
      left -= 1
      if left < 0 { throw CrashingFileSystem.crash }
    }
  }

  fileprivate func look() throws { if left.withLock({ $0 < 0 }) { throw CrashingFileSystem.crash } }

  func open(_ path: String, _ mode: FileMode) throws -> any File {
    if case .read = mode { try look() } else { try change() }
    return CrashingFile(try real.open(path, mode), self)
  }

  func rename(_ path: String, to target: String) throws {
    try change()
    try real.rename(path, to: target)
  }

  func remove(_ path: String) throws {
    try change()
    try real.remove(path)
  }

  func removeTree(_ path: String) throws {
    try change()
    try real.removeTree(path)
  }

  func createDirectory(_ path: String) throws {
    try change()
    try real.createDirectory(path)
  }

  func list(_ path: String) throws -> [String] {
    try look()
    return try real.list(path)
  }

  func status(_ path: String) throws -> FileStatus? {
    try look()
    return try real.status(path)
  }

  func syncDirectory(_ path: String) throws { try change() }

  func createLink(_ path: String, to target: String) throws {
    try change()
    try real.createLink(path, to: target)
  }

  func linkTarget(_ path: String) throws -> String? {
    try look()
    return try real.linkTarget(path)
  }

  func glob(_ pattern: String) throws -> [String] {
    try look()
    return try real.glob(pattern)
  }
}

private final class CrashingFile: File {
  private let real: any File
  private let system: CrashingFileSystem

  init(_ real: any File, _ system: CrashingFileSystem) {
    self.real = real
    self.system = system
  }

  var path: String { real.path }

  func status() throws -> FileStatus {
    try system.look()
    return try real.status()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    try system.look()
    return try real.read(into: buffer, at: offset)
  }

  /// A write that is cut short by the crash leaves its first half.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    do { try system.change() } catch {
      try? real.write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: offset)
      throw error
    }
    try real.write(bytes, at: offset)
  }

  func sync() throws { try system.change() }

  func truncate(to size: Int64) throws {
    try system.change()
    try real.truncate(to: size)
  }

  func preallocate(_ size: Int64) throws { try real.preallocate(size) }
  func tryLock() throws -> Bool { try real.tryLock() }
  func close() throws { try real.close() }
}
