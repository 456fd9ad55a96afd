import Glibc
import Testing

/// The two ways to run a stream side by side, each killed at its durable steps: micro-batches give each row once, the continuous
/// trigger gives each row at least once, at once, and repeats only what came after the last committed epoch.
@Suite(.serialized)
struct ModeTests {
  static let lines = 400

  /// A pipeline that copies numbered lines of files: to files that can be cut back, to a database, and to the screen.
  struct Scene {
    let sandbox = Sandbox()

    init(_ trigger: String, _ more: String = "") {
      sandbox.makeFolder("in")
      for file in 0..<ModeTests.lines / 10 {
        sandbox.write("in/part-\(100 + file).txt", (file * 10..<file * 10 + 10).map { "\($0)\n" }.joined())
      }
      sandbox.write(
        "mode.json",
        """
        { "version": 1, "pipelines": { "copy": {
          "sources": { "lines": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
          "sinks": {
            "file": { "query": "SELECT value FROM lines", "format": "rotating-file", "options": { "path": "out/copy.log" }, "encode": "text" },
            "table": { "query": "SELECT CAST(value AS INT) % 7 AS k, count(*) AS n FROM lines GROUP BY CAST(value AS INT) % 7",
                       "outputMode": "update", "format": "sqlite", "options": { "path": "out/copy.db", "table": "t", "keys": ["k"] } },
            "screen": { "query": "SELECT value FROM lines", "format": "console", "options": { "numRows": 1000 } }
          },
          "trigger": \(trigger), "checkpointLocation": "out/checkpoint" \(more) } } }
        """)
    }

    /// Runs until the process is killed, or until all lines are in the files; gives the numbers that the screen showed.
    func run(_ crash: String) async throws -> (isKilled: Bool, shown: [Int]) {
      let command = try Command(["run", "mode.json"], in: sandbox, environment: ["MILLRACE_CRASH": crash])
      var status: Int32 = 0
      for _ in 0..<4000 {
        if waitpid(command.process, &status, WNOHANG) == command.process {
          let isKilled = status & 0x7F == SIGKILL
          #expect(isKilled || status == 0, "\(crash): \(command.errorSoFar)")
          return (isKilled, Self.numbers(command.outputSoFar))
        }
        if Self.numbers(command.outputSoFar).last == ModeTests.lines - 1 { break }
        try await Task.sleep(for: .milliseconds(5))
      }
      command.signal(SIGTERM)
      let outcome = try await command.outcome()
      #expect(outcome.status == 0 || outcome.status == -SIGKILL, "\(crash): \(outcome.error)")
      return (outcome.status == -SIGKILL, Self.numbers(outcome.output))
    }

    private static func numbers(_ text: String) -> [Int] {
      text.split(separator: "\n").filter { $0.hasPrefix("|") }.compactMap { line in
        Int(line.filter { $0.isNumber })
      }
    }

    /// What the files hold.
    func copied() async throws -> [Int] {
      try await Oracle.shell("cat out/copy.*.log", in: sandbox).split(separator: "\n").compactMap { Int($0) }
    }

    func checkCounts(_ note: Comment) async throws {
      let counts = try await Oracle.shell("sqlite3 out/copy.db 'SELECT k, n FROM t ORDER BY k'", in: sandbox)
      let expected = (0..<7).map { k in "\(k)|\((0..<ModeTests.lines).filter { $0 % 7 == k }.count)\n" }.joined()
      #expect(counts == expected, note)
    }
  }

  static let steps = [
    "batch.after-execute", "batch.before-sink-commit", "batch.after-sink-commit", "log.commit.before-write",
    "log.commit.after-write", "log.commit.after-sync", "batch.before-publish", "batch.after-source-commit",
    "sqlite.commit", "sqlite.committed", "rotating.write",
  ]

  @Test(arguments: [false, true]) func microBatchesGiveEachRowOnce(asyncCommit: Bool) async throws {
    for step in Self.steps + ["log.plan.after-sync"] {
      // Where batches follow at once, only the first plan is a record of its own.
      let scene =
        asyncCommit
        ? Scene(#"{ "availableNow": true }"#, #", "asyncCommit": true"#) : Scene(#"{ "processingTime": "0 seconds" }"#)
      if asyncCommit, step.hasPrefix("log.plan") { continue }
      let first = try await scene.run("\(step):2")
      #expect(first.isKilled, "\(step) was not passed twice")
      let second = try await scene.run("")
      // The screen cannot be cut back: the batch that was being written may be shown twice, and nothing is missing.
      #expect(Set(first.shown + second.shown) == Set(0..<Self.lines), "\(step)")
      #expect(try await scene.copied() == Array(0..<Self.lines), "\(step)")
      try await scene.checkCounts("\(step)")
    }
  }

  @Test func continuousGivesEachRowAtLeastOnce() async throws {
    var repeated = 0
    for step in Self.steps + ["piece.after-flush:4"] {
      // With an interval of 0 each piece is an epoch, with a long one all pieces are.
      for interval in step.hasPrefix("piece") ? ["1 hour"] : ["0 seconds", "20 ms"] {
        let scene = Scene(#"{ "continuous": "\#(interval)" }"#)
        let crash = step.contains(":") ? step : "\(step):2"
        let first = try await scene.run(crash)
        let note: Comment = "\(crash), \(interval)"
        if interval != "20 ms" { #expect(first.isKilled, note) }
        let second = try await scene.run("")
        // The second run shows a stretch to the end; it begins no later than the first run ended, so nothing is lost.
        #expect(first.shown == Array(0..<first.shown.count), note)
        let start = second.shown.first ?? Self.lines
        #expect(second.shown == Array(start..<Self.lines) && start <= first.shown.count, note)
        repeated += first.shown.count - start
        if interval == "1 hour" { #expect(start == 0 && first.shown.count >= 40, "no epoch was committed") }
        // Files are cut back to the epoch, and the state with them.
        #expect(try await scene.copied() == Array(0..<Self.lines), note)
        try await scene.checkCounts(note)
      }
    }
    #expect(repeated > 0)
  }

  @Test func continuousIsNotExactlyOnce() async throws {
    let scene = Scene(#"{ "continuous": "1 second" }"#, #", "delivery": "exactly-once""#)
    let outcome = try await Command.millrace(["validate", "mode.json"], in: scene.sandbox)
    #expect(outcome.status == 3 && outcome.error.contains("[DELIVERY_NOT_MET]"), "\(outcome.error)")
    #expect(outcome.error.contains("continuous"))
  }

  @Test func continuousRefusesCompleteMode() async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "mode.json",
      """
      { "version": 1, "pipelines": { "words": {
        "sources": { "lines": { "format": "socket", "options": { "host": "localhost", "port": 9 } } },
        "sinks": { "screen": { "query": "SELECT value, count(*) AS n FROM lines GROUP BY value", "outputMode": "complete", "format": "console" } },
        "trigger": { "continuous": "1 second" } } } }
      """)
    let outcome = try await Command.millrace(["validate", "mode.json"], in: sandbox)
    #expect(outcome.status == 3, "\(outcome.error)")
    #expect(outcome.error.contains("mode.json:3:106: [STREAMING_OUTPUT_MODE.UNSUPPORTED_TRIGGER]"), "\(outcome.error)")
  }
}
