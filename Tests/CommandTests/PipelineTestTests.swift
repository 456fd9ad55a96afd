import Testing

/// `tests` in a pipeline file, and `millrace test`.
struct PipelineTestTests {
  /// A file whose tests a case replaces; the connectors lead nowhere, so nothing of them can be touched.
  static func file(_ tests: String) -> String {
    #"""
    { "version": 1, "pipelines": {
      "hits": {
        "sources": {
          "requests": { "format": "gzip-file", "options": { "path": "nowhere/*.gz" }, "decode": "combined", "onBadRecord": "skip",
                        "watermark": { "column": "time", "delay": "10 minutes" } },
          "clicks": { "format": "socket", "options": { "host": "nowhere.invalid", "port": 1 }, "decode": "json", "schema": "ad STRING, at TIMESTAMP, cost DOUBLE" } },
        "tables": { "ads": { "format": "csv", "options": { "path": "nowhere" }, "schema": "ad STRING, owner STRING" } },
        "sinks": {
          "per-minute": { "query": "SELECT window.start AS minute, status, count(*) AS n FROM requests GROUP BY window(time, '1 minute'), status",
                          "format": "sqlite", "options": { "path": "nowhere/x.db", "table": "t", "keys": ["minute", "status"] }, "outputMode": "update" },
          "owners": { "query": "SELECT owner, cost, at FROM clicks JOIN ads USING (ad)", "format": "socket", "options": { "host": "nowhere.invalid", "port": 1 } } },
        "checkpointLocation": "nowhere/checkpoint" },
      "words": {
        "sources": { "lines": { "format": "text", "options": { "path": "nowhere" } } },
        "sinks": { "counts": { "query": "SELECT word, count(*) AS n FROM (SELECT explode(split(value, ' ')) AS word FROM lines) GROUP BY word ORDER BY word",
                               "outputMode": "complete", "format": "console" } } } },
      "tests": [
        \#(tests) ] }
    """#
  }

  static let request = #"1.2.3.4 - - [01/Jan/2026:00:00:SECOND +0000] \"GET / HTTP/1.1\" STATUS 5 \"-\" \"curl\""#

  static func line(_ second: String, _ status: Int) -> String {
    "\"\(request.replacing("SECOND", with: second).replacing("STATUS", with: "\(status)"))\""
  }

  static let passing = """
    { "name": "404 counted", "pipeline": "hits",
      "given": [ { "requests": [\(line("01", 200)), \(line("02", 404)), "no log line"] }, { "requests": [\(line("03", 404))] } ],
      "expect": { "per-minute": { "rows": [ { "minute": "2026-01-01T01:00:00+01:00", "status": 200, "n": 1 }, { "status": 404, "n": 1, "minute": "2026-01-01T00:00:00Z" },
        { "minute": "2026-01-01 00:00:00", "status": 404, "n": 2 } ] } },
      "badRecords": 1, "lateRows": 0, "watermark": "2025-12-31T23:50:03Z" },
    { "name": "owners of clicks", "pipeline": "hits",
      "given": { "clicks": [ { "ad": "a", "at": "2026-01-01T02:00:00+02:00", "cost": 1 }, { "ad": "b", "cost": 2.5 } ], "ads": [ { "ad": "a", "owner": "Ada" } ] },
      "expect": { "owners": [ { "owner": "Ada", "cost": 1.0, "at": "2026-01-01 00:00:00" } ] } },
    { "name": "words", "pipeline": "words", "given": [ { "lines": ["b a", "a"] }, { "lines": ["c"] } ],
      "expect": { "counts": { "rows": [ { "word": "a", "n": 2 }, { "word": "b", "n": 1 }, { "word": "c", "n": 1 } ], "ordered": true } } }
    """

  private func test(_ tests: String, _ more: [String] = []) async throws -> Command.Outcome {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(tests))
    let outcome = try await Command(["test", "p.json"] + more, in: sandbox).outcome(within: 60)
    let left = Sandbox.allFiles(sandbox.path).filter {
      !$0.hasSuffix("/p.json") && !$0.contains("/.out-") && !$0.contains("/.err-")
    }
    #expect(left.isEmpty, "a test touches nothing: \(left)")
    return outcome
  }

  /// The lines without times.
  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n").map { line in
      guard let open = line.lastIndex(of: "("), line.hasSuffix(")"), line.contains(" ms") || line.contains(" s") else {
        return String(line)
      }
      return String(line[..<open])
    }
  }

  @Test func whatIsAsExpectedPasses() async throws {
    let outcome = try await test(Self.passing)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
    #expect(
      lines(outcome.output) == [
        "ok      hits: 404 counted ", "ok      hits: owners of clicks ", "ok      words: words ",
        "3 tests: 3 passed, 0 failed",
      ])
    let one = try await test(Self.passing, ["--filter", "OWNERS", "--json"])
    #expect(
      one.status == 0
        && one.output.contains(
          #""passed":1,"failed":0,"tests":[{"name":"owners of clicks","pipeline":"hits","passed":true"#)
    )
    #expect(try await test(Self.passing, ["--filter", "nothing"]).status == 2)
  }

  @Test func whatIsNotFailsWithADiff() async throws {
    let wrong = """
      { "name": "wrong rows", "pipeline": "words", "given": { "lines": ["b a a"] },
        "expect": { "counts": [ { "word": "a", "n": 3 }, { "word": "b", "n": 1 } ] } },
      { "name": "wrong order", "pipeline": "words", "given": { "lines": ["b a"] },
        "expect": { "counts": { "rows": [ { "word": "b" }, { "word": "a" } ], "ordered": true } } },
      { "name": "wrong counts", "pipeline": "hits", "given": { "requests": ["x"] }, "expect": { "per-minute": [] },
        "badRecords": 0, "lateRows": 1 },
      { "name": "wrong column", "pipeline": "hits", "given": { "clicks": [ { "add": "a" } ] }, "expect": { "owners": [] } },
      { "name": "wrong value", "pipeline": "hits", "given": { "clicks": [ { "cost": "much" } ] }, "expect": { "owners": [] } },
      { "name": "rows in place of records", "pipeline": "hits", "given": { "requests": [ { "status": 200, "time": "2026-01-01T00:00:30Z" } ] },
        "expect": { "per-minute": [ { "minute": "2026-01-01T00:00:00Z", "status": 200, "n": 1 } ] } }
      """
    let outcome = try await test(wrong)
    #expect(outcome.status == 1)
    let said = lines(outcome.output)
    #expect(
      said.prefix(9) == [
        "FAILED  words: wrong rows ",
        "  p.json:19:15: sink 'counts' got 2 rows, 1 of 2 expected are missing, 1 not expected",
        "    - {\"word\":\"a\",\"n\":3}", "    + {\"word\":\"a\",\"n\":2}", "FAILED  words: wrong order ",
        "  p.json:21:15: sink 'counts' got 2 rows, 1 of 2 expected are missing, 1 not expected",
        "    - {\"word\":\"b\"}", "      {\"word\":\"a\"}", "    + {\"word\":\"b\"}",
      ], "\(outcome.output)")
    #expect(said.contains { $0.hasSuffix(": 0 late rows, expected 1") })
    #expect(said.contains { $0.hasSuffix(": 1 bad records, expected 0") })
    #expect(said.contains { $0.contains("p.json:24:") && $0.contains("there is no column 'add'") }, "\(outcome.output)")
    #expect(said.contains { $0.hasPrefix("FAILED  hits: wrong value") })
    #expect(said.contains("ok      hits: rows in place of records "), "\(outcome.output)")
    #expect(said.last == "6 tests: 1 passed, 5 failed")
  }

  @Test func aCrashChangesNothing() async throws {
    let crashing = """
      { "name": "with crashes", "pipeline": "hits",
        "given": [ { "requests": [\(Self.line("01", 200))] }, { "requests": [\(Self.line("02", 404))] } ],
        "expect": { "per-minute": [ { "status": 200, "n": 1 }, { "status": 404, "n": 1 } ] },
        "crashPoints": ["batch.after-sink-commit:2", "log.commit.after-sync", "batch.after-execute", "journal.after-cut", "journal.tail.after-cut"] }
      """
    let refused = try await test(crashing)
    #expect(refused.status == 3)
    #expect(
      refused.error.contains(
        "[PIPELINE_WRONG_VALUE] tests[0].crashPoints[3]: there is no crash point 'journal.after-cut'"))
    let outcome = try await test(crashing.replacing("\"journal.after-cut\", ", with: ""))
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
    #expect(
      outcome.output.contains(", 3 crashes)") && outcome.output.contains("did not come to journal.tail.after-cut"))
  }

  @Test func theFileIsChecked() async throws {
    let outcome = try await test(
      """
      { "name": "a", "pipeline": "hit", "given": {}, "expect": {} },
      { "name": "b", "pipeline": "hits", "given": { "request": [] }, "expect": { "per_minute": [], "owners": 1 }, "clock": "noon" },
      { "name": "c", "given": [1], "expect": {} }
      """)
    #expect(outcome.status == 3)
    for code in [
      "no pipeline 'hit'", "no source or table 'request'", "no sink 'per_minute'", "'noon' is no time",
      "needs the key 'pipeline'",
    ] {
      #expect(outcome.error.contains(code), "\(code) is not in \(outcome.error)")
    }
    let none = try await test("")
    #expect(none.status == 3 && none.error.contains("[PIPELINE_NO_TESTS]"))
  }
}
