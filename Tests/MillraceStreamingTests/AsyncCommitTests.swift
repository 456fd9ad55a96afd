import MillraceCore
import MillraceTesting
import MillraceExecution
import Synchronization
import Testing

@testable import MillraceStreaming

@Suite struct AsyncCommitTests {
  /// Holds its commits until the test lets them go.
  final class GatedSink: RowSink, @unchecked Sendable {
    let events = Monitor<[String]>([])
    let gate = Monitor(0)
    var failAt: Int64?

    var description: String { "gated sink" }
    var guarantee: SinkGuarantee { .atLeastOnce }
    var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
    func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
    func begin(batchID: Int64) throws { note("begin \(batchID)") }
    func write(_ batch: RecordBatch) throws { note("write \(batch.rowCount)") }
    func commit(batchID: Int64) throws -> JSON {
      if batchID == failAt { throw MillraceError("SINK_FAILED", "told to fail") }
      _ = gate.wait(microseconds: 20_000_000) { $0 > batchID ? true : nil }
      note("commit \(batchID)")
      return .null
    }
    func note(_ text: String) { events.change { $0.append(text) } }
  }

  static func start(_ sink: GatedSink, total: Int64, trigger: Trigger = .availableNow) throws -> (
    StreamingQueryHandle, FakeExecutor
  ) {
    var run = FakeRun(files: SimulatedFileSystem(), total: total, asyncCommit: true)
    run.trigger = trigger
    let executor = FakeExecutor(FakeSource(total: total, perBatch: 5))
    let binding = SinkBinding(name: "s", kind: .rows(sink), schema: FakeExecutor.schema)
    let handle = try StreamingQueryHandle.start(
      executor: executor, sinks: [binding], configuration: run.configuration())
    return (handle, executor)
  }

  /// While the first batch's commit is held, the second is computed, but none of its rows reach the sink, and no third begins.
  @Test func oneBatchIsComputedAhead() throws {
    let sink = GatedSink()
    let (handle, executor) = try Self.start(sink, total: 20)
    JournaledSourceTests.wait { executor.computed.read { $0 } == [0, 1] }
    SystemClock().sleep(microseconds: 20_000)
    #expect(executor.computed.read { $0 } == [0, 1] && sink.events.read { $0 } == ["begin 0", "write 5"])
    #expect(handle.lastProgress == nil && executor.source.committed.withLock { $0 } == [])
    sink.gate.change { $0 = 100 }
    try handle.awaitTermination()
    let expected = (0..<4).flatMap { ["begin \($0)", "write 5", "commit \($0)"] }
    #expect(sink.events.read { $0 } == expected)
    #expect(handle.recentProgress.map(\.batchID) == [0, 1, 2, 3])
    #expect(executor.source.committed.withLock { $0 } == [5, 10, 15, 20])
  }

  /// A commit that fails ends the query; the batch that was computed meanwhile never reaches the sink.
  @Test func aFailedCommitEndsTheQuery() throws {
    let sink = GatedSink()
    sink.gate.change { $0 = 100 }
    sink.failAt = 1
    let (handle, executor) = try Self.start(sink, total: 20)
    let error = #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    #expect(error?.code == "SINK_FAILED" && handle.recentProgress.map(\.batchID) == [0])
    #expect(sink.events.read { $0 } == ["begin 0", "write 5", "commit 0", "begin 1", "write 5"])
    #expect(executor.source.committed.withLock { $0 } == [5])
  }

  /// What fails while a commit is under way leaves that commit whole.
  @Test func aFailedBatchLeavesTheCommitBefore() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20, asyncCommit: true)
    let executor = FakeExecutor(FakeSource(total: 20, perBatch: 5))
    executor.failAt = 2
    #expect(throws: MillraceError.self) { try run.start(executor, run.sinks()).awaitTermination() }
    let again = FakeExecutor(FakeSource(total: 20, perBatch: 5))
    try run.start(again, run.sinks()).awaitTermination()
    #expect(again.inputs.map(\.batchID) == [2, 3])
    CrashTests.check(run, "after a failed batch")
  }

  /// A stop ends after the commit that is under way, and what was computed ahead is planned for the next start.
  @Test func aStopWaitsForTheCommit() throws {
    let sink = GatedSink()
    let (handle, executor) = try Self.start(sink, total: 20, trigger: .asSoonAsPossible)
    JournaledSourceTests.wait { executor.computed.read { $0 } == [0, 1] }
    handle.requestStop()
    sink.gate.change { $0 = 100 }
    handle.stop()
    #expect(handle.exception == nil && sink.events.read { $0.last } == "commit 1")
  }
}
