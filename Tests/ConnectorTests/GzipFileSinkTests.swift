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
    for text in texts {
      try gzip(text).withUnsafeBytes {
        try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: text.utf8.count))
      }
    }
    return try sink.commit(batchID: batch)
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
    try gzip("a long block that is given up").withUnsafeBytes {
      try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: 1))
    }
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
}
