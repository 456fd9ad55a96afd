import Testing

/// Values of secret fields are nowhere to be found but where the user wrote them.
struct SecretTests {
  static let password = "c0rrect \"horse\" battery"

  static func file(password: String = "${file:password.txt}", breaks: Bool = false, more: String = "") -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "v": { "format": "vault", "options": { "password": "\(password)", "breaks": \(breaks)\(more) } } },
      "sinks": { "out": { "query": "SELECT n, n + 1 AS next FROM v", "format": "json", "options": { "path": "out/rows" } } },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint" } } }
    """
  }

  static let commands: [([String], Int32)] = [
    (["validate"], 0), (["validate", "--json"], 0), (["explain"], 0), (["graph"], 0),
    (["graph", "--format", "dot"], 0),
    (["run", "--progress", "progress.ndjson", "--profile", "profile.json"], 0),
    (["run", "--json", "--profile", "-"], 0),
    (["explain", "--analyze"], 0), (["describe", "vault"], 0), (["checkpoint", "show", "out/checkpoint"], 0),
    (["run", "broken.json"], 4), (["run", "broken.json", "--json"], 4), (["validate", "pin.json"], 3),
    (["run", "pin.json"], 3), (["validate", "typo.json"], 3),
  ]

  @Test func noOutputHoldsASecret() async throws {
    let sandbox = Sandbox()
    sandbox.write("password.txt", Self.password + "\n")
    sandbox.write("connectors.json", Self.file())
    sandbox.write("broken.json", Self.file(breaks: true).replacing("out/", with: "broken/"))
    sandbox.write("pin.json", Self.file(more: ", \"pin\": \"${env:PIN}\""))
    sandbox.write("typo.json", Self.file(password: "${env:PASSWORD}\", \"passwrd\": \"x"))
    var said = ""
    for (arguments, status) in Self.commands {
      let outcome = try await Command(
        arguments, in: sandbox, environment: ["PIN": "31415926", "PASSWORD": Self.password],
        executable: "\(Command.folder)/LeakyProgram"
      ).outcome(within: 30)
      #expect(outcome.status == status, "\(arguments): \(outcome.error)")
      said += outcome.output + outcome.error
    }
    #expect(said.contains("VAULT_CLOSED") && said.contains("***"), "the connector has told what it knows: \(said)")
    let kept = Sandbox.allFiles(sandbox.path).map { ($0, Sandbox.read($0)) }
    #expect(kept.contains { $0.0.hasSuffix("progress.ndjson") && $0.1.contains("vault[***]") })
    #expect(kept.contains { $0.0.hasSuffix(".json") && $0.1.contains("\"next\":4") }, "the sink has its rows")
    for (name, text) in kept + [("output", said)] where !name.hasSuffix("/password.txt") {
      for secret in [Self.password, #"c0rrect \"horse"#, "horse", "31415926"] {
        #expect(!text.contains(secret), "\(name) holds a secret")
      }
    }
  }
}
