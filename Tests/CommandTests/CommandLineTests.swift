import Testing

struct CommandLineTests {
  static let statuses: [(String, Int32)] = [
    ("version", 0), ("--help", 0), ("help validate", 0), ("vaildate", 2), ("list --what", 2), ("describe", 2),
    ("describe no-such-thing", 3), ("validate no-such-file.json", 3), ("list", 0), ("list --json", 0),
  ]

  @Test(arguments: statuses)
  func exitStatus(arguments: String, status: Int32) async throws {
    let outcome = try await Command.millrace(arguments.split(separator: " ").map { String($0) })
    #expect(outcome.status == status, "\(outcome.error)")
    #expect(outcome.error.isEmpty == (status == 0))
    #expect(outcome.output.isEmpty == (status != 0))
  }

  @Test(arguments: [
    "validate", "check", "test", "fmt", "create", "list", "describe", "schema", "version", "graph", "new",
    "tap", "top", "dlq", "sql", "explain", "checkpoint", "state", "run",
  ])
  func everyCommandHasExamples(name: String) async throws {
    let help = try await Command.millrace([name, "--help"]).output
    #expect(help.contains("Examples:\n  millrace \(name)"))
  }

  /// What a newcomer types, and what is said.
  static let mistakes: [([String], Int32, String)] = [
    (["rum"], 2, "there is no command 'rum'\n  hint: did you mean 'millrace run'?\n"),
    (["my.json"], 2, "there is no command 'my.json'\n  hint: to run a pipeline file: millrace run my.json\n"),
    (["something"], 2, "  hint: commands are: check, checkpoint, create, "),
    (["run", "connectors.jsn"], 3, "there is no file 'connectors.jsn'\n  hint: did you mean 'connectors.json'?\n"),
    (["run", "zzz"], 3, "there is no file 'zzz'\n  hint: there is: connectors.json\n"),
    (["run", "conf"], 3, "'conf' is a folder, no pipeline file\n  hint: there is: conf/a.json\n"),
    (["run", "conf/b.json"], 3, "there is no file 'conf/b.json'\n  hint: did you mean 'conf/a.json'?\n"),
    (["run", "none/b.json"], 3, "  hint: a path is taken from the folder in which the command runs\n"),
    (["describe", "gzip"], 3, "there is no connector or format 'gzip'\n  hint: did you mean 'gzip-file'?\n"),
    (["describe", "file"], 3, "  hint: did you mean 'gzip-file' or 'rotating-file'?\n"),
    (["describe", "combind"], 3, "  hint: did you mean 'combined'?\n"),
    (["describe", "zzzzzz"], 3, "  hint: millrace list has them all\n"),
    (["sql", "SELECT 1", "--table", "t"], 2, "--table takes name=file, not 't'\n"),
    (["sql", "SELECT 1", "--table", "t"], 2, "Usage: millrace sql "),
    (["sql", "SELECT 1 FROM t"], 3, "  hint: say which file it is: --table name=file\n"),
    (["run", "--control", ""], 2, "--control is the path of a socket, not ''"),
  ]

  @Test(arguments: mistakes.indices) func mistakesAreUnderstood(index: Int) async throws {
    let (arguments, status, text) = Self.mistakes[index]
    let sandbox = Sandbox()
    sandbox.write("connectors.json", "{}")
    sandbox.write("conf/a.json", "{}")
    let outcome = try await Command.millrace(arguments, in: sandbox)
    #expect(outcome.status == status)
    #expect(outcome.error.contains(text), "\(outcome.error)")
  }

  @Test func aMissingFileLeadsToADraft() async throws {
    let error = try await Command.millrace(["run"]).error
    #expect(error.contains("millrace create gzip-file/combined/sqlite > connectors.json"), "\(error)")
  }

