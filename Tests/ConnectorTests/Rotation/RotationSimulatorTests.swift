import Glibc
import Testing

/// Random histories of rotation. `MILLRACE_HISTORIES=N` runs N of them, `MILLRACE_HISTORY_SEED=S` begins with seed S.
struct RotationSimulatorTests {
  private static func variable(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

  /// Histories of the first 200 that come out wrong: lines lost where a log was rotated away before there was an offset, or deleted and
  /// made again while the reader was down, and lines that come twice where a killed batch met a deletion. Each is to be explained or
  /// mended; a history that comes out right must leave this list.
  private static let known: Set<UInt64> = [
    38, 55, 64, 92, 101, 106, 112, 117, 126, 138, 150, 157, 162, 163, 164, 191, 196, 198,
  ]

  @Test("each line once and in order, wherever a copy of it survived") func histories() throws {
    let first = Self.variable("MILLRACE_HISTORY_SEED") ?? 1
    let count = Self.variable("MILLRACE_HISTORIES") ?? 200
    var lines = 0
    var destroyed = 0
    var failed = 0
    for seed in first..<first + count {
      let outcome: RotationSimulator.Outcome
      do { outcome = try RotationSimulator.run(seed: seed) } catch {
        failed += 1
        Issue.record("seed \(seed): \(error)")
        continue
      }
      lines += outcome.lines
      destroyed += outcome.destroyed
      if Self.known.contains(seed) {
        withKnownIssue("history \(seed)") {
          if !outcome.complaints.isEmpty { Issue.record("\(outcome.complaints.joined(separator: "; "))") }
        }
        continue
      }
      if outcome.complaints.isEmpty { continue }
      failed += 1
      if failed <= 3 {
        Issue.record(
          "seed \(seed): \(outcome.complaints.joined(separator: "; "))\n\(outcome.steps.joined(separator: "\n"))")
      }
    }
    print(
      "\(count) histories: \(lines) lines, \(destroyed) destroyed before they could be read, \(failed) histories failed"
    )
    #expect(failed == 0)
    #expect(lines > 0 && destroyed < lines / 2)
  }
}
