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
    CrashWalk(
      loss: loss, make: { FakeRun(files: SimulatedFileSystem(), total: 35, asyncCommit: asyncCommit) },
      check: Self.check
    ).everyChange()
  }

  @Test(arguments: losses, [false, true])
  func crashesInRecoveryRecover(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    CrashWalk(
      loss: loss, make: { FakeRun(files: SimulatedFileSystem(), total: 30, asyncCommit: asyncCommit) },
      check: Self.check
    ).recoveries(rounds: 60, seed: 42)
  }
}
