import MillraceCore
import MillraceFormats
import Testing

/// Corners of rotation that random histories found.
struct RotationCornerTests {
  let clock = TestClock(1_700_000_000_000_000)
  let folder: LogFolder

  init() { folder = LogFolder(clock) }

  func follower(_ options: [String: String] = [:]) -> Follower {
    Follower(
      ["path": folder.file("app.log"), "waitForFile": "true", "failOnDataLoss": "false"].merging(options) { $1 },
      Environment(files: folder, clock: clock))
  }

  func copy() { folder.put(folder.plain("app.log") ?? [], in: "app.log.1") }

  @Test("a log that was empty when it was looked at, then filled, copied, emptied and filled again")
  func emptyThenCopied() throws {
    let follower = follower()
    folder.append("", to: "app.log")
    try follower.start()
    clock.advance(10_000)
    folder.append("a\n", to: "app.log")
    copy()
    folder.put([], in: "app.log")
    folder.append("b\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("a log that was empty when it was looked at, and whose copy is there before it is emptied")
  func emptyThenCopiedAndSeen() throws {
    let follower = follower()
    folder.append("", to: "app.log")
    try follower.start()
    clock.advance(10_000)
    folder.append("a\n", to: "app.log")
    copy()
    try follower.drain()
    #expect(follower.text == "a\n")
    clock.advance(10_000)
    folder.put([], in: "app.log")
    folder.append("b\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("a copy that is seen together with its log, before that is emptied, is not read beside it")
  func copySeenBeforeTruncation() throws {
    let follower = follower(["path": folder.file("app.log*")])
    folder.append("a\nb\n", to: "app.log")
    clock.advance(10_000)
    copy()
    try follower.drain()
    #expect(follower.text == "a\nb\n")
    folder.put([], in: "app.log")
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\n")
  }

  @Test("a rotated file that is done stays so when the live one is made anew") func doneStaysDone() throws {
    let follower = follower(["rotateWait": "0 seconds"])
    folder.append("a\n", to: "app.log")
    try follower.drain()
    folder.move("app.log", to: "app.log.1")
    folder.append("b\n", to: "app.log")
    // Changed after the next file was.
    clock.advance(10_000)
    folder.append("late\n", to: "app.log.1")
    try follower.drain()
    folder.unlink("app.log")
    follower.stop()
    folder.kill()
    clock.advance(10_000)
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text.split(separator: "\n").sorted() == ["a", "b", "c", "late"])
  }

  @Test("a pattern does not read rotated files again when the live one is gone and another log goes on")
  func liveFileGone() throws {
    let follower = follower(["path": folder.file("*.log*"), "rotateWait": "0 seconds"])
    folder.append("a\n", to: "app.log.1")
    clock.advance(10_000)
    folder.append("b\n", to: "app.log")
    folder.append("x\n", to: "other.log")
    try follower.drain()
    follower.stop()
    folder.kill()
    folder.unlink("app.log")
    folder.append("y\n", to: "other.log")
    try follower.drain()
    folder.append("z\n", to: "other.log")
    try follower.drain()
    clock.advance(10_000)
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nx\ny\nz\nc\n")
  }

  @Test(
    "a late line in a rotated file is read however long the file was quiet",
    arguments: ["plain", "compressed", "stopped"])
  func lateLine(how: String) throws {
    let follower = follower()
    folder.append("a\n", to: "app.log")
    try follower.drain()
    folder.move("app.log", to: "app.log.1")
    clock.advance(10_000_000)
    folder.append("b\n", to: "app.log")
    try follower.drain()
    // The file is done, and let go.
    #expect(folder.openCount == 1)
    clock.advance(3_600_000_000)
    if how != "plain" { follower.stop() }
    folder.append("late\n", to: "app.log.1")
    if how == "compressed" {
      let out = ByteBuffer()
      let text = folder.plain("app.log.1") ?? []
      text.withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
      folder.put(Array(out.bytes), in: "app.log.2.gz", plain: text)
      folder.unlink("app.log.1")
    }
    try follower.drain()
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nlate\nc\n")
  }

  @Test("a log that is emptied, filled again and deleted before anyone looks is read from what is open")
  func refilled() throws {
    let follower = follower()
    folder.append("a\n", to: "app.log")
    try follower.drain()
    clock.advance(10_000)
    folder.put([], in: "app.log")
    folder.append("b\nb\n", to: "app.log")
    clock.advance(10_000)
    folder.unlink("app.log")
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nb\nc\n")
  }

  @Test("a log that is made and rotated after the start, but before the first look, is read from its beginning")
  func rotatedBeforeTheFirstLook() throws {
    let follower = follower()
    try follower.start()
    folder.append("a\n", to: "app.log")
    folder.move("app.log", to: "app.log.1")
    folder.append("b\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("a log of which nothing was left is read from its new beginning when it comes back")
  func everythingGoneForATime() throws {
    let follower = follower()
    let text = Array("a\n".utf8)
    folder.append("a\n", to: "app.log")
    try follower.drain()
    follower.stop()
    folder.unlink("app.log")
    let out = ByteBuffer()
    text.withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
    folder.put(Array(out.bytes), in: "app.log.1.gz", plain: text)
    try follower.drain()
    folder.unlink("app.log.1.gz")
    clock.advance(10_000_000)
    try follower.drain()
    try follower.drain()
    folder.append("b\n", to: "app.log")
    folder.move("app.log", to: "app.log.1")
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\n")
  }

  @Test("a file that is compressed after the freeze is not read again by the next run")
  func compressedAfterFreeze() throws {
    let follower = follower()
    folder.append("a\n", to: "app.log.1")
    folder.append("b\n", to: "app.log")
    let all = self.follower(["path": folder.file("app.log*")])
    clock.advance(10_000_000)
    try all.start(freeze: true)
    try all.drain()
    let out = ByteBuffer()
    let text = folder.plain("app.log.1") ?? []
    text.withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
    folder.put(Array(out.bytes), in: "app.log.1.gz", plain: text)
    folder.unlink("app.log.1")
    folder.append("c\n", to: "app.log")
    try all.drain()
    all.stop()
    try all.drain()
    #expect(all.text == "a\nb\nc\n")
    try follower.drain()
    #expect(follower.text == "b\nc\n")
  }

  @Test("of thousands of files only so many are open as may be") func boundedDescriptors() throws {
    let follower = follower(["path": folder.file("*.log"), "maxOpenFiles": "10"])
    for log in 1000..<3000 { folder.append("\(log)\n", to: "\(log).log") }
    try follower.drain()
    #expect(folder.openCount <= 11)
    clock.advance(10_000_000)
    for log in 1000..<3000 { folder.append("\(log) again\n", to: "\(log).log") }
    try follower.drain()
    clock.advance(10_000_000)
    #expect(try !follower.batch())
    #expect(folder.openCount <= 11)
    #expect(follower.text.split(separator: "\n").count == 4000)
  }

  @Test("a busy log does not starve the others") func fairness() throws {
    let follower = follower(["path": folder.file("*.log")])
    for line in 0..<100 { folder.append("a \(line)\n", to: "a.log") }
    for line in 0..<3 { folder.append("b \(line)\n", to: "b.log") }
    folder.append("c\n", to: "c.log")
    for _ in 0..<8 {
      try follower.batch(ReadLimit(bytes: 12))
      folder.append("more\n", to: "a.log")
    }
    #expect(follower.text.contains("b 2\n") && follower.text.contains("c\n"))
    try follower.drain(ReadLimit(bytes: 12))
    #expect(follower.text.split(separator: "\n").count == 112)
  }
}
