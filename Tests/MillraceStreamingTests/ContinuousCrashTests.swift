import MillraceColumnar
import MillraceCore
import MillraceTesting
import MillraceExecution
import Synchronization
import Testing

@testable import MillraceStreaming

/// A clock that goes on by itself, so that epochs end at the same pieces in each run.
final class SteppingClock: Clock {
  private let time = Atomic<Int64>(0)
  func now() -> Int64 { time.wrappingAdd(1000, ordering: .relaxed).newValue }
  func monotonicNanoseconds() -> Int64 { SystemClock().monotonicNanoseconds() }
  func sleep(microseconds: Int64) { SystemClock().sleep(microseconds: microseconds) }
}

/// Lets rows out when it is flushed, for good.
final class FlushedSink: RowSink, FlushingSink, @unchecked Sendable {
  private var held: [Int64] = []
  /// Numbers in the order in which they went out.
  let out = Mutex<[Int64]>([])

  var description: String { "flushed sink" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
  func begin(batchID: Int64) throws {}
  func write(_ batch: RecordBatch) throws {
    for row in batch.rows() { if case .integer(let n) = row[0] { held.append(n) } }
  }
  func flush() throws {
    let rows = held
    out.withLock { $0 += rows }
    held = []
  }
  func commit(batchID: Int64) throws -> JSON {
    try flush()
    return .null
  }
}

/// At-least-once, shown by a disk that fails at every change once: nothing is lost, and what comes again came after the last
/// committed epoch.
@Suite struct ContinuousCrashTests {
  static let total: Int64 = 45

  /// One run until everything is processed or the disk fails; gives the source, what went out, and what was computed.
  static func run(_ run: FakeRun) -> (committed: [Int64], out: [Int64], inputs: [BatchInput], error: (any Error)?) {
    let source = FakeSource(total: run.total, perBatch: 3)
    let executor = FakeExecutor(source)
    let flushed = FlushedSink()
    var bindings = run.sinks().enumerated().map {
      SinkBinding(name: "s\($0)", kind: .rows($1), schema: FakeExecutor.schema)
    }
    bindings.append(SinkBinding(name: "out", kind: .rows(flushed), schema: FakeExecutor.schema))
    var failure: (any Error)?
    do {
      let handle = try StreamingQueryHandle.start(
        executor: executor, sinks: bindings, configuration: run.configuration())
      try handle.processAllAvailable()
      handle.stop()
      failure = handle.exception
    } catch {
      failure = error
    }
    return (source.committed.withLock { $0 }, flushed.out.withLock { $0 }, executor.inputs, failure)
  }

  static func scene() -> FakeRun {
    FakeRun(files: SimulatedFileSystem(), total: total, trigger: .continuous(12_000), clock: SteppingClock())
  }

  @Test func undisturbed() {
    let scene = Self.scene()
    let result = Self.run(scene)
    #expect(result.error == nil && result.out == Array(0..<Self.total))
    // Several pieces an epoch, several epochs.
    #expect(result.committed.count > 2 && result.committed.count * 2 < result.inputs.count)
    #expect(result.committed.last == Self.total)
    #expect(scene.rows("/data-a/rows") == FakeExecutor.expected(Self.total))
  }

  @Test(arguments: CrashTests.losses)
  func nothingIsLost(loss: SimulatedFileSystem.Loss) throws {
    let first = Self.scene()
    #expect(Self.run(first).error == nil)
    var repeated = 0
    for change in 1...first.files.changes {
      let scene = Self.scene()
      scene.files.crash(at: change)
      let before = Self.run(scene)
      scene.files.reboot(loss)
      let after = Self.run(scene)
      if let error = after.error { Issue.record("crash at \(change), \(loss): \(error)") }
      let note: Comment = "crash at \(change), \(loss)"
      // The second run begins at a committed epoch: not before the last that the first run knew of, and nothing between was lost.
      let start = after.out.first ?? Self.total
      #expect(start >= before.committed.last ?? 0 && start <= before.out.count, note)
      #expect(before.out == Array(0..<Int64(before.out.count)) && after.out == Array(start..<Self.total), note)
      repeated += before.out.count - Int(start)
      // A sink that can be cut back has each row once, with the count that an undisturbed run gives it.
      let expected = FakeExecutor.expected(Self.total)
      #expect(scene.rows("/data-a/rows") == expected, note)
      // One with transactions has each row, and those of one epoch perhaps twice.
      let transactional = scene.rows("/data-t/rows")
      #expect(Set(transactional) == Set(expected), note)
      let again = Int64(transactional.count) - Self.total
      #expect(again >= 0 && again <= Int64(before.out.count) - start, note)
    }
    #expect(repeated > 0, "no crash came within an epoch: the test shows nothing")
  }

  /// What micro-batches left, the continuous trigger goes on with: a batch that was planned is run again exactly.
  @Test func continuesAfterMicroBatches() {
    for change in 1...70 {
      var scene = Self.scene()
      scene.trigger = .availableNow
      scene.files.crash(at: change)
      _ = Self.run(scene)
      scene.files.reboot(.unsynced)
      scene.trigger = .continuous(12_000)
      let after = Self.run(scene)
      if let error = after.error { Issue.record("crash at \(change): \(error)") }
      for path in ["/data-a/rows", "/data-t/rows"] {
        #expect(scene.rows(path) == FakeExecutor.expected(Self.total), "\(path) after a crash at \(change)")
      }
    }
  }

  /// And the other way round, but for an epoch that only a sink with transactions has: micro-batches would have to guess what it was.
  @Test func microBatchesContinue() {
    var refused = 0
    for change in 1...70 {
      var scene = Self.scene()
      scene.files.crash(at: change)
      _ = Self.run(scene)
      scene.files.reboot(.unsynced)
      scene.trigger = .availableNow
      if let error = Self.run(scene).error {
        #expect((error as? MillraceError)?.code == "SINK_AHEAD_OF_CHECKPOINT", "crash at \(change)")
        refused += 1
        scene.trigger = .continuous(12_000)
        #expect(Self.run(scene).error == nil)
      }
      #expect(scene.rows("/data-a/rows") == FakeExecutor.expected(Self.total), "crash at \(change)")
    }
    #expect(refused > 0 && refused < 35)
  }
}
