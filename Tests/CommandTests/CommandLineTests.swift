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

  @Test(arguments: ["validate", "check", "test", "fmt", "create", "list", "describe", "schema", "version", "graph"])
  func everyCommandHasExamples(name: String) async throws {
    let help = try await Command.millrace([name, "--help"]).output
    #expect(help.contains("Examples:\n  millrace \(name)"))
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
