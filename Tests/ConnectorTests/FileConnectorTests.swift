import FileConnector
import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Testing

@Suite struct FileConnectorTests {
  let folder: FileFolder

  init() throws { folder = try FileFolder() }

  func sink(
    _ query: String = "q", _ format: FileConnector.Format = .csv, _ more: [String: String] = [:]
  ) throws -> any ByteSink {
    let options = more.merging(["path": "\(folder.path)/a/out"]) { first, _ in first }
    let sink = try FileConnector(format).sink(options, Schema()).byteSink
    let header = sink.compression == nil ? Array("h\n".utf8) : gzip("h\n")
    header.withUnsafeBytes {
      (sink as? any HeaderedByteSink)?.setHeader(EncodedBlock(bytes: $0, rowCount: 0, plainByteCount: 2))
    }
    try sink.open(SinkContext(queryID: query, sinkName: "../s"))
    return sink
  }

  func write(_ sink: any ByteSink, _ batch: Int64, _ texts: [String]) throws -> JSON {
    try sink.begin(batchID: batch)
    for text in texts { try put(sink, text, 1) }
    return try sink.commit(batchID: batch)
  }

  func put(_ sink: any ByteSink, _ text: String, _ rowCount: Int) throws {
    let bytes = sink.compression == nil ? Array(text.utf8) : gzip(text)
    try bytes.withUnsafeBytes {
      try sink.write(EncodedBlock(bytes: $0, rowCount: rowCount, plainByteCount: text.utf8.count))
    }
  }

  func content() throws -> [String: String] {
    var found: [String: String] = [:]
    for name in try folder.files.list("\(folder.path)/a/out") {
      found[name] = String(decoding: try folder.read("a/out/\(name)"), as: UTF8.self)
    }
    return found
  }

  @Test func writesAFilePerBatch() throws {
    let sink = try sink()
    _ = try sink.recover(batchID: nil, token: nil)
    _ = try write(sink, 0, ["1\n", "2\n"])
    _ = try write(sink, 1, [])
    _ = try write(sink, 2, ["3\n"])
    try sink.close()
    #expect(try content() == ["part-q-___s-000000.csv": "h\n1\n2\n", "part-q-___s-000002.csv": "h\n3\n"])
  }

  @Test(arguments: [[:], ["compression": "gzip"]]) func removesWhatWasNotCommitted(_ options: [String: String]) throws {
    let end = options.isEmpty ? ".csv" : ".csv.gz"
    var sink = try sink("q", .csv, options)
    _ = try sink.recover(batchID: nil, token: nil)
    let token = try write(sink, 0, ["1\n"])
    _ = try write(sink, 1, ["lost\n"])
    try sink.begin(batchID: 2)
    try put(sink, "torn\n", 1)
    try folder.write("a/out/part-other-s-000009.csv", Array("foreign\n".utf8))
    sink = try self.sink("q", .csv, options)
    _ = try sink.recover(batchID: 0, token: try JSON(parsing: token.text))
    #expect(try content() == ["part-q-___s-000000\(end)": "h\n1\n", "part-other-s-000009.csv": "foreign\n"])
    _ = try write(sink, 1, ["2\n"])
    try sink.close()
    #expect(try content()["part-q-___s-000001\(end)"] == "h\n2\n")
    try folder.files.remove("\(folder.path)/a/out/part-q-___s-000000\(end)")
    let again = try self.sink("q", .csv, options)
    #expect(code { _ = try again.recover(batchID: 0, token: token) } == "SINK_TRUNCATED")
  }

  @Test func readsFilesByTime() throws {
    for (index, name) in ["z.json", "m.json.gz", "a.json"].enumerated() {
      try folder.write(name, name.hasSuffix("gz") ? gzip("\(index)") : Array("\(index)".utf8))
      var times = [timeval(tv_sec: 1000 + index, tv_usec: 0), timeval(tv_sec: 1000 + index, tv_usec: 0)]
      utimes("\(folder.path)/\(name)", &times)
    }
    var driver = try ByteDriver(FileConnector(.json), ["path": folder.path])
    #expect(try driver.batch() == ["0", "1", "2"])
    try folder.write("new.json", Array("3".utf8))
    #expect(try driver.batch() == ["3"])
  }
}
