import Glibc
import Testing

/// Random histories of rotation. `MILLRACE_HISTORIES=N` runs N of them, `MILLRACE_HISTORY_SEED=S` begins with seed S.
struct RotationSimulatorTests {
  private static func variable(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

  @Test("each line once and in order, wherever a copy of it survived") func histories() throws {
    let first = Self.variable("MILLRACE_HISTORY_SEED") ?? 1
    let count = Self.variable("MILLRACE_HISTORIES") ?? 200
    var sum = RotationSimulator.Outcome()
    var failed = 0
    for seed in first..<first + count {
      let outcome: RotationSimulator.Outcome
      do { outcome = try RotationSimulator.run(seed: seed) } catch {
        failed += 1
        Issue.record("seed \(seed): \(error)")
        continue
      }
      sum.lines += outcome.lines
      sum.destroyed += outcome.destroyed
      sum.unseen += outcome.unseen
      sum.late += outcome.late
      sum.split += outcome.split
      sum.joined += outcome.joined
      if outcome.complaints.isEmpty { continue }
      failed += 1
      if failed <= 3 {
        Issue.record(
          "seed \(seed): \(outcome.complaints.joined(separator: "; "))\n\(outcome.steps.joined(separator: "\n"))")
      }
    }
    print(
      """
      \(count) histories with \(sum.lines) lines: \(sum.destroyed) destroyed before they were read, \(sum.unseen) rotated away before \
      a reader of one path first started, \(sum.late) late ones out of order; \
      \(sum.joined) of \(sum.split) records that a rotation split were joined; \(failed) histories failed
      """)
    #expect(failed == 0)
    // Most of the lines of most of the histories must be owed, or they would show nothing.
    if count >= 100 { #expect(sum.joined * 2 > sum.split) }
    #expect(sum.lines > 0 && sum.destroyed + sum.unseen < sum.lines / 3)
  }
}
