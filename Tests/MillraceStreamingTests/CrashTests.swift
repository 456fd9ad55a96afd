import MillraceCore
import MillraceTesting
import Testing

@testable import MillraceStreaming

/// Every change of the disk is the last one before a crash once; whatever is lost then, a restart gives what an undisturbed
/// run gives.
@Suite struct CrashTests {
  static let losses: [SimulatedFileSystem.Loss] = [.nothing, .unsynced, .some(seed: 1), .some(seed: 2)]

  static func check(_ run: FakeRun, _ note: Comment) {
    let expected = FakeExecutor.expected(run.total)
    #expect(run.rows("/data-t/rows") == expected, note)
    #expect(run.rows("/data-a/rows") == expected, note)
  }

  @Test(arguments: [false, true]) func undisturbed(asyncCommit: Bool) throws {
    let run = FakeRun(files: SimulatedFileSystem(), asyncCommit: asyncCommit)
    #expect(run.run() == nil)
    Self.check(run, "undisturbed")
    #expect(run.files.paths.count < 20)
  }

  @Test(arguments: losses, [false, true])
  func everyCrashRecovers(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    let first = FakeRun(files: SimulatedFileSystem(), total: 35, asyncCommit: asyncCommit)
    #expect(first.run() == nil)
    for change in 1...first.files.changes {
      let run = FakeRun(files: SimulatedFileSystem(), total: 35, asyncCommit: asyncCommit)
      run.files.crash(at: change)
      #expect(run.run() != nil)
      run.files.reboot(loss)
      if let error = run.run() { Issue.record("crash at \(change), \(loss): \(error)") }
      Self.check(run, "crash at \(change), \(loss)")
    }
  }

  @Test(arguments: losses, [false, true])
  func crashesInRecoveryRecover(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    var random = SeededGenerator(seed: 42)
    for round in 0..<60 {
      let run = FakeRun(files: SimulatedFileSystem(), total: 30, asyncCommit: asyncCommit)
      for _ in 0..<12 {
        run.files.crash(at: Int.random(in: 1...60, using: &random))
        if run.run() == nil { break }
        run.files.reboot(loss)
      }
      run.files.reboot(.nothing)
      if let error = run.run() { Issue.record("round \(round), \(loss): \(error)") }
      Self.check(run, "round \(round), \(loss)")
    }
  }
}
