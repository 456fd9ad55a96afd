import MillraceCore
import Testing

/// `millrace run --progress`: Spark's progress, line by line.
struct ProgressTests {
  static let pipeline = """
    { "version": 1, "pipelines": { "counts": {
      "sources": { "events": { "format": "json", "options": { "path": "in", "maxFilesPerTrigger": 1 }, "schema": "time TIMESTAMP, k INT",
                               "watermark": { "column": "time", "delay": "10 seconds" } } },
      "sinks": { "out": { "query": "SELECT window.start AS start, count(*) AS n FROM events GROUP BY window(time, '10 seconds')",
                          "format": "json", "options": { "path": "out" } } },
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint" } } }
    """

  static func sandbox() -> Sandbox {
    let sandbox = Sandbox()
    sandbox.write("counts.json", pipeline)
    sandbox.makeFolder("in")
    // The run of Spark's that spark.md shows: batches 0, 2 and 4 have input, 1, 3 and 5 close windows.
    for (file, seconds) in [(1, ["01", "05"]), (2, ["25", "02"]), (3, ["04", "45"])] {
      sandbox.write(
        "in/\(file).json", seconds.map { "{\"time\":\"2026-01-01T00:00:\($0)Z\",\"k\":1}\n" }.joined())
    }
    return sandbox
  }

  static func lines(_ text: String) throws -> [JSON] {
    try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
  }

  /// Every field of Spark's, in Spark's place.
  static func check(_ progress: JSON) {
    for key in ["id", "runId", "name", "timestamp"] { #expect(progress[key]?.string != nil, "\(key)") }
    for key in ["batchId", "batchDuration", "numInputRows"] { #expect(progress[key]?.int != nil, "\(key)") }
    for key in ["inputRowsPerSecond", "processedRowsPerSecond"] {
      #expect(progress[key] != nil, "\(key)")
      #expect(progress["sources"]?.array?.first?[key] != nil, "\(key)")
    }
    let steps = [
      "addBatch", "commitOffsets", "getBatch", "latestOffset", "queryPlanning", "triggerExecution", "walCommit",
    ]
    #expect(progress["durationMs"]?.members?.map(\.key) == steps)
    #expect(progress["eventTime"]?["watermark"]?.string != nil)
    let state = progress["stateOperators"]?.array?.first
    for key in [
      "numRowsTotal", "numRowsUpdated", "allUpdatesTimeMs", "numRowsRemoved", "allRemovalsTimeMs", "commitTimeMs",
      "memoryUsedBytes", "numRowsDroppedByWatermark", "numShufflePartitions", "numStateStoreInstances",
    ] { #expect(state?[key]?.int != nil, "\(key)") }
    #expect(state?["operatorName"]?.string == "stateStoreSave" && state?["customMetrics"]?.members != nil)
    let source = progress["sources"]?.array?.first
    for key in ["description", "startOffset", "endOffset", "latestOffset", "numInputRows"] {
      #expect(source?[key] != nil, "\(key)")
    }
    #expect(progress["sink"]?["description"]?.string != nil && progress["sink"]?["numOutputRows"]?.int != nil)
  }

  @Test func appendsALineForEachBatch() async throws {
    let sandbox = Self.sandbox()
    let outcome = try await Command.millrace(["run", "counts.json", "--progress", "progress.ndjson"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let first = try Self.lines(Sandbox.read("\(sandbox.path)/progress.ndjson"))
    #expect(first.map { $0["batchId"]?.int } == [0, 1, 2, 3])
    #expect(first.map { $0["numInputRows"]?.int } == [2, 2, 2, 0])
    for progress in first { Self.check(progress) }
    #expect(first[2]["eventTime"]?["max"]?.string == "2026-01-01T00:00:45.000Z")
    #expect(first[2]["eventTime"]?["min"]?.string == "2026-01-01T00:00:04.000Z")
    #expect(first[3]["eventTime"]?["watermark"]?.string == "2026-01-01T00:00:35.000Z")
    // One window closes with each step of the watermark behind its end.
    let removed = first.map { $0["stateOperators"]?.array?.first?["numRowsRemoved"]?.int }
    #expect(removed == [0, 0, 1, 1])
    // A second run goes on in the same file, under the same id and another run's.
    sandbox.write("in/4.json", "{\"time\":\"2026-01-01T00:01:00Z\",\"k\":1}\n")
    _ = try await Command.millrace(["run", "counts.json", "--progress", "progress.ndjson"], in: sandbox)
    let all = try Self.lines(Sandbox.read("\(sandbox.path)/progress.ndjson"))
    #expect(all.count > first.count && all[4]["batchId"]?.int == 4 && all[4]["id"] == all[0]["id"])
    #expect(all[4]["runId"] != all[0]["runId"])
  }

  @Test func standardOutput() async throws {
    let outcome = try await Command.millrace(["run", "counts.json", "--progress", "-"], in: Self.sandbox())
    #expect(try Self.lines(outcome.output).count == 4 && outcome.error.contains("counts batch 0: 2 rows in"))
  }

  @Test func aFileThatCannotBeWrittenIsSaidAtOnce() async throws {
    let outcome = try await Command.millrace(["run", "counts.json", "--progress", "none/p"], in: Self.sandbox())
    #expect(outcome.status == 1 && outcome.error.contains("[IO_NOT_FOUND]") && !outcome.error.contains("batch 0"))
  }

  /// A peer that is not there is waited for with growing pauses; the query never counts as running meanwhile.
  @Test func transientFailuresAreToldAndTriedAgain() async throws {
    let sandbox = Sandbox()
    let text = """
      { "version": 1, "pipelines": { "lines": {
        "sources": { "lines": { "format": "socket", "options": { "host": "127.0.0.1", "port": 9 } } },
        "sinks": { "screen": { "query": "SELECT value FROM lines", "format": "console" } },
        "restart": { "on": "transient", "maxAttempts": 2, "backoff": "10 ms", "maxBackoff": "1 minute" } CHECKPOINT } } }
      """
    sandbox.write("lines.json", text.replacing("CHECKPOINT", with: #", "checkpointLocation": "checkpoint""#))
    sandbox.write("without.json", text.replacing("CHECKPOINT", with: ""))
    let outcome = try await Command.millrace(["run", "lines.json"], in: sandbox)
    #expect(outcome.status == 1, "\(outcome.error)")
    let told = outcome.error.split(separator: "\n").filter { $0.hasPrefix("lines: starts again in ") }
    #expect(told == ["lines: starts again in 10 ms", "lines: starts again in 20 ms"])
    #expect(outcome.error.contains("[SOCKET_CONNECT_FAILED]"))
    let refused = try await Command.millrace(["validate", "without.json"], in: sandbox)
    #expect(refused.status == 3 && refused.error.contains("without.json:4:"), "\(refused.error)")
    #expect(refused.error.contains("[RESTART_NEEDS_CHECKPOINT]"))
  }
}
