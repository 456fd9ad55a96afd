// swift-format-ignore-file: NeverUseImplicitlyUnwrappedOptionals
// State variables of a processor are there from `initialize` on.

import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

/// `transformWithState` in queries.
struct TransformWithStateTests {
  static let fields = [StructField("user", .string), StructField("time", .timestamp), StructField("n", .long)]

  /// Sums `n` for each user; a timer 10 s after the last row gives the sum and forgets the user.
  final class Sessions: StatefulProcessor {
    private var total: ValueState<Int64>!
    private var handle: StatefulProcessorHandle!
    private let closed: ForeachTests.Log?
    private let byClock: Bool

    init(_ closed: ForeachTests.Log? = nil, byClock: Bool = false) {
      self.closed = closed
      self.byClock = byClock
    }

    func initialize(_ handle: StatefulProcessorHandle) throws {
      self.handle = handle
      total = try handle.getValueState("total", Int64.self)
    }

    func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
      var sum = try total.get() ?? 0
      var last = timers.currentProcessingTimeInMs
      for row in rows {
        let n: Int64 = try row.get("n")
        if n < 0 { throw ForeachTests.Broken() }
        sum += n
        if !byClock { last = max(last, try row.get("time", as: Timestamp.self).microseconds / 1000) }
      }
      if !byClock { last = try rows.map { try $0.get("time", as: Timestamp.self).microseconds / 1000 }.max() ?? 0 }
      try total.update(sum)
      for timer in try handle.listTimers() { try handle.deleteTimer(timer) }
      try handle.registerTimer(last + 10_000)
    }

    func handleExpiredTimer(
      _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
    ) throws {
      try output.append(key[0], Timestamp(microseconds: expired.expiryTimeInMs * 1000), try total.get())
      try total.clear()
    }

