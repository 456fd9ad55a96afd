import Glibc
import Testing

/// An archive, then the log: each line once in the end, whatever the rotator and a killer do.
@Suite struct HandoverTests {
  static let pipeline = """
    { "version": 1, "pipelines": { "p": {
      "sources": {
        "live": { "format": "rotating-file", "options": { "path": "logs/app.log", "rotateWait": "0 seconds" }, "startAfter": "old" },
        "old": { "format": "gzip-file", "options": { "path": "logs/app.log.*.gz", "maxFilesPerTrigger": 1 } }
      },
      "sinks": {
        "all": { "query": "SELECT value FROM live UNION ALL SELECT value FROM old", "format": "gzip-file",
                 "options": { "path": "out/all.gz" }, "encode": "text" },
        "counts": { "query": "SELECT value, count(*) AS n FROM (SELECT value FROM old UNION ALL SELECT value FROM live) GROUP BY value",
                    "outputMode": "update", "format": "sqlite",
                    "options": { "path": "out/counts.db", "table": "counts", "keys": ["value"] } }
      },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint", "delivery": "exactly-once" } } }
    """

  /// Three archives and a log.
  static let prepare = """
    mkdir logs; for i in 1 2 3; do seq -f "archive $i line %g" 50 | gzip -n > logs/app.log.$((4 - i)).gz; done
    seq -f 'live line %g' 50 > logs/app.log
    """
  /// The log is rotated and compressed, so that the archive's pattern has it, and goes on.
  static let rotate = """
    cd logs; for i in 9 8 7 6 5 4 3 2 1; do if test -e app.log.$i.gz; then mv app.log.$i.gz app.log.$((i + 1)).gz; fi; done
    gzip -n -c app.log > app.log.1.gz; rm app.log; seq -f "more line %g" $1 > app.log
    """
  static let read = """
    gzip -dc out/all.gz | LC_ALL=C sort | uniq -c | awk '$1 != 1' ; gzip -dc out/all.gz | wc -l
    sqlite3 out/counts.db 'SELECT count(*), max(n) FROM counts'
    """

  static func sandbox() async throws -> Sandbox {
    let sandbox = Sandbox()
    sandbox.write("p.json", pipeline)
    _ = try await Oracle.shell(prepare, in: sandbox)
    return sandbox
  }

  static func run(_ sandbox: Sandbox, crash: String? = nil) async throws -> Bool {
    let environment = crash.map { ["MILLRACE_CRASH": $0] } ?? [:]
    let outcome = try await Command(["run", "p.json"], in: sandbox, environment: environment).outcome()
    #expect(outcome.status == 0 || crash != nil && outcome.status == -SIGKILL, "\(outcome.error)")
    return outcome.status == -SIGKILL
  }

  static func shell(_ script: String, _ arguments: [String] = [], in sandbox: Sandbox) async throws -> String {
    try await Oracle.shell(script, arguments, in: sandbox)
  }

  @Test func archiveThenLog() async throws {
    let sandbox = try await Self.sandbox()
    #expect(try await !Self.run(sandbox))
    let first = try await Self.shell("gzip -dc out/all.gz | head -n 1; gzip -dc out/all.gz | tail -n 1", in: sandbox)
    #expect(first == "archive 1 line 1\nlive line 50\n")
    #expect(try await Self.shell(Self.read, in: sandbox) == "200\n200|1\n")
    // What the archive's pattern has now was read from the log.
    _ = try await Self.shell(Self.rotate, ["30"], in: sandbox)
    #expect(try await !Self.run(sandbox))
    #expect(try await Self.shell(Self.read, in: sandbox) == "230\n230|1\n")
  }

  /// A log that waits for its archive says nothing of the time: with an idle timeout the archive's windows close while it is read, without one
  /// they wait for the log's first row.
  @Test(arguments: [(#", "idleTimeout": "1 millisecond""#, "0|2\n60|1\n"), ("", "")])
  func aFollowerDoesNotHoldTheWatermark(timeout: String, closed: String) async throws {
    let sandbox = Sandbox()
    let schema = #""schema": "ts TIMESTAMP, n INT""#
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": {
          "old": { "format": "csv", "options": { "path": "old", "maxFilesPerTrigger": 1 }, \(schema),
                   "watermark": { "column": "ts", "delay": "0 seconds" } },
          "live": { "format": "rotating-file", "options": { "path": "live.log" }, "decode": "csv", \(schema), "startAfter": "old",
                    "watermark": { "column": "ts", "delay": "0 seconds"\(timeout) } }
        },
        "sinks": { "w": {
          "query": "SELECT CAST(window.start AS BIGINT) AS s, count(*) AS n FROM (SELECT ts FROM old UNION ALL SELECT ts FROM live) GROUP BY window(ts, '1 minute')",
          "format": "sqlite", "options": { "path": "w.db", "table": "w" } } },
        "trigger": { "availableNow": true }, "onEndOfInput": "keep", "checkpointLocation": "checkpoint" } } }
      """)
    for (file, times) in [("1", ["00:00:01", "00:00:02"]), ("2", ["00:01:03"]), ("3", ["00:02:04"])] {
      sandbox.write("old/\(file).csv", times.map { "1970-01-01T\($0)Z,1\n" }.joined())
    }
    sandbox.write("live.log", "")
    #expect(try await !Self.run(sandbox))
    let read = "sqlite3 w.db 'SELECT s, n FROM w ORDER BY s'"
    #expect(try await Self.shell(read, in: sandbox) == closed)
    // The log's rows are in time, and from now on it has a say beside the archive.
    sandbox.write("live.log", "1970-01-01T00:02:05Z,1\n1970-01-01T00:03:06Z,1\n")
    #expect(try await !Self.run(sandbox))
    #expect(try await Self.shell(read, in: sandbox) == "0|2\n60|1\n")
  }

  /// A kill at each step of the run, a rotation, a second kill, and a run to the end.
  @Test func everyCrashPoint() async throws {
    let whole = try await Self.sandbox()
    let log = try await Command(["run", "p.json"], in: whole, environment: ["MILLRACE_CRASH_POINTS": "1"]).outcome()
      .error
    let steps = log.split(separator: "\n").filter { $0.hasPrefix("crash point ") }.count
    #expect(steps > 40)
    var runs = 0, kills = 0
    // Around the handover each step, elsewhere some.
    for step in 1...steps where step > steps / 2 || step % 5 == 0 {
      let sandbox = try await Self.sandbox()
      runs += 1
      kills += try await Self.run(sandbox, crash: "*:\(step)") ? 1 : 0
      _ = try await Self.shell(Self.rotate, ["30"], in: sandbox)
      _ = try await Self.run(sandbox, crash: "*:\(step % 11 + 1)")
      #expect(try await !Self.run(sandbox))
      #expect(try await Self.shell(Self.read, in: sandbox) == "230\n230|1\n", "a kill at step \(step)")
    }
    // A run may take a batch less than the one whose steps were counted.
    #expect(kills > runs / 2)
  }
}
