import Glibc
import MillraceTesting
import Testing

/// Random scripts against models of the queries. `MILLRACE_SCRIPTS=N` runs N of them, `MILLRACE_SCRIPT_SEED=S` begins with seed S.
struct StreamScriptTests {
  private static func variable(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

  @Test(.timeLimit(.minutes(60))) func everyBatchIsWhatTheModelSays() throws {
    let first = Self.variable("MILLRACE_SCRIPT_SEED") ?? 1
    let count = Self.variable("MILLRACE_SCRIPTS") ?? 300
    var failures = 0
    for seed in first..<first + count {
      var run = StreamScriptRun(seed: seed)
      let difference = try run.run()
      if let difference { Issue.record("\(difference)") }
      failures += difference == nil ? 0 : 1
      if failures > 5 { return }
    }
    print("\(count) random stream scripts")
  }
}
