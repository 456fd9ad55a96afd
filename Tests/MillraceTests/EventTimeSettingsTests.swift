import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Testing

/// What a watermark says beside its delay, and the end of the input.
struct EventTimeSettingsTests {
  private static let schema = Schema([StructField("ts", .timestamp), StructField("k", .long)])
  private static let counts =
    "SELECT unix_micros(window.start) DIV 1000000 AS s, count(*) AS n FROM marked GROUP BY window(ts, '10 seconds')"

  private static func rows(_ seconds: Int64...) -> [[Value]] {
    seconds.map { [.integer($0 * 1_000_000), .integer($0)] }
  }

  private static func numbers(_ rows: [[Value]]) -> [[Int64]] {
    rows.map { row in row.map { if case .integer(let number) = $0 { number } else { -1 } } }
  }

  /// A clock that is an hour wrong does not close the windows of all others.
  @Test func rowsFarAheadDoNotMoveTheWatermark() async throws {
    let hub = MemoryHub()
    let events = try hub.stream("events", schema: Self.schema)
    let spark = SparkSession(connectors: [MemoryConnector(hub)])
    let plain = await spark.readStream.format("memory").option("stream", "events").load()
    let marked = plain.withWatermark("ts", "0 seconds", idleTimeout: nil, maxFutureSkew: "1 minute")
    try await marked.createOrReplaceTempView("marked")
    let query = try await spark.sql(Self.counts).writeStream.queryName("counts").outputMode("append").format("memory")
      .start()
    // The clock of the batches is the machine's, far behind the year 4000.
    events.addData(Self.rows(1, 64_060_588_800))
    try await query.processAllAvailable()
    events.addData(Self.rows(2, 25))
    try await query.processAllAvailable()
    try await query.stop()
    #expect(Self.numbers(hub.table("counts").rows) == [[0, 2]])
    let ahead = query.recentProgress.map { $0.eventTime?.rowsAhead ?? 0 }
    #expect(ahead.reduce(0, +) == 1)
    #expect(query.recentProgress.contains { $0.json.text.contains("\"numRowsBeyondMaxFutureSkew\":1") })
  }

  /// One stream says nothing; the other's windows close all the same.
  @Test func aSilentStreamIsNotWaitedFor() async throws {
    let hub = MemoryHub()
    let loud = try hub.stream("loud", schema: Self.schema)
    try hub.stream("silent", schema: Self.schema)
    let spark = SparkSession(connectors: [MemoryConnector(hub)])
    var parts: [DataFrame] = []
    for name in ["loud", "silent"] {
      parts.append(
        await spark.readStream.format("memory").option("stream", name).load()
          .withWatermark("ts", "0 seconds", idleTimeout: name == "silent" ? "50 milliseconds" : nil))
    }
    try await parts[0].union(parts[1]).createOrReplaceTempView("marked")
    let query = try await spark.sql(Self.counts).writeStream.queryName("counts").outputMode("append").format("memory")
      .start()
    loud.addData(Self.rows(1, 2, 25))
    while hub.table("counts").rows.isEmpty && query.isActive { try await Task.sleep(nanoseconds: 2_000_000) }
    try await query.stop()
    #expect(Self.numbers(hub.table("counts").rows) == [[0, 2]])
  }
}
