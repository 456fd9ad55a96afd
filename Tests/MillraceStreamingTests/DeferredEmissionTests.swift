import MillraceCore
import MillraceExecution
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceStreaming

/// Rows that later ones replace come out later while more input waits; what is there in the end, and at each moment, is the result after
/// a batch.
@Suite struct DeferredEmissionTests {
  static func check(_ run: KeyedRun, _ note: Comment) {
    let last = (run.total + run.perBatch - 1) / run.perBatch - 1
    #expect(run.content.batchID == last && run.content.table == run.expected(after: last), note)
    #expect(run.numbers == FakeExecutor.expected(run.total), note)
  }

  /// A clock that stands still lets rows wait for as long as there is input.
  @Test(arguments: [false, true]) func theLastBatchGivesAll(asyncCommit: Bool) throws {
    let run = KeyedRun(asyncCommit: asyncCommit)
    let table = run.table()
    let handle = try run.start(run.executor(), table)
    try handle.awaitTermination()
    #expect(table.committed.read { $0 } == [11])
    Self.check(run, "undisturbed")
    let counts = handle.recentProgress.map { $0.sinks[0] }
    #expect(counts.map(\.outputRows) == Array(repeating: 0, count: 11) + [7])
    #expect(counts.map(\.isPostponed) == Array(repeating: true, count: 11) + [false])
    #expect(handle.recentProgress.map { $0.sinks[1].outputRows } == Array(repeating: 5, count: 12))
    #expect(handle.recentProgress.allSatisfy { !$0.sinks[1].isPostponed })
    #expect(counts[0].json["postponed"]?.bool == true && counts[11].json["postponed"] == nil)
  }

  /// A batch in which giving out is cheap against the time since the last is not left out.
  @Test func rowsDoNotWaitLongerThanTheyCost() throws {
    var run = KeyedRun(step: 40)
    let table = run.table()
    try run.start(run.executor(), table).awaitTermination()
    let committed = table.committed.read { $0 }
    #expect(committed.count > 1 && committed.count < 12 && committed.last == 11, "\(committed)")
    Self.check(run, "some batches")
    // A second of the clock for each look at it.
    run = KeyedRun(step: 1_000_000)
    let slow = run.table()
    try run.start(run.executor(), slow).awaitTermination()
    #expect(slow.committed.read { $0 } == Array(0..<12))
  }

  enum Reason: CaseIterable { case noDelay, addsRows, otherKeys, trigger }

  @Test(arguments: Reason.allCases) func eachBatch(reason: Reason) throws {
    var run = KeyedRun()
    let table = run.table()
    switch reason {
    case .noDelay: run.maxEmitDelay = 0
    case .addsRows: table.replaces = nil
    case .otherKeys: table.replaces = .keys([0, 1])
    case .trigger: run.trigger = .processingTime(0)
    }
    let executor = run.executor()
    let handle = try run.start(executor, table)
    if reason == .trigger {
      try handle.processAllAvailable()
      handle.stop()
    } else {
      try handle.awaitTermination()
    }
    #expect(table.committed.read { $0 } == Array(0..<12))
    Self.check(run, "each batch")
  }

  /// Wants the query to stop when it has done a batch.
  final class Stopper: StreamingQueryListener {
    let handle = Mutex<StreamingQueryHandle?>(nil)
    private let batchID: Int64

    init(after batchID: Int64) { self.batchID = batchID }

    func onQueryProgress(_ progress: StreamingQueryProgress) {
      if progress.batchID >= batchID { handle.withLock { $0?.requestStop() } }
    }
  }