  /// Tables of a database are tables of a query.
  @Test func aDatabaseCanBeAsked() async throws {
    let sandbox = Sandbox()
    _ = try await Oracle.shell(
      "sqlite3 d.db \"CREATE TABLE hosts (name TEXT, n INT); INSERT INTO hosts VALUES ('a', 1), ('b', 2)\"", in: sandbox
    )
    for table in ["hosts=d.db", "h=d.db?table=hosts"] {
      let outcome = try await Command.millrace(
        ["sql", "SELECT sum(n) AS n FROM \(table.prefix { $0 != "=" })", "--table", table, "--json"], in: sandbox)
      #expect(outcome.output == "{\"n\":3}\n", "\(outcome.error)")
    }
    let other = try await Command.millrace(["sql", "SELECT * FROM host", "--table", "host=d.db"], in: sandbox)
    #expect(other.status == 3 && other.error.contains("'hosts'"), "\(other.error)")
  }

  @Test func complaintsNameThePlace() async throws {
    let sandbox = Sandbox()
    sandbox.write("connectors.json", "{ \"version\": 1,\n  \"pipelins\": {} }")
    let outcome = try await Command.millrace(["validate"], in: sandbox)
    #expect(outcome.status == 3)
    #expect(
      outcome.error == """
        connectors.json:1:1: [PIPELINE_MISSING_KEY] a pipeline file needs the key 'pipelines'
        connectors.json:2:3: [PIPELINE_UNKNOWN_KEY] pipelins: a pipeline file has no key 'pipelins'
          hint: did you mean 'pipelines'?

        """)
    let json = try await Command.millrace(["validate", "--json"], in: sandbox)
    #expect(json.status == 3)
    #expect(json.output.contains(#""code":"PIPELINE_UNKNOWN_KEY""#) && json.output.contains(#""line":2,"column":3"#))
  }

  /// A promise that begins at the journal is shown as such: of what comes only once, unless the sender is told what is durable.
  @Test(arguments: [
    (#"{ "host": "localhost", "port": 9 }"#, "", "exactly-once from the journal on", #""fromJournalOn":["lines"]"#),
    (#"{ "port": 9, "acknowledge": true, "mode": "listen" }"#, "", "exactly-once", #""fromJournalOn":[]"#),
    (
      #"{ "host": "localhost", "port": 9 }"#, #", "numbers": { "format": "rate" }"#,
      "exactly-once, for lines from the journal on",
      "[\"lines\"]"
    ),
  ])
  func deliverySaysFromWhereOn(options: String, more: String, delivery: String, facts: String) async throws {
    let sandbox = Sandbox()
    let query =
      more.isEmpty
      ? "SELECT value FROM lines" : "SELECT value FROM lines UNION ALL SELECT CAST(value AS STRING) FROM numbers"
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "socket", "options": \(options) }\(more) },
        "sinks": { "out": { "query": "\(query)", "format": "text", "options": { "path": "out" } } },
        "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
      """)
    let shown = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(shown.output.contains("\n  delivery \(delivery)\n"), "\(shown.output)\(shown.error)")
    let json = try await Command.millrace(["validate", "p.json", "--json"], in: sandbox)
    #expect(json.output.contains(facts) && json.output.contains(#""delivery":"exactly-once""#), "\(json.output)")
  }

  /// `scripts/docs` writes them anew.
  @Test(arguments: [("schema", "docs/connectors.schema.json"), ("schema --markdown", "docs/reference/connectors.md")])
  func generatedPageIsFresh(arguments: String, page: String) async throws {
    let outcome = try await Command.millrace(arguments.split(separator: " ").map { String($0) })
    #expect(outcome.output == Sandbox.read("\(Sandbox.root)/\(page)"), "\(page) is stale: run scripts/docs")
  }

  /// There is a page for each connector, none for another, and each is fresh.
  @Test func pagesOfConnectorsAreFresh() async throws {
    let sandbox = Sandbox()
    let outcome = try await Command.millrace(["schema", "--pages", "pages"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let made = Sandbox.visibleFiles("\(sandbox.path)/pages")
    let kept = Sandbox.visibleFiles("\(Sandbox.root)/docs/reference/connectors")
    #expect(made.count > 8)
    #expect(made.map { $0.split(separator: "/").last } == kept.map { $0.split(separator: "/").last })
    for (page, fresh) in zip(kept, made) {
      #expect(Sandbox.read(page) == Sandbox.read(fresh), "\(page) is stale: run scripts/docs")
    }
  }
}
