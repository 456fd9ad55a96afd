import Glibc
import Testing

/// The process is killed at its durable steps and at random; started again, it must leave exactly what awk computes.
///
/// `MILLRACE_KILLS=200 scripts/test --filter CrashTests` runs the long setting: each pass of each step instead of one in the middle,
/// a walk through the recovery from each step instead of one, and so many random kills for each group of sinks.
@Suite(.serialized)
struct CrashTests {
  static let kills = getenv("MILLRACE_KILLS").flatMap { Int(String(cString: $0)) } ?? 0
  static var isLong: Bool { kills > 0 }

  @Test(arguments: ReplayGroup.all)
  func anUndisturbedRunIsRight(group: ReplayGroup) async throws {
    let scene = try await Scene(group)
    let replay = try await scene.replay()
    try await replay.finish("no crash")
    try await replay.pipeline.check()
  }

  /// What a crash left of a batch is cut off and not just written over with the same: here the batch has no rows when it is run again.
  /// A database holds the batch already and keeps it.
  @Test(arguments: ReplayGroup.all)
  func whatACrashLeftIsTakenBack(group: ReplayGroup) async throws {
    let replay = try await Scene(group).replay()
    let first = try await Scene(group, logs: [11]).expected
    #expect(try await replay.run("log.commit.before-write:2"))
    replay.pipeline.silence()
    let outcome = try await replay.pipeline.start().outcome()
    #expect(outcome.status == 0, "\(outcome.error)")
    let results = try await replay.pipeline.results()
    let kept = Set(group.sinks.filter(\.keepsItsBatch).map(\.name))
    for (sink, text) in first where !kept.contains(sink) { #expect(results[sink] == text, "\(sink)") }
  }

  /// A kill at each step, and a second one inside the recovery, at another of its steps each time.
  @Test(arguments: ReplayGroup.all)
  func everyCrashPoint(group: ReplayGroup) async throws {
    let scene = try await Scene(group)
    let steps = try await scene.steps()
    var count = 0
    var killed = 0
    for (name, passes) in steps {
      for pass in Self.isLong ? Array(1...passes) : [passes / 2 + 1] {
        var replay = try await scene.replay()
        if !(try await replay.run("\(name):\(pass)")) {
          // How often some steps come depends on how long others take.
          try await replay.finish("\(name):\(pass), which was not passed")
          replay = try await scene.replay()
          let isKilled = try await replay.run("\(name):1")
          #expect(isKilled, "\(name) was not passed")
        }
        let isKilledAgain = try await replay.run("*:\(count % 9 + 1)")
        try await replay.finish("\(name):\(pass), then step \(count % 9 + 1) of the recovery")
        count += 1
        killed += 1 + (isKilledAgain ? 1 : 0)
      }
    }
    print("\(group.testDescription): \(steps.count) crash points, \(count) crashes at them, \(killed) kills")
  }

  /// A walk: each start is killed one step later than the one before it, until one comes to the end.
  @Test(arguments: ReplayGroup.all)
  func everyStepOfARecovery(group: ReplayGroup) async throws {
    let scene = try await Scene(group)
    let names = Self.isLong ? try await scene.steps().map(\.name) : ["batch.after-execute"]
    var killed = 0
    for name in names {
      let replay = try await scene.replay()
      if !(try await replay.run("\(name):2")) { continue }
      var step = 1
      while try await replay.run("*:\(step)") { step += 1 }
      try await replay.finish("a walk from \(name)")
      #expect(step > 10)
      killed += step
    }
    print("\(group.testDescription): \(killed) kills in recoveries")
  }

  @Test(arguments: ReplayGroup.all)
  func randomKills(group: ReplayGroup) async throws {
    let scene = try await Scene(group, logs: [12, 11, 10, 9])
    let whole = try await scene.duration()
    var random = SystemRandomNumberGenerator()
    var killed = 0
    while killed < max(Self.kills, 6) {
      let replay = try await scene.replay()
      var delays: [Duration] = []
      for _ in 0..<3 {
        delays.append(.microseconds(Int64.random(in: 1000...max(whole, 2000), using: &random)))
        if try await replay.run(after: delays[delays.count - 1]) { killed += 1 }
      }
      try await replay.finish("kills after \(delays)")
    }
    print("\(group.testDescription): \(killed) kills at random times")
  }

  // MARK: Runs

  /// A group of sinks with the answers they must come to.
  struct Scene {
    let group: ReplayGroup
    let logs: [Int]
    let expected: [String: String]

    init(_ group: ReplayGroup, logs: [Int] = [11, 10, 9]) async throws {
      self.group = group
      self.logs = logs
      expected = try await ReplayPipeline(group, logs: logs).expected()
    }

    func pipeline() async throws -> ReplayPipeline {
      let pipeline = ReplayPipeline(group, logs: logs)
      try await pipeline.prepare()
      return pipeline
    }

    func replay() async throws -> Replay { Replay(pipeline: try await pipeline(), expected: expected) }

    /// The steps that an undisturbed run passes, so that none can be forgotten here, and how often it passes them.
    func steps() async throws -> [(name: String, passes: Int)] {
      let log = try await pipeline().start(["MILLRACE_CRASH_POINTS": "1"]).outcome().error
      var counts: [String: Int] = [:]
      for line in log.split(separator: "\n") where line.hasPrefix("crash point ") {
        counts[String(line.dropFirst("crash point ".count)), default: 0] += 1
      }
      #expect(counts.count > 20)
      return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Microseconds that an undisturbed run takes.
    func duration() async throws -> Int64 {
      let pipeline = try await pipeline()
      let time = try await ContinuousClock().measure { _ = try await pipeline.start().outcome() }
      return Int64(time / .microseconds(1))
    }
  }

  /// One life of a pipeline, with the kills in it.
  struct Replay {
    let pipeline: ReplayPipeline
    let expected: [String: String]

    /// Runs until the nth pass of a step kills the process; false if it ends before.
    func run(_ crash: String) async throws -> Bool {
      let outcome = try await pipeline.start(["MILLRACE_CRASH": crash]).outcome()
      #expect(outcome.status == 0 || outcome.status == -SIGKILL, "\(crash): \(outcome.error)")
      return outcome.status == -SIGKILL
    }

    /// Runs for a time; false if it ends before.
    func run(after delay: Duration) async throws -> Bool {
      let command = try pipeline.start()
      try await Task.sleep(for: delay)
      command.signal(SIGKILL)
      return try await command.outcome().status == -SIGKILL
    }

    /// Runs to the end and compares.
    func finish(_ history: String) async throws {
      let outcome = try await pipeline.start().outcome()
      #expect(outcome.status == 0, "\(history): \(outcome.error)")
      let results = try await pipeline.results()
      for (sink, text) in expected { #expect(results[sink] == text, "\(sink) after \(history)") }
    }
  }
}
