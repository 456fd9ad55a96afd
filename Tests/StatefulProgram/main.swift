// swift-format-ignore-file: NeverUseImplicitlyUnwrappedOptionals
// State variables of a processor are there from `initialize` on.

import Millrace

// A program with a stateful processor, which `StatefulCrashTests` kills at each of its durable steps:
// StatefulProgram INPUT-FOLDER OUTPUT-FOLDER CHECKPOINT

/// Keeps a value, a list and a map for each user; ten seconds of event time after a user's last row it gives what they hold.
final class Visits: StatefulProcessor {
  private var total: ValueState<Int64>!
  private var numbers: ListState<Int64>!
  private var perPage: MapState<String, Int64>!
  private var handle: StatefulProcessorHandle!

  func initialize(_ handle: StatefulProcessorHandle) throws {
    self.handle = handle
    total = try handle.getValueState("total")
    numbers = try handle.getListState("numbers")
    perPage = try handle.getMapState("perPage")
  }

  func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
    for timer in try handle.listTimers() { try handle.deleteTimer(timer) }
    var last: Int64 = 0
    for row in rows {
      let n: Int64 = try row.get("n")
      let page: String = try row.get("page")
      try total.update((try total.get() ?? 0) + n)
      try numbers.appendValue(n)
      try perPage.updateValue(page, (try perPage.getValue(page) ?? 0) + 1)
      last = max(last, try row.get("second"))
    }
    try handle.registerTimer((last + 10) * 1000)
  }

  func handleExpiredTimer(
    _ key: Row, _ expired: ExpiredTimerInfo, _ timers: TimerValues, _ output: OutputRows
  ) throws {
    let pages = try perPage.iterator().map { "\($0.key)x\($0.value)" }.sorted().joined(separator: " ")
    let list = try numbers.get().map(String.init).joined(separator: " ")
    try output.append(key[0], expired.expiryTimeInMs / 1000, try total.get() ?? 0, list, pages)
    try total.clear()
    try numbers.clear()
    try perPage.clear()
  }
}

let arguments = CommandLine.arguments
let spark = SparkSession(workers: 1)
let rows = await spark.readStream.format("csv").schema("user STRING, second BIGINT, n BIGINT, page STRING")
  .option("maxFilesPerTrigger", 1).load(arguments[1])
let visits = rows.withColumn("time", timestamp_seconds(col("second"))).withWatermark("time", "3 seconds")
  .groupBy("user").transformWithState(
    { Visits() }, outputSchema: "user STRING, until BIGINT, total BIGINT, numbers STRING, pages STRING",
    timeMode: .eventTime)
let query = try await visits.writeStream.format("csv").option("checkpointLocation", arguments[3])
  .trigger(.AvailableNow).start(arguments[2])
try await query.awaitTermination()
