import Glibc
import Testing

/// Archives merged by event time, killed at every durable step: each record once and in order in the end.
@Suite struct ReplayOrderTests {
  static let pipeline = """
    { "version": 1, "pipelines": { "p": {
      "sources": { "logs": {
        "format": "gzip-file",
        "options": { "path": "logs/*.gz", "orderBy": "event-time", "speed": "max", "maxBytesPerTrigger": 4000 },
        "decode": "json", "schema": "time TIMESTAMP, host STRING, n INT", "watermark": { "column": "time", "delay": "0 seconds" }
      } },
      "sinks": {
        "all": { "query": "SELECT unix_seconds(time) AS s, host, n FROM logs", "format": "gzip-file",
                 "options": { "path": "out/all.gz" }, "encode": "csv" },
        "counts": { "query": "SELECT unix_seconds(window.start) AS s, count(*) AS n FROM logs GROUP BY window(time, '1 minute')",
                    "format": "sqlite", "options": { "path": "out/counts.db", "table": "counts" } }
      },
      "trigger": { "availableNow": true }, "onEndOfInput": "close", "checkpointLocation": "out/checkpoint" } } }
    """

  /// Two hosts, two files each, whose times overlap.
  static let prepare = #"""
    mkdir logs; for host in a b; do for file in 2 1; do
      awk -v host=$host -v file=$file 'BEGIN { for (i = 0; i < 100; i++) {
        s = (2 - file) * 300 + i * 3 + (host == "b");
        printf "{\"time\":\"1970-01-01T%02d:%02d:%02dZ\",\"host\":\"%s\",\"n\":%d}\n", s / 3600, s / 60 % 60, s % 60, host, i } }' |
        gzip -n > logs/$host.log.$file.gz
    done; done
    """#
  static let expected = """
    cat logs/*.gz | gzip -dc | sed 's/.*T..:\\(..\\):\\(..\\)Z.*host":"\\(.\\)","n":\\(.*\\)}/\\1 \\2 \\3 \\4/' |
      awk '{ print $1 * 60 + $2 "," $3 "," $4 }' | sort -t, -k1,1n -k2,2
    """

  /// How many steps further each start is killed; with `MILLRACE_KILLS` each step has its turn.
  static let stride = getenv("MILLRACE_KILLS") == nil ? 9 : 1

  @Test func killedAtEachStep() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.pipeline)
    _ = try await Oracle.shell(Self.prepare, in: sandbox)
    // A walk: each start is killed a step later than the one before, until one comes to the end.
    var step = 1
    while step < 400 {
      let outcome = try await Command(
        ["run", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": "*:\(step)", "SWIFT_BACKTRACE": "enable=no"]
      ).outcome()
      if outcome.status == 0 { break }
      #expect(outcome.status == -9, "\(outcome.error)")
      step += Self.stride
    }
    #expect(step > 10 && step < 400)
    let got = try await Oracle.shell("gzip -dc out/all.gz", in: sandbox)
    #expect(got == (try await Oracle.shell(Self.expected, in: sandbox)))
    let counts = try await Oracle.shell(
      "sqlite3 out/counts.db 'SELECT count(*), sum(n), min(n), max(n) FROM counts'", in: sandbox)
    #expect(counts == "10|400|40|40\n")
  }
}
