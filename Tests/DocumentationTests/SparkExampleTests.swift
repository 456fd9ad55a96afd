import Millrace
import SparkExample
import Testing

/// The example of Spark's Swift client runs here unchanged.
@Suite(.serialized) struct SparkExampleTests {
  @Test(.timeLimit(.minutes(1))) func streamingExampleCounts() async throws {
    guard let server = LineServer(port: 9996, ["apache spark\n", "apache hadoop\n"]) else { return }
    async let run: Void = networkWordCount(host: "localhost", port: 9996)
    let spark = try await SparkSession.builder.getOrCreate()
    func example() -> StreamingQuery? {
      spark.streams.active.first { $0.lastProgress?.sources.first?.description.contains("9996") ?? false }
    }
    while example().map({ $0.recentProgress.reduce(0) { $0 + $1.inputRows } < 2 }) ?? true { await Task.yield() }
    #expect(example()?.lastProgress?.sinks.map(\.outputRows) == [3])
    try await example()?.stop()
    try await run
    server.wait()
  }

  /// Every helper in `Sources/Millrace/Functions` calls a function that there is.
  @Test(arguments: ["Core", "Aggregate", "Window", "String", "DateTime", "Collection", "Math"])
  func helpersCallFunctionsThatExist(family: String) async throws {
    let spark = SparkSession()
    let text = Page("Sources/Millrace/Functions/\(family)Functions.swift").text
    let names = Set(text.split(separator: "call(\"").dropFirst().map { $0.prefix { $0 != "\"" } })
    #expect(names.count > 5)
    // Resolved by the analyzer itself, with a meaning that only their place gives.
    let special: Set<Substring> = [
      "window", "session_window", "window_time", "grouping", "explode", "explode_outer", "posexplode",
      "posexplode_outer", "inline", "inline_outer", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist",
      "ntile", "lag", "lead", "nth_value",
    ]
    for name in names.subtracting(special).sorted() {
      await #expect(throws: Never.self, "\(name)") { try await spark.sql("DESCRIBE FUNCTION \(name)") }
    }
  }
}
