import Glibc
import MillraceCore
import Testing

/// `millrace top` and `millrace tap`, asked from outside of a run.
struct ControlTests {
  private static func file(_ pipelines: String..., control: String? = "\"out/control.sock\"") -> String {
    let key = control.map { "\"control\": \($0), " } ?? ""
    return "{ \"version\": 1, \(key)\"pipelines\": {\n\(pipelines.joined(separator: ",\n")) } }"
  }

  /// A pipeline with a source, an aggregation, a sink of single rows and dead letters.
  private static let counting = """
    "numbers": {
      "sources": { "ticks": { "format": "rate", "options": { "rowsPerSecond": 100 }, "watermark": { "column": "timestamp", "delay": "1 second" } } },
      "sinks": {
        "even": { "query": "SELECT value FROM ticks WHERE value % 2 = 0", "format": "json", "options": { "path": "out/even" } },
        "by-digit": { "query": "SELECT value % 10 AS digit, count(*) AS n FROM ticks GROUP BY value % 10", "outputMode": "update",
          "format": "sqlite", "options": { "path": "out/numbers.db", "table": "digits", "keys": ["digit"] } } },
      "trigger": { "processingTime": "100 milliseconds" }, "checkpointLocation": "out/checkpoint" }
    """

  private func started(_ file: String, _ arguments: [String] = [], in sandbox: Sandbox) async throws -> Command {
    sandbox.write("connectors.json", file)
    let command = try Command(["run"] + arguments, in: sandbox)
    try await ReloadTests.wait(for: "batch 2", command)
    return command
  }

