import Glibc
import MillraceCore
import MillraceFormats
import MillraceTesting
import RotatingFileConnector
import Testing

/// A program that writes a log and a rotator that moves it about.
struct LogWriter {
  let folder: ScratchFolder
  let files = PosixFileSystem()
  private func path(_ number: Int, gzip: Bool = false) -> String {
    folder.file(number == 0 ? "app.log" : "app.log.\(number)\(gzip ? ".gz" : "")")
  }

  func append(_ text: String, to number: Int = 0) {
    try? folder.write(text, to: number == 0 ? "app.log" : "app.log.\(number)", appending: true)
  }

  /// Moves every rotated file up by one.
  func shift() {
    for number in stride(from: 60, through: 1, by: -1) {
      for gzip in [false, true] where (try? files.status(path(number, gzip: gzip))) != nil {
        try? files.rename(path(number, gzip: gzip), to: path(number + 1, gzip: gzip))
      }
    }
  }

  /// Renames; the program opens a new file with its next line, or the rotator makes one.
  func rotate(creates: Bool = true) {
    shift()
    try? files.rename(path(0), to: path(1))
    if creates { append("") }
  }

  func copyTruncate() {
    shift()
    let text = folder.text("app.log") ?? ""
    try? folder.write(text, to: "app.log.1")
    try? files.open(path(0), .update).truncate(to: 0)
  }

  func compress(_ number: Int) {
    guard let text = folder.text("app.log.\(number)") else { return }
    let out = ByteBuffer()
    var copy = text
    copy.withUTF8 { GzipCompressor(level: 1).compressMember(UnsafeRawBufferPointer($0), into: out) }
    guard let file = try? files.open(path(number, gzip: true), .create) else { return }
    try? file.write(out.bytes, at: 0)
    try? file.close()
    // As gzip does.
    var status = stat()
    stat(path(number), &status)
    _ = [status.st_mtim, status.st_mtim].withUnsafeBufferPointer {
      utimensat(AT_FDCWD, path(number, gzip: true), $0.baseAddress, 0)
    }
    try? files.remove(path(number))
  }

  func remove(_ number: Int) { try? files.remove(path(number)) }
}

/// Drives a source as the engine does, and can be killed between any two calls.
final class Follower {
  private let options: [String: String]
  private let environment: Environment
  private(set) var offset: Offset?
  private var source: (any ByteSource)?
  private(set) var text = ""
  /// The records of the text, several lines each where the options say so.
  private(set) var records: [String] = []
  /// Places of the splits that were read, with the names of their files.
  private(set) var places: [String] = []
  /// Whether a planned file may be gone after a restart.
  private let allowsLoss: Bool
  /// Does to the file system what the end of the process does.
  var onKill: () -> Void = {}
  /// Runs before each start of a source.
  var onStart: () -> Void = {}

  init(_ options: [String: String], _ environment: Environment) {
    self.options = options
    allowsLoss = options["failOnDataLoss"] == "false"
    self.environment = environment
  }

  func start(freeze: Bool = false) throws {
    onStart()
    let made = try RotatingFileConnector().source(options, environment: environment).byteSource
    try made.start(after: offset)
    if freeze { try made.freeze() }
    source = made
  }

  /// Forgets the source as a killed process would.
  func stop(kill: Bool = false) {
    if !kill { source?.close() }
    source = nil
  }

  /// One batch; with `killed`, everything of it is forgotten but the plan, which is read again after a restart.
  @discardableResult
  func batch(_ limit: ReadLimit = ReadLimit(), killed: Bool = false) throws -> Bool {
    if source == nil { try start() }
    guard let current = source, let plan = try current.plan(after: offset, limit: limit) else { return false }
    if killed {
      let first = try Self.read(plan, current)
      stop(kill: true)
      onKill()
      try start()
      let again = try Self.read(plan, source ?? current)
      if (first.text != again.text || first.records != again.records) && !allowsLoss {
        Issue.record("a plan read twice gave \(first.records) and \(again.records)")
      }
    }
    let read = try Self.read(plan, source ?? current)
    text += read.text
    records += read.records
    places += plan.splits.map { "\($0.name)@\($0.offset)" }
    let end = try (source ?? current).offset(after: offset, plan: plan, results: read.results)
    if let planned = plan.end, planned != end { Issue.record("planned end \(planned), computed \(end)") }
    offset = end
    try (source ?? current).commit(end)
    return true
  }

  func drain(_ limit: ReadLimit = ReadLimit()) throws { while try batch(limit) {} }

