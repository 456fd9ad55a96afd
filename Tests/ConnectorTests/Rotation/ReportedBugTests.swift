import MillraceCore
import MillraceFormats
import Testing

/// What users of other tools reported about following files, in files of memory. Section 3.2 of the survey; see docs/known-bugs.md.
struct ReportedBugTests {
  let clock = TestClock(1_700_000_000_000_000)
  let folder: LogFolder

  init() { folder = LogFolder(clock) }

  func follower(_ options: [String: String] = [:]) -> Follower {
    Follower(
      ["path": folder.file("app.log"), "waitForFile": "true", "rotateWait": "0 seconds"].merging(options) { $1 },
      Environment(files: folder, clock: clock))
  }

  /// Time passes.
  func wait(seconds: Int64 = 1) { clock.advance(seconds * 1_000_000) }

  func compress(_ name: String, to target: String) {
    guard let node = folder.names[name] else { return }
    let out = ByteBuffer()
    node.bytes.withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
    folder.put(Array(out.bytes), in: target, plain: node.bytes, modified: node.modified)
    folder.unlink(name)
  }

  @Test(
    "3.2 Vector #25079, #1910, Fluent Bit #8025, Logstash #251, #109, #111: an inode that is used again is a new file")
  func reusedInode() throws {
    let follower = follower(["failOnDataLoss": "false"])
    folder.append("header\na\nb\n", to: "app.log")
    try follower.drain()
    follower.stop()
    let inode = folder.names["app.log"]?.inode
    folder.unlink("app.log")
    wait()
    // Begins alike, and is longer than what was read.
    folder.append("header\nc\nd\ne\n", to: "app.log")
    #expect(folder.names["app.log"]?.inode == inode)
    try follower.drain()
    #expect(follower.text == "header\na\nb\nheader\nc\nd\ne\n")
  }

