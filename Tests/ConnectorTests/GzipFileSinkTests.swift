import GzipFileConnector
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Testing

@Suite struct GzipFileSinkTests {
  let folder: FileFolder

  init() throws { folder = try FileFolder() }

  func sink(_ query: String = "q", name: String = "deep/er/out.gz", _ more: [String: String] = [:]) throws
    -> any ByteSink
  {
    let options = more.merging(["path": "\(folder.path)/\(name)"]) { first, _ in first }
    let sink = try GzipFileConnector().sink(options, Schema()).byteSink
    try sink.open(SinkContext(queryID: query, sinkName: "s"))
    return sink
  }

  func write(_ sink: any ByteSink, _ batch: Int64, _ texts: [String]) throws -> JSON {
    try sink.begin(batchID: batch)
    for text in texts { try put(sink, text) }
    return try sink.commit(batchID: batch)
  }

  /// Small blocks come plain, others as deflate blocks, as the engine makes them.
  func put(_ sink: any ByteSink, _ text: String, isCompressed: Bool = false) throws {
    let out = ByteBuffer()
    var checksum: UInt32 = 0
    try Array(text.utf8).withUnsafeBytes { plain in
      if isCompressed { checksum = GzipCompressor(level: 2, form: .blocks).compressBlocks(plain, into: out) }
      try sink.write(
        EncodedBlock(
          bytes: isCompressed ? out.bytes : plain, rowCount: 1, plainByteCount: plain.count, isCompressed: isCompressed,
          checksum: checksum))
    }
  }

  func content(_ name: String = "deep/er/out.gz") throws -> String {
    String(decoding: try folder.read(name), as: UTF8.self)
  }

  @Test func appendsMembers() throws {
    let sink = try sink()
    _ = try sink.recover(batchID: nil, token: nil)
    _ = try write(sink, 0, ["a", "b"])
    let empty = try write(sink, 1, [])
    #expect(try write(sink, 2, ["c"])["length"]?.int ?? 0 > empty["length"]?.int ?? .max)
    try sink.close()
    #expect(try content() == "abc")
  }

  @Test func cutsBackToTheToken() throws {
    for tail in [gzip("lost"), Array(gzip("lost")[..<7]), [0]] {
      let name = "\(tail.count).gz"
      var sink = try self.sink(name: name)
      _ = try sink.recover(batchID: nil, token: nil)
      let token = try write(sink, 0, ["kept"])
      try sink.close()
      try folder.append(name, tail)
      sink = try self.sink(name: name)
      _ = try sink.recover(batchID: 0, token: token)
      _ = try write(sink, 1, ["+"])
      try sink.close()
      #expect(try content(name) == "kept+")
    }
  }

  @Test func emptiesItsOwnFileWhenNothingWasCommitted() throws {
    var sink = try sink()
    _ = try sink.recover(batchID: nil, token: nil)
    _ = try write(sink, 0, ["first try"])
    try sink.close()
    sink = try self.sink()
    _ = try sink.recover(batchID: nil, token: nil)
    _ = try write(sink, 0, ["second"])
    #expect(try content() == "second")
    // A batch begun again without recovery overwrites what it left.
    try sink.close()
  }

  @Test func startsABatchAnew() throws {
    let sink = try sink()
    _ = try sink.recover(batchID: nil, token: nil)
    let token = try write(sink, 0, ["a"])
    try sink.begin(batchID: 1)
    try put(sink, "a long block that is given up")
    _ = try sink.recover(batchID: 0, token: token)
    _ = try write(sink, 1, ["b"])
    try sink.close()
    #expect(try content() == "ab")
  }

