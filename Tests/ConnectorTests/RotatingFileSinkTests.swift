import MillraceCore
import MillraceFormats
import RotatingFileConnector
import MillraceTesting
import Testing

struct RotatingFileSinkTests {
  let folder = ScratchFolder()
  static let schema = Schema([StructField("value", .string)])

  /// What a query keeps of its sink.
  struct Log {
    var committed: (batch: Int64, token: JSON)?
  }

  func sink(_ options: [String: String] = [:], _ environment: Environment = .live, mode: OutputMode = .append) throws
    -> any ByteSink
  {
    try RotatingFileConnector().sink(
      ["path": folder.file("out/app.log")].merging(options) { $1 }, Self.schema, mode, environment: environment
    ).byteSink
  }

  /// Runs batches from where the log stands; batch n writes the blocks `n.0`, `n.1`, `n.2` of 8 bytes.
  func run(upTo last: Int64, _ log: inout Log, _ sink: any ByteSink, query: String = "q") throws {
    try sink.open(SinkContext(queryID: query, sinkName: "s"))
    defer { try? sink.close() }
    #expect(try sink.recover(batchID: log.committed?.batch, token: log.committed?.token) == nil)
    var batch = (log.committed?.batch ?? -1) + 1
    while batch <= last {
      try sink.begin(batchID: batch)
      for block in 0..<3 {
        var text = "b\(batch).\(block)...\n"
        try text.withUTF8 { bytes in
          try sink.write(EncodedBlock(bytes: UnsafeRawBufferPointer(bytes), rowCount: 1, plainByteCount: bytes.count))
        }
      }
      log.committed = (batch, try sink.commit(batchID: batch))
      try sink.publish(batchID: batch)
      batch += 1
    }
  }

  func names() -> [String] { ((try? PosixFileSystem().list(folder.file("out"))) ?? []).filter { !$0.hasPrefix(".") } }
  func texts() -> [String] { names().map { folder.text("out/\($0)") ?? "?" } }
  static func lines(_ batches: ClosedRange<Int64>) -> String {
    batches.flatMap { batch in (0..<3).map { "b\(batch).\($0)...\n" } }.joined()
  }

  @Test func rotatesBySize() throws {
    var log = Log()
    try run(upTo: 2, &log, sink(["maxFileBytes": "32"]))
    #expect(names() == ["app.000001.log", "app.000002.log", "app.000003.log"])
    #expect(texts().allSatisfy { $0.utf8.count <= 32 })
    #expect(texts().joined() == Self.lines(0...2))
    try run(upTo: 4, &log, sink(["maxFileBytes": "32", "keepFiles": "2"]))
    #expect(names() == ["app.000003.log", "app.000004.log"])
    #expect(Self.lines(0...4).hasSuffix(texts().joined()))
    try run(upTo: 5, &log, sink(["maxFileBytes": "1"]))
    #expect(names().count == 5)
  }

  /// Rotation happens between blocks, so a block must not be larger than a file.
  @Test func asksForBlocksThatFit() throws {
    #expect(try sink(["maxFileBytes": "32"]).blockSize == 32)
    #expect(try sink(["maxFileBytes": "1 GiB"]).blockSize == 1 << 20)
  }

  /// Each file is one that a reader of the format takes, also those of a run after a crash.
  @Test func beginsEachFileWithTheHeader() throws {
    func headered() throws -> any ByteSink {
      let sink = try sink(["maxFileBytes": "24"])
      Array("head\n".utf8).withUnsafeBytes {
        (sink as? any HeaderedByteSink)?.setHeader(EncodedBlock(bytes: $0, rowCount: 0, plainByteCount: 5))
      }
      return sink
    }
    #expect(try headered().blockSize == 19)
    var log = Log()
    try run(upTo: 0, &log, headered())
    #expect(texts() == ["head\nb0.0...\nb0.1...\n", "head\nb0.2...\n"])
    var lost = log
    try run(upTo: 1, &lost, headered())
    try run(upTo: 1, &log, headered())
    #expect(texts() == ["head\nb0.0...\nb0.1...\n", "head\nb0.2...\nb1.0...\n", "head\nb1.1...\nb1.2...\n"])
  }

