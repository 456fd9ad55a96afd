import Glibc
import Millrace
import MillraceCLI
import SparkExample
import Testing

/// The example of Spark's Swift client runs here unchanged.
@Suite(.serialized) struct SparkExampleTests {
  @Test(.timeLimit(.minutes(5))) func streamingExampleCounts() async throws {
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

/// Functions of a program are known to the SQL of the command, and so to pipelines.
struct CommandFunctionTests {
  @Test func commandKnowsFunctionsOfItsProgram() {
    let shout = udf("shout") { (text: String) in text.uppercased() + "!" }
    let query = ["sql", "SELECT assert_true(shout('a') = 'A!')"]
    #expect(MillraceCommandLine.run(query, functions: [shout]) == 0)
    #expect(MillraceCommandLine.run(query) != 0)
    let file = "/tmp/millrace-functions-\(getpid()).json"
    let text = """
      { "version": 1, "pipelines": { "p": { "trigger": { "once": true },
        "sources": { "i": { "format": "rate-micro-batch", "options": { "rowsPerBatch": 3 } } },
        "sinks": { "o": { "query": "SELECT shout(CAST(value AS STRING)) AS v FROM i", "format": "console" } } } } }
      """
    text.withCString { bytes in
      guard let target = fopen(file, "w") else { return }
      fputs(bytes, target)
      fclose(target)
    }
    defer { unlink(file) }
    #expect(MillraceCommandLine.run(["run", file], functions: [shout]) == 0)
    #expect(MillraceCommandLine.run(["validate", file]) != 0)
  }
}
