import Testing

/// `millrace check`, and what pipelines may not take from each other.
struct CheckTests {
  static func file(_ pipelines: String) -> String { "{ \"version\": 1, \"pipelines\": {\n\(pipelines) } }" }

  static func pipeline(_ name: String, source: String = "in/*.gz", sink: String, checkpoint: String) -> String {
    """
    "\(name)": { "sources": { "lines": { "format": "gzip-file", "options": { "path": "\(source)" } } },
      "sinks": { "out": { "query": "SELECT value, length(value) AS n FROM lines", \(sink) } },
      "trigger": { "availableNow": true }, "checkpointLocation": "\(checkpoint)" }
    """
  }

  static let table = #""format": "sqlite", "options": { "path": "out/t.db", "table": "t" }"#

  @Test func aWorldThatFitsIsOK() async throws {
    let sandbox = Sandbox()
    _ = try await Oracle.shell("mkdir in && echo a | gzip > in/a.gz", in: sandbox)
    sandbox.write("connectors.json", Self.file(Self.pipeline("p", sink: Self.table, checkpoint: "out/cp")))
    let first = try await Command.millrace(["check"], in: sandbox)
    #expect(first.status == 0, "\(first.output)\(first.error)")
    #expect(
      first.output == """
        ok      p: source lines: 'in/*.gz' can be read
        ok      p: sink out: 'out/t.db' can be written
        ok      p: sink out: table 't' in 'out/t.db' takes the rows
        ok      p: checkpoint: checkpoint 'out/cp' fits and can be written
        Nothing stands in the way.

        """)
    #expect(!Sandbox.allFiles(sandbox.path).contains { $0.contains("/out/") }, "nothing was made")
    #expect(try await Command.millrace(["run"], in: sandbox).status == 0)
    let second = try await Command.millrace(["check", "--json"], in: sandbox)
    #expect(
      second.status == 0
        && second.output.hasPrefix(#"{"ok":true,"diagnostics":[],"checks":[{"pipeline":"p","end":"source lines","#))
  }

  @Test func whatStandsInTheWayIsNamedWithItsPlace() async throws {
    let sandbox = Sandbox()
    sandbox.write("blocked", "a file")
    _ = try await Oracle.shell("mkdir out && sqlite3 out/t.db 'CREATE TABLE t (valeu TEXT, n INTEGER)'", in: sandbox)
    sandbox.write(
      "connectors.json",
      Self.file(
        Self.pipeline("p", source: "nowhere/*.gz", sink: Self.table, checkpoint: "blocked/cp") + ",\n"
          + #""q": { "sources": { "s": { "format": "socket", "options": { "host": "127.0.0.1", "port": 9 } } }, "sinks": { "o": { "query": "SELECT * FROM s", "format": "console" } } }"#
      ))
    let outcome = try await Command.millrace(["check"], in: sandbox)
    #expect(outcome.status == 1)
    for line in [
      "FAILED  p: source lines: 'nowhere/*.gz' can be read\n  connectors.json:2:21: [PATH_NOT_FOUND] no file matches 'nowhere/*.gz'",
      "FAILED  p: sink out: table 't' in 'out/t.db' takes the rows\n  connectors.json:3:14: [SINK_SCHEMA_MISMATCH]",
      "'value': did you mean 'valeu'?",
      "FAILED  p: checkpoint: checkpoint 'blocked/cp' fits and can be written\n  connectors.json:4:62: [PATH_NOT_A_FOLDER] 'blocked' is no folder",
      "FAILED  q: source s: 127.0.0.1:9 takes a connection\n  connectors.json:5:21: [SOCKET_CONNECT_FAILED]",
      "-       q: sink o: console has nothing to look at", "4 of 6 checks failed.",
    ] { #expect(outcome.output.contains(line), "\(line)\nis not in\n\(outcome.output)") }
    let json = try await Command.millrace(["check", "--json", "--pipeline", "q"], in: sandbox)
    #expect(json.status == 1 && json.output.contains(#""outcome":"failed","code":"SOCKET_CONNECT_FAILED""#))
  }

  @Test func aCheckpointThatDoesNotFitIsFound() async throws {
    let sandbox = Sandbox()
    _ = try await Oracle.shell("mkdir in && echo a | gzip > in/a.gz", in: sandbox)
    sandbox.write("connectors.json", Self.file(Self.pipeline("p", sink: Self.table, checkpoint: "out/cp")))
    #expect(try await Command.millrace(["run"], in: sandbox).status == 0)
    sandbox.write(
      "connectors.json",
      Self.file(Self.pipeline("p", sink: Self.table, checkpoint: "out/cp").replacing("\"out\":", with: "\"other\":")))
    let outcome = try await Command.millrace(["check"], in: sandbox)
    #expect(outcome.status == 1 && outcome.output.contains("[CHECKPOINT_SINKS_CHANGED]"), "\(outcome.output)")
  }

  /// Vector declares resources for this reason; see 1.2.
  @Test func whatOnlyOneCanHaveIsRefusedToTheSecond() async throws {
    let sandbox = Sandbox()
    let file = #""format": "gzip-file", "options": { "path": "./out/x/../a.gz" }"#
    let same = #""format": "gzip-file", "options": { "path": "out/a.gz" }"#
    sandbox.write(
      "connectors.json",
      Self.file(
        [
          Self.pipeline("a", sink: Self.table, checkpoint: "out/a"),
          Self.pipeline("b", sink: Self.table.replacing("\"t\"", with: "\"T\""), checkpoint: "out/./a"),
          Self.pipeline("c", sink: file, checkpoint: "out/c"), Self.pipeline("d", sink: same, checkpoint: "out/d"),
        ].joined(separator: ",\n")))
    let outcome = try await Command.millrace(["run"], in: sandbox)
    #expect(outcome.status == 3)
    let lines = outcome.error.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(
      lines.first
        == "connectors.json:6:14: [PIPELINE_RESOURCE_TAKEN] pipelines.b.sinks.out: table 't' in 'out/t.db' belongs to the sink out of pipeline 'a'",
      "\(outcome.error)")
    #expect(
      lines.dropFirst().first
        == "  hint: connectors.json:3:14 has it: choose another, or run one of the two with --pipeline")
    #expect(
      outcome.error.contains("[PIPELINE_RESOURCE_TAKEN] pipelines.b.checkpointLocation: checkpoint 'out/a' belongs"))
    #expect(outcome.error.contains("[PIPELINE_RESOURCE_TAKEN] pipelines.d.sinks.out: file 'out/a.gz' belongs"))
    #expect(try await Command.millrace(["validate", "--pipeline", "a", "--pipeline", "c"], in: sandbox).status == 0)
  }
}