  @Test func rotatesByAge() throws {
    let clock = TestClock(1_000_000_000)
    let environment = Environment(files: PosixFileSystem(), clock: clock)
    var log = Log()
    for batch in Int64(0)...5 {
      try run(upTo: batch, &log, sink(["rollInterval": "1 minute"], environment))
      clock.advance(25_000_000)
    }
    #expect(texts() == [Self.lines(0...2), Self.lines(3...5)])
  }

  /// A kill after every change in the very first batch, beside files of an earlier query, which stay. Others are in `SinkCrashTests`.
  @Test func crashesAtTheStart() throws {
    for limit in 0...30 {
      try PosixFileSystem().removeTree(folder.file("out"))
      var earlier = Log()
      try run(upTo: 0, &earlier, sink(), query: "earlier")
      var log = Log()
      let environment = Environment(files: DyingFileSystem(after: limit), clock: SystemClock())
      try? run(upTo: 1, &log, sink([:], environment))
      try run(upTo: 1, &log, sink())
      #expect(texts().joined() == Self.lines(0...0) + Self.lines(0...1), "kill after \(limit)")
    }
  }

  @Test func filesThatOthersTouched() throws {
    func failure(_ change: (Log) throws -> Void) throws -> String {
      try PosixFileSystem().removeTree(folder.file("out"))
      var log = Log()
      try run(upTo: 1, &log, sink())
      try change(log)
      return code { try run(upTo: 2, &log, sink()) }
    }
    let file = "out/app.000001.log"
    #expect(try failure { _ in try folder.write("short", to: file) } == "SINK_TRUNCATED")
    #expect(try failure { _ in try PosixFileSystem().remove(folder.file(file)) } == "SINK_TRUNCATED")
    #expect(try failure { _ in try folder.write(String(repeating: "x", count: 100), to: file) } == "SINK_MODIFIED")
    #expect(try failure { _ in try PosixFileSystem().remove(folder.file("out/.app.log.millrace")) } == "SINK_MODIFIED")
    #expect(
      try failure { _ in
        var other = Log()
        try run(upTo: 0, &other, sink(), query: "other")
      } == "SINK_MODIFIED")
    #expect(try failure { _ in try folder.write("foreign", to: "out/app.log") } == "none")
    #expect(folder.text("out/app.log") == "foreign")
  }

  @Test func oneWriterOnly() throws {
    let first = try sink(), second = try sink()
    try first.open(SinkContext(queryID: "a", sinkName: "s"))
    #expect(code { try second.open(SinkContext(queryID: "b", sinkName: "s")) } == "SINK_IN_USE")
    try first.close()
    #expect(code { try second.open(SinkContext(queryID: "b", sinkName: "s")) } == "none")
  }

  @Test(arguments: [
    ("a.log", "none", "a.000001.log"), ("a", "none", "a.000001"), ("a.log", "gzip", "a.000001.log.gz"),
    ("a.log.gz", "", "a.000001.log.gz"), ("a.b.csv", "none", "a.b.000001.csv"), (".hidden", "none", ".hidden.000001"),
  ])
  func fileNames(path: String, compress: String, expected: String) throws {
    let sink = try sink(["path": folder.file(path)].merging(compress.isEmpty ? [:] : ["compress": compress]) { $1 })
    var log = Log()
    try run(upTo: 0, &log, sink)
    let reader = try GzipReader(PosixFileSystem().open(folder.file(expected), .read))
    #expect(String(decoding: try bytes(reader), as: UTF8.self) == Self.lines(0...0))
    #expect((sink.compression == nil) == !expected.hasSuffix(".gz"))
  }

  @Test(arguments: [
    ([:], "OPTION_MISSING"), (["path": ""], "OPTION_OUT_OF_RANGE"), (["path": "out/"], "OPTION_OUT_OF_RANGE"),
    (["path": "a\u{0}b"], "OPTION_OUT_OF_RANGE"), (["path": "a", "compress": "zip"], "OPTION_OUT_OF_RANGE"),
    (["path": "a", "maxFileBytes": "0"], "OPTION_OUT_OF_RANGE"), (["path": "a", "maxFileByte": "1"], "OPTION_UNKNOWN"),
    (["path": "a", "rollInterval": "daily"], "OPTION_WRONG_TYPE"),
    (["path": "a", "keepFiles": "0"], "OPTION_OUT_OF_RANGE"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { _ = try RotatingFileConnector().sink(options, Self.schema) } == expected)
  }
}
