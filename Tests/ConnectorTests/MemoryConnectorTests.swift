import MemoryConnector
import MillraceCore
import Testing

struct MemoryConnectorTests {
  let hub = MemoryHub()
  static let schema = Schema([StructField("n", .long)])

  func rows(_ numbers: ClosedRange<Int64>) -> [[Value]] { numbers.map { [.integer($0)] } }

  func source(_ name: String = "s", partitions: Int = 1) throws -> any RowSource {
    try MemoryConnector(hub).source(["numPartitions": "\(partitions)"], schema: Self.schema, name: name).rowSource
  }

  @Test(arguments: [1, 2, 3, 7])
  func readsAndRestarts(partitions: Int) throws {
    let stream = try hub.stream("s", schema: Self.schema)
    let source = try source(partitions: partitions)
    try source.start(after: nil)
    #expect(try source.plan(after: nil, limit: ReadLimit()) == nil)
    stream.addData(rows(1...3))
    stream.addData(rows(4...10))
    #expect(source.backlog(after: nil) == 10)
    let first = try #require(try source.next(after: nil, limit: ReadLimit(rows: 5)))
    #expect(first.rows == rows(1...5))
    source.close()

    let second = try self.source(partitions: partitions)
    try second.start(after: first.end)
    let rest = try #require(try second.next(after: first.end))
    #expect(rest.rows == rows(6...10))
    #expect(rest.end == stream.endOffset)
    #expect(try second.plan(after: rest.end, limit: ReadLimit()) == nil)
  }

  @Test func frozenSourceStopsAtWhatWasThere() throws {
    let stream = try hub.stream("s", schema: Self.schema)
    let source = try source()
    try source.start(after: nil)
    stream.addData(rows(1...2))
    try source.freeze()
    stream.addData(rows(3...4))
    let batch = try #require(try source.next(after: nil))
    #expect(batch.rows == rows(1...2))
    #expect(try source.plan(after: batch.end, limit: ReadLimit()) == nil)
  }

  /// Rows added to two streams between the plans of their sources wait for the next batch.
  @Test func additionsToSeveralStreamsAreNotTorn() throws {
    let left = try hub.stream("left", schema: Self.schema), right = try hub.stream("right", schema: Self.schema)
    let a = try source("left"), b = try source("right")
    try a.start(after: nil)
    try b.start(after: nil)
    #expect(try a.plan(after: nil, limit: ReadLimit()) == nil)
    hub.addData([(left, rows(1...1)), (right, rows(2...2))])
    #expect(try b.plan(after: nil, limit: ReadLimit()) == nil)
    #expect(try a.next(after: nil)?.rows == rows(1...1))
    #expect(try b.next(after: nil)?.rows == rows(2...2))
  }

  @Test func tables() throws {
    for (mode, expected) in [(OutputMode.append, rows(1...4)), (.update, rows(1...4)), (.complete, rows(3...4))] {
      let sink = try MemoryConnector(hub).sink(["queryName": mode.rawValue], Self.schema, mode).rowSink
      try sink.open(SinkContext(queryID: "q", sinkName: "out"))
      #expect(try sink.recover(batchID: nil, token: nil) == nil)
      try sink.run(0, rows(1...2), Self.schema)
      try sink.run(1, rows(3...4), Self.schema)
      let table = hub.table(mode.rawValue)
      #expect(table.rows == expected)
      #expect(table.batches.map(\.batchID) == [0, 1])
      #expect(table.batches.map(\.rows) == [rows(1...2), rows(3...4)])
      #expect(try sink.recover(batchID: 0, token: nil) == 1)
    }
  }

  @Test func failsOnceWhenTold() throws {
    let table = hub.table("out")
    table.failOnce(atBatches: [1])
    let sink = try MemoryConnector(hub).sink([:], Self.schema).rowSink
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    try sink.run(0, rows(1...1), Self.schema)
    #expect(code { try sink.run(1, rows(2...2), Self.schema) } == "MEMORY_SINK_FAILURE")
    #expect(table.rows == rows(1...1))
    #expect(try sink.recover(batchID: 0, token: nil) == 0)
    try sink.run(1, rows(2...2), Self.schema)
    #expect(table.rows == rows(1...2))
    #expect(table.attempts(batchID: 1) == 2)
  }

  @Test func errors() throws {
    try hub.stream("events", schema: Self.schema)
    let connector = MemoryConnector(hub)
    #expect(message { _ = try connector.source([:], name: "event") }.contains("[MEMORY_STREAM_NOT_FOUND]"))
    #expect(message { _ = try connector.source([:], name: "event") }.contains("did you mean 'events'?"))
    let other = Schema([StructField("x", .string)])
    #expect(code { _ = try connector.source([:], schema: other, name: "events") } == "MEMORY_STREAM_SCHEMA")
    let source = try source("events")
    let far = Offset(.dictionary(["version": .int(1), "rows": .int(5)]))
    #expect(code { try source.start(after: far) } == "SOURCE_DATA_LOST")
    #expect(code { try source.start(after: Offset(.int(3))) } == "SOURCE_OFFSET")
    #expect(code { _ = try connector.source(["numPartitions": "0"], name: "events") } == "OPTION_OUT_OF_RANGE")
  }
}
