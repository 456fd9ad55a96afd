import GzipFileConnector
import MillraceCore
import MillraceFormats
import RotatingFileConnector
import Testing

/// From an archive of rotated logs to the log itself: each line once, whatever the rotator did in between.
@Suite struct HandoverTests {
  private let folder = ScratchFolder()
  private var writer: LogWriter { LogWriter(folder: folder) }

  /// Ten lines that no other file has.
  private static func lines(_ name: String, _ count: Int = 10) -> String {
    (0..<count).map { "\(name) \($0) a line of some length, so that heads differ\n" }.joined()
  }

  /// What the archive gives, and the files it then knows.
  private func archive(_ pattern: String) throws -> (text: String, files: [ArchivedFile]) {
    var driver = try ByteDriver(GzipFileConnector(), ["path": folder.file(pattern)])
    let text = try driver.all().joined().joined()
    let source = try #require(driver.source as? any ArchiveSource)
    return (text, try source.archivedFiles(driver.offset))
  }

  /// What the log gives after it.
  private func live(_ files: [ArchivedFile], _ options: [String: String] = [:]) throws -> String {
    var all = ["path": folder.file("app.log"), "rotateWait": "0 seconds"]
    all.merge(options) { $1 }
    var driver = try ByteDriver(RotatingFileConnector(), all)
    try #require(driver.source as? any ArchiveFollower).leaveOut(files)
    try driver.source.start(after: nil)
    return try driver.all().joined().joined()
  }

  /// Two rotated and compressed files, and the log.
  private func prepare() {
    for name in ["oldest", "older"] {
      writer.append(Self.lines(name))
      writer.rotate()
      writer.compress(1)
    }
    writer.append(Self.lines("live"))
  }

  @Test func nothingHappensInBetween() throws {
    prepare()
    let (text, files) = try archive("app.log.*.gz")
    #expect(text == Self.lines("oldest") + Self.lines("older") && files.count == 2)
    #expect(try live(files) == Self.lines("live"))
  }

  /// The log was rotated after the archive's end: what was in it is only beside it now.
  @Test(arguments: [false, true], [1, 3])
  func rotatedInBetween(isCompressed: Bool, times: Int) throws {
    prepare()
    let (text, files) = try archive("app.log.*.gz")
    var expected = text + Self.lines("live")
    for time in 0..<times {
      writer.rotate()
      if isCompressed { writer.compress(1) }
      writer.append(Self.lines("after \(time)"))
      expected += Self.lines("after \(time)")
    }
    #expect(try text + live(files) == expected)
  }

  /// The archive had the uncompressed file, which was compressed and moved since.
  @Test func readPlainAndCompressedSince() throws {
    prepare()
    writer.rotate()
    let (text, files) = try archive("app.log.*")
    #expect(text == Self.lines("oldest") + Self.lines("older") + Self.lines("live"))
    writer.compress(1)
    writer.append(Self.lines("new"))
    writer.rotate()
    writer.append(Self.lines("newest"))
    #expect(try live(files) == Self.lines("new") + Self.lines("newest"))
  }

  /// The archive's pattern has the log itself, which grows on.
  @Test func theLogIsPartOfTheArchive() throws {
    prepare()
    let (text, files) = try archive("app.log*")
    #expect(text.hasSuffix(Self.lines("live")))
    writer.append("one more line\n")
    #expect(try live(files) == "one more line\n")
    writer.rotate()
    writer.append(Self.lines("new"))
    #expect(try live(files) == "one more line\n" + Self.lines("new"))
  }

  /// The archive holds copies that lie elsewhere.
  @Test func copiesInAnotherFolder() throws {
    prepare()
    try PosixFileSystem().createDirectory(folder.file("kept"))
    for (number, name) in [(2, "oldest"), (1, "older")] {
      try folder.write(Self.lines(name), to: "kept/day-\(3 - number).txt")
    }
    let (text, files) = try archive("kept/*")
    writer.rotate()
    writer.append(Self.lines("new"))
    #expect(try text + live(files) == ["oldest", "older", "live", "new"].map { Self.lines($0) }.joined())
  }

  /// Each file of the archive is one file of the log, the oldest that it can be.
  @Test func filesThatBeginAlike() throws {
    writer.append("head\n")
    writer.rotate()
    writer.compress(1)
    let (_, files) = try archive("app.log.*.gz")
    writer.append("head\nand more\n")
    #expect(try live(files) == "head\nand more\n")
  }
}
