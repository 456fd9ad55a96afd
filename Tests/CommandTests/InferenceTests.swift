import Glibc
import Testing

/// `"schema": "infer"` in a pipeline file: the columns are kept by the checkpoint, and shown.
struct InferenceTests {
  static func file(_ source: String, query: String = "SELECT * FROM r") -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "r": { \(source) } },
      "sinks": { "out": { "query": "\(query)", "format": "json", "options": { "path": "out" } } },
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint" } } }
    """
  }

  static let json = #""format": "json", "options": { "path": "in/*.json" }, "schema": "infer""#

  static func out(_ sandbox: Sandbox) -> [String] {
    Sandbox.visibleFiles("\(sandbox.path)/out").flatMap { Sandbox.read($0).split(separator: "\n").map(String.init) }
  }

  @Test func keptByTheCheckpoint() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(Self.json))
    sandbox.write("in/a.json", "{\"n\":1,\"s\":{\"x\":[true]}}\n")
    let shown = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(shown.output.contains("inferred columns n BIGINT, s STRUCT<x: ARRAY<BOOLEAN>>"), "\(shown.output)")
    #expect(try await Command.millrace(["run", "p.json"], in: sandbox).status == 0)
    // Later data has other columns and types; those of the first start count, and what does not fit is NULL.
    sandbox.write("in/b.json", "{\"n\":\"two\",\"more\":1}\n{\"n\":3}\n")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.error.contains("1 record unreadable"), "\(outcome.error)")
    #expect(Self.out(sandbox) == [#"{"n":1,"s":{"x":[true]}}"#, "{}", #"{"n":3}"#])
    #expect(
      Sandbox.read("\(sandbox.path)/checkpoint/schemas/r.json")
        == "{\"version\":1,\"schema\":\"n BIGINT, s STRUCT<x: ARRAY<BOOLEAN>>\"}\n")
  }

  @Test func whatDoesNotFitIsNamedWhereItStopsTheQuery() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(Self.json + #", "onBadRecord": "fail""#))
    sandbox.write("in/a.json", "{\"n\":1}\n")
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    sandbox.write("in/b.json", "{\"n\":2}\n{\"n\":\"three\"}\n")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 4)
    #expect(
      outcome.error.contains("in/b.json@8: [MALFORMED_RECORD_IN_PARSING] the value of 'n' is no BIGINT"),
      "\(outcome.error)")
  }

  @Test("Telegraf #4711: a file with another header does not put values into the wrong columns")
  func anotherHeaderIsAnError() async throws {
    let sandbox = Sandbox()
    let source = """
      "format": "gzip-file", "decode": { "format": "csv", "header": true }, "options": { "path": "in/*.csv" }, "schema": "infer"
      """
    sandbox.write("p.json", Self.file(source))
    sandbox.write("in/a.csv", "a,b\n1,2\n")
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    sandbox.write("in/b.csv", "b,a\n3,4\n")
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 4)
    #expect(outcome.error.contains("in/b.csv@0: [CSV_HEADER_MISMATCH]"), "\(outcome.error)")
    #expect(outcome.error.contains("it names: b, a; the columns are: a, b"))
  }

  @Test(arguments: [
    ("", Self.json, "UNABLE_TO_INFER_SCHEMA", 3),
    (
      "{\"n\":1}\n",
      #""format": "socket", "options": { "host": "localhost", "port": 1 }, "decode": "json", "schema": "infer""#,
      "SCHEMA_NOT_INFERRED", 3
    ),
    (
      "{\"n\":1}\n",
      #""format": "gzip-file", "options": { "path": "in/*.json" }, "decode": "combined", "schema": "infer""#,
      "SCHEMA_NOT_INFERRED", 3
    ),
    ("{\"n\":1}\n", #""format": "rate", "schema": "infer""#, "SCHEMA_NOT_ALLOWED", 3),
    (
      "{\"n\":1}\n", #""format": "json", "options": { "path": "in/*.json" }, "schema": { "infer": 0 }"#,
      "PIPELINE_WRONG_VALUE", 3
    ),
  ])
  func whatCannotBeInferred(text: String, source: String, code: String, status: Int32) async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(source))
    sandbox.write("in/a.json", text)
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(
      outcome.status == status && "\(outcome.error)\(outcome.output)".contains("[\(code)]"),
      "\(outcome.error)\(outcome.output)")
  }

  /// Killed while the columns are being kept, a pipeline goes on with those that it inferred.
  @Test(arguments: ["schema.after-sync:1", "schema.after-rename:1", "log.plan.after-sync:1"])
  func killedMeanwhile(crash: String) async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(Self.json))
    sandbox.write("in/a.json", "{\"n\":1}\n")
    let killed = try await Command.millrace(["run", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": crash])
    #expect(killed.status == -SIGKILL)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0 && Self.out(sandbox) == [#"{"n":1}"#], "\(outcome.error)")
  }

  @Test func tablesOfTheCommandLine() async throws {
    let sandbox = Sandbox()
    sandbox.write("a.json", "{\"n\":1,\"t\":\"x\"}\n{\"n\":2}\n")
    sandbox.write("b.csv", "n,d\n1,2024-01-01\n2,2024-01-03\n")
    let outcome = try await Command.millrace(
      [
        "sql", "SELECT sum(a.n) AS n, max(date_add(b.d, 1)) AS d FROM a JOIN b ON a.n = b.n", "--table", "a=a.json",
        "--table", "b=b.csv", "--json",
      ], in: sandbox)
    #expect(outcome.output == "{\"n\":3,\"d\":\"2024-01-04\"}\n", "\(outcome.error)")
  }
}
