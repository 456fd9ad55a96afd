import Glibc
import Testing

/// Sender and engine are killed again and again; each line arrives exactly once.
///
/// `MILLRACE_KILLS=200 scripts/test --filter AcknowledgedSocketTests` runs that many rounds.
@Suite(.serialized)
struct AcknowledgedSocketTests {
  static let sender = "\(Sandbox.root)/docs/examples/acknowledged_sender.py"
  static let lineCount = 4000

  /// A pipeline that receives from numbered senders at a path, and keeps what it gets in files.
  static func prepare(_ sandbox: Sandbox) {
    sandbox.write("lines.txt", (0..<lineCount).map { "line \($0)\n" }.joined())
    sandbox.write("more.txt", (0..<lineCount).map { "more \($0)\n" }.joined())
    sandbox.write(
      "connectors.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "socket",
          "options": { "transport": "unix", "mode": "listen", "path": "in.sock", "acknowledge": true } } },
        "sinks": { "files": { "query": "SELECT value FROM lines", "outputMode": "append", "format": "text",
          "options": { "path": "out" } } },
        "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
      """)
  }

  static func send(_ file: String, _ sandbox: Sandbox) throws -> Command {
    try Command([sender, file, file, "in.sock"], in: sandbox, executable: "python3")
  }

  static func received(_ sandbox: Sandbox) -> [Substring] {
    Sandbox.visibleFiles("\(sandbox.path)/out").flatMap { Sandbox.read($0).split(separator: "\n") }
  }

  @Test func nothingIsLostOrDoubled() async throws {
    let rounds = max(1, CrashTests.kills / 6)
    let points = [
      "journal.before-write", "journal.after-write", "journal.after-sync", "journal.segment.after-create",
      "batch.after-execute", "log.commit.after-sync",
    ]
    var kills = 0
    for round in 0..<rounds {
      let sandbox = Sandbox()
      Self.prepare(sandbox)
      var senders = [try Self.send("lines.txt", sandbox), try Self.send("more.txt", sandbox)]
      for attempt in 0..<6 {
        // At a step or at a random time; the senders live on or are killed, too.
        let isAtStep = attempt % 2 == 0
        let point = points[(round * 3 + attempt / 2) % points.count]
        let engine = try Command(
          ["run"], in: sandbox,
          environment: isAtStep ? ["MILLRACE_CRASH": "\(point):\(2 + attempt)"] : [:])
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...400)))
        if attempt % 3 == 1 {
          let index = Int.random(in: 0...1)
          senders[index].signal(SIGKILL)
          _ = try await senders[index].outcome()
          senders[index] = try Self.send(["lines.txt", "more.txt"][index], sandbox)
        }
        engine.signal(SIGKILL)
        _ = try await engine.outcome()
        kills += 1
      }
      let engine = try Command(["run"], in: sandbox)
      for sender in senders {
        let outcome = try await sender.outcome()
        #expect(outcome.status == 0, "\(outcome.error) \(engine.errorSoFar)")
      }
      for _ in 0..<400 where Self.received(sandbox).count < 2 * Self.lineCount {
        try await Task.sleep(for: .milliseconds(20))
      }
      engine.signal(SIGTERM)
      let outcome = try await engine.outcome()
      #expect(outcome.status == 0, "\(outcome.error)")
      let lines = Self.received(sandbox)
      for word in ["line", "more"] {
        let own = lines.filter { $0.hasPrefix(word) }
        // Exactly once, and in the sender's order.
        #expect(own == (0..<Self.lineCount).map { "\(word) \($0)" }, "round \(round): \(own.count) lines of '\(word)'")
      }
    }
    print("\(kills) kills of the engine, every line once")
  }
}
