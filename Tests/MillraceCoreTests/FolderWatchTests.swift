import Glibc
import MillraceCore
import Synchronization
import Testing

/// Folders of the real file system that are watched.
struct FolderWatchTests {
  final class Calls: Sendable {
    private let count = Mutex(0)
    func call() { count.withLock { $0 += 1 } }

    /// Whether it was called since the last time it was asked, or is within a second.
    func arrived() -> Bool {
      for _ in 0..<1000 {
        let isThere = count.withLock { count in
          defer { count = 0 }
          return count > 0
        }
        if isThere { return true }
        usleep(1000)
      }
      return false
    }

    /// Lets what is on its way arrive, and forgets it.
    func settle() {
      usleep(50_000)
      count.withLock { $0 = 0 }
    }

    var isQuiet: Bool {
      usleep(50_000)
      return count.withLock { $0 == 0 }
    }
  }

  @Test func callsWhenFilesChange() throws {
    let files = PosixFileSystem()
    let folder = "/tmp/millrace-watch-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try files.createDirectory("\(folder)/a")
    try files.createDirectory("\(folder)/b")
    defer { try? files.removeTree(folder) }
    let calls = Calls()
    let watch = try #require(files.watch { calls.call() })
    defer { watch.close() }
    #expect(watch.set(["\(folder)/a"]))
    let file = try files.open("\(folder)/a/x", .create)
    #expect(calls.arrived())
    calls.settle()
    let text: [UInt8] = [0x61]
    try text.withUnsafeBytes { try file.write($0, at: 0) }
    #expect(calls.arrived())
    calls.settle()
    try files.rename("\(folder)/a/x", to: "\(folder)/a/y")
    #expect(calls.arrived())
    calls.settle()
    // Reading is no change, nor is what happens elsewhere.
    var byte: UInt8 = 0
    _ = try withUnsafeMutableBytes(of: &byte) { try file.read(into: $0, at: 0) }
    try files.open("\(folder)/b/z", .create).close()
    #expect(calls.isQuiet)
    #expect(watch.set(["\(folder)/b"]))
    calls.settle()
    try text.withUnsafeBytes { try file.write($0, at: 0) }
    #expect(calls.isQuiet)
    try files.remove("\(folder)/b/z")
    #expect(calls.arrived())
    #expect(!watch.set(["\(folder)/b", "\(folder)/none"]), "what cannot be watched is told")
    try file.close()
    watch.close()
    watch.close()
  }
}
