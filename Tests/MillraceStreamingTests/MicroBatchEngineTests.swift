import MillraceCore
import MillraceTesting
import MillraceExecution
import Synchronization
import Testing

@testable import MillraceStreaming

@Suite struct MicroBatchEngineTests {
  final class Log: StreamingQueryListener {
    let events = Mutex<[String]>([])
    func onQueryStarted(_ event: StreamingQueryStarted) { events.withLock { $0.append("started") } }
    func onQueryProgress(_ progress: StreamingQueryProgress) {
      events.withLock { $0.append("batch \(progress.batchID)") }
    }
    func onQueryTerminated(_ event: StreamingQueryTerminated) {
      events.withLock { $0.append("terminated \((event.exception as? MillraceError)?.code ?? "")") }
    }
  }

  static func seconds(_ inputs: [BatchInput]) -> [[Int64]] {
    inputs.map { [$0.batchID, $0.plans[0] == nil ? 0 : 1, $0.lateWatermark / 1_000_000, $0.watermark / 1_000_000] }
  }

  /// The watermark of a batch takes effect in the next; no-data batches come when it moved and nothing else waits.
  @Test func watermarksAndNoDataBatches() throws {
    var run = FakeRun(files: SimulatedFileSystem(), delays: [2_000_000])
    run.trigger = .asSoonAsPossible
    let source = FakeSource(total: 5, perBatch: 100)
    let executor = FakeExecutor(source, delays: run.delays)
    let handle = try run.start(executor, run.sinks())
    try handle.processAllAvailable()
    source.add(5)
    try handle.processAllAvailable()
    try handle.processAllAvailable()
    handle.stop()
    #expect(Self.seconds(executor.inputs) == [[0, 1, 0, 0], [1, 0, 0, 2], [2, 1, 2, 2], [3, 0, 2, 7]])
    #expect(
      handle.recentProgress.map(\.batchID) == [0, 1, 2, 3] && handle.lastProgress?.eventTime?.watermark == 7_000_000)
    // A new run goes on with batch 4 and the watermark it had.
    let again = FakeExecutor(FakeSource(total: 12, perBatch: 100), delays: run.delays)
    let second = try run.start(again, run.sinks())
    try second.processAllAvailable()
    second.stop()
    #expect(Self.seconds(again.inputs) == [[4, 1, 7, 7], [5, 0, 7, 9]])
    #expect(second.id == handle.id && second.runID != handle.runID)
  }

  /// With everything there from the start the no-data batch comes last.
  @Test func availableNowEndsWithANoDataBatch() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 6, perBatch: 2, delays: [0])
    let executor = FakeExecutor(FakeSource(total: 6, perBatch: 2), delays: [0])
    try run.start(executor, run.sinks()).awaitTermination()
    #expect(Self.seconds(executor.inputs) == [[0, 1, 0, 0], [1, 1, 0, 1], [2, 1, 1, 3], [3, 0, 3, 5]])
  }

  @Test func onceTakesAllInOneBatch() throws {
    var run = FakeRun(files: SimulatedFileSystem(), delays: [0])
    run.trigger = .once
    for total in [7, 9] as [Int64] {
      let executor = FakeExecutor(FakeSource(total: total, perBatch: 100), delays: [0])
      try run.start(executor, run.sinks()).awaitTermination()
      #expect(executor.inputs.count == 1)
    }
  }

  @Test func globalWatermarkIsTheLeast() {
    var tracker = WatermarkTracker(delays: [5_000_000, 1_000_000])
    let at = { (seconds: Int64) in
      EventTimeStatistics(minimum: 0, maximum: seconds * 1_000_000 + 999, sum: 0, count: 1)
    }
    tracker.observe([at(50), nil])
    #expect(tracker.current == 0)
    tracker.observe([nil, at(10)])
    #expect(tracker.current == 9_000_000)
    tracker.observe([at(3), at(60)])
    #expect(tracker.current == 45_000_000 && tracker.values == [45_000_000, 59_000_000])
  }

  @Test func failureEndsTheQueryAndKeepsTheBatch() throws {
    var run = FakeRun(files: SimulatedFileSystem(), total: 20)
    run.trigger = .asSoonAsPossible
    let executor = FakeExecutor(FakeSource(total: 20, perBatch: 5))
    executor.failAt = 2
    let log = Log()
    let bindings = run.sinks().enumerated().map {
      SinkBinding(name: "s\($0)", kind: .rows($1), schema: FakeExecutor.schema)
    }
    let handle = try StreamingQueryHandle.start(
      executor: executor, sinks: bindings, configuration: run.configuration(), listeners: [log])
    let error = #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    #expect(error?.code == "DIVIDE_BY_ZERO" && !handle.isActive && handle.status.message.contains("DIVIDE_BY_ZERO"))
    #expect(throws: MillraceError.self) { try handle.processAllAvailable() }
    #expect(log.events.withLock { $0 } == ["started", "batch 0", "batch 1", "terminated DIVIDE_BY_ZERO"])
    run.trigger = .availableNow
    let again = FakeExecutor(FakeSource(total: 20, perBatch: 7))
    try run.start(again, run.sinks()).awaitTermination()
    // The failed batch had its range fixed already.
    #expect(again.inputs.map(\.batchID) == [2, 3])
    #expect(again.inputs[0].plans[0]?.splits[0].payload == .array([.int(10), .int(15)]))
    CrashTests.check(run, "after failure")
  }

  @Test func processingTimeStartsAtMultiples() {
    var machine = MicroBatchMachine(
      trigger: .processingTime(2000), limit: ReadLimit(),
      position: QueryPosition(sourceCount: 1, watermark: WatermarkTracker(delays: []), querySeed: 0) { _, _ in false })
    guard case .poll = machine.handle(.started, now: 48_001) else { Issue.record("no poll"); return }
    guard case .wait(until: 50_000, forInput: false) = machine.handle(.polled([nil]), now: 48_002) else {
      Issue.record("no wait"); return
    }
    guard case .poll = machine.handle(.woken, now: 50_000) else { Issue.record("no poll"); return }
    let plan = SourcePlan(splits: [])
    guard case .logPlan = machine.handle(.polled([plan]), now: 50_001) else { Issue.record("no plan"); return }
    guard case .execute = machine.handle(.planLogged, now: 50_002) else { Issue.record("no execution"); return }
    let executed = ExecutedBatch(
      offsets: [Offset(.int(1))],
      output: BatchOutput(splitResults: [[]], eventTimes: [], stateOperators: [], outputRows: [], bytesRead: 0),
      inputRows: 0)
    _ = machine.handle(.executed(executed), now: 50_003)
    _ = machine.handle(.sinksCommitted([]), now: 50_004)
    guard case .logCommit(_, next: nil) = machine.handle(.stateSaved([]), now: 50_005) else {
      Issue.record("no commit"); return
    }
    _ = machine.handle(.commitLogged, now: 50_006)
    // The batch overran its interval: the next one starts at once.
    guard case .poll = machine.handle(.published, now: 52_500) else { Issue.record("no poll"); return }
    guard case .wait(until: 54_000, forInput: false) = machine.handle(.polled([nil]), now: 52_501) else {
      Issue.record("no wait"); return
    }
  }

  @Test func runsWithoutACheckpoint() throws {
    let files = SimulatedFileSystem()
    let sink = FakeSink(.transactional, "/data-t/rows", files)
    let executor = FakeExecutor(FakeSource(total: 20, perBatch: 5))
    let configuration = StreamingQueryConfiguration(
      trigger: .availableNow, environment: Environment(files: files, clock: SystemClock()))
    let binding = SinkBinding(name: "s", kind: .rows(sink), schema: FakeExecutor.schema)
    try StreamingQueryHandle.start(executor: executor, sinks: [binding], configuration: configuration)
      .awaitTermination()
    #expect(FakeRun(files: files).rows("/data-t/rows") == FakeExecutor.expected(20))
    #expect(files.paths == ["/data-t/rows"])
  }

  @Test func progressHasSparksFields() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 4, perBatch: 4, delays: [0])
    let executor = FakeExecutor(FakeSource(total: 4, perBatch: 4), delays: [0])
    let handle = try run.start(executor, run.sinks())
    try handle.awaitTermination()
    let json = try #require(handle.recentProgress.first).json
    for key in [
      "id", "runId", "name", "timestamp", "batchId", "batchDuration", "numInputRows", "processedRowsPerSecond",
      "durationMs", "eventTime", "stateOperators", "sources", "sink",
    ] {
      #expect(json[key] != nil, "\(key)")
    }
    #expect(json["numInputRows"] == .int(4) && json["eventTime"]?["max"] == .string("1970-01-01T00:00:03.000Z"))
    #expect(json["sources"]?.array?.first?["endOffset"] == .int(4))
    #expect(
      ISOTime.text(1_795_442_785_472_000) == "2026-11-23T14:06:25.472Z"
        && ISOTime.text(-1000) == "1969-12-31T23:59:59.999Z")
  }

  @Test func smallBatchesAreCheap() throws {
    let folder = "/tmp/millrace-engine-\(UInt64.random(in: 0 ..< .max))"
    let files = PosixFileSystem()
    defer { try? files.removeTree(folder) }
    let source = FakeSource(total: 1, perBatch: 1)
    let configuration = StreamingQueryConfiguration(checkpointLocation: folder)
    let sink = FakeSink(.atLeastOnce, "/none/rows", SimulatedFileSystem())
    let binding = SinkBinding(name: "s", kind: .rows(sink), schema: FakeExecutor.schema)
    let handle = try StreamingQueryHandle.start(
      executor: FakeExecutor(source), sinks: [binding], configuration: configuration)
    var times: [Int64] = []
    let clock = SystemClock()
    for _ in 0..<100 {
      try handle.processAllAvailable()
      source.add(1)
      let start = clock.monotonicNanoseconds()
      try handle.processAllAvailable()
      times.append(clock.monotonicNanoseconds() - start)
    }
    handle.stop()
    let median = times.sorted()[50] / 1000
    print("micro-batch of one row: \(median) microseconds in the median")
    #expect(median < 20_000)
  }
}
