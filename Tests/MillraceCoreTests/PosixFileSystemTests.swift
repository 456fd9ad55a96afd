import Foundation
import Glibc
import MillraceCore
import Synchronization
import Testing

@Suite struct PosixFileSystemTests {
  /// A process that is being started holds copies of all descriptors for a moment.
  @Test func closingUnlocksWhoeverElseHoldsTheDescriptor() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-lock-\(getpid())").path
    defer { unlink(path) }
    let files = PosixFileSystem()
    let file = try files.open(path, .create)
    #expect(try file.tryLock())
    let held = try #require(
      FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }.first {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
      })
    let copy = dup(held)
    defer { close(copy) }
    try file.close()
    #expect(try files.open(path, .read).tryLock())
  }

  /// Whether or not the file system can write past its cache.
  @Test(arguments: [FileManager.default.temporaryDirectory.path, "/dev/shm"])
  func uncachedFilesKeepWhatIsWritten(folder: String) throws {
    let path = "\(folder)/millrace-uncached-\(getpid())"
    defer { unlink(path) }
    let file = try PosixFileSystem().open(path, .createUncached)
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: 5 * FileMode.uncachedBlock, alignment: FileMode.uncachedBlock)
    defer { bytes.deallocate() }
    for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index / 7) }
    try file.write(UnsafeRawBufferPointer(bytes), at: Int64(2 * FileMode.uncachedBlock))
    try file.sync()
    let read = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(read.count == 7 * FileMode.uncachedBlock)
    #expect(read.prefix(2 * FileMode.uncachedBlock).allSatisfy { $0 == 0 })
    #expect(read.dropFirst(2 * FileMode.uncachedBlock).elementsEqual(bytes))
  }

  /// Two threads that begin at the same moment.
  private final class Race: Sendable {
    let waiting = Atomic(2), failed = Atomic(0), ended = Atomic(0)
  }

  /// Where a file system refuses blocks, as it does what is no whole block, all threads that write go on through the cache.
  @Test func refusedBlocksAreWrittenThroughTheCacheByAllThreads() throws {
    let path = "\(FileManager.default.temporaryDirectory.path)/millrace-refused-\(getpid())"
    defer { unlink(path) }
    for _ in 0..<20 {
      let file = try PosixFileSystem().open(path, .createUncached)
      let race = Race()
      for part in 0..<2 {
        Thread.detachNewThread {
          race.waiting.wrappingSubtract(1, ordering: .relaxed)
          while race.waiting.load(ordering: .relaxed) > 0 {}
          do {
            try [UInt8](repeating: UInt8(part), count: 100).withUnsafeBytes {
              try file.write($0, at: Int64(part * 100))
            }
          } catch {
            race.failed.wrappingAdd(1, ordering: .relaxed)
          }
          race.ended.wrappingAdd(1, ordering: .releasing)
        }
      }
      while race.ended.load(ordering: .acquiring) < 2 { usleep(100) }
      #expect(race.failed.load(ordering: .relaxed) == 0)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data((0..<200).map { UInt8($0 / 100) }))
    }
  }
}
