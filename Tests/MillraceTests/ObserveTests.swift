import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceStreaming
import Testing

/// Metrics of the rows that pass a place of a query.
struct ObserveTests {
  private let spark = SparkSession(workers: 2)

  private func hits() async throws -> DataFrame {
    let rows: [[Value]] = [
      [.string("a"), .integer(1), .integer(10)], [.string("b"), .integer(2), .integer(20)],
      [.string("a"), .integer(3), .integer(30)], [.string("c"), .null, .integer(40)],
    ]
    return try await spark.createDataFrame(rows, "host STRING, n INT, bytes BIGINT")
  }

  /// All rows at the place count, whatever is chosen of them above, and of the first run alone.
  @Test func anObservationGetsTheMetricsOfTheFirstRun() async throws {
    let seen = Observation("seen")
    let rows = try await hits().observe(
      seen, count(lit(1)).alias("rows"), max(col("bytes")).alias("largest"),
      (sum(col("n")) / count(col("n"))).alias("mean"),
      lit("x").alias("constant"), min(col("n")).alias("least")
    ).filter("bytes > 15").select("host")
    #expect(try await rows.count() == 3)
    let metrics = await seen.get
    #expect(metrics.getAsInt64(0) == 4 && metrics.getAsInt64(1) == 40)
    #expect(metrics.description == "[4,40,2.0,x,1]")
    #expect(try await rows.count() == 3)
    #expect(await seen.get == metrics)
  }

  @Test func nothingSeenIsToldToo() async throws {
    let seen = Observation()
    #expect(
      try await hits().filter("n > 100").observe(seen, count(col("n")).alias("c"), max(col("n")).alias("m")).collect()
        .isEmpty)
    #expect(await seen.get.description == "[0,null]")
  }

  /// Whoever asks before the run is over waits for it.
  @Test func getWaits() async throws {
    let seen = Observation("later")
    let rows = try await spark.range(100_000).observe(seen, sum(col("id")).alias("total"))
    async let total = seen.get
    _ = try await rows.count()
    #expect(await total.description == "[4999950000]")
  }

  @Test func severalObservationsOfOneQuery() async throws {
    let all = Observation("all")
    let some = Observation("some")
    _ = try await hits().observe(all, count(lit(1))).filter("n < 3").observe(some, count(lit(1))).collect()
    #expect(await all.get.description == "[4]")
    #expect(await some.get.description == "[2]")
  }

  /// The metrics of a stream are those of each batch, also of one without rows at that place.
  @Test func progressHasTheMetricsOfEachBatch() async throws {
    let bench = StreamBench()
    let (input, lines) = try await bench.stream(
      "lines", [StructField("word", .string), StructField("n", .long), StructField("unused", .double)])
    let query = try await lines.observe(
      "words", count(lit(1)).alias("rows"), count(col("n")).alias("numbers"), max(col("n")).alias("most")
    ).filter("n > 1").groupBy("word").count().observe("groups", count(lit(1)).alias("rows"))
      .writeStream.queryName("counts").outputMode("update").format("memory").start()
    for rows: [(String, Int64)] in [[("a", 1), ("b", 2), ("a", 7)], [("c", 0)], [("a", 9), ("c", 3)]] {
      input.addData(rows.map { [.string($0.0), .integer($0.1), .double(0)] })
      try await query.processAllAvailable()
    }
    try await query.stop()
    let found = query.recentProgress.filter { $0.inputRows > 0 }.map { $0.json["observedMetrics"]?.text ?? "" }
    #expect(
      found == [
        #"{"words":{"rows":3,"numbers":3,"most":7},"groups":{"rows":2}}"#,
        #"{"words":{"rows":1,"numbers":1,"most":0},"groups":{"rows":0}}"#,
        #"{"words":{"rows":2,"numbers":2,"most":9},"groups":{"rows":2}}"#,
      ])
  }

  @Test func nullMetricsStayInTheProgress() async throws {
    let bench = StreamBench()
    let (input, lines) = try await bench.stream("lines", [StructField("n", .long)])
    let query = try await lines.observe("m", max(col("n")).alias("most"))
      .writeStream.queryName("rows").format("memory").start()
    input.addData([[.null]])
    try await query.processAllAvailable()
    try await query.stop()
    #expect(query.recentProgress.first?.json["observedMetrics"]?.text == #"{"m":{"most":null}}"#)
  }

  @Test func wrongObservationsAreRefused() async throws {
    let hits = try await hits()
    let used = Observation("used")
    _ = hits.observe(used, count(lit(1)))
    let bench = StreamBench()
    let (_, stream) = try await bench.stream("lines", [StructField("n", .long)])
    let wrong: [(DataFrame, String)] = [
      (hits.observe("m", col("n")), "INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE"),
      (hits.observe("m", max(col("n")) + col("n")), "INVALID_OBSERVED_METRICS.NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE"),
      (hits.observe("", max(col("n"))), "INVALID_OBSERVED_METRICS.MISSING_NAME"),
      (
        hits.observe("m", expr("count(DISTINCT n)")),
        "INVALID_OBSERVED_METRICS.AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED"
      ),
      (hits.observe("m", max(col("n"))).observe("m", min(col("n"))), "DUPLICATED_METRICS_NAME"),
      (
        hits.observe("m", max(col("n"))).select("n").union(hits.observe("m", min(col("n"))).select("n")),
        "DUPLICATED_METRICS_NAME"
      ),
      (hits.observe(used, max(col("n"))), "REUSE_OBSERVATION"),
      (stream.observe(Observation(), max(col("n"))), "OBSERVATION_OF_STREAM"),
    ]
    for (frame, code) in wrong {
      let error = await #expect(throws: MillraceError.self) { try await frame.collect() }
      #expect(error?.code == code)
    }
  }
}
