import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceStreaming
import Synchronization
import Testing

/// `spark.streams` and the queries in it.
struct StreamingQueryManagerTests {
  final class Log: StreamingQueryListener {
    let events = Mutex<[String]>([])
    func onQueryStarted(_ event: StreamingQueryStarted) { note("started \(event.name ?? "")") }
    func onQueryProgress(_ progress: StreamingQueryProgress) {
      note("batch \(progress.batchID) of \(progress.name ?? "")")
    }
    func onQueryTerminated(_ event: StreamingQueryTerminated) { note("ended \(event.errorClass ?? "well")") }
    private func note(_ text: String) { events.withLock { $0.append(text) } }
    var all: [String] { events.withLock { $0 } }
  }

  /// A session with a stream of numbers, and a query over it that divides by them.
  struct Scene {
    let hub = MemoryHub()
    let numbers: MemoryStream
    let spark: SparkSession

    init() throws {
      numbers = try hub.stream("numbers", schema: Schema([StructField("n", .long)]))
      spark = SparkSession(connectors: [MemoryConnector(hub)])
    }

    func start(_ name: String) async throws -> StreamingQuery {
      try await spark.readStream.format("memory").option("stream", "numbers").load().selectExpr("10 div n AS q")
        .writeStream.queryName(name).format("memory").start()
    }
  }

  @Test func listsQueriesThatRun() async throws {
    let scene = try Scene()
    let one = try await scene.start("one")
    let two = try await scene.start("two")
    #expect(scene.spark.streams.active.map(\.name) == ["one", "two"])
    #expect(scene.spark.streams.get(one.id)?.name == "one" && scene.spark.streams.get("none") == nil)
    try await one.stop()
    #expect(scene.spark.streams.active.map(\.name) == ["two"] && scene.spark.streams.get(one.id) == nil)
    #expect(try await one.awaitTermination(1) && one.exception == nil)
    #expect(try await !two.awaitTermination(1))
    try await two.stop()
  }

  @Test func explainsAndReports() async throws {
    let scene = try Scene()
    let query = try await scene.start("one")
    #expect(query.lastProgress == nil && query.recentProgress.isEmpty)
    scene.numbers.addData([[.integer(5)], [.integer(2)]])
    try await query.processAllAvailable()
    scene.numbers.addData([[.integer(1)]])
    try await query.processAllAvailable()
    // A query that waits for ten seconds reports that, too.
    let batches = query.recentProgress.filter { $0.inputRows > 0 }.map { [$0.batchID, $0.inputRows] }
    #expect(batches == [[0, 2], [1, 1]] && query.lastProgress != nil)
    #expect(try query.explain().contains("div"))
    #expect(query.status.message == "Waiting for data to arrive" && !query.status.isTriggerActive)
    try await query.stop()
  }

  @Test func listenersComeAndGo() async throws {
    let scene = try Scene()
    let first = Log(), second = Log()
    scene.spark.streams.addListener(first)
    let query = try await scene.start("one")
    scene.spark.streams.addListener(second)
    scene.numbers.addData([[.integer(5)]])
    try await query.processAllAvailable()
    scene.spark.streams.removeListener(first)
    scene.numbers.addData([[.integer(0)]])
    await #expect(throws: MillraceError.self) { try await query.processAllAvailable() }
    try await #require(throws: MillraceError.self) { try await query.awaitTermination() }
    #expect(first.all == ["started one", "batch 0 of one"])
    #expect(second.all == ["batch 0 of one", "ended DIVIDE_BY_ZERO"])
    #expect(!query.isActive && (query.exception as? MillraceError)?.code == "DIVIDE_BY_ZERO")
  }

  @Test func awaitsAnyTermination() async throws {
    let scene = try Scene()
    let streams = scene.spark.streams
    let one = try await scene.start("one")
    #expect(try await !streams.awaitAnyTermination(1))
    try await one.stop()
    #expect(try await streams.awaitAnyTermination(10_000))
    // It stays so until it is reset.
    try await streams.awaitAnyTermination()
    streams.resetTerminated()
    #expect(try await !streams.awaitAnyTermination(1))
    _ = try await scene.start("two")
    scene.numbers.addData([[.integer(0)]])
    await #expect(throws: MillraceError.self) { try await streams.awaitAnyTermination() }
    streams.resetTerminated()
    #expect(try await !streams.awaitAnyTermination(1))
  }

  @Test func restartNeedsACheckpoint() async throws {
    let scene = try Scene()
    let words = await scene.spark.readStream.format("memory").option("stream", "numbers").load()
    let error = await #expect(throws: MillraceError.self) {
      try await words.writeStream.format("memory").queryName("n").restart(RestartPolicy(.transient)).start()
    }
    #expect(error?.code == "RESTART_NEEDS_CHECKPOINT")
  }
}
