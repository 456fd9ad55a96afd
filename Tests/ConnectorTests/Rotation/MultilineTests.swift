import MillraceCore
import MillraceFormats
import Testing

/// Records of several lines in files that grow and rotate.
struct MultilineTests {
  let clock = TestClock(1_700_000_000_000_000)
  let folder: LogFolder

  init() { folder = LogFolder(clock) }

  func follower(_ options: [String: String] = [:]) -> Follower {
    Follower(
      ["path": folder.file("app.log"), "multiline.start": "^[a-z]", "rotateWait": "1 second"].merging(options) { $1 },
      Environment(files: folder, clock: clock))
  }

  func wait(seconds: Double = 1) { clock.advance(Int64(seconds * 1_000_000)) }

  func rotate() {
    folder.move("app.log.1", to: "app.log.2")
    folder.move("app.log", to: "app.log.1")
  }

  @Test func aRecordIsReadWhenTheNextOneBegins() throws {
    let follower = follower()
    folder.append("a\n 1\n 2\nb\n", to: "app.log")
    try follower.drain()
    #expect(follower.records == ["a\n 1\n 2"])
    folder.append(" 3\n", to: "app.log")
    try follower.drain()
    #expect(follower.records == ["a\n 1\n 2"])
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.records == ["a\n 1\n 2", "b\n 3"])
  }

  @Test("a record is given when its file was quiet for a time, and the same when its batch is read again")
  func timeout() throws {
    let follower = follower(["multiline.timeout": "3 seconds"])
    folder.append("a\n 1\n", to: "app.log")
    wait(seconds: 2)
    #expect(try !follower.batch())
    wait(seconds: 1)
    // Killed after the plan was logged: what comes afterwards is not in the plan.
    follower.onKill = { folder.append(" late\nb\n 2\n", to: "app.log") }
    #expect(try follower.batch(killed: true))
    #expect(follower.records == ["a\n 1"])
    follower.onKill = {}
    try follower.drain()
    // What came too late is a record of its own.
    #expect(follower.records == ["a\n 1", " late"])
    wait(seconds: 3)
    try follower.drain()
    #expect(follower.records == ["a\n 1", " late", "b\n 2"])
  }

  @Test func aLineWithoutAnEndIsNotPartOfIt() throws {
    let follower = follower(["multiline.timeout": "3 seconds"])
    folder.append("a\n 1\n ha", to: "app.log")
    wait(seconds: 3)
    try follower.drain()
    #expect(follower.records == ["a\n 1"])
    folder.append("lf\n", to: "app.log")
    wait(seconds: 3)
    try follower.drain()
    #expect(follower.records == ["a\n 1", " half"])
  }

  @Test func aFrozenSourceReadsTheLastRecord() throws {
    let follower = follower()
    folder.append("a\n 1\nb\n 2\n", to: "app.log")
    try follower.start(freeze: true)
    folder.append(" 3\n", to: "app.log")
    try follower.drain()
    #expect(follower.records == ["a\n 1", "b\n 2"])
  }

  @Test(
    "3.2 Fluent Bit #3538: a record that a rotation splits is one record",
    arguments: ["renamed", "copied", "killed", "one by one"])
  func acrossRotation(how: String) throws {
    let follower = follower(["failOnDataLoss": "false"])
    folder.append("a\n 1\nb\n 2\n", to: "app.log")
    try follower.drain()
    if how == "copied" {
      folder.put(folder.plain("app.log") ?? [], in: "app.log.1")
      folder.put([], in: "app.log")
    } else {
      rotate()
    }
    folder.append(" 3\n 4\nc\nd\n", to: "app.log")
    // The rotated file may still get something.
    try follower.drain()
    #expect(follower.records == ["a\n 1"])
    wait(seconds: 2)
    if how == "one by one" {
      while try follower.batch(ReadLimit(files: 1)) {}
    } else {
      try follower.batch(killed: how == "killed")
    }
    #expect(follower.records == ["a\n 1", "b\n 2\n 3\n 4", "c"])
    // The place of a record is that of its beginning.
    #expect(follower.places == ["/logs/app.log@0", "/logs/app.log.1@5", "/logs/app.log@6"])
    folder.append("e\n", to: "app.log")
    try follower.drain()
    #expect(follower.records == ["a\n 1", "b\n 2\n 3\n 4", "c", "d"])
  }

  @Test func acrossTwoRotations() throws {
    let follower = follower()
    try beginEmpty(follower)
    folder.append("a\n 1\n", to: "app.log")
    rotate()
    folder.append(" 2\nb\n", to: "app.log")
    rotate()
    folder.append(" 3\nc\n", to: "app.log")
    wait(seconds: 2)
    try follower.drain()
    #expect(follower.records == ["a\n 1\n 2", "b\n 3"])
  }

  private func beginEmpty(_ follower: Follower) throws {
    folder.append("", to: "app.log")
    try follower.start()
    try follower.drain()
  }

  @Test func theNextFileBeginsWithARecord() throws {
    let follower = follower()
    folder.append("a\n 1\nb\n 2\n", to: "app.log")
    try follower.drain()
    rotate()
    folder.append("c\n", to: "app.log")
    // It says that the last record of the file before is whole.
    try follower.drain()
    #expect(follower.records == ["a\n 1", "b\n 2"])
  }

  @Test("what a rotation split waits for its end, or until nothing more comes") func splitAndUnfinished() throws {
    let follower = follower(["multiline.timeout": "10 seconds"])
    folder.append("z\na\n 1\n", to: "app.log")
    try follower.drain()
    rotate()
    folder.append(" 2\n", to: "app.log")
    wait(seconds: 5)
    try follower.drain()
    #expect(follower.records == ["z"])
    follower.stop()
    folder.append(" 3\n", to: "app.log")
    wait(seconds: 9)
    // The file before was quiet for longer.
    try follower.drain()
    wait(seconds: 1)
    try follower.drain()
    #expect(follower.records == ["z", "a\n 1\n 2\n 3"])
  }

  @Test func batchesEndWithRecords() throws {
    let follower = follower()
    let text = (0..<50).map { "a\($0 % 10)\n \($0)\n  more\n" }.joined()
    folder.append(text, to: "app.log")
    wait(seconds: 5)
    while try follower.batch(ReadLimit(bytes: 40)) {}
    #expect(follower.records == (0..<50).map { "a\($0 % 10)\n \($0)\n  more" })
    #expect(follower.places.count > 10)
  }

  @Test("a record longer than a block, and one that never ends, are read") func longRecords() throws {
    let follower = follower(["multiline.maxLines": "20000", "maxRecordBytes": "1 MiB"])
    let long = "a\n" + String(repeating: " \(String(repeating: "x", count: 98))\n", count: 9000)
    folder.append("\(long)b\n", to: "app.log")
    try follower.drain()
    #expect(follower.records.map(\.utf8.count) == [long.utf8.count - 1])
    let endless = String(repeating: " \(String(repeating: "y", count: 98))\n", count: 30000)
    folder.append(endless, to: "app.log")
    try follower.drain()
    folder.append("c\n", to: "app.log")
    try follower.drain()
    #expect(follower.records.count == 4)
    #expect(follower.records.dropFirst().allSatisfy { $0.utf8.count <= 1 << 20 })
    #expect(follower.records.joined(separator: "\n") + "\n" == long + "b\n" + endless)
  }

  @Test func compressedFiles() throws {
    let text = "a\n 1\nb\n 2\nc\n"
    let out = ByteBuffer()
    Array(text.utf8).withUnsafeBytes { GzipCompressor(level: 1).compressMember($0, into: out) }
    folder.put(Array(out.bytes), in: "app.log.1.gz", plain: Array(text.utf8))
    wait()
    folder.append("d\n", to: "app.log")
    wait(seconds: 10)
    let follower = follower(["path": folder.file("app.log*")])
    try follower.drain(ReadLimit(bytes: 5))
    #expect(follower.records == ["a\n 1", "b\n 2", "c", "d"])
  }

  @Test(arguments: ["utf-16le", "utf-16be", "iso-8859-1"]) func encodings(name: String) throws {
    let encoding = try #require(CharacterEncoding(rawValue: name))
    func put(_ text: String) {
      var bytes: [UInt8] = []
      for unit in text.utf16 {
        let (low, high) = (UInt8(unit & 0xFF), UInt8(unit >> 8))
        bytes += encoding == .latin1 ? [low] : encoding == .utf16LittleEndian ? [low, high] : [high, low]
      }
      folder.put((folder.plain("app.log") ?? []) + bytes, in: "app.log")
    }
    let options = ["path": folder.file("app.log"), "encoding": name]
    let lines = Follower(options, Environment(files: folder, clock: clock))
    let follower = follower(["encoding": name])
    put("aé\n 1\nb")
    try lines.drain()
    #expect(lines.records == ["aé", " 1"])
    put("ü\n 2\nc\n")
    try follower.drain()
    try lines.drain(ReadLimit(bytes: 1))
    #expect(follower.records == ["aé\n 1", "bü\n 2"])
    #expect(lines.records == ["aé", " 1", "bü", " 2", "c"])
  }
}
