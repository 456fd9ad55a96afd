import FileConnector
import GzipFileConnector
import MillraceColumnar
import MillraceCore
import MillraceFormats
import RotatingFileConnector
import Testing

/// Faults that users of other tools reported about reading gzip files and about writing files, and that are none here. The list of all is
/// `docs/known-bugs.md`.
struct KnownSinkBugTests {
  let folder: FileFolder

  init() throws { folder = try FileFolder() }

  private func open(_ connector: any Connector, _ options: [String: String], _ committed: (Int64, JSON)? = nil) throws
    -> any ByteSink
  {
    let sink = try connector.sink(options, Schema([StructField("value", .string)])).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    _ = try sink.recover(batchID: committed?.0, token: committed?.1)
    return sink
  }

  @discardableResult
  private func write(_ sink: any ByteSink, _ batch: Int64, _ text: String) throws -> JSON {
    try sink.begin(batchID: batch)
    try Array(text.utf8).withUnsafeBytes {
      try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: $0.count))
    }
    let token = try sink.commit(batchID: batch)
    try sink.publish(batchID: batch)
    return token
  }

  private func text(_ name: String) throws -> String { String(decoding: try folder.read(name), as: UTF8.self) }

  @Test("Vector #7990: a log that was rotated and compressed is not read again")
  func rotatedAndCompressed() throws {
    try folder.write("a.log.1.gz", gzip("one\n"))
    var driver = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/a.log.*"])
    #expect(try driver.batch() == ["one\n"])
    try folder.rename("a.log.1.gz", "a.log.2.gz")
    try folder.write("a.log.1.gz", gzip("two\n"))
    #expect(try driver.all() == [["two\n"]])
  }

  @Test("Vector #13193: files are told apart by what they hold, not by compressed bytes that are alike")
  func alikeWhenCompressed() throws {
    // Stored without compression: the first kilobyte of both files is the same header and block start up to the text itself.
    try folder.write("a.log.2.gz", gzip("first line\nof one\n"))
    var driver = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"])
    #expect(try driver.batch() == ["first line\nof one\n"])
    // The same text compressed in another way, on the same inode: nothing new.
    let out = ByteBuffer()
    Array("first line\nof one\n".utf8).withUnsafeBytes { GzipCompressor(level: 0).compressMember($0, into: out) }
    try folder.write("a.log.2.gz", Array(out.bytes))
    #expect(try driver.all().joined().allSatisfy { $0.isEmpty })
    // Another text of the same length on the same inode is another file.
    try folder.write("a.log.2.gz", gzip("first line\nof two, longer\n"))
    #expect(try driver.batch() == ["first line\nof two, longer\n"])
  }

  @Test("Vector #24280: gzip is known by its first bytes, whatever the name")
  func gzipWithoutItsName() throws {
    try folder.write("app.log", gzip("compressed\n"))
    try folder.write("app.log.1.gz", Array("plain\n".utf8))
    var driver = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"])
    #expect(try driver.batch() == ["plain\n", "compressed\n"])
  }

  @Test(
    "Vector #3373: the last block is in the file when the sink is closed", arguments: ["gzip-file", "rotating-file"])
  func lastBlock(name: String) throws {
    let sink: any ByteSink
    if name == "gzip-file" {
      sink = try open(GzipFileConnector(), ["path": "\(folder.path)/out.gz"])
    } else {
      sink = try open(RotatingFileConnector(), ["path": "\(folder.path)/out.gz"])
    }
    try write(sink, 0, "a\n")
    try write(sink, 1, "last\n")
    try sink.close()
    #expect(try text(name == "gzip-file" ? "out.gz" : "out.000001.gz") == "a\nlast\n")
  }

  @Test("Vector #14037: another compression in the options makes no file of two kinds")
  func anotherCompression() throws {
    let options = ["path": "\(folder.path)/app.log"]
    var sink = try open(RotatingFileConnector(), options)
    var token = try write(sink, 0, "plain\n")
    try sink.begin(batchID: 1)
    try sink.close()
    try folder.append("app.000001.log", Array("lost\n".utf8))
    sink = try open(RotatingFileConnector(), options.merging(["compress": "gzip"]) { $1 }, (0, token))
    token = try write(sink, 1, "packed\n")
    try sink.close()
    #expect(try text("app.000001.log") == "plain\n")
    #expect(try text("app.000002.log.gz") == "packed\n")
    sink = try open(RotatingFileConnector(), options, (1, token))
    try write(sink, 2, "plain again\n")
    try sink.close()
    #expect(try text("app.000002.log.gz") == "packed\n")
    #expect(try text("app.000003.log") == "plain again\n")
  }

  @Test("Telegraf #12532: a start sets no file's length to 0")
  func lengthAfterAStart() throws {
    let options = ["path": "\(folder.path)/app.log"]
    var sink = try open(RotatingFileConnector(), options)
    let token = try write(sink, 0, "kept\n")
    try sink.close()
    for _ in 0..<3 {
      sink = try open(RotatingFileConnector(), options, (0, token))
      try sink.close()
      #expect(try text("app.000001.log") == "kept\n")
    }
  }

  @Test("Logstash gzip output: two writers do not share a file", arguments: ["gzip-file", "rotating-file"])
  func twoWriters(name: String) throws {
    let connector: any Connector = name == "gzip-file" ? GzipFileConnector() : RotatingFileConnector()
    let options = ["path": "\(folder.path)/out.gz"]
    let first = try open(connector, options)
    #expect(code { _ = try open(connector, options) } == "SINK_IN_USE")
    try write(first, 0, "a\n")
    try first.close()
  }

  @Test("Vector #16061, #24349, #2774: files are begun anew by size")
  func rotatesBySize() throws {
    let sink = try open(RotatingFileConnector(), ["path": "\(folder.path)/app.log", "maxFileBytes": "10"])
    for batch in Int64(0)..<4 { try write(sink, batch, "row \(batch)\n") }
    try sink.close()
    #expect(try (1...4).map { try text("app.00000\($0).log") } == (0..<4).map { "row \($0)\n" })
  }

  @Test("SPARK-25331: a batch that is written again replaces its file")
  func batchAgain() throws {
    let options = ["path": "\(folder.path)/parts"]
    var sink = try open(FileConnector(.text), options)
    let token = try write(sink, 0, "a\n")
    try write(sink, 1, "first attempt\n")
    try sink.close()
    sink = try open(FileConnector(.text), options, (0, token))
    try write(sink, 1, "second\n")
    try sink.close()
    let names = try folder.files.list("\(folder.path)/parts")
    #expect(names.count == 2)
    #expect(try names.map { try text("parts/\($0)") } == ["a\n", "second\n"])
  }

  @Test("SPARK-27210: what a crash left of a batch is removed")
  func orphans() throws {
    let options = ["path": "\(folder.path)/parts"]
    var sink = try open(FileConnector(.text), options)
    let token = try write(sink, 0, "a\n")
    try sink.begin(batchID: 1)
    try Array("torn".utf8).withUnsafeBytes {
      try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: $0.count))
    }
    // The process ends here: nothing is closed.
    let again = try open(FileConnector(.text), options, (0, token))
    #expect(try folder.files.list("\(folder.path)/parts").count == 1)
    try again.close()
    sink = again
  }

  @Test("What a query rotates can be read in its order")
  func ownFilesInOrder() throws {
    for (index, name) in ["app.000010.log.gz", "app.000002.log.gz", "app.000009.log.gz", "app.1000000.log.gz"]
      .enumerated()
    {
      try folder.write(name, gzip("\(index)"))
    }
    var driver = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"])
    #expect(try driver.batch() == ["1", "2", "0", "3"])
  }
}
