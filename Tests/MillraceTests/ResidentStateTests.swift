import Foundation
import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Testing

/// Aggregations whose groups stay in their accumulators: what comes out is what one batch over all rows gives.
@Suite struct ResidentStateTests {
  private static func rows(_ frame: DataFrame) async throws -> [String] {
    try await frame.collect().map(\.description).sorted()
  }

  // MARK: Many groups

  /// Rows of a file: each of its lines is the number of a hundred values.
  private static let rowsPerFile = 70_000

  private static func write(_ files: Range<Int>, to directory: String) throws {
    for file in files {
      let lines = (file * rowsPerFile / 100..<(file + 1) * rowsPerFile / 100).map { "\($0)\n" }.joined()
      try Data(lines.utf8).write(to: URL(fileURLWithPath: "\(directory)/part-\(file).txt"))
    }
  }

  private static let manyGroups = [
    "value % 500", "concat('a key of more than twelve bytes ', value)",
    "CASE WHEN value < 140000 OR value % 50 = 0 THEN value % 500 ELSE value END",
  ]

  /// Groups of which tables are kept from batch to batch, groups that are handed on to the state, and the one after the other. Two files in
  /// a batch, so that each of two workers has one.
  @Test(arguments: zip(manyGroups, [[500, 500], [420_000, 560_000], [274_900, 412_100]] as [[Int64]]))
  func severalBatchesAndStartsGiveWhatOneBatchGives(key: String, groupCounts: [Int64]) async throws {
    let directory = try TemporaryDirectory()
    try PosixFileSystem().createDirectory("\(directory.path)/input")
    let bench = StreamBench()
    let grouped = "SELECT \(key) AS k, count(*) AS n, sum(value) AS s, max(value) AS m, count_if(value % 3 = 0) AS c"
    let sample = "GROUP BY \(key) ORDER BY n DESC, xxhash64(k), k LIMIT 700"
    let values = "(SELECT explode(sequence(first, first + 99)) AS value FROM (SELECT value * 100L AS first FROM lines))"
    for (files, groupCount) in zip([0..<6, 6..<8], groupCounts) {
      try Self.write(files, to: "\(directory.path)/input")
      try await bench.spark.readStream.format("text").option("maxFilesPerTrigger", 2).load("\(directory.path)/input")
        .createOrReplaceTempView("lines")
      let query = try await bench.spark.sql("\(grouped) FROM \(values) \(sample)").writeStream.outputMode(.complete)
        .format("memory").queryName("sample").option("checkpointLocation", "\(directory.path)/checkpoint")
        .trigger(.availableNow).start()
      try await query.awaitTermination()
      let last = try #require(query.lastProgress)
      #expect(last.batchID == files.upperBound / 2 - 1)
      let all = "(SELECT id AS value FROM range(\(files.upperBound * Self.rowsPerFile)))"
      #expect(try await bench.table("sample") == Self.rows(bench.spark.sql("\(grouped) FROM \(all) \(sample)")))
      #expect(last.stateOperators[0].rowsTotal == groupCount)
    }
  }

  // MARK: What comes out

  /// In update mode a row comes out for each key that a batch had, whether or not the worker's table has others from before.
  @Test func onlyKeysOfTheBatchComeOut() async throws {
    let bench = StreamBench()
    let (input, frame) = try await bench.stream("keys", [StructField("k", .string), StructField("n", .long)])
    let query = try await frame.groupBy("k").agg(sum(col("n")).alias("s")).writeStream.outputMode(.update)
      .format("memory").queryName("sums").start()
    var seen: [String] = []
    for (batch, expected) in [
      (["a", "a", "a", "b", "b", "b", "b"], ["[a,3]", "[b,4]"]), (["a", "a", "a"], ["[a,6]"]),
      (["b", "c"], ["[b,5]", "[c,1]"]),
      (["a"], ["[a,7]"]),
    ] {
      input.addData(batch.map { [.string($0), .integer(1)] })
      try await query.processAllAvailable()
      let all = bench.hub.table("sums").rows.map { Row($0).description }
      #expect(all.dropFirst(seen.count).sorted() == expected)
      seen = all
    }
    try await query.stop()
    #expect(query.exception == nil)
  }

  /// Every aggregate whose groups can stay, over three batches with a start in between.
  @Test(arguments: [
    "count(*), count(i), count_if(i > 2), sum(i), sum(x), sum(m), avg(i), avg(x), avg(m)",
    "min(i), max(i), min(s), max(s), min_by(s, i), max_by(s, i), min(named_struct('a', i, 'b', s))",
    "bit_and(i), bit_or(i), bit_xor(i), bool_and(i > 0), bool_or(i > 3), first(s), last(s), any_value(s)",
    "round(stddev(x), 6), round(var_pop(x), 6), round(skewness(x), 6), round(kurtosis(x), 6), round(corr(x, i), 6)",
    "approx_count_distinct(s), try_sum(i), sum(i) FILTER (WHERE s <> 'b'), sum(m) FILTER (WHERE i = 2)",
  ])
  func aggregatesGoOnAfterAStart(aggregates: String) async throws {
    let directory = try TemporaryDirectory()
    let fields = [
      StructField("k", .string), StructField("i", .integer), StructField("x", .double), StructField("s", .string),
    ]
    func batch(_ number: Int) -> [[Value]] {
      (0..<40).map { row in
        let value = (row * 7 + number * 11) % 23
        return [
          row % 9 == 0 ? .null : .string("key \(row % 5 + number) of some length"),
          value % 6 == 0 ? .null : .integer(Int64(value % 7)), value % 4 == 0 ? .null : .double(Double(value) / 4),
          value % 5 == 0 ? .null : .string(["a", "b", "a text that is longer than a view"][value % 3]),
        ]
      }
    }
    let sql = "SELECT k, \(aggregates) FROM (SELECT *, CAST(x AS DECIMAL(12, 3)) AS m FROM events) GROUP BY k"
    let whole = StreamBench()
    let all = try await whole.stream("events", fields)
    let one = try await whole.query(all.frame, sql)
    all.input.addData((0..<3).flatMap(batch))
    try await one.processAllAvailable()
    try await one.stop()
    #expect(one.exception == nil && whole.table("result").count == 8)

    // The stream begins anew with each process; its rows do not.
    let parts = StreamBench()
    let (input, frame) = try await parts.stream("events", fields)
    for numbers in [[0], [1, 2]] {
      let query = try await parts.query(frame, sql, directory.path)
      for number in numbers {
        input.addData(batch(number))
        try await query.processAllAvailable()
      }
      try await query.stop()
      #expect(query.exception == nil)
    }
    #expect(parts.table("result") == whole.table("result"))
  }
}

extension StreamBench {
  /// A query in complete mode over `events` into the table `result`.
  fileprivate func query(_ events: DataFrame, _ sql: String, _ checkpoint: String? = nil) async throws
    -> StreamingQuery
  {
    try await events.createOrReplaceTempView("events")
    var writer = try await spark.sql(sql).writeStream.outputMode(.complete).format("memory").queryName("result")
    if let checkpoint { writer = writer.option("checkpointLocation", checkpoint) }
    return try await writer.start()
  }
}
