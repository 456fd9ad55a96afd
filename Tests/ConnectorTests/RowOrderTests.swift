import MemoryConnector
import Millrace
import MillraceCore
import MillraceTesting
import SQLiteConnector
import Synchronization
import Testing

/// Large results come to sinks that want an order in parts that have it, and SQLite's sink puts such parts together.
struct RowOrderTests {
  /// Notes what comes.
  final class NotingSink: OrderedRowSink, @unchecked Sendable {
    let orderColumn: Int?
    private(set) var parts: [[[Value]]] = []

    init(_ orderColumn: Int?) { self.orderColumn = orderColumn }

    var description: String { "noting" }
    var guarantee: SinkGuarantee { .atLeastOnce }
    var outputModes: Set<OutputMode> { [.update] }
    func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
    func begin(batchID: Int64) throws {}
    func write(_ batch: RecordBatch) throws { parts.append(batch.rows()) }
    func commit(batchID: Int64) throws -> JSON { .null }
  }

  struct NotingConnector: Connector {
    let sink: NotingSink
    var spec: ConnectorSpec { ConnectorSpec(name: "noting", summary: "Notes rows.", kinds: [.sink]) }
    func makeSink(_ request: SinkRequest) throws -> SinkKind { .rows(sink) }
  }

  /// What the sink got of a query over words that come twice each.
  private func parts(_ words: Int, orderColumn: Int?, _ sql: String) async throws -> [[[Value]]] {
    let hub = MemoryHub()
    let lines = try hub.stream("lines", schema: Schema([StructField("word", .string), StructField("v", .long)]))
    let sink = NotingSink(orderColumn)
    let spark = SparkSession(connectors: [MemoryConnector(hub), NotingConnector(sink: sink)], workers: 2)
    try await spark.readStream.format("memory").option("stream", "lines").load().createOrReplaceTempView("lines")
    for round in 0..<Int64(2) {
      lines.addData(
        (0..<Int64(words)).map { [.string("w\($0 * 7919 % Int64(words))"), .integer(round * 1_000_000 + $0)] })
    }
    var options = StreamingOptions()
    options.trigger = .availableNow
    let query = try spark.start(
      [
        StreamingSink(
          name: "out", query: try await spark.sql(sql).analyzed(), outputMode: .update, format: "noting", options: [:])
      ], options)
    try await query.awaitTermination()
    return sink.parts
  }

  private static let counts = "SELECT upper(word) AS w, n FROM (SELECT word, count(*) AS n FROM lines GROUP BY word)"

  @Test func largePartsAreSorted() async throws {
    let parts = try await parts(40_000, orderColumn: 0, Self.counts)
    #expect(parts.count > 1 && parts.reduce(0) { $0 + $1.count } == 40_000)
    #expect(Set(parts.joined().map { "\($0)" }) == Set((0..<40_000).map { "\([Value.string("W\($0)"), .integer(2)])" }))
    for part in parts where part.count >= 4096 {
      let words = part.compactMap { row in if case .string(let word) = row[0] { word } else { nil } }
      #expect(words == words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    }
    #expect(parts.contains { $0.count >= 4096 })
  }

  @Test func othersComeAsTheyAre() async throws {
    let parts = try await parts(40_000, orderColumn: nil, Self.counts)
    #expect(parts.reduce(0) { $0 + $1.count } == 40_000)
    #expect(
      parts.contains { part in
        let words = part.map { "\($0[0])" }
        return words != words.sorted()
      })
  }

  /// Batches in order and out of it, few and many, of which later rows replace earlier ones.
  @Test(arguments: [1, 3, 16, 17], [true, false])
  func sqliteTakesTheLastOfEachKey(batches: Int, isOrdered: Bool) throws {
    let prefix = batches == 3 ? "a key that begins like all others " : ""
    let tests = SQLiteSinkTests()
    let sink = try tests.opened(.update, ["keys": "word"])
    _ = try sink.recover(batchID: nil, token: nil)
    try sink.begin(batchID: 0)
    var expected: [String: Int64] = [:]
    var random = SeededGenerator(seed: UInt64(batches))
    for batch in 0..<batches {
      var words = (0..<600).map { _ in "\(prefix)\(random.next() % 2000)" } + [prefix, "\(prefix)1", "\(prefix)1"]
      if isOrdered { words.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) } }
      let rows: [[Value]] = words.enumerated().map { row, word in [.string(word), .integer(Int64(batch * 1000 + row))] }
      for (row, word) in words.enumerated() { expected[word] = Int64(batch * 1000 + row) }
      try sink.write(.of(rows, schema: SQLiteSinkTests.counts))
    }
    _ = try sink.commit(batchID: 0)
    let table = tests.query("SELECT word, count FROM t ORDER BY word")
    #expect(table.count == expected.count)
    #expect(table.allSatisfy { expected[$0[0]].map { "\($0)" } == $0[1] })
    try sink.close()
  }
}
