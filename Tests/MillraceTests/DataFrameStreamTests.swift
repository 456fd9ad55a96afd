import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Testing

/// Streaming programs written with the DataFrame API.
struct DataFrameStreamTests {
  @Test func countsWords() async throws {
    let hub = MemoryHub()
    let lines = try hub.stream("lines", schema: Schema([StructField("value", .string)]))
    let spark = SparkSession(connectors: [MemoryConnector(hub)])
    let words = await spark.readStream.format("memory").option("stream", "lines").load()
      .select(explode(split(col("value"), " ")).alias("word"))
    let query = try await words.groupBy("word").count().writeStream.queryName("counts").outputMode("complete")
      .format("memory").start()
    lines.addData([[.string("apache spark")], [.string("apache hadoop")]])
    try await query.processAllAvailable()
    lines.addData([[.string("spark spark")]])
    try await query.processAllAvailable()
    try await query.stop()
    let counts = hub.table("counts").rows.map { row in "\(row[0]) \(row[1])" }
    #expect(
      Set(counts) == [
        "string(\"apache\") integer(2)", "string(\"spark\") integer(3)", "string(\"hadoop\") integer(1)",
      ])
    #expect(query.exception == nil && !query.isActive)
  }

  @Test func twoQueriesGrowFromOnePrefix() async throws {
    let spark = SparkSession()
    let numbers = try await spark.range(10)
    let even = numbers.filter("id % 2 = 0")
    let large = numbers.filter(col("id") > 6)
    #expect(try await even.count() == 5)
    #expect(try await large.count() == 3)
  }

  @Test func anErrorOfAStepIsReportedWhenTheQueryIsUsed() async throws {
    let spark = SparkSession()
    let broken = try await spark.range(3).selectExpr("ids + 1 AS next").filter("next > 1")
    await #expect(throws: MillraceError.self) { try await broken.collect() }
  }
}
