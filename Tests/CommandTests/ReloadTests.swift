import Glibc
import Testing

/// SIGHUP and `run --watch`.
struct ReloadTests {
  /// A pipeline that goes on for ever and writes files of numbers.
  static func ticking(_ name: String, rows: Int = 10, folder: String? = nil, checkpoint: String? = nil) -> String {
    let place = checkpoint.map { ", \"checkpointLocation\": \"\($0)\"" } ?? ""
    return """
      "\(name)": { "sources": { "ticks": { "format": "rate", "options": { "rowsPerSecond": \(rows) } } },
        "sinks": { "out": { "query": "SELECT value FROM ticks", "format": "json", "options": { "path": "\(folder ?? "out-\(name)")" } } },
        "trigger": { "processingTime": "100 milliseconds" }\(place) }
      """
  }

  static func file(_ pipelines: String...) -> String {
    "{ \"version\": 1, \"pipelines\": {\n\(pipelines.joined(separator: ",\n")) } }"
  }

  /// Waits until standard error holds a text a number of times.
  static func wait(for text: String, times: Int = 1, _ command: Command, within seconds: Int = 20) async throws {
    for _ in 0..<(seconds * 100) {
      if command.errorSoFar.ranges(of: text).count >= times { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("'\(text)' does not come: \(command.errorSoFar)")
  }

  private func end(_ command: Command) async throws -> String {
    command.signal(SIGTERM)
    let outcome = try await command.outcome(within: 30)
    #expect(outcome.status == 0, "\(outcome.error)")
    return outcome.error
  }

  @Test("1.3 benthos #89, #91, Vector #18933: a reload restarts what changed, whatever it was, and says so by number")
  func aSignalReloadsWhatChanged() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(Self.ticking("a"), Self.ticking("b")))
    let command = try Command(["run", "p.json", "--progress", "progress.ndjson"], in: sandbox)
    try await Self.wait(for: "a batch 0", command)
    try await Self.wait(for: "b batch 0", command)
    sandbox.write("p.json", Self.file("// other numbers\n" + Self.ticking("a", rows: 20), Self.ticking("b")))
    command.signal(SIGHUP)
    try await Self.wait(for: "reload 1: 1 restarted, 1 unchanged", command)
    try await Self.wait(for: "a batch 0", times: 2, command)

    sandbox.write("p.json", Self.file(Self.ticking("a", rows: 20), "\"b\": 7"))
    command.signal(SIGHUP)
    try await Self.wait(for: "p.json:5:6: [PIPELINE_WRONG_TYPE]", command)
    try await Self.wait(for: "reload 2: refused, everything goes on as it was", command)

    sandbox.write("p.json", Self.file(Self.ticking("a", rows: 20), Self.ticking("c")))
    command.signal(SIGHUP)
    try await Self.wait(for: "reload 3: 1 added, 1 removed, 1 unchanged", command)
    try await Self.wait(for: "c batch 0", command)
    sandbox.write("p.json", Self.file(Self.ticking("a", rows: 20), "/* nothing new */" + Self.ticking("c")))
    command.signal(SIGHUP)
    try await Self.wait(for: "reload 4: 2 unchanged", command)
    let said = try await end(command)
    #expect(
      said.ranges(of: "b: rate").isEmpty && said.ranges(of: "b: ticks (rate)").count == 1, "b was started once: \(said)"
    )
    // 1.3 Vector #13013: what follows a run from outside goes on.
    #expect(Sandbox.read("\(sandbox.path)/progress.ndjson").contains("\"name\":\"c\""))
  }

  @Test("1.3 Vector #15952, #24125: a reload does not hang with a sink that waits, and the others are restarted")
  func aSinkThatWaitsHoldsNobodyUp() async throws {
    func stuck(_ port: Int) -> String {
      """
      "stuck": { "sources": { "ticks": { "format": "rate" } },
        "sinks": { "out": { "query": "SELECT value FROM ticks", "format": "socket", "options": { "host": "127.0.0.1", "port": \(port), "connectRetry": "1 hour" } } } }
      """
    }
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(stuck(9), Self.ticking("b")))
    let command = try Command(["run", "p.json"], in: sandbox)
    try await Self.wait(for: "b batch 0", command)
    sandbox.write("p.json", Self.file(stuck(10), Self.ticking("b", rows: 20)))
    command.signal(SIGHUP)
    try await Self.wait(for: "b: ticks (rate)", times: 2, command)
    sandbox.write("p.json", Self.file(stuck(10), Self.ticking("b", rows: 30), Self.ticking("c")))
    command.signal(SIGHUP)
    try await Self.wait(for: "b: ticks (rate)", times: 3, command)
    try await Self.wait(for: "c batch 0", command)
    try await Self.wait(for: "reload 2: waits for stuck", command)
    command.signal(SIGTERM)
    try await Task.sleep(for: .milliseconds(200))
    command.signal(SIGTERM)
    _ = try await command.outcome(within: 10)
  }

  @Test("1.3 Vector #2011: what one pipeline lets go another can have in the same reload")
  func aRenamedPipelineTakesOverCheckpointAndFiles() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(Self.ticking("a", folder: "out", checkpoint: "checkpoint")))
    let command = try Command(["run", "p.json"], in: sandbox)
    try await Self.wait(for: "a batch 1", command)
    sandbox.write("p.json", Self.file(Self.ticking("b", folder: "out", checkpoint: "checkpoint")))
    command.signal(SIGHUP)
    try await Self.wait(for: "reload 1: 1 added, 1 removed", command)
    try await Self.wait(for: "b batch", command)
    // Where its checkpoint does not fit, a changed pipeline is left as it is.
    sandbox.write(
      "p.json",
      Self.file(
        Self.ticking("b", folder: "out", checkpoint: "checkpoint").replacing("\"ticks\"", with: "\"others\"").replacing(
          "FROM ticks", with: "FROM others")))
    command.signal(SIGHUP)
    try await Self.wait(for: "[CHECKPOINT_SOURCES_CHANGED]", command)
    try await Self.wait(for: "reload 2: refused", command)
    _ = try await end(command)
  }

  @Test(
    "1.3 Connect #1257: files that appear under an include are taken over by --watch, and so are those that go away")
  func watchFollowsTheFiles() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", #"{ "version": 1, "include": "parts/*.json" }"#)
    sandbox.write("parts/a.json", "{ \"pipelines\": { \(Self.ticking("a")) } }")
    let command = try Command(["run", "p.json", "--watch"], in: sandbox)
    try await Self.wait(for: "a batch 0", command)
    sandbox.write("parts/b.json", "{ \"pipelines\": { \(Self.ticking("b")) } }")
    try await Self.wait(for: "reload 1: 1 added, 1 unchanged", command)
    sandbox.write("parts/b.json", "{ \"pipelines\": { \(Self.ticking("b", rows: 77)) } }")
    try await Self.wait(for: "reload 2: 1 restarted, 1 unchanged", command)
    unlink("\(sandbox.path)/parts/a.json")
    try await Self.wait(for: "reload 3: 1 removed, 1 unchanged", command)
    _ = try await end(command)
  }
}