  /// Splits as the engine reads them: whole lines within the limit, one at least.
  private static func read(_ plan: SourcePlan, _ source: any ByteSource) throws -> (
    text: String, records: [String], results: [SplitResult]
  ) {
    var text = ""
    var records: [String] = []
    let rules = (source as? any RecordRuleSource)?.recordRules ?? RecordRules()
    var results: [SplitResult] = []
    for split in plan.splits {
      let reader = try source.open(split)
      defer { reader.close() }
      var bytes: [UInt8] = []
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 8)
      defer { buffer.deallocate() }
      while case let count = try reader.read(into: buffer), count > 0 { bytes += buffer[..<count] }
      var end = bytes.count
      if let limit = split.byteLimit, Int(limit) < end {
        let splitter = RecordSplitter(rules)
        end =
          try bytes.withUnsafeBytes { all in
            try splitter.lastEnd(in: UnsafeRawBufferPointer(rebasing: all[..<Int(limit)])) ?? splitter.firstEnd(in: all)
          } ?? end
      }
      records += try Self.records(bytes[..<end], rules)
      text += String(decoding: bytes[..<end], as: UTF8.self)
      // The engine takes a last line without its end for a line.
      if split.isFinal && end == bytes.count && end > 0 && bytes[end - 1] != 0x0A { text += "\n" }
      results.append(SplitResult(bytesConsumed: Int64(end), reachedEnd: end == bytes.count))
    }
    return (text, records, results)
  }

  /// What a decoder of text makes of bytes.
  private static func records(_ bytes: ArraySlice<UInt8>, _ rules: RecordRules) throws -> [String] {
    let buffer = MemoryBuffer(capacity: rules.encoding.decodedCapacity(bytes.count) + 64)
    let count = bytes.withUnsafeBytes {
      rules.encoding.decode($0, into: buffer.base.assumingMemoryBound(to: UInt8.self))
    }
    var origin = RecordOrigin(name: "test", offset: 0)
    origin.grouping = rules.grouping
    origin.encoding = rules.encoding
    let decoder = try TextDecoding().makeDecoder(columns: [0], filters: [])
    let batch = try decoder.decode(
      UnsafeRawBufferPointer(start: buffer.base, count: count), owner: buffer, origin: origin)
    return batch.rows().map { row in
      if case .string(let text) = row[0] { return text }
      return "NULL"
    }
  }
}

struct RotatingFileSourceTests {
  let folder = ScratchFolder()
  var writer: LogWriter { LogWriter(folder: folder) }
  /// Ahead of the files' times, so that every file is quiet.
  let clock = TestClock(SystemClock().now() + 3_600_000_000)

  func follower(_ options: [String: String] = [:]) -> Follower {
    Follower(
      ["path": folder.file("app.log")].merging(options) { $1 }, Environment(files: PosixFileSystem(), clock: clock))
  }

  @Test func wholeLinesOnly() throws {
    writer.append("a\nbb\nhal")
    let follower = follower()
    try follower.batch()
    #expect(follower.text == "a\nbb\n")
    #expect(try !follower.batch())
    writer.append("f\nnext")
    try follower.batch()
    #expect(follower.text == "a\nbb\nhalf\n")
    follower.stop()
    writer.append("\n")
    try follower.drain()
    #expect(follower.text == "a\nbb\nhalf\nnext\n")
  }

  @Test(arguments: [1, 3, 4, 7, 1000])
  func limits(bytes: Int64) throws {
    let text = (0..<50).map { "line \($0)\n" }.joined()
    writer.append(text)
    let follower = follower()
    var batches = 0
    while try follower.batch(ReadLimit(bytes: bytes)) { batches += 1 }
    #expect(follower.text == text)
    #expect(batches == (bytes < 16 ? 50 : 1))
  }