  @Test func refusesWhatIsNotItsOwn() throws {
    func code(_ body: () throws -> Void) -> String? {
      do {
        try body()
        return nil
      } catch {
        return (error as? MillraceError)?.code
      }
    }
    try folder.write("foreign.gz", gzip("precious"))
    let foreign = try sink(name: "foreign.gz")
    #expect(code { _ = try foreign.recover(batchID: nil, token: nil) } == "SINK_NOT_EMPTY")
    #expect(
      code { _ = try foreign.recover(batchID: 0, token: .dictionary(["length": .int(5)])) } == "SINK_MODIFIED")
    #expect(
      code { _ = try foreign.recover(batchID: 0, token: .dictionary(["length": .int(5000)])) } == "SINK_TRUNCATED")
    #expect(code { _ = try sink(name: "foreign.gz") } == "SINK_IN_USE")
    try foreign.close()
    #expect(try content("foreign.gz") == "precious")
    let other = try sink("other", name: "foreign.gz", ["ifExists": "overwrite"])
    #expect(code { _ = try other.recover(batchID: nil, token: nil) } == nil)
    _ = try write(other, 0, ["new"])
    try other.close()
    #expect(try content("foreign.gz") == "new")
  }

  /// The file that a batch committed is whole gzip, whatever is appended to its last member later.
  @Test(arguments: [1, 10, 100, 1 << 20]) func isWholeAfterEachCommit(memberSize: Int) throws {
    let options = ["memberSize": "\(memberSize)"]
    var sink = try sink("q", name: "w.gz", options)
    _ = try sink.recover(batchID: nil, token: nil)
    var expected = ""
    for batch in Int64(0)..<20 {
      let texts = (0..<3).map { "batch \(batch) text \($0) " + String(repeating: "x", count: $0 * 40) + "\n" }
      try sink.begin(batchID: batch)
      for (index, text) in texts.enumerated() { try put(sink, text, isCompressed: (Int(batch) + index) % 4 == 0) }
      let token = try sink.commit(batchID: batch)
      expected += texts.joined()
      #expect(try content("w.gz") == expected)
      if batch % 3 == 2 {
        // What a crash leaves of the next batch, and a recovery that crashes between its two steps.
        try put(sink, "lost\n")
        try sink.close()
        sink = try self.sink("q", name: "w.gz", options)
        let place = try #require(GzipAppender.Place(token))
        if batch % 2 == 0 {
          let file = try folder.files.open("\(folder.path)/w.gz", .update)
          try file.truncate(to: place.settledLength)
          try file.close()
        }
        _ = try sink.recover(batchID: batch, token: try JSON(parsing: token.text))
        #expect(try content("w.gz") == expected)
      }
    }
    try sink.close()
  }

  /// Small commits cost a few bytes each, not a member's header and trailer, and get smaller by what stands before them.
  @Test func joinsSmallCommits() throws {
    let sink = try sink(name: "small.gz")
    _ = try sink.recover(batchID: nil, token: nil)
    let lines = (0..<500).map { "2026-01-31T10:20:\($0 % 60) GET /index.html 200 \($0 * 7919 % 100_000)\n" }
    for (batch, line) in lines.enumerated() { _ = try write(sink, Int64(batch), [line]) }
    try sink.close()
    #expect(try content("small.gz") == lines.joined())
    let size = Int(try #require(try folder.files.status("\(folder.path)/small.gz")).size)
    #expect(size < lines.count * 30, "a commit takes \(size / lines.count) bytes")
    #expect(lines.reduce(0) { $0 + gzip($1).count } > size * 2)
  }

  /// Tokens of the version that ended a member per commit.
  @Test func goesOnFromAnOldToken() throws {
    try folder.write("old.gz", [])
    var sink = try self.sink(name: "old.gz")
    _ = try sink.recover(batchID: nil, token: nil)
    try sink.begin(batchID: 0)
    try put(sink, "new form\n")
    try sink.close()
    // Its own header, then a member of the old form.
    let header = Array(try raw("old.gz").prefix(while: { _ in true }).prefix(10 + "millrace q s".utf8.count + 1 + 10))
    try folder.write("old.gz", header + gzip("old form\n") + gzip("lost\n"))
    let length = Int64(header.count + gzip("old form\n").count)
    sink = try self.sink(name: "old.gz")
    _ = try sink.recover(batchID: 0, token: .dictionary(["version": .int(1), "length": .int(length)]))
    _ = try write(sink, 1, ["more\n"])
    try sink.close()
    #expect(try content("old.gz") == "old form\nmore\n")
  }

  func raw(_ name: String) throws -> [UInt8] {
    let file = try folder.files.open("\(folder.path)/\(name)", .read)
    defer { try? file.close() }
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return bytes
  }

  @Test func noticesChangedBytes() throws {
    var sink = try self.sink(name: "c.gz")
    _ = try sink.recover(batchID: nil, token: nil)
    let token = try write(sink, 0, ["some text\n"])
    try sink.close()
    var bytes = try raw("c.gz")
    bytes[bytes.count - 14] ^= 1
    try folder.write("c.gz", bytes)
    sink = try self.sink(name: "c.gz")
    #expect(code { _ = try sink.recover(batchID: 0, token: token) } == "SINK_MODIFIED")
  }
}
