import Millrace

// The streaming example of Apache's spark-connect-swift in its own words and with all its `await`s; only the import is another one.
// `SparkExampleTests` runs it.

/// Counts the words that a server sends; ends when somebody stops the query.
public func networkWordCount(host: String, port: Int) async throws {
  let spark = try await SparkSession.builder.appName("NetworkWordCount").getOrCreate()

  let lines = await spark.readStream
    .format("socket")
    .option("host", host)
    .option("port", port)
    .load()

  let words = await lines.selectExpr("explode(split(value, ' ')) as word")
  let wordCounts = await words.groupBy("word").agg("count(*)")

  let query = try await wordCounts.writeStream
    .outputMode("complete")
    .format("console")
    .start()

  _ = try await query.awaitTermination()
}
