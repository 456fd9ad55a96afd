import MillraceTesting
import Testing

/// A program with `transformWithState` is killed at its durable steps; started again, it must leave what a run without a crash leaves,
/// and that is what a small model says.
@Suite(.serialized)
struct StatefulCrashTests {
  private struct Scene {
    let sandbox = Sandbox()
    private var files: [[(user: String, second: Int64, n: Int64, page: String)]] = []

    init() {
      var random = SeededGenerator(seed: 7)
      for number in 0..<16 {
        // Each user is away for some files, so that visits end.
        let users = ["ann", "ben", "cem", "dot", "ann", "ben"][(number / 2 % 4)...].prefix(2)
        let rows = (0..<12).map { _ in
          (
            user: users.randomElement(using: &random) ?? "ann",
            second: Int64(number * 6) + Int64.random(in: 0...5, using: &random),
            n: Int64.random(in: 1...9, using: &random), page: ["home", "shop"].randomElement(using: &random) ?? "home"
          )
        }
        files.append(rows)
      }
      files.append([("zoe", 1000, 1, "home")])
      for (number, rows) in files.enumerated() {
        sandbox.write(
          "in/part\(number).csv", rows.map { "\($0.user),\($0.second),\($0.n),\($0.page)\n" }.joined())
      }
    }

    /// What comes out, sorted: each file is a batch, and the watermark of a batch is the latest second before it less three.
    var expected: [String] {
      struct Visit {
        var total: Int64 = 0
        var numbers: [Int64] = []
        var pages: [String: Int64] = [:]
        var end: Int64 = 0
      }
      var open: [String: Visit] = [:]
      var result: [String] = []
      var latest: Int64 = 3
      func close(at watermark: Int64) {
        for (user, visit) in open where visit.end <= watermark {
          let pages = visit.pages.map { "\($0.key)x\($0.value)" }.sorted().joined(separator: " ")
          let numbers = visit.numbers.map(String.init).joined(separator: " ")
          result.append("\(user),\(visit.end),\(visit.total),\(numbers),\(pages)")
          open[user] = nil
        }
      }
      var late: Int64 = 0
      for rows in files {
        let watermark = max(latest - 3, 0)
        for (user, own) in Dictionary(grouping: rows.filter { $0.second > late }, by: \.user) {
          for row in own {
            open[user, default: Visit()].total += row.n
            open[user]?.numbers.append(row.n)
            open[user]?.pages[row.page, default: 0] += 1
          }
          open[user]?.end = (own.map(\.second).max() ?? 0) + 10
        }
        close(at: watermark)
        late = watermark
        latest = max(latest, rows.map(\.second).max() ?? 0)
      }
      close(at: latest - 3)
      return result.sorted()
    }

    /// Whether the process was killed; throws where it failed.
    func run(_ crash: String? = nil, points: Bool = false) async throws -> (isKilled: Bool, error: String) {
      var environment = ["SWIFT_BACKTRACE": "enable=no"]
      if let crash { environment["MILLRACE_CRASH"] = crash }
      if points { environment["MILLRACE_CRASH_POINTS"] = "1" }
      let outcome = try await Command(
        ["in", "out", "checkpoint"], in: sandbox, environment: environment,
        executable: "\(Command.folder)/StatefulProgram"
      ).outcome()
      #expect(outcome.status == 0 || outcome.status == -9, "\(outcome.error)")
      return (outcome.status == -9, outcome.error)
    }

    /// The lines of all files that are visible, sorted.
    var results: [String] {
      Sandbox.visibleFiles("\(sandbox.path)/out").flatMap {
        Sandbox.read($0).split(separator: "\n").map(String.init)
      }.sorted()
    }
  }

  @Test func undisturbed() async throws {
    let scene = Scene()
    _ = try await scene.run()
    #expect(scene.expected.count > 6)
    #expect(scene.results == scene.expected)
  }

  @Test func everyCrashPoint() async throws {
    let names = try await Scene().run(points: true).error.split(separator: "\n").compactMap { line in
      line.hasPrefix("crash point ") ? line.dropFirst(12) : nil
    }
    let passes = Dictionary(grouping: names) { $0 }.mapValues(\.count)
    #expect(passes.count > 15)
    for (name, count) in passes.sorted(by: { $0.key < $1.key }) {
      let scene = Scene()
      #expect(try await scene.run("\(name):\(count / 2 + 1)").isKilled, "\(name) was not passed")
      _ = try await scene.run()
      #expect(scene.results == scene.expected, "after a kill at \(name)")
    }
  }

  /// Each start is killed one step later than the one before it, until one comes to the end.
  @Test func everyStepOfARecovery() async throws {
    let scene = Scene()
    var step = 1
    while try await scene.run("*:\(step)").isKilled { step += 1 }
    #expect(step > 10)
    #expect(scene.results == scene.expected)
  }
}
