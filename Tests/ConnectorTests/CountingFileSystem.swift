import MillraceCore
import Synchronization

/// The real file system, with a count of the times that data was made durable, and of the files that were opened.
final class CountingFileSystem: FileSystem {
  private let real = PosixFileSystem()
  fileprivate let count = Atomic<Int>(0)

  var syncs: Int { count.load(ordering: .relaxed) }

  private let openCount = Atomic<Int>(0)
  var opens: Int { openCount.load(ordering: .relaxed) }

  func open(_ path: String, _ mode: FileMode) throws -> any File {
    openCount.wrappingAdd(1, ordering: .relaxed)
    return CountingFile(try real.open(path, mode), self)
  }
  func rename(_ path: String, to target: String) throws { try real.rename(path, to: target) }
  func remove(_ path: String) throws { try real.remove(path) }
  func removeTree(_ path: String) throws { try real.removeTree(path) }
  func createDirectory(_ path: String) throws { try real.createDirectory(path) }
  func list(_ path: String) throws -> [String] { try real.list(path) }
  func status(_ path: String) throws -> FileStatus? { try real.status(path) }
  func syncDirectory(_ path: String) throws { try real.syncDirectory(path) }
  func glob(_ pattern: String) throws -> [String] { try real.glob(pattern) }
  func createLink(_ path: String, to target: String) throws { try real.createLink(path, to: target) }
  func linkTarget(_ path: String) throws -> String? { try real.linkTarget(path) }
}

private final class CountingFile: File {
  private let real: any File
  private let system: CountingFileSystem

  init(_ real: any File, _ system: CountingFileSystem) {
    self.real = real
    self.system = system
  }

  var path: String { real.path }
  func status() throws -> FileStatus { try real.status() }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    try real.read(into: buffer, at: offset)
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws { try real.write(bytes, at: offset) }
  func sync() throws {
    system.count.wrappingAdd(1, ordering: .relaxed)
    try real.sync()
  }
  func truncate(to size: Int64) throws { try real.truncate(to: size) }
  func preallocate(_ size: Int64) throws { try real.preallocate(size) }
  func tryLock() throws -> Bool { try real.tryLock() }
  func close() throws { try real.close() }
}