  /// Everything that rotation does, while the source runs, while it stands still, and across a restart.
  @Test(arguments: ["running", "restarted", "killed"])
  func rotations(how: String) throws {
    let writer = self.writer
    let steps: [(String, () -> Void)] = [
      ("1\n2\n", { writer.append("1\n2\n") }), ("", { writer.rotate() }), ("3\n", { writer.append("3\n") }),
      ("4\n5", { writer.append("4\n5") }),
      (
        "\n6\n",
        {
          writer.rotate(); writer.append("6\n")
        }
      ), ("", { writer.compress(1) }),
      (
        "7\n",
        {
          writer.append("7\n"); writer.rotate(creates: false)
        }
      ), ("8\n", { writer.append("8\n") }),
      (
        "9\n10\n",
        {
          writer.append("9\n"); writer.rotate(); writer.compress(1); writer.append("10\n")
        }
      ),
      (
        "11\n12\n13\n",
        {
          for line in 11...13 {
            writer.append("\(line)\n")
            writer.rotate()
            writer.compress(1)
          }
        }
      ), ("14\n", { writer.append("14\n") }),
      (
        "15\n",
        {
          writer.append("15\n"); writer.copyTruncate()
        }
      ),
      ("16\n", { writer.append("16\n") }),
      (
        "17\n18\n",
        {
          writer.append("17\n"); writer.copyTruncate(); writer.append("18\n")
        }
      ),
    ]
    let follower = follower(["waitForFile": "true"])
    try follower.start()
    var expected = ""
    for (index, step) in steps.enumerated() {
      if how == "restarted" { follower.stop() }
      if how == "killed" { follower.stop(kill: true) }
      step.1()
      try follower.drain()
      expected += step.0
      let lines = { (text: String) in text.split(separator: "\n").joined(separator: " ") }
      #expect(
        lines(follower.text) == lines(expected.hasSuffix("5") ? String(expected.dropLast()) : expected), "step \(index)"
      )
    }
    #expect(follower.text.split(separator: "\n").count == 18)
  }

  /// A file that is still written to after it was renamed is read on beside the next one.
  @Test func lateLinesAfterRotation() throws {
    clock.advance(SystemClock().now() - clock.now())
    let follower = follower(["rotateWait": "1 hour"])
    writer.append("a\n")
    try follower.drain()
    writer.rotate()
    writer.append("b\n")
    try follower.drain()
    writer.append("late\nopen", to: 1)
    try follower.drain()
    writer.append("c\n")
    try follower.drain()
    #expect(follower.text == "a\nb\nlate\nc\n")
    clock.advance(7_200_000_000)
    writer.append("d\n")
    try follower.drain()
    #expect(
      follower.text.split(separator: "\n").sorted() == ["a", "b", "c", "d", "late", "open"]
        || follower.text.contains("opend"))
  }

  @Test func removedWhileOpen() throws {
    let follower = follower()
    writer.append("a\nb\n")
    try follower.batch(ReadLimit(bytes: 2))
    writer.rotate()
    writer.remove(1)
    writer.append("c\n")
    try follower.drain()
    #expect(follower.text == "a\nb\nc\n")
    follower.stop()
    writer.append("d\ne\n")
    writer.rotate()
    writer.remove(1)
    #expect(code { try follower.drain() } == "none")
    #expect(follower.text == "a\nb\nc\n")
  }

  @Test func lostFiles() throws {
    for failsOnLoss in [true, false] {
      let follower = follower(["failOnDataLoss": "\(failsOnLoss)"])
      writer.append("a\nb\n")
      try follower.batch(ReadLimit(bytes: 2))
      follower.stop()
      writer.remove(0)
      writer.append("c\n")
      let error = message { try follower.drain() }
      #expect(
        failsOnLoss ? error.contains("[SOURCE_FILE_MISSING] '\(folder.path)/app.log' is gone") : error == "none",
        "\(error)")
      #expect(follower.text == (failsOnLoss ? "a\n" : "a\nc\n"))
      writer.remove(0)
    }
  }

  /// The same inode, truncated and grown past the old offset before anyone looked.
  @Test(arguments: [false, true])
  func truncatedAndRegrown(restarts: Bool) throws {
    let follower = follower()
    writer.append("old 1\nold 2\n")
    try follower.drain()
    if restarts { follower.stop() }
    try folder.write("new 1\nnew 2\nnew 3\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == "old 1\nold 2\nnew 1\nnew 2\nnew 3\n")
    // The first bytes are the same, those before the offset are not.
    let head = String(repeating: "same\n", count: 300)
    writer.append(head + "x\n")
    try follower.drain()
    let before = follower.text
    if restarts { follower.stop() }
    try folder.write("new 1\nnew 2\nnew 3\n" + head + "y\nz\n", to: "app.log")
    try follower.drain()
    #expect(follower.text == before + "new 1\nnew 2\nnew 3\n" + head + "y\nz\n")
  }

  @Test func startingPosition() throws {
    writer.append("old\n")
    writer.rotate()
    writer.append("a\nhal")
    let atEnd = follower(["startingPosition": "end"])
    try atEnd.start()
    writer.append("f\nb\n")
    try atEnd.drain()
    #expect(atEnd.text == "half\nb\n")
    let fromStart = follower()
    try fromStart.drain()
    #expect(fromStart.text == "a\nhalf\nb\n")
    writer.compress(1)
    let pattern = follower(["path": folder.file("app.log*")])
    try pattern.drain()
    #expect(pattern.text == "old\na\nhalf\nb\n")
  }

  @Test func patternsAndDates() throws {
    for name in ["a.log", "b.log", "b.log-20240102", "b.log-20240101.gz", "out.000002.txt", "out.000001.txt"] {
      if name.hasSuffix(".gz") {
        let out = ByteBuffer()
        var text = "\(name)\n"
        text.withUTF8 { GzipCompressor(level: 6).compressMember(UnsafeRawBufferPointer($0), into: out) }
        let file = try PosixFileSystem().open(folder.file(name), .create)
        try file.write(out.bytes, at: 0)
        try file.close()
      } else {
        try folder.write("\(name)\n", to: name)
      }
    }
    let logs = follower(["path": folder.file("*.log*")])
    try logs.drain(ReadLimit(files: 1))
    #expect(logs.text == "a.log\nb.log-20240101.gz\nb.log-20240102\nb.log\n")
    let numbered = follower(["path": folder.file("out.*.txt")])
    try numbered.drain()
    try folder.write("third\n", to: "out.000003.txt")
    try PosixFileSystem().remove(folder.file("out.000001.txt"))
    numbered.stop()
    try numbered.drain()
    #expect(numbered.text == "out.000001.txt\nout.000002.txt\nthird\n")
  }

  @Test func frozen() throws {
    let follower = follower()
    writer.append("a\nb")
    try follower.start(freeze: true)
    writer.append("c\nd\n")
    writer.rotate()
    writer.append("e\n")
    try follower.drain()
    #expect(follower.text == "a\n")
    follower.stop()
    try follower.start(freeze: true)
    try follower.drain()
    #expect(follower.text == "a\nbc\nd\ne\n")
  }

  /// Random histories of writing, rotating, compressing, truncating, stopping and killing: every line once, in order.
  @Test(arguments: 0..<40)
  func histories(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let writer = self.writer
    let follower = follower(["waitForFile": "true"])
    try follower.start()
    var written = ""
    var line = 1
    written = "\(seed) line 0\n"
    writer.append(written)
    try follower.batch()
    for _ in 0..<40 {
      // Longer than a tick of the file system's clock, as between the rotations of real logs.
      usleep(5000)
      switch random.next() % 12 {
      case 0...4:
        let count = Int(random.next() % 4) + 1
        let text = (0..<count).map { "\(seed) line \(line + $0)\n" }.joined()
        line += count
        written += text
        // In two pieces, so that a look in between finds half a line.
        let cut = text.index(text.startIndex, offsetBy: Int(random.next() % UInt64(text.count)))
        writer.append(String(text[..<cut]))
        if random.next() % 2 == 0 { try follower.batch() }
        writer.append(String(text[cut...]))
      case 5, 6: writer.rotate(creates: random.next() % 2 == 0)
      case 7: writer.compress(Int(random.next() % 3) + 1)
      case 8:
        // Copying and truncating an empty file that fills up in between cannot be told from doing nothing.
        writer.append("\(seed) line \(line)\n")
        try follower.batch()
        writer.append("\(seed) line \(line + 1)\n")
        written += "\(seed) line \(line)\n\(seed) line \(line + 1)\n"
        line += 2
        writer.copyTruncate()
      case 9: follower.stop(kill: random.next() % 2 == 0)
      case 10: try follower.batch(ReadLimit(bytes: Int64(random.next() % 60)), killed: true)
      default: try follower.batch(ReadLimit(files: Int(random.next() % 3) + 1))
      }
    }
    try follower.drain()
    // The last file's rest, in case it was rotated and nothing came after it.
    writer.append("end\n")
    try follower.drain()
    #expect(follower.text == written + "end\n", "seed \(seed)")
  }

  @Test(arguments: [
    ([:], "OPTION_MISSING"), (["path": ""], "OPTION_OUT_OF_RANGE"), (["path": "logs/"], "OPTION_OUT_OF_RANGE"),
    (["path": "/nowhere/app.log"], "SOURCE_FILE_MISSING"), (["path": "/nowhere/*.log"], "SOURCE_FILE_MISSING"),
    (["path": "a", "startingPosition": "middle"], "OPTION_OUT_OF_RANGE"),
    (["path": "a", "startAt": "end"], "OPTION_UNKNOWN"),
    (["path": "a", "rotateWait": "a while"], "OPTION_WRONG_TYPE"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { try RotatingFileConnector().source(options).byteSource.start(after: nil) } == expected)
  }
}
