public import MillraceCore
import Synchronization

/// Passes everything on to the real file system until a number of changes was made; from then on every call fails, as if the
/// process had been killed there. A write that is cut short leaves its first half.
public final class DyingFileSystem: FileSystem {
  private let real = PosixFileSystem()
  private let left: Mutex<Int>

  /// Lives through `changes` changes.
  public init(after changes: Int) { left = Mutex(changes) }

  /// What every call throws from then on.
  public static let killed = MillraceError("TEST_CRASH", "the process was killed")

  fileprivate func change() throws {
    try left.withLock { left in
      left -= 1
      if left < 0 { throw DyingFileSystem.killed }
    }
  }

  /// Whether the number of changes was used up.
  public var isDead: Bool { left.withLock { $0 < 0 } }

  fileprivate func look() throws { if left.withLock({ $0 < 0 }) { throw DyingFileSystem.killed } }

  /// Opens a file; a change unless it is opened for reading.
  public func open(_ path: String, _ mode: FileMode) throws -> any File {
    if case .read = mode { try look() } else { try change() }
    return DyingFile(try real.open(path, mode), self)
  }

  /// A change.
  public func rename(_ path: String, to target: String) throws {
    try change()
    try real.rename(path, to: target)
  }

  /// A change.
  public func remove(_ path: String) throws {
    try change()
    try real.remove(path)
  }

  /// A change.
  public func removeTree(_ path: String) throws {
    try change()
    try real.removeTree(path)
  }

  /// A change.
  public func createDirectory(_ path: String) throws {
    try change()
    try real.createDirectory(path)
  }

  /// No change.
  public func list(_ path: String) throws -> [String] {
    try look()
    return try real.list(path)
  }

  /// No change.
  public func status(_ path: String) throws -> FileStatus? {
    try look()
    return try real.status(path)
  }

  /// A change; nothing is synced.
  public func syncDirectory(_ path: String) throws { try change() }

  /// A change.
  public func createLink(_ path: String, to target: String) throws {
    try change()
    try real.createLink(path, to: target)
  }

  /// No change.
  public func linkTarget(_ path: String) throws -> String? {
    try look()
    return try real.linkTarget(path)
  }

  /// No change.
  public func glob(_ pattern: String) throws -> [String] {
    try look()
    return try real.glob(pattern)
  }
}

private final class DyingFile: File {
  private let real: any File
  private let system: DyingFileSystem

  init(_ real: any File, _ system: DyingFileSystem) {
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
