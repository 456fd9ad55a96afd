import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats
import MillraceTesting
import Testing

@testable import MillraceStreaming

/// Dead letters and late rows are written once, with the batch that left them out.
@Suite struct SideOutputTests {
  /// Batch and number of each dead letter: the bad records of its five numbers, then what both sinks refused.
  static func letters(_ total: Int64) -> [[Int64]] {
    stride(from: 0, to: total, by: 5).flatMap { from in
      let numbers = from..<min(from + 5, total)
      let count = numbers.count { $0 % 11 == 5 } + 2 * numbers.count { $0 % 13 == 7 }
      return (0..<Int64(count)).map { [from / 5, $0] }
    }
  }

  static func late(_ total: Int64) -> [[Int64]] { (0..<total).filter { $0 % 11 == 6 }.map { [$0 / 5, $0] } }

  static func check(_ run: FakeRun, _ note: Comment) {
    let rows = FakeExecutor.expected(run.total).filter { $0[0] % 13 != 7 }
    #expect(run.rows("/data-t/rows") == rows, note)
    #expect(run.rows("/data-a/rows") == rows, note)
    #expect(run.rows("/data-d/rows") == letters(run.total), note)
    #expect(run.rows("/data-l/rows") == late(run.total), note)
  }

  @Test(arguments: [false, true]) func undisturbed(asyncCommit: Bool) throws {
    let run = FakeRun(files: SimulatedFileSystem(), asyncCommit: asyncCommit, sides: true)
    #expect(run.run() == nil)
    Self.check(run, "undisturbed")
    // Batches without such rows are not there: nothing is written for them.
    let batches = FakeSink.rows(String(decoding: run.files.bytes("/data-l/rows") ?? [], as: UTF8.self)).filter {
      $0[1] == Int64.min
    }
    #expect(batches.count == Self.late(60).count)
  }

  @Test(arguments: CrashTests.losses, [false, true])
  func everyCrashRecovers(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    CrashWalk(
      loss: loss, make: { FakeRun(files: SimulatedFileSystem(), total: 25, asyncCommit: asyncCommit, sides: true) },
      check: Self.check
    ).everyChange()
  }

  @Test(arguments: CrashTests.losses)
  func crashesInRecoveryRecover(loss: SimulatedFileSystem.Loss) throws {
    CrashWalk(
      loss: loss, make: { FakeRun(files: SimulatedFileSystem(), total: 30, sides: true) }, check: Self.check
    ).recoveries(rounds: 40, seed: 43)
  }

  /// A sink for dead letters can be added to a checkpoint, left out for a while, and come back; what it holds stays.
  @Test func theyComeAndGo() throws {
    var run = FakeRun(files: SimulatedFileSystem(), total: 10)
    #expect(run.run() == nil)
    run.total = 30
    run.sides = true
    #expect(run.run() == nil)
    run.total = 35
    run.sides = false
    #expect(run.run() == nil)
    run.total = 60
    run.sides = true
    #expect(run.run() == nil)
    let withSides: ClosedRange<Int64> = 2...5
    #expect(
      run.rows("/data-l/rows") == Self.late(60).filter { withSides.contains($0[0]) || $0[0] >= 7 })
    let ordinals = FakeSink.rows(String(decoding: run.files.bytes("/data-d/rows") ?? [], as: UTF8.self)).map { $0[0] }
    #expect(Set(ordinals).sorted() == Array(0..<Int64(Set(ordinals).count)))
  }

  /// Another place without what the checkpoint says it holds is an error, not a gap.
  @Test func aPlaceThatLacksBatchesIsRefused() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 30, sides: true)
    #expect(run.run() == nil)
    try run.files.remove("/data-d/rows")
    let error = run.run() as? MillraceError
    #expect(error?.code == "SINK_BEHIND_CHECKPOINT")
    #expect(error?.message.contains("deadLetter") == true)
  }

  @Test func countedInTheProgress() throws {
    let run = FakeRun(files: SimulatedFileSystem(), sides: true)
    let executor = FakeExecutor(FakeSource(total: 60, perBatch: 60))
    let handle = try run.start(executor, run.sinks())
    try handle.awaitTermination()
    let progress = try #require(handle.lastProgress)
    #expect(progress.sideSinks.map(\.outputRows) == [5 + 2 * 5, 5])
    #expect(progress.sinks.map(\.rejectedRows) == [5, 5] && progress.rejectedRows == 10)
    let json = progress.json.text
    #expect(
      json.contains(#""metrics":{"rejectedRows":"5"}"#) && json.contains(#""lateRows":{"description":"fake sink""#))
  }
}