  /// A query that stops gives out what waits, under the number of its last batch, and goes on from there. One that commits beside
  /// the next batch gives it out with that.
  @Test(arguments: [false, true]) func aStopGivesOutWhatWaits(asyncCommit: Bool) throws {
    var run = KeyedRun(total: 100_000, trigger: .asSoonAsPossible, asyncCommit: asyncCommit)
    let table = run.table()
    let stopper = Stopper(after: 3)
    let handle = try run.start(run.executor(), table, [stopper])
    stopper.handle.withLock { $0 = handle }
    try handle.awaitTermination()
    let (batchID, content) = run.content
    #expect(table.committed.read { $0.count } == 1 && batchID != nil && content == run.expected(after: batchID))
    #expect(run.numbers.count == ((batchID ?? 0) + 1) * 5)
    let last = handle.recentProgress.suffix(2)
    #expect(last.map { $0.sinks[0].outputRows } == [0, 7] && last.map { $0.sinks[0].isPostponed } == [true, false])
    #expect(last.map(\.inputRows) == (asyncCommit ? [5, 5] : [5, 0]) && last.last?.batchID == batchID)
    #expect(last.first?.batchID == batchID.map { asyncCommit ? $0 - 1 : $0 })
    run.total = ((batchID ?? 0) + 3) * 5
    run.trigger = .availableNow
    #expect(run.run() == nil)
    Self.check(run, "after a stop")
  }

  /// Caught up, the sink has all.
  @Test func nothingWaitsOnceAllIsRead() throws {
    var run = KeyedRun(total: 40)
    run.trigger = .asSoonAsPossible
    let table = run.table()
    let executor = run.executor()
    let handle = try run.start(executor, table)
    try handle.processAllAvailable()
    #expect(table.committed.read { $0 } == [7] && run.content.table == run.expected(after: 7))
    executor.source.add(4)
    try handle.processAllAvailable()
    #expect(table.committed.read { $0 } == [7, 8])
    handle.stop()
    #expect(table.committed.read { $0 } == [7, 8])
    run.total = 44
    #expect(run.content.table == run.expected(after: 8))
  }

  /// What a crash leaves of a query that was behind comes out with the next start, whatever that says of waiting.
  @Test(
    arguments: CrashTests.losses,
    [(step: 0, async: false, again: true), (0, true, true), (40, false, true), (40, true, true), (0, false, false)]
      as [(step: Int64, async: Bool, again: Bool)])
  func everyCrashRecovers(loss: SimulatedFileSystem.Loss, way: (step: Int64, async: Bool, again: Bool)) throws {
    let make = { KeyedRun(total: 33, step: way.step, asyncCommit: way.async) }
    let first = make()
    #expect(first.run() == nil)
    for change in 1...first.files.changes {
      var run = make()
      run.files.crash(at: change)
      #expect(run.run() != nil)
      run.files.reboot(loss)
      let note: Comment = "crash at \(change), \(loss), \(way)"
      #expect(run.content.table == run.expected(after: run.content.batchID), note)
      if !way.again { run.maxEmitDelay = 0 }
      if let error = run.run() { Issue.record("\(note): \(error)") }
      Self.check(run, note)
    }
  }

  /// Crash upon crash, with and without waiting.
  @Test(arguments: CrashTests.losses, [false, true])
  func crashesInRecoveryRecover(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    var random = SeededGenerator(seed: 7)
    for round in 0..<60 {
      var run = KeyedRun(total: 40, step: round % 2 == 0 ? 0 : 40, asyncCommit: asyncCommit)
      for _ in 0..<12 {
        run.files.crash(at: Int.random(in: 1...60, using: &random))
        run.maxEmitDelay = Bool.random(using: &random) ? 0 : 5_000_000
        if run.run() == nil { break }
        run.files.reboot(loss)
        let note: Comment = "round \(round), \(loss)"
        #expect(run.content.table == run.expected(after: run.content.batchID), note)
      }
      run.files.reboot(.nothing)
      if let error = run.run() { Issue.record("round \(round), \(loss): \(error)") }
      Self.check(run, "round \(round), \(loss)")
    }
  }

  @Test func whichRowsMayWaitForWhichSinks() {
    let rows = ReplaceableRows.byKey(columns: [1, nil, 0, 1], keyCount: 2)
    #expect(rows.fits(.keys([0, 2])) && rows.fits(.keys([2, 3])) && rows.fits(.keys([0, 2, 3])))
    #expect(!rows.fits(.keys([0])) && !rows.fits(.keys([0, 1, 2])) && !rows.fits(.keys([0, 3])) && !rows.fits(.all))
    #expect(!rows.fits(.keys([2, 9])) && !ReplaceableRows.byKey(columns: [nil], keyCount: 0).fits(.keys([])))
    #expect(ReplaceableRows.whole.fits(.all) && !ReplaceableRows.whole.fits(.keys([0])))
  }
}
