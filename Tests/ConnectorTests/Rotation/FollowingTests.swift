import Glibc
import MillraceCore
import RotatingFileConnector
import Synchronization
import Testing

/// How soon the source notices, and what it tells of what is behind.
struct FollowingTests {
  let folder = ScratchFolder()

  @Test("a line that is written calls, and so does what rotation does") func waking() throws {
    try folder.write("a\n", to: "app.log")
    let source = try RotatingFileConnector().source(["path": folder.file("app.log")]).byteSource
    let waking = try #require(source as? any WakingSource)
    let calls = Mutex(0)
    waking.onData { calls.withLock { $0 += 1 } }
    #expect(!waking.isWatching)
    try source.start(after: nil)
    defer { source.close() }
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    #expect(waking.isWatching)
    let offset = try #require(plan.end)
    func isCalled(_ change: () throws -> Void) throws -> Bool {
      usleep(20_000)
      calls.withLock { $0 = 0 }
      try change()
      for _ in 0..<1000 {
        if calls.withLock({ $0 > 0 }) { return true }
        usleep(1000)
      }
      return false
    }
    #expect(try isCalled { try folder.write("b\n", to: "app.log", appending: true) })
    #expect(try source.plan(after: offset, limit: ReadLimit()) != nil)
    #expect(try isCalled { try PosixFileSystem().rename(folder.file("app.log"), to: folder.file("app.log.1")) })
    #expect(try isCalled { try folder.write("c\n", to: "app.log") })
  }

  @Test("without inotify nothing is watched, and everything is read") func withoutWatching() throws {
    let clock = TestClock(1_700_000_000_000_000)
    let logs = LogFolder(clock)
    logs.append("a\n", to: "app.log")
    let source = try RotatingFileConnector().source(
      ["path": logs.file("app.log")], environment: Environment(files: logs, clock: clock)
    ).byteSource
    let waking = try #require(source as? any WakingSource)
    waking.onData {}
    try source.start(after: nil)
    defer { source.close() }
    #expect(try source.plan(after: nil, limit: ReadLimit()) != nil)
    #expect(!waking.isWatching)
  }

  @Test func whatIsBehind() throws {
    let clock = TestClock(1_700_000_000_000_000)
    let logs = LogFolder(clock)
    logs.append("a\nb\n", to: "a.log")
    clock.advance(1_500_000)
    logs.append("c\nd\ne", to: "b.log")
    clock.advance(1_000_000)
    let source = try RotatingFileConnector().source(
      ["path": logs.file("*.log")], environment: Environment(files: logs, clock: clock)
    ).byteSource
    defer { source.close() }
    let reporting = try #require(source as? any ReportsSourceMetrics)
    func metrics() -> [String] { reporting.metrics().map { "\($0.name) \($0.value)" } }
    try source.start(after: nil)
    var offset: Offset?
    /// One batch of so many files.
    func read(_ files: Int) throws {
      let plan = try #require(try source.plan(after: offset, limit: ReadLimit(files: files)))
      let end = try source.offset(after: offset, plan: plan, results: plan.splits.map { _ in SplitResult() })
      try source.commit(end)
      offset = end
    }
    try read(1)
    #expect(
      metrics() == [
        "numFilesOutstanding 1", "numBytesOutstanding 5", "oldestOutstandingTime 2023-11-14T22:13:21.5Z",
      ])
    try read(1)
    #expect(metrics().prefix(2) == ["numFilesOutstanding 1", "numBytesOutstanding 1"])
    logs.append("\n", to: "b.log")
    try read(1)
    #expect(metrics() == ["numFilesOutstanding 0", "numBytesOutstanding 0"])
  }
}