    func close() { closed?.add("closed") }
  }

  static let outputSchema = "user STRING, until TIMESTAMP, total BIGINT"

  static func row(_ user: String, _ second: Int64, _ n: Int64) -> [Value] {
    [.string(user), .integer(second * 1_000_000), .integer(n)]
  }

  static func sessions(_ frame: DataFrame, log: ForeachTests.Log? = nil) -> DataFrame {
    frame.withWatermark("time", "5 seconds").groupBy("user").transformWithState(
      { Sessions(log) }, outputSchema: outputSchema, timeMode: .eventTime, eventTimeColumn: "until"
    )
    .select(col("user"), unix_seconds(col("until")).alias("until"), col("total"))
  }

  @Test func eventTimeTimersFireWhenTheWatermarkReachesThem() async throws {
    let bench = StreamBench()
    let log = ForeachTests.Log()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    let query = try await Self.sessions(frame, log: log).writeStream.queryName("out").format("memory").start()
    input.addData([Self.row("a", 1, 1), Self.row("b", 2, 10), Self.row("a", 3, 2)])
    try await query.processAllAvailable()
    #expect(bench.table("out") == [])
    // The watermark becomes 13 s: b's timer at 12 s and a's at 13 s are due, in a batch without input.
    input.addData([Self.row("c", 18, 5)])
    try await query.processAllAvailable()
    #expect(bench.table("out") == ["[a,13,3]", "[b,12,10]"])
    // Late rows are left out and counted; the state of a began anew.
    input.addData([Self.row("a", 13, 100), Self.row("a", 14, 7), Self.row("d", 40, 1)])
    try await query.processAllAvailable()
    #expect(bench.table("out") == ["[a,13,3]", "[a,24,7]", "[b,12,10]", "[c,28,5]"])
    let dropped = query.recentProgress.flatMap(\.stateOperators).map(\.rowsDroppedByWatermark).reduce(0, +)
    #expect(dropped == 1)
    // The last progress may be one that tells that nothing came.
    let names = query.recentProgress.compactMap { $0.stateOperators.first?.operatorName }
    #expect(Set(names) == ["transformWithStateExec"])
    try await query.stop()
    #expect(log.all == ["closed"])
  }

  @Test func anAggregationBehindItKnowsItsEventTime() async throws {
    let bench = StreamBench()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    let windows = frame.withWatermark("time", "5 seconds").groupBy("user").transformWithState(
      { Sessions() }, outputSchema: Self.outputSchema, timeMode: .eventTime, eventTimeColumn: "until"
    )
    .groupBy(window(col("until"), "20 seconds")).agg(sum(col("total")).alias("total"), count(col("*")).alias("users"))
    .select(unix_seconds(col("window.end")), col("total"), col("users"))
    let query = try await windows.writeStream.queryName("out").format("memory").start()
    input.addData([Self.row("a", 1, 1), Self.row("b", 2, 10)])
    try await query.processAllAvailable()
    input.addData([Self.row("c", 30, 5)])
    try await query.processAllAvailable()
    input.addData([Self.row("c", 60, 5)])
    try await query.processAllAvailable()
    try await query.stop()
    #expect(bench.table("out").first == "[20,11,2]")
  }

  @Test func stateAndTimersOutliveTheQuery() async throws {
    let bench = StreamBench()
    let folder = try TemporaryDirectory()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    func run(_ rows: [[Value]]) async throws {
      input.addData(rows)
      let query = try await Self.sessions(frame).writeStream.queryName("out").format("memory")
        .option("checkpointLocation", folder.path).trigger(.AvailableNow).start()
      try await query.awaitTermination()
    }
    try await run([Self.row("a", 1, 1)])
    try await run([Self.row("a", 2, 2), Self.row("b", 3, 4)])
    #expect(bench.table("out") == [])
    try await run([Self.row("z", 100, 0)])
    #expect(bench.table("out") == ["[a,12,3]", "[b,13,4]"])
  }

  /// Several processors share the keys and come to the same as one, over restarts; each is closed.
  @Test(arguments: [1, 4]) func partitionsComeToTheSame(partitions: Int) async throws {
    let bench = StreamBench()
    let folder = try TemporaryDirectory()
    let log = ForeachTests.Log()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    func run(_ rows: [[Value]], partitions: Int) async throws {
      input.addData(rows)
      let frame = frame.withWatermark("time", "5 seconds").groupBy("user").transformWithState(
        { Sessions(log) }, outputSchema: Self.outputSchema, timeMode: .eventTime, eventTimeColumn: "until",
        partitions: partitions
      ).select(col("user"), unix_seconds(col("until")).alias("until"), col("total"))
      try await frame.writeStream.queryName("out").format("memory").option("checkpointLocation", folder.path)
        .trigger(.AvailableNow).start().awaitTermination()
    }
    let users = (0..<50).map { "user \($0)" }
    try await run(users.map { Self.row($0, 1, 1) }, partitions: partitions)
    try await run(users.map { Self.row($0, 2, Int64($0.count)) }, partitions: partitions)
    try await run([Self.row("z", 100, 0)], partitions: partitions)
    #expect(bench.table("out") == users.map { "[\($0),12,\(1 + $0.count)]" }.sorted())
    #expect(log.all == Array(repeating: "closed", count: 3 * partitions))
    await #expect {
      try await run([Self.row("z", 101, 0)], partitions: 2)
    } throws: { error in (error as? MillraceError)?.code == "STATE_SCHEMA_INCOMPATIBLE" }
  }

  @Test(arguments: [0, 3, 128]) func wrongPartitionsAreRefused(partitions: Int) async throws {
    let rows = try await SparkSession().createDataFrame([[.string("a"), .integer(1)]], "user STRING, n BIGINT")
    let frame = rows.groupBy("user").transformWithState(
      { Sessions(byClock: true) }, outputSchema: Self.outputSchema, timeMode: .processingTime, partitions: partitions)
    let error = await #expect(throws: MillraceError.self) { try await frame.collect() }
    #expect(error?.code == "TRANSFORM_PARTITIONS")
  }

  @Test func aFailedBatchLeavesNoTrace() async throws {
    let bench = StreamBench()
    let folder = try TemporaryDirectory()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    func start(_ frame: DataFrame) async throws -> StreamingQuery {
      try await Self.sessions(frame).writeStream.queryName("out").format("memory")
        .option("checkpointLocation", folder.path).trigger(.AvailableNow).start()
    }
    input.addData([Self.row("a", 1, 1)])
    try await start(frame).awaitTermination()
    input.addData([Self.row("a", 2, 5), Self.row("b", 2, -1)])
    await #expect {
      try await start(frame).awaitTermination()
    } throws: { error in
      let error = error as? MillraceError
      return error?.code == "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR" && error?.message.contains("key (b)") == true
    }
    // The same rows come again, now with what made the processor fail mended: a's 5 counts once.
    try await start(frame.withColumn("n", "abs(n)")).awaitTermination()
    input.addData([Self.row("z", 100, 0)])
    try await start(frame).awaitTermination()
    #expect(bench.table("out") == ["[a,12,6]", "[b,12,1]"])
  }

  @Test func processingTimeTimersRunABatchOfTheirOwn() async throws {
    let clock = ManualClock(microseconds: 1_000_000_000)
    var environment = Environment.live
    environment.clock = clock
    let bench = StreamBench(environment: environment)
    let (input, frame) = try await bench.stream("rows", Self.fields)
    let result = frame.groupBy("user").transformWithState(
      { Sessions(byClock: true) }, outputSchema: Self.outputSchema, timeMode: .processingTime
    )
    .select(col("user"), unix_seconds(col("until")), col("total"))
    let query = try await result.writeStream.queryName("out").format("memory").start()
    input.addData([Self.row("a", 1, 1), Self.row("b", 1, 2)])
    try await query.processAllAvailable()
    clock.advance(9_000_000)
    try await query.processAllAvailable()
    #expect(bench.table("out") == [])
    clock.advance(1_000_000)
    while bench.table("out").isEmpty && query.isActive { try await query.processAllAvailable() }
    #expect(bench.table("out") == ["[a,1010,1]", "[b,1010,2]"])
    let batches = query.lastProgress?.batchID
    try await query.processAllAvailable()
    #expect(query.lastProgress?.batchID == batches)
    try await query.stop()
  }

  @Test func computedKeysAndBoundedInput() async throws {
    let spark = SparkSession(workers: 2)
    let numbers = try await spark.range(1000).select((col("id") % 3).alias("k"), col("id").alias("n"))
    final class Sums: StatefulProcessor {
      private var total: ValueState<Int64>!
      private var handle: StatefulProcessorHandle!
      func initialize(_ handle: StatefulProcessorHandle) throws {
        self.handle = handle
        total = try handle.getValueState("total", Int64.self)
      }
      func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
        let sum = try rows.reduce(0 as Int64) { try $0 + $1.get("n") }
        try total.update((try total.get() ?? 0) + sum)
        try handle.registerTimer(5)
      }
      func handleExpiredTimer(
        _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
      ) throws {
        try output.append(try key.get("k"), key[1], try total.get())
      }
    }
    let result = numbers.groupBy(col("k"), (col("n") >= 500).alias("high")).transformWithState(
      { Sums() }, outputSchema: "k BIGINT, high BOOLEAN, total BIGINT", timeMode: .eventTime)
    let expected = numbers.groupBy(col("k"), (col("n") >= 500).alias("high")).agg(sum(col("n")).alias("total"))
    #expect(Set(try await result.collect()) == Set(try await expected.collect()))
  }

  // MARK: What is refused

  @Test func modesThatCannotBeAreRefused() async throws {
    let bench = StreamBench()
    let (_, frame) = try await bench.stream("rows", Self.fields)
    func start(_ frame: DataFrame, _ mode: OutputMode) async throws {
      _ = try await frame.writeStream.queryName("out").format("memory").outputMode(mode).start()
    }
    let plain = frame.groupBy("user")
    let late = plain.transformWithState({ Sessions() }, outputSchema: Self.outputSchema, timeMode: .eventTime)
    let append = plain.transformWithState({ Sessions() }, outputSchema: Self.outputSchema)
    let update = plain.transformWithState({ Sessions() }, outputSchema: Self.outputSchema, outputMode: .update)
    for (frame, mode, code) in [
      (late, OutputMode.append, "UNSUPPORTED_STREAMING_OPERATION.TRANSFORM_WITHOUT_WATERMARK"),
      (append, .update, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
      (update, .append, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
      (update, .complete, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
      (update.dropDuplicates("user"), .update, "UNSUPPORTED_STREAMING_OPERATION.TRANSFORM_CHAIN"),
      (
        plain.transformWithState({ Sessions() }, outputSchema: Self.outputSchema, eventTimeColumn: "user"), .append,
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"
      ),
    ] {
      await #expect { try await start(frame, mode) } throws: { ($0 as? MillraceError)?.code == code }
    }
  }

  @Test func rowsBehindTheWatermarkAreRefused() async throws {
    final class Past: StatefulProcessor {
      func initialize(_ handle: StatefulProcessorHandle) throws {}
      func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
        try output.append(Timestamp(microseconds: 0))
      }
    }
    let bench = StreamBench()
    let (input, frame) = try await bench.stream("rows", Self.fields)
    let past = frame.withWatermark("time", "0 seconds").groupBy("user").transformWithState(
      { Past() }, outputSchema: "t TIMESTAMP", timeMode: .eventTime, eventTimeColumn: "t")
    input.addData([Self.row("a", 100, 1)])
    let query = try await past.writeStream.queryName("out").format("memory").start()
    try await query.processAllAvailable()
    input.addData([Self.row("a", 101, 1)])
    await #expect { try await query.processAllAvailable() } throws: {
      ($0 as? MillraceError)?.code == "EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED"
    }
  }
}
