import Foundation
import Glibc
import MillraceCore
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
}
