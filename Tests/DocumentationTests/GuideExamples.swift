// swift-format-ignore-file: NeverUseImplicitlyUnwrappedOptionals
// State variables of a processor are there from `initialize` on.

import Millrace

// The Swift examples of `Millrace.docc`, line by line; `GuideTests` compares the two.

/// The first example.
func countsByRemainder() async throws {
  let spark = try await SparkSession.builder.getOrCreate()
  let lines = await spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load()
  let counts = lines.groupBy((col("value") % 3).alias("k")).count()
  let query = try await counts.writeStream.outputMode("complete").format("console").trigger(.once).start()
  try await query.awaitTermination()
}

func errorsPerMinute(_ requests: DataFrame) -> DataFrame {
  requests
    .withWatermark("time", "10 minutes")
    .filter(col("status") >= 500)
    .groupBy(window(col("time"), "1 minute"), col("host"))
    .agg(count(col("*")).alias("errors"))
}

func registerFunctions(_ spark: SparkSession) {
  spark.udf.register("slug") { (title: String) in
    title.lowercased().split(separator: " ").joined(separator: "-")
  }
  let longest = udaf("longest", zero: "") { (state: inout String, text: String) in
    if text.count > state.count { state = text }
  } merge: { state, other in
    if other.count > state.count { state = other }
  } finish: { state in
    state
  }
  spark.udf.register(longest)
}

func printBatches(_ frame: DataFrame) async throws -> StreamingQuery {
  try await frame.writeStream.foreachBatch { batch, batchID in
    print("batch \(batchID): \(try await batch.count()) rows")
  }.start()
}

final class Clicks: StatefulProcessor {
  private var count: ValueState<Int64>!
  private var handle: StatefulProcessorHandle!

  func initialize(_ handle: StatefulProcessorHandle) throws {
    self.handle = handle
    count = try handle.getValueState("count")
  }

  func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
    try count.update((try count.get() ?? 0) + Int64(rows.count))
    for timer in try handle.listTimers() { try handle.deleteTimer(timer) }
    let last = try rows.map { try $0.get("time", as: Timestamp.self) }.max()
    if let last { try handle.registerTimer(last.microseconds / 1000 + 600_000) }
  }

  func handleExpiredTimer(
    _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
  ) throws {
    try output.append(key[0], try count.get() ?? 0)
    try count.clear()
  }
}

func clicksPerVisit(_ clicks: DataFrame) -> DataFrame {
  clicks.withWatermark("time", "1 minute").groupBy("user").transformWithState(
    { Clicks() }, outputSchema: "user STRING, clicks BIGINT", timeMode: .eventTime)
}
