import Testing

/// A query whose state has outgrown the log, so that changes go into files and snapshots are written beside the batches, is killed at each
/// step of both; started again, its counts are right.
@Suite(.serialized)
struct SnapshotCrashTests {
  static let files = 8
  static let keys = 1000

  private struct Scene {
    let sandbox = Sandbox()

    init(asyncCommit: Bool) {
      // The last text of nearly every key changes with each file, so that the changes outgrow the state.
      for (file, letter) in "abcdefgh".prefix(SnapshotCrashTests.files).enumerated() {
        let text = String(repeating: letter, count: 500)
        let keys = (0..<SnapshotCrashTests.keys).filter { file == 0 || $0 % 50 != file }
        sandbox.write("in/part-\(file).txt", keys.map { "\($0) \(text)\n" }.joined())
      }
      sandbox.write(
        "count.json",
        """
        { "version": 1, "pipelines": { "count": {
          "sources": { "lines": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
          "sinks": { "counts": {
            "query": "SELECT CAST(k AS INT) AS k, count(*) AS n, substr(max(text), 1, 1) AS letter \
        FROM (SELECT split_part(value, ' ', 1) AS k, split_part(value, ' ', 2) AS text FROM lines) GROUP BY k",
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
      let sums = "SELECT count(*), sum(n), sum(k * n), min(letter) FROM t"
      let found = try await Oracle.shell("sqlite3 out.db '\(sums)'", in: sandbox)
      let expected = try await Oracle.shell(
        """
        cat in/* | awk '{ l = substr($2, 1, 1); if (l > last[$1]) last[$1] = l; n++; s += $1 }
          END { m = "z"; for (k in last) { c++; if (last[k] < m) m = last[k] } print c "|" n "|" s "|" m }'
        """, in: sandbox)
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
