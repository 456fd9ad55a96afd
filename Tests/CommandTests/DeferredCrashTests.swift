import Testing

/// A query that is behind and lets rows of three results wait, two of them for tables of one database, is killed at its steps; started
/// again, tables and files are right.
@Suite(.serialized)
struct DeferredCrashTests {
  static let files = 8
  static let keys = 3000

  private struct Scene {
    let sandbox = Sandbox()

    init(more: String = "") {
      for file in 0..<DeferredCrashTests.files {
        let rows = (0..<DeferredCrashTests.keys).map { "k\($0 * (file + 3) % 4001)\n" }
        sandbox.write("in/part-\(file).txt", rows.joined())
      }
      let grouped = "SELECT value, count(*) AS n FROM lines GROUP BY value"
      sandbox.write(
        "count.json",
        """
        { "version": 1, "pipelines": { "count": {
          "sources": { "lines": { "format": "text", "options": { "path": "in", "maxFilesPerTrigger": 1 } } },
          "sinks": {
            "counts": { "query": "\(grouped)", "outputMode": "update", "format": "sqlite",
              "options": { "path": "out.db", "table": "counts", "keys": ["value"] } },
            "top": { "query": "SELECT * FROM (\(grouped)) ORDER BY n DESC, value LIMIT 50", "outputMode": "complete",
              "format": "sqlite", "options": { "path": "out.db", "table": "top" } },
            "all": { "query": "SELECT value FROM lines", "format": "gzip-file", "encode": "text",
              "options": { "path": "all.gz" } } },
          "trigger": { "availableNow": true }, \(more) "checkpointLocation": "checkpoint" } } }
        """)
    }

    func run(_ crash: String? = nil, _ more: [String] = []) async throws -> (isKilled: Bool, output: String) {
      let environment = crash.map { ["MILLRACE_CRASH": $0] } ?? ["MILLRACE_CRASH_POINTS": "1"]
      let outcome = try await Command(["run", "count.json"] + more, in: sandbox, environment: environment).outcome()
      #expect(outcome.status == 0 || outcome.status == -9, "\(outcome.error)")
      return (outcome.status == -9, outcome.error)
    }

    func sum(_ query: String) async throws -> String {
      try await Oracle.shell("sqlite3 out.db \"\(query)\"", in: sandbox)
    }

    func check(_ note: Comment) async throws {
      let counted = "sort in/* | uniq -c | awk '{ print $2 \"|\" $1 }'"
      let expected = try await Oracle.shell("\(counted) | sort | md5sum", in: sandbox)
      let found = try await Oracle.shell("sqlite3 out.db 'SELECT value, n FROM counts' | sort | md5sum", in: sandbox)
      #expect(found == expected, note)
      let top = try await Oracle.shell("\(counted) | LC_ALL=C sort -t '|' -k2,2nr -k1,1 | head -50", in: sandbox)
      #expect(try await sum("SELECT value, n FROM top ORDER BY n DESC, value") == top, note)
      let lines = try await Oracle.shell("cat in/* | md5sum; zcat all.gz | md5sum", in: sandbox).split(separator: "\n")
      #expect(lines.count == 2 && lines.first == lines.last, note)
    }

    /// Both tables are of one batch, and of a whole one: each file has as many rows.
    func checkBetween(_ note: Comment) async throws {
      let tables = try await sum("SELECT count(*) FROM sqlite_schema WHERE name IN ('counts', 'top')")
      guard tables == "2" else { return }
      let rows = try await sum("SELECT coalesce(sum(n), 0) % \(DeferredCrashTests.keys) FROM counts")
      let others = try await sum(
        "SELECT count(*) FROM top LEFT JOIN counts USING (value) WHERE top.n IS NOT counts.n")
      #expect(rows == "0" && others == "0", note)
    }
  }

  /// The quick setting takes the steps around the sinks; the long one (`MILLRACE_KILLS`) all of them, at each pass.
  @Test(arguments: ["", #""asyncCommit": true,"#]) func everyStep(more: String) async throws {
    let whole = Scene(more: more)
    let log = try await whole.run(nil, ["--progress", "-"]).output
    try await whole.check("undisturbed")
    var passes: [String: Int] = [:]
    for line in log.split(separator: "\n") where line.hasPrefix("crash point ") {
      passes[String(line.dropFirst(12)), default: 0] += 1
    }
    // The tables are left out of some batches.
    let commits = passes["sqlite.committed"] ?? 0
    #expect(commits > 0 && commits < 2 * Self.files, "\(commits)")
    var late = ["late.before-sink-commit:1", "late.after-sink-commit:1", "late.after-sink-commit:2", "sqlite.commit:1"]
    var lateKills = 0
    for (number, (step, count)) in passes.sorted(by: { $0.key < $1.key }).enumerated() {
      if !CrashTests.isLong {
        // Every second one with each way to commit.
        guard ["batch.", "sqlite.", "log.commit"].contains(where: { step.hasPrefix($0) }) else { continue }
        guard (number % 2 == 0) == more.isEmpty else { continue }
      }
      // How often the tables are given rows is a matter of time, but once at least.
      let varies = step.hasPrefix("sqlite.") || step == "batch.after-emit" || step == "batch.after-sink-commit"
      for pass in CrashTests.isLong ? Array(1...count) : [varies ? 1 : count / 2 + 1] {
        let scene = Scene(more: more)
        let isKilled = try await scene.run("\(step):\(pass)").isKilled
        #expect(isKilled || varies && pass > 1, "\(step):\(pass) was not passed")
        try await scene.checkBetween("killed at \(step):\(pass)")
        let second = late.removeFirst()
        late.append(second)
        if try await scene.run(second).isKilled {
          lateKills += 1
          try await scene.checkBetween("killed at \(step):\(pass), then at \(second)")
        }
        #expect(try await !scene.run().isKilled)
        try await scene.check("after a kill at \(step):\(pass)")
      }
    }
    #expect(lateKills > 0)
  }
}