  private func stop(_ command: Command) async throws {
    command.signal(SIGTERM)
    let outcome = try await command.outcome(within: 30)
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  private func rows(_ output: String) throws -> [JSON] {
    try output.split(separator: "\n").map { try JSON(parsing: String($0)) }
  }

  @Test("rows of sources and sinks can be looked at while the pipeline runs, and the socket is its user's alone")
  func tapShowsRows() async throws {
    let sandbox = Sandbox()
    let command = try await started(Self.file(Self.counting), in: sandbox)
    var status = stat()
    #expect(lstat("\(sandbox.path)/out/control.sock", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)

    let source = try await Command.millrace(["tap", "ticks", "--count", "5"], in: sandbox)
    #expect(source.status == 0, "\(source.error)")
    #expect(source.error == "watching numbers.ticks\n")
    let seen = try rows(source.output)
    #expect(seen.count == 5)
    for row in seen {
      #expect(row["pipeline"]?.string == "numbers" && row["component"]?.string == "ticks")
      #expect(row["kind"]?.string == "source" && row["batchId"]?.int ?? -1 > 0)
      #expect(row["row"]?["value"]?.int != nil)
    }

    let sinks = try await Command.millrace(
      ["tap", "numbers.*even", "by-*", "--limit", "3", "--interval", "200ms", "--count", "12"], in: sandbox)
    let both = try rows(sinks.output)
    let even = both.filter { $0["component"]?.string == "even" }
    let digits = both.filter { $0["component"]?.string == "by-digit" }
    #expect(!even.isEmpty && !digits.isEmpty, "\(sinks.output)")
    #expect(even.allSatisfy { ($0["row"]?["value"]?.int ?? 1) % 2 == 0 })
    #expect(digits.allSatisfy { $0["row"]?["digit"]?.int != nil && $0["row"]?["n"]?.int != nil })
    try await stop(command)
    #expect(lstat("\(sandbox.path)/out/control.sock", &status) != 0, "the socket goes with the run")
  }

  @Test("a tap goes on through a reload, and ends with the run")
  func tapSurvivesAReload() async throws {
    let sandbox = Sandbox()
    let command = try await started(Self.file(ReloadTests.ticking("a")), in: sandbox)
    let tap = try Command(["tap", "a.out"], in: sandbox)
    try await ReloadTests.wait(for: "watching a.out", tap)
    sandbox.write("connectors.json", Self.file(ReloadTests.ticking("a", rows: 50)))
    command.signal(SIGHUP)
    try await ReloadTests.wait(for: "reload 1: 1 restarted", command)
    let before = tap.outputSoFar.count
    for _ in 0..<1000 where tap.outputSoFar.count <= before { try await Task.sleep(for: .milliseconds(10)) }
    #expect(tap.outputSoFar.count > before, "rows of the pipeline that took the place of the old one")
    try await stop(command)
    let outcome = try await tap.outcome(within: 10)
    #expect(outcome.status == 0)
    #expect(outcome.error.hasSuffix("the run has ended\n"))
  }

  @Test("dead letters pass under the name of their sink")
  func tapShowsDeadLetters() async throws {
    let sandbox = Sandbox()
    sandbox.write("in/a.json", "{\"n\":1}\n")
    let command = try await started(
      Self.file(
        """
        "p": { "sources": { "lines": { "format": "json", "schema": "n INT", "options": { "path": "in/*.json" }, "onBadRecord": "deadLetter" } },
          "sinks": { "out": { "query": "SELECT n FROM lines", "format": "json", "options": { "path": "out/rows" } } },
          "deadLetter": { "format": "json", "options": { "path": "out/rejected" } },
          "trigger": { "processingTime": "100 milliseconds" }, "checkpointLocation": "out/checkpoint" }
        """, ReloadTests.ticking("b")), in: sandbox)
    let tap = try Command(["tap", "deadLetter", "--count", "1"], in: sandbox)
    try await ReloadTests.wait(for: "watching p.deadLetter", tap)
    sandbox.write("in/b.json", "{\"n\":2}\n{\"n\":\"x\"}\n")
    let outcome = try await tap.outcome(within: 20)
    let letter = try #require(try rows(outcome.output).first?["row"])
    #expect(letter["record"]?.string == #"{"n":"x"}"# && letter["name"]?.string == "lines")
    try await stop(command)
  }

  @Test("figures of a run")
  func topShowsFigures() async throws {
    let sandbox = Sandbox()
    let command = try await started(Self.file(Self.counting), in: sandbox)
    let table = try await Command.millrace(["top", "--once"], in: sandbox)
    #expect(table.status == 0, "\(table.error)")
    let lines = table.output.split(separator: "\n").map { String($0) }
    try #require(lines.count == 6, "\(table.output)")
    #expect(lines[0].hasPrefix("connectors.json, process \(command.process), for "))
    #expect(lines[1].hasPrefix("PIPELINE "))
    #expect(lines[2].hasPrefix("numbers ") && lines[2].contains("running"))
    #expect(lines[3...].map { $0.split(separator: " ")[1] } == ["ticks", "even", "by-digit"])

    let facts = try rows(try await Command.millrace(["top", "--once", "--json"], in: sandbox).output).first
    let pipeline = try #require(facts?["pipelines"]?.array?.first)
    #expect(pipeline["rowsIn"]?.int ?? 0 > 0 && pipeline["rowsOut"]?.int ?? 0 > 0)
    #expect(pipeline["stateRows"]?.int ?? 0 > 0 && pipeline["stateBytes"]?.int ?? 0 > 0)
    #expect(pipeline["watermark"]?.string?.hasPrefix("20") == true)
    #expect(pipeline["guarantee"]?.string == "exactly-once")

    // Without a terminal one table follows the other until the run ends.
    let following = try Command(["top", "--interval", "50ms"], in: sandbox)
    for _ in 0..<1000 where following.outputSoFar.ranges(of: "PIPELINE").count < 3 {
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(following.outputSoFar.ranges(of: "PIPELINE").count >= 3)
    try await stop(command)
    let outcome = try await following.outcome(within: 10)
    #expect(outcome.status == 0 && outcome.error == "the run has ended\n")
  }

  @Test("the last error of a pipeline that is started again and again")
  func topShowsTheLastError() async throws {
    let sandbox = Sandbox()
    let command = try await started(
      Self.file(
        """
        "p": { "sources": { "lines": { "format": "exec", "options": { "command": "exit 3" } } },
          "sinks": { "out": { "query": "SELECT value FROM lines", "format": "json", "options": { "path": "out/rows" } } },
          "restart": { "on": "transient", "backoff": "1 hour" }, "checkpointLocation": "out/checkpoint" }
        """, ReloadTests.ticking("b")), in: sandbox)
    try await ReloadTests.wait(for: "p: starts again", command)
    let facts = try rows(try await Command.millrace(["top", "--once", "--json"], in: sandbox).output).first
    let pipeline = try #require(facts?["pipelines"]?.array?.first { $0["name"]?.string == "p" })
    #expect(pipeline["state"]?.string == "restarting")
    #expect(pipeline["lastError"]?["text"]?.string?.contains("EXEC_FAILED") == true)
    let table = try await Command.millrace(["top", "--once"], in: sandbox).output
    #expect(table.contains("\n\np, 20") && table.contains("EXEC_FAILED"))
    try await stop(command)
  }

  @Test("what cannot be asked says why")
  func mistakesAreNamed() async throws {
    let sandbox = Sandbox()
    sandbox.write("none.json", Self.file(ReloadTests.ticking("a"), control: nil))
    let unconfigured = try await Command.millrace(["top", "none.json"], in: sandbox)
    #expect(unconfigured.status == 3)
    #expect(unconfigured.error.contains("[CONTROL_NOT_CONFIGURED] none.json does not say where its run can be asked"))
    #expect(unconfigured.error.contains("\"control\": \"out/control.sock\""))

    sandbox.write("connectors.json", Self.file(ReloadTests.ticking("a")))
    for arguments in [["tap"], ["top"]] {
      let absent = try await Command.millrace(arguments, in: sandbox)
      #expect(absent.status == 1)
      #expect(absent.error.contains("[RUN_NOT_FOUND] nothing runs that is asked at 'out/control.sock'"))
    }
    #expect(try await Command.millrace(["tap", "--interval", "often"], in: sandbox).status == 2)
    #expect(try await Command.millrace(["top", "--interval", "0s"], in: sandbox).status == 2)

    let command = try await started(Self.file(ReloadTests.ticking("a")), in: sandbox)
    let unknown = try await Command.millrace(["tap", "tick"], in: sandbox)
    #expect(unknown.status == 3)
    #expect(unknown.error.contains("[COMPONENT_NOT_FOUND]") && unknown.error.contains("did you mean 'ticks'?"))
    let second = try await Command.millrace(["run"], in: sandbox)
    #expect(second.status == 1 && second.error.contains("[CONTROL_IN_USE] another run is asked at 'out/control.sock'"))
    try await stop(command)
  }

  @Test("a run is asked where --control says, also after one that was killed")
  func controlAsAnOption() async throws {
    let sandbox = Sandbox()
    let killed = try await started(
      Self.file(ReloadTests.ticking("a"), control: nil), ["--control", "run.sock"], in: sandbox)
    killed.signal(SIGKILL)
    _ = try await killed.outcome(within: 10)
    let command = try await started(
      Self.file(ReloadTests.ticking("a"), control: nil), ["--control", "run.sock"], in: sandbox)
    let outcome = try await Command.millrace(["tap", "--control", "run.sock", "--count", "1"], in: sandbox)
    #expect(outcome.status == 0 && outcome.output.hasPrefix(#"{"pipeline":"a","component":""#), "\(outcome.error)")
    sandbox.write("file", "")
    let refused = try await Command.millrace(["run", "--control", "file"], in: sandbox)
    #expect(refused.status == 3 && refused.error.contains("'file' is there and is no socket"), "\(refused.error)")
    try await stop(command)
  }
}
