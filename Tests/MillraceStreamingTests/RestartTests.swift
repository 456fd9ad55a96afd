import MillraceCore
import MillraceTesting
import MillraceExecution
import Synchronization
import Testing

@testable import MillraceStreaming

@Suite struct RestartTests {
  static let gone = MillraceError("PEER_GONE", "the peer went away", fault: .external, isRetryable: true)

  /// Writes down what it hears, with the state that the query shows at that moment.
  final class Log: StreamingQueryListener {
    let events = Mutex<[String]>([])
    let runs = Mutex<Set<String>>([])

    func onQueryStarted(_ event: StreamingQueryStarted) {
      events.withLock { $0.append("started") }
      runs.withLock { _ = $0.insert(event.runID) }
    }
    func onQueryProgress(_ progress: StreamingQueryProgress) {
      events.withLock { $0.append("batch \(progress.batchID)") }
    }
    func onQueryTerminated(_ event: StreamingQueryTerminated) {
      let next = event.restartDelay.map { "again in \($0)" } ?? "for good"
      events.withLock { $0.append("ended \(event.errorClass ?? "well") \(next)") }
    }
  }

  /// Starts a query whose runs fail at the given batches, one after the other.
  static func start(
    _ run: FakeRun, failing: [Int64?], with error: MillraceError = gone, _ policy: RestartPolicy, _ log: Log
  ) throws
    -> StreamingQueryHandle
  {
    var configuration = run.configuration()
    configuration.restart = policy
    let left = Mutex(failing)
    return try StreamingQueryHandle.start(configuration: configuration, listeners: [log]) {
      let executor = FakeExecutor(FakeSource(total: run.total, perBatch: run.perBatch))
      executor.failAt = left.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      executor.failure = error
      return QueryRun(
        executor: executor,
        sinks: run.sinks().enumerated().map {
          SinkBinding(name: "s\($0)", kind: .rows($1), schema: FakeExecutor.schema)
        })
    }
  }

  @Test func pausesDouble() {
    let policy = RestartPolicy(.transient, maxAttempts: 6, backoff: 100, maxBackoff: 1000)
    #expect((1...7).map { policy.pause(after: Self.gone, failures: $0) } == [100, 200, 400, 800, 1000, 1000, nil])
    #expect(RestartPolicy(.transient).pause(after: Self.gone, failures: 1_000_000) == 60_000_000)
    #expect(RestartPolicy.never.pause(after: Self.gone, failures: 1) == nil)
    let wrong = MillraceError("DIVIDE_BY_ZERO", "division by zero")
    #expect(RestartPolicy(.transient).pause(after: wrong, failures: 1) == nil)
  }

  /// Each run goes on where the last committed, with exactly the batch that failed.
  @Test func transientFailuresAreTriedAgain() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    let log = Log()
    let policy = RestartPolicy(.transient, maxAttempts: 2, backoff: 1000, maxBackoff: 1000)
    let handle = try Self.start(run, failing: [1, 1, 2, nil], policy, log)
    try handle.awaitTermination()
    CrashTests.check(run, "after three failures")
    #expect(
      log.events.withLock { $0 } == [
        "started", "batch 0", "ended PEER_GONE again in 1000", "started", "ended PEER_GONE again in 1000", "started",
        "batch 1", "ended PEER_GONE again in 1000", "started", "batch 2", "batch 3", "ended well for good",
      ])
    #expect(log.runs.withLock { $0.count } == 4 && handle.exception == nil && handle.isOver)
  }

  @Test func givesUpAfterAttemptsInARow() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    let log = Log()
    let policy = RestartPolicy(.transient, maxAttempts: 2, backoff: 1000, maxBackoff: 1000)
    let handle = try Self.start(run, failing: [1, 1, 1, 1], policy, log)
    let error = #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    #expect(error?.code == "PEER_GONE" && !handle.isActive)
    #expect(log.events.withLock { $0 }.filter { $0 == "started" }.count == 3)
  }

  @Test func otherFailuresEndTheQuery() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    let log = Log()
    let wrong = MillraceError("DIVIDE_BY_ZERO", "division by zero")
    let handle = try Self.start(run, failing: [1, nil], with: wrong, RestartPolicy(.transient), log)
    #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    #expect(log.events.withLock { $0 } == ["started", "batch 0", "ended DIVIDE_BY_ZERO for good"])
  }

  /// A query that waits to be started again does not run, and says so; a stop ends the wait.
  @Test func whileItWaitsItDoesNotRun() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    let log = Log()
    let policy = RestartPolicy(.transient, backoff: 3_600_000_000, maxBackoff: 3_600_000_000)
    let handle = try Self.start(run, failing: [1, nil], policy, log)
    JournaledSourceTests.wait { !handle.isActive }
    #expect(!handle.isOver && (handle.exception as? MillraceError)?.code == "PEER_GONE")
    #expect(
      handle.status.message.hasPrefix("Waiting 1 h to start again (attempt 1) after: [PEER_GONE]"), "\(handle.status)")
    #expect(try !handle.awaitTermination(timeout: 1000))
    handle.stop()
    #expect(handle.isOver && handle.exception == nil && handle.status.message == "Stopped")
    #expect(try handle.awaitTermination())
  }

  /// What fails before the run, such as a checkpoint that another process has, counts as its failure.
  @Test func aStartThatFailsIsAFailure() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    var configuration = run.configuration()
    configuration.restart = RestartPolicy(.transient, maxAttempts: 3, backoff: 1000, maxBackoff: 1000)
    let log = Log()
    let count = Atomic<Int>(0)
    let handle = try StreamingQueryHandle.start(configuration: configuration, listeners: [log]) {
      let attempt = count.wrappingAdd(1, ordering: .relaxed).newValue
      if attempt == 2 { throw Self.gone }
      let executor = FakeExecutor(FakeSource(total: run.total, perBatch: run.perBatch))
      executor.failAt = attempt == 1 ? 0 : nil
      executor.failure = Self.gone
      return QueryRun(
        executor: executor,
        sinks: run.sinks().enumerated().map {
          SinkBinding(name: "s\($0)", kind: .rows($1), schema: FakeExecutor.schema)
        })
    }
    try handle.awaitTermination()
    #expect(count.load(ordering: .relaxed) == 3)
    CrashTests.check(run, "after a start that failed")
  }
}
