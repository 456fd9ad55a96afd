import Glibc
import Testing

/// The process is killed at its durable steps and at random; started again, it must leave exactly what awk computes.
///
/// `MILLRACE_KILLS=200 scripts/test --filter CrashTests` runs the long setting.
@Suite(.serialized)
struct CrashTests {
  static let kills = getenv("MILLRACE_KILLS").flatMap { Int(String(cString: $0)) } ?? 0

  @Test func anUndisturbedRunIsRight() async throws {
    let pipeline = try ReplayPipeline()
    try await pipeline.prepare()
    let outcome = try await pipeline.start().outcome()
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(try await pipeline.results() == pipeline.expected())
  }

  /// The points are those that a run passes, so that none can be forgotten here.
  @Test func everyCrashPoint() async throws {
    let recorded = try ReplayPipeline()
    try await recorded.prepare()
    let log = try await recorded.start(["MILLRACE_CRASH_POINTS": "1"]).outcome().error
    var counts: [String: Int] = [:]
    for line in log.split(separator: "\n") where line.hasPrefix("crash point ") {
      counts[String(line.dropFirst("crash point ".count)), default: 0] += 1
    }
    #expect(counts.count > 10)
    let expected = try await recorded.expected()
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
      let passes = Self.kills > 0 ? Array(1...count) : count > 1 ? [count / 2 + 1] : [1]
      for pass in passes { try await crash(at: "\(name):\(pass)", expected) }
    }
  }

  private func crash(at point: String, _ expected: [String: String]) async throws {
    let pipeline = try ReplayPipeline()
    try await pipeline.prepare()
    let first = try await pipeline.start(["MILLRACE_CRASH": point]).outcome()
    #expect(first.status == -SIGKILL, "\(point) was not passed: \(first.error)")
    // A second kill inside the recovery.
    _ = try await pipeline.start(["MILLRACE_CRASH": "recovery.after-state:1"]).outcome()
    let last = try await pipeline.start().outcome()
    #expect(last.status == 0, "\(point): \(last.error)")
    let results = try await pipeline.results()
    for (sink, text) in expected { #expect(results[sink] == text, "\(sink) after a crash at \(point)") }
  }

  @Test func randomKills() async throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<max(Self.kills, 4) {
      let pipeline = try ReplayPipeline(logs: [12, 11, 10, 9])
      try await pipeline.prepare()
      for _ in 0..<3 {
        let command = try pipeline.start()
        try await Task.sleep(for: .milliseconds(Int.random(in: 5...400, using: &random)))
        command.signal(SIGKILL)
        _ = try await command.outcome()
      }
      let last = try await pipeline.start().outcome()
      #expect(last.status == 0, "\(last.error)")
      #expect(try await pipeline.results() == pipeline.expected())
    }
  }
}
