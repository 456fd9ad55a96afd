import Testing

/// A query whose state has outgrown the log, so that changes go into files and snapshots are written beside the batches, is killed at each
/// step of both; started again, its counts are right.
@Suite(.serialized)
struct SnapshotCrashTests {
  static let files = 6
  /// Keys that are new in each file; some of those before come again.
  static let newKeys = 1000

  private struct Scene {
    let sandbox = Sandbox()

    init(asyncCommit: Bool) {
      let filler = String(repeating: "k", count: 500)
      for file in 0..<SnapshotCrashTests.files {
        let keys = (0..<(file + 1) * SnapshotCrashTests.newKeys).filter {
          $0 >= file * SnapshotCrashTests.newKeys || $0 % 5 == file
        }
        sandbox.write("in/part-\(file).txt", keys.map { "\($0) \(filler)\n" }.joined())
      }
      sandbox.write(
        "count.json",
        """
        { "version": 1, "pipelines": { "count": {
          "sources": { "lines": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
          "sinks": { "counts": {
            "query": "SELECT CAST(split(value, ' ')[0] AS INT) AS k, n FROM (SELECT value, count(*) AS n FROM lines GROUP BY value)",
            "outputMode": "update", "format": "sqlite", "options": { "path": "out.db", "table": "t", "keys": ["k"] } } },
          "trigger": { "availableNow": true }, "asyncCommit": \(asyncCommit), "checkpointLocation": "checkpoint" } } }
        """)
    }

    func run(_ environment: [String: String]) async throws -> (isKilled: Bool, error: String) {
      let outcome = try await Command(["run", "count.json"], in: sandbox, environment: environment).outcome()
      #expect(outcome.status == 0 || outcome.status == -9, "\(outcome.error)")
      return (outcome.status == -9, outcome.error)
    }

    func check(_ note: Comment) async throws {
      let found = try await Oracle.shell("sqlite3 out.db 'SELECT count(*), sum(n), sum(k * n) FROM t'", in: sandbox)
      let expected = try await Oracle.shell(
        "cat in/* | awk '{ seen[$1] = 1; n++; s += $1 } END { for (k in seen) c++; print c \"|\" n \"|\" s }'",
        in: sandbox)
      #expect(found == expected, note)
    }
  }

  private static let steps = [
    "state.delta.after-write", "state.snapshot.before-write", "state.snapshot.after-write", "state.snapshot.after-sync",
    "state.snapshot.after-rename", "state.snapshot.after-directory-sync", "log.head.after-write", "state.before-remove",
  ]
  private static let more = [
    "state.delta.before-write", "state.delta.after-sync", "state.delta.after-directory-sync", "log.head.before-write",
    "log.head.after-sync", "log.segment.after-create", "log.segment.after-directory-sync",
  ]

  /// The quick setting takes each step with one way to commit; the long one (`MILLRACE_KILLS`) more steps with both, and a second
  /// kill in the recovery.
  @Test(arguments: [false, true]) func everyStepOfASnapshot(asyncCommit: Bool) async throws {
    let whole = Scene(asyncCommit: asyncCommit)
    let log = try await whole.run(["MILLRACE_CRASH_POINTS": "1"]).error
    try await whole.check("undisturbed")
    let passed = Set(
      log.split(separator: "\n").filter { $0.hasPrefix("crash point ") }.map { String($0.dropFirst(12)) })
    let steps = CrashTests.isLong ? Self.steps + Self.more : Self.steps
    for (number, step) in steps.enumerated() where CrashTests.isLong || (number % 2 == 0) == asyncCommit {
      #expect(passed.contains(step))
      let scene = Scene(asyncCommit: asyncCommit)
      // The first head is that of the log itself.
      let isKilled = try await scene.run(["MILLRACE_CRASH": "\(step):\(step.hasPrefix("log.") ? 2 : 1)"]).isKilled
      #expect(isKilled, "\(step) was not passed")
      if CrashTests.isLong { _ = try await scene.run(["MILLRACE_CRASH": "*:\(number % 9 + 2)"]) }
      #expect(try await !scene.run([:]).isKilled)
      try await scene.check("after a kill at \(step)")
    }
  }
}