  @Test("3.2 Vector #2701: a file of one short line is read") func smallFile() throws {
    let follower = follower()
    folder.append("a\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\n")
    wait()
    folder.append("b\n", to: "app.log")
    follower.stop()
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("3.2 Vector #643: empty files and files that begin alike are files of their own") func equalHeads() throws {
    let follower = follower(["path": folder.file("*.log")])
    for name in ["a.log", "b.log", "c.log"] { folder.append("", to: name) }
    try follower.start()
    try follower.drain()
    for name in ["a.log", "b.log", "c.log"] { folder.append("same first line\n", to: name) }
    try follower.drain()
    wait()
    for name in ["a.log", "b.log", "c.log"] { folder.append("\(name)\n", to: name) }
    follower.stop()
    try follower.drain()
    let same = String(repeating: "same first line\n", count: 3)
    #expect(follower.text == same + "a.log\nb.log\nc.log\n")
  }

  @Test("3.2 Vector #23619: a file that is truncated and written anew has one reader") func truncatedAndRewritten()
    throws
  {
    let follower = follower()
    folder.append("a\nb\n", to: "app.log")
    try follower.drain()
    var expected = "a\nb\n"
    for round in 0..<20 {
      wait()
      folder.put([], in: "app.log")
      if round % 3 == 0 { try follower.drain() }
      let text = (0...round).map { "round \(round) line \($0)\n" }.joined()
      folder.append(text, to: "app.log")
      try follower.drain()
      expected += text
    }
    #expect(follower.text == expected)
    #expect(folder.openCount == 1)
  }

  @Test(
    "3.2 Vector #7990, #13193, Beats #637: a rotated file that is compressed is read on, by what it holds",
    arguments: [false, true])
  func compressedAfterRotation(whileDown: Bool) throws {
    let follower = follower()
    folder.append("a\nb\n", to: "app.log")
    try follower.drain()
    if whileDown { follower.stop() }
    wait()
    folder.append("c\n", to: "app.log")
    folder.move("app.log", to: "app.log.1")
    compress("app.log.1", to: "app.log.2.gz")
    folder.append("d\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\nd\n")
  }

  @Test("3.2 Vector #24280: gzip is known by its first bytes, not by its name") func gzipByContent() throws {
    folder.append("a\nb\n", to: "app.log.1")
    compress("app.log.1", to: "app.log.2")
    wait()
    folder.append("c\n", to: "app.log")
    folder.append("not compressed\n", to: "app.log.1.gz")
    let follower = follower(["path": folder.file("app.log*")])
    try follower.drain()
    #expect(follower.text == "a\nb\nnot compressed\nc\n")
  }

  @Test("3.2 Vector #5833: rotation every second confuses nobody") func rotationEverySecond() throws {
    let follower = follower()
    var expected = ""
    for line in 0..<60 {
      folder.append("\(line)\n", to: "app.log")
      expected += "\(line)\n"
      if line % 3 == 0 { try follower.drain() }
      for place in stride(from: 5, through: 1, by: -1) { folder.move("app.log.\(place)", to: "app.log.\(place + 1)") }
      folder.move("app.log", to: "app.log.1")
      folder.unlink("app.log.6")
      wait()
    }
    try follower.drain()
    folder.append("end\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == expected + "end\n")
  }

  @Test("3.2 Vector #4271, #3216: a frozen source ends when all that was there is read") func batchMode() throws {
    folder.append("a\nb\n", to: "app.log")
    let follower = follower()
    try follower.start(freeze: true)
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("3.2 Vector #763, #3440: files that are done are let go") func releasedHandles() throws {
    let follower = follower()
    for line in 0..<30 {
      folder.append("\(line)\n", to: "app.log")
      try follower.drain()
      folder.move("app.log", to: "app.log.1")
      wait()
      folder.append("next\n", to: "app.log")
      try follower.drain()
      folder.unlink("app.log.1")
      try follower.drain()
      #expect(folder.openCount <= 2)
    }
    folder.append("x\n", to: "app.log")
    try follower.drain()
    #expect(folder.openCount == 1)
  }

  @Test("3.2 Vector #1466, #4434: the offset does not grow with files that are finished") func offsetStaysSmall() throws
  {
    let follower = follower()
    var sizes: Set<Int> = []
    for line in 1000..<1060 {
      folder.append("\(line)\n", to: "app.log")
      try follower.drain()
      for place in stride(from: 99, through: 1, by: -1) { folder.move("app.log.\(place)", to: "app.log.\(place + 1)") }
      folder.move("app.log", to: "app.log.1")
      wait()
    }
    folder.append("end\n", to: "app.log")
    try follower.drain()
    sizes.insert(follower.offset?.json["files"]?.array?.count ?? 0)
    #expect(sizes == [17], "the log and sixteen of the files that it was")
  }

  @Test("3.2 Vector #3567, #1020: the starting position is for files without an offset only") func startingPosition()
    throws
  {
    let follower = follower(["startingPosition": "end"])
    folder.append("old\n", to: "app.log")
    try follower.start()
    folder.append("a\n", to: "app.log")
    try follower.drain()
    follower.stop()
    wait()
    folder.append("b\n", to: "app.log")
    try follower.drain()
    folder.move("app.log", to: "app.log.1")
    wait()
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\n")
  }

  @Test(
    "3.2 Fluent Bit #1330, #2110, #1108, Telegraf #3906, #2967, #1829: rotation under load loses and repeats nothing")
  func rotationUnderLoad() throws {
    let follower = follower()
    var expected = ""
    var line = 0
    for round in 0..<50 {
      for _ in 0..<20 {
        folder.append("line \(line)\n", to: "app.log")
        expected += "line \(line)\n"
        line += 1
        if line % 7 == 0 { try follower.batch(ReadLimit(bytes: 40)) }
      }
      for place in stride(from: 60, through: 1, by: -1) { folder.move("app.log.\(place)", to: "app.log.\(place + 1)") }
      folder.move("app.log", to: "app.log.1")
      if round % 2 == 0 { folder.append("", to: "app.log") }
      wait()
    }
    folder.append("end\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == expected + "end\n")
  }

  @Test("3.2 Fluent Bit #5024, #5382: a rotated file is followed by its inode, and the next one is read from its start")
  func startOfNextFile() throws {
    let follower = follower(["rotateWait": "1 hour"])
    folder.append("a long first line of the first file\nb\n", to: "app.log")
    try follower.drain()
    folder.move("app.log", to: "app.log.1")
    folder.append("first of the next\nsecond\nthird of the next file, longer\n", to: "app.log")
    try follower.drain()
    folder.append("late\n", to: "app.log.1")
    try follower.drain()
    #expect(
      follower.text
        == "a long first line of the first file\nb\nfirst of the next\nsecond\nthird of the next file, longer\nlate\n")
  }

  @Test("3.2 Fluent Bit #370, #10435, #736: a line longer than a batch is read whole and stops nothing") func longLine()
    throws
  {
    let follower = follower()
    let long = String(repeating: "x", count: 1 << 20)
    folder.append("a\n\(long)\nb\n", to: "app.log")
    try follower.drain(ReadLimit(bytes: 100))
    #expect(follower.text == "a\n\(long)\nb\n")
  }

  @Test("3.2 Fluent Bit docs #1770: what a copy holds is read when the log was truncated") func copyTruncate() throws {
    let follower = follower()
    folder.append("a\n", to: "app.log")
    try follower.drain()
    wait()
    folder.append("b\n", to: "app.log")
    folder.put(folder.plain("app.log") ?? [], in: "app.log.1")
    folder.put([], in: "app.log")
    folder.append("c\nd\ne\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\nd\ne\n")
  }

  @Test("3.2 Logstash #225, #207, #238: stopped, renamed and started again reads nothing twice") func restartAndRename()
    throws
  {
    let follower = follower(["path": folder.file("app.log*")])
    folder.append("a\nb\n", to: "app.log")
    try follower.drain()
    for round in 0..<5 {
      follower.stop()
      wait()
      for place in stride(from: 9, through: 1, by: -1) { folder.move("app.log.\(place)", to: "app.log.\(place + 1)") }
      folder.move("app.log", to: "app.log.1")
      folder.append("round \(round)\n", to: "app.log")
      try follower.drain()
    }
    #expect(follower.text == "a\nb\n" + (0..<5).map { "round \($0)\n" }.joined())
    #expect(follower.offset?.json["files"]?.array?.count == folder.names.count)
  }

  @Test("3.2 Telegraf #4614: a pattern that matches rotated names reads them once") func rotatedNamesInPattern() throws
  {
    let follower = follower(["path": folder.file("app.log*")])
    folder.append("a\n", to: "app.log")
    try follower.drain()
    wait()
    folder.move("app.log", to: "app.log.1")
    folder.append("b\n", to: "app.log")
    try follower.drain()
    compress("app.log.1", to: "app.log.1.gz")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("3.2 Connect #271: a file is watched, and reading goes on where it was") func watchAndPosition() throws {
    let follower = follower()
    try follower.start()
    #expect(try !follower.batch())
    folder.append("a\n", to: "app.log")
    try follower.drain()
    follower.stop(kill: true)
    folder.kill()
    folder.append("b\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\nb\n")
  }

  @Test("files that are excluded are left alone, by name and by path") func exclude() throws {
    for name in ["app.log", "debug.log", "debug.log.1", "other.log"] { folder.append("\(name)\n", to: name) }
    let follower = follower(["path": folder.file("*.log"), "exclude": "debug.*, \(folder.path)/oth*"])
    try follower.drain()
    #expect(follower.text == "app.log\n")
    folder.append("tmp\n", to: "app.log.1")
    let rotated = self.follower(["path": folder.file("app.log*"), "exclude": "*.1"])
    try rotated.drain()
    #expect(rotated.text == "app.log\n")
  }

  @Test("the last line waits for its end, or for as long as it is told to", arguments: [nil, "5 seconds"] as [String?])
  func finalLine(wait: String?) throws {
    let follower = follower(wait.map { ["finalLineWait": $0] } ?? [:])
    folder.append("a\nhalf", to: "app.log")
    try follower.drain()
    #expect(follower.text == "a\n")
    self.wait(seconds: 4)
    try follower.drain()
    #expect(follower.text == "a\n")
    self.wait(seconds: 2)
    try follower.drain()
    #expect(follower.text == (wait == nil ? "a\n" : "a\nhalf\n"))
    folder.append("\nb\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == (wait == nil ? "a\nhalf\nb\n" : "a\nhalf\n\nb\n"))
  }
}
