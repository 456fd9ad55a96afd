import GzipFileConnector
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization
import Testing

/// What the source `gzip-file` does with damaged files, by its option `onCorrupt`.
struct GzipDamageTests {
  let folder: FileFolder
  /// Three members of 300 lines each.
  let members = (1...3).map { member in (0..<300).map { "member \(member) line \($0) \($0 * 7919 % 1009)\n" }.joined() }

  init() throws { folder = try FileFolder() }

  final class Warnings: Sendable {
    let all = Mutex<[MillraceError]>([])
  }

  /// Reads all files in batches of about `bytes` plain bytes; the text, the code of the error and the number of warnings.
  func read(_ policy: String, bytes: Int? = nil) throws -> (text: String, code: String, warnings: [MillraceError]) {
    let warnings = Warnings()
    let environment = Environment(
      files: PosixFileSystem(), clock: SystemClock(), warn: { warning in warnings.all.withLock { $0.append(warning) } })
    var options = ["path": "\(folder.path)/*", "onCorrupt": policy]
    options["maxBytesPerTrigger"] = bytes.map { String($0) }
    var driver = try ByteDriver(GzipFileConnector(), options, environment)
    var text = ""
    let code = code {
      while let texts = try driver.batch() {
        text += texts.joined()
        let place = Offset(try JSON(parsing: driver.offset?.json.text ?? "null"))
        driver = try ByteDriver(GzipFileConnector(), options, environment)
        driver.offset = place
      }
    }
    return (text, code, warnings.all.withLock { $0 })
  }

  /// The text of a file that is read to the damage and then given up: the bytes that its reader gives before the error.
  func prefix() throws -> String {
    let reader = try GzipReader(folder.files.open("\(folder.path)/a.gz", .read), library: .zlib)
    defer { reader.close() }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1000)
    while let count = try? buffer.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0 {
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }

  enum Damage: String, CaseIterable {
    case truncated, flipped, checksum, torn, garbageBehind, garbageBetween, header, tornHeader
  }

  func write(_ damage: Damage) throws {
    var parts = members.map { gzip($0) }
    switch damage {
    case .truncated: parts[2].removeLast(parts[2].count / 2)
    case .flipped: parts[1][parts[1].count / 2] ^= 0x55
    case .checksum: parts[1][parts[1].count - 6] ^= 1
    case .torn: parts[1].removeLast(parts[1].count / 2)
    case .garbageBehind: parts.append(Array("this is no gzip".utf8))
    case .garbageBetween: parts.insert([0, 0, 0, 1, 2, 3], at: 1)
    case .header: parts[1][2] = 7
    case .tornHeader: parts[1].removeLast(parts[1].count - 5)
    }
    try folder.write("a.gz", parts.flatMap { $0 })
  }

