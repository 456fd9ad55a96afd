import MillraceTesting
import Testing

/// Runs that a crash ends at some change of the disk, whatever is lost then; started again, each must give what an undisturbed one gives.
struct CrashWalk {
  let loss: SimulatedFileSystem.Loss
  /// Makes a run over an empty disk.
  let make: () -> FakeRun
  /// Holds what a run has left behind to what it should be.
  let check: (FakeRun, Comment) -> Void

  /// Every change of the disk is the last one before the crash once.
  func everyChange() {
    let first = make()
    #expect(first.run() == nil)
    for change in 1...first.files.changes {
      let run = make()
      run.files.crash(at: change)
      #expect(run.run() != nil)
      run.files.reboot(loss)
      if let error = run.run() { Issue.record("crash at \(change), \(loss): \(error)") }
      check(run, "crash at \(change), \(loss)")
    }
  }

  /// Crash upon crash at changes by chance, most of them while the one before is recovered from.
  func recoveries(rounds: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for round in 0..<rounds {
      let run = make()
      for _ in 0..<12 {
        run.files.crash(at: Int.random(in: 1...60, using: &random))
        if run.run() == nil { break }
        run.files.reboot(loss)
      }
      run.files.reboot(.nothing)
      if let error = run.run() { Issue.record("round \(round), \(loss): \(error)") }
      check(run, "round \(round), \(loss)")
    }
  }
}
