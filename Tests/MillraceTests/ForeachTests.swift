import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Synchronization
import Testing

/// Programs as sinks: `foreachBatch` and `foreach`.
struct ForeachTests {
  /// What happened, in order.
  final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  struct Broken: Error, CustomStringConvertible {
    let description = "broken on purpose"
  }

  @Test func foreachBatchGetsEachBatchAsABoundedDataFrame() async throws {
    let bench = StreamBench()
    let (input, words) = try await bench.stream("words", [StructField("word", .string)])
    let log = Log()
    let query = try await words.groupBy("word").count().writeStream.outputMode(.update).foreachBatch { frame, batchID in
      #expect(!frame.isStreaming)
      let rows = try await frame.orderBy("word").collect().map(\.description)
      log.add("\(batchID): \(rows.joined(separator: " "))")
    }.start()
    input.addData([[.string("b")], [.string("a")]])
    try await query.processAllAvailable()
    input.addData([[.string("a")]])
    try await query.processAllAvailable()
    try await query.stop()
    #expect(log.all == ["0: [a,1] [b,1]", "1: [a,2]"])
    #expect(query.lastProgress?.sinks.map(\.description) == ["foreachBatch"])
  }

  @Test func aBatchThatFailedComesAgainWithItsNumberAndRows() async throws {
    let bench = StreamBench()
    let (input, words) = try await bench.stream("words", [StructField("word", .string)])
    let folder = try TemporaryDirectory()
    let log = Log()
    let fails = Mutex(true)
    func start() async throws -> StreamingQuery {
      try await words.writeStream.option("checkpointLocation", folder.path).foreachBatch { frame, batchID in
        log.add("\(batchID): \(try await frame.collect().map(\.description).joined(separator: " "))")
        if batchID == 1 && fails.withLock({ $0 }) { throw Broken() }
      }.start()
    }
    input.addData([[.string("a")]])
    let first = try await start()
    try await first.processAllAvailable()
    input.addData([[.string("b")]])
    await #expect {
      try await first.awaitTermination()
    } throws: { error in
      let error = error as? MillraceError
      return error?.code == "FOREACH_BATCH_USER_FUNCTION_ERROR" && error?.cause is Broken
        && error?.message.contains("batch 1") == true
    }
    #expect(!first.isActive && first.exception != nil)
    input.addData([[.string("c")]])
    fails.withLock { $0 = false }
    let second = try await start()
    try await second.processAllAvailable()
    try await second.stop()
    #expect(log.all == ["0: [a]", "1: [b]", "1: [b]", "2: [c]"])
  }

  struct Writer: ForeachWriter {
    let log: Log
    var failsAt: String?
    var wants = true

    func open(partitionID: Int64, epochID: Int64) throws -> Bool {
      log.add("open \(partitionID) \(epochID)")
      return wants
    }
    func process(_ row: Row) throws {
      if row.getAsString(0) == failsAt { throw Broken() }
      log.add("row \(try row.get("word"))")
    }
    func close(_ error: (any Error)?) { log.add("close \((error as? MillraceError)?.code ?? "well")") }
  }

  private func run(_ writer: Writer) async throws -> (any Error)? {
    let bench = StreamBench()
    let (input, words) = try await bench.stream("words", [StructField("word", .string)])
    input.addData([[.string("a")], [.string("b")]])
    let query = try await words.writeStream.trigger(availableNow: true).foreach(writer).start()
    _ = try? await query.awaitTermination()
    return query.exception
  }

  @Test func foreachOpensProcessesAndCloses() async throws {
    let log = Log()
    #expect(try await run(Writer(log: log)) == nil)
    #expect(log.all == ["open 0 0", "row string(\"a\")", "row string(\"b\")", "close well"])
  }

  @Test func foreachClosesAnEpochThatItDidNotWant() async throws {
    let log = Log()
    #expect(try await run(Writer(log: log, wants: false)) == nil)
    #expect(log.all == ["open 0 0", "close well"])
  }

  @Test func foreachClosesWithTheErrorOfARow() async throws {
    let log = Log()
    let error = try await run(Writer(log: log, failsAt: "b")) as? MillraceError
    #expect(error?.code == "FOREACH_USER_FUNCTION_ERROR" && error?.cause is Broken)
    #expect(log.all == ["open 0 0", "row string(\"a\")", "close FOREACH_USER_FUNCTION_ERROR"])
  }

  @Test func programsTakeNoOptionsAndForeachBatchNoContinuousTrigger() async throws {
    let bench = StreamBench()
    let (_, words) = try await bench.stream("words", [StructField("word", .string)])
    let log = Log()
    await #expect(throws: MillraceError.self) {
      try await words.writeStream.option("path", "x").foreach(Writer(log: log)).start()
    }
    await #expect {
      try await words.writeStream.trigger(continuous: "1 second").foreachBatch { _, _ in }.start()
    } throws: { ($0 as? MillraceError)?.code == "UNSUPPORTED_CONTINUOUS_SINK" }
  }

  @Test func sparkWordsForTriggersAndModes() throws {
    let cases: [(String, Trigger)] = [
      ("once", .once), ("availableNow", .AvailableNow), ("processingTime=10 seconds", .ProcessingTime(10_000)),
      ("5 minutes", .processingTime(300_000_000)), ("continuous=1 second", .Continuous(1000)),
      ("processingTime=0 seconds", .asSoonAsPossible),
    ]
    for (words, trigger) in cases { #expect(try Trigger(spark: words) == trigger) }
    #expect(try OutputMode(spark: "Complete") == .complete)
    for wrong in ["", "sometimes", "processingTime", "processingTime=soon", "continuous=-1 s"] {
      #expect(throws: MillraceError.self) { try Trigger(spark: wrong) }
    }
  }

  @Test func wrongWordsAreReportedByStart() async throws {
    let bench = StreamBench()
    let (_, words) = try await bench.stream("words", [StructField("word", .string)])
    await #expect { try await words.writeStream.outputMode("apend").start() } throws: {
      ($0 as? MillraceError)?.code == "STREAMING_OUTPUT_MODE.INVALID"
    }
    await #expect { try await words.writeStream.trigger(processingTime: "soon").start() } throws: {
      ($0 as? MillraceError)?.code == "CANNOT_PARSE_INTERVAL"
    }
  }
}