  @Test(arguments: Damage.allCases) func failsByDefault(damage: Damage) throws {
    try write(damage)
    let source = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"]).source
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    let reader = try source.open(plan.splits[0])
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1000)
    var failure: MillraceError?
    while failure == nil {
      do { text += buffer[..<(try buffer.withUnsafeMutableBytes { try reader.read(into: $0) })] } catch {
        failure = error as? MillraceError
      }
    }
    // All that can be read is given before.
    #expect(text.starts(with: members[0].utf8))
    let codes: [Damage: Set<String>] = [
      .truncated: ["GZIP_TRUNCATED"], .flipped: ["GZIP_DAMAGED", "GZIP_CRC"], .checksum: ["GZIP_CRC"],
      .torn: ["GZIP_DAMAGED", "GZIP_CRC"], .garbageBehind: ["GZIP_TRAILING_DATA"],
      .garbageBetween: ["GZIP_TRAILING_DATA"], .header: ["GZIP_HEADER"],
      .tornHeader: ["GZIP_HEADER", "GZIP_DAMAGED", "GZIP_CRC"],
    ]
    let error = try #require(failure)
    #expect(codes[damage]?.contains(error.code) == true, "\(error)")
    #expect(error.location == "\(folder.path)/a.gz" && error.message.contains("compressed byte"))
    #expect(error.hint?.contains("onCorrupt") == true || error.code == "GZIP_HEADER")
  }

  /// The members that are whole are read whole, in whatever pieces; a line that the damage cut does not run into the next.
  @Test(arguments: Damage.allCases) func skipsTheMember(damage: Damage) throws {
    try write(damage)
    let (text, code, warnings) = try read("skipMember")
    #expect(code == "none" && !warnings.isEmpty)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let wanted = members[0].split(separator: "\n") + (damage == .truncated ? [] : members[2].split(separator: "\n"))
    #expect(Set(wanted.map(String.init)).subtracting(lines).isEmpty)
    #expect(Set(lines).count >= lines.count - 1)
    if damage == .checksum || damage == .garbageBehind || damage == .garbageBetween {
      #expect(text == members.joined())
    }
    for bytes in [700, 4000, 11_000] { #expect(try read("skipMember", bytes: bytes).text == text, "\(bytes)") }
  }

  @Test(arguments: Damage.allCases) func stopsThere(damage: Damage) throws {
    try write(damage)
    try folder.write("b.gz", gzip("the next file\n"))
    let (text, code, warnings) = try read("stop")
    #expect(code == "none" && warnings.count == 1)
    #expect(text == (try prefix()) + "the next file\n")
    for bytes in [700, 4000] { #expect(try read("stop", bytes: bytes).text == text, "\(bytes)") }
  }

  /// Padding is no damage.
  @Test func readsOverZeros() throws {
    let zeros = [UInt8](repeating: 0, count: 700)
    try folder.write("a.gz", members.flatMap { gzip($0) + zeros })
    let (text, code, warnings) = try read("fail")
    #expect(text == members.joined() && code == "none" && warnings.isEmpty)
  }

  /// A member that was cut short and another behind it, as a crash of a careless writer leaves it: gzip finds none of the second.
  @Test func findsAMemberBehindATornOne() throws {
    for cut in [1, 9, 10, 11, 18, 100, 500] {
      let torn = Array(gzip(members[0]).dropLast(cut))
      try folder.write("a.gz", torn + gzip(members[1]))
      let (text, code, warnings) = try read("skipMember")
      let isWhole = Array(text.utf8).suffix(members[1].utf8.count).elementsEqual(members[1].utf8)
      #expect(isWhole && code == "none" && warnings.count == 1, "\(cut): \(code) \(warnings) \(text.utf8.count)")
    }
  }

  /// What follows a file's end later may go on with its last member: it is looked at again from there, and nothing before it is.
  @Test func goesOnInAGrowingMember() throws {
    let files = PosixFileSystem()
    let path = "\(folder.path)/a.gz"
    let sink = try GzipFileConnector().sink(["path": path, "memberSize": "4 KiB"], Schema()).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    _ = try sink.recover(batchID: nil, token: nil)
    var driver = try ByteDriver(GzipFileConnector(), ["path": path])
    var text = "", expected = ""
    for batch in Int64(0)..<100 {
      let line =
        "line \(batch) \(batch * 7919 % 1009) of a text that grows\n" + String(repeating: "+", count: 100) + "\n"
      try sink.begin(batchID: batch)
      try Array(line.utf8).withUnsafeBytes {
        try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: $0.count))
      }
      _ = try sink.commit(batchID: batch)
      expected += line
      if batch % 3 == 0 { text += try driver.batch()?.joined() ?? "" }
    }
    text += try driver.batch()?.joined() ?? ""
    #expect(text == expected)
    // Fewer than two members are inflated again, whatever stands before them.
    let place = try #require(driver.offset?.json["files"]?.array?.first?.array)
    #expect(try #require(place[1].int) - #require(place[3].int) < 8192)
    #expect(try #require(place[2].int) > 1000 && files.status(path) != nil)
  }
}
