import MillraceCore
import MillracePipeline

/// What `millrace test` prints: a line for each test as it ends, or all as JSON.
struct TestReport {
  /// Most crash points that are named where a test did not come to them.
  private static let unreachedLimit = 8

  private let file: String
  private let isJSON: Bool
  private var facts: [JSON] = []
  private var passed = 0
  private(set) var failed = 0

  init(file: String, isJSON: Bool) {
    self.file = file
    self.isJSON = isJSON
  }

  /// A test has ended.
  mutating func add(_ test: PipelineTest, _ outcome: TestOutcome, microseconds: Int64) {
    let isPassed = outcome.failures.isEmpty
    if isPassed { passed += 1 } else { failed += 1 }
    if isJSON {
      facts.append(Self.json(test, outcome, microseconds: microseconds))
      return
    }
    let crashes = outcome.crashes.isEmpty ? "" : ", \(outcome.crashes.count) crashes"
    Terminal.print(
      "\(isPassed ? "ok     " : "FAILED ") \(test.pipeline): \(test.name) (\(Quantity.duration(microseconds: microseconds))\(crashes))"
    )
    for failure in outcome.failures {
      Terminal.print("  \(failure.location): \(failure.message)")
      for line in failure.diff { Terminal.print("    \(line)") }
    }
    if !outcome.unreached.isEmpty, isPassed {
      let isLong = outcome.unreached.count > Self.unreachedLimit
      let points = isLong ? "\(outcome.unreached.count) other points" : outcome.unreached.joined(separator: ", ")
      Terminal.print("  did not come to \(points)")
    }
  }

  /// All tests have ended.
  func finish() {
    if isJSON {
      let all: JSON = .dictionary([
        "file": .string(file), "passed": .int(Int64(passed)), "failed": .int(Int64(failed)), "tests": .array(facts),
      ])
      Terminal.print(all.text)
      return
    }
    let total = passed + failed
    Terminal.print("\(total) \(total == 1 ? "test" : "tests"): \(passed) passed, \(failed) failed")
  }

  private static func json(_ test: PipelineTest, _ outcome: TestOutcome, microseconds: Int64) -> JSON {
    .dictionary([
      "name": .string(test.name), "pipeline": .string(test.pipeline), "passed": .bool(outcome.failures.isEmpty),
      "milliseconds": .int(microseconds / 1000), "crashes": .array(outcome.crashes.map { .string($0) }),
      "unreached": .array(outcome.unreached.map { .string($0) }),
      "failures": .array(
        outcome.failures.map {
          .dictionary([
            "location": .string($0.location), "message": .string($0.message),
            "diff": .array($0.diff.map { .string($0) }),
          ])
        }),
    ])
  }
}
