import MillraceCore
public import MillraceExecution

/// A query's parts for one run. They are used up by it.
public struct QueryRun {
  /// The compiled query.
  public var executor: any BatchExecutor
  /// Where its rows go.
  public var sinks: [SinkBinding]
  /// Where its dead letters and late rows go.
  public var sides: SideSinks

  /// Puts the parts together.
  public init(executor: any BatchExecutor, sinks: [SinkBinding], sides: SideSinks = SideSinks()) {
    self.executor = executor
    self.sinks = sinks
    self.sides = sides
  }
}

/// Runs a query, and where the restart policy says so runs it again after a failure: with new parts, over the same checkpoint.
final class QuerySupervisor {
  private let configuration: StreamingQueryConfiguration
  private let listeners: [any StreamingQueryListener]
  private let shared: Monitor<QueryState>
  private let makeRun: () throws -> QueryRun
  private let onEnd: @Sendable ((any Error)?) -> Void

  init(
    configuration: StreamingQueryConfiguration, listeners: [any StreamingQueryListener], shared: Monitor<QueryState>,
    makeRun: @escaping () throws -> QueryRun, onEnd: @escaping @Sendable ((any Error)?) -> Void
  ) {
    self.configuration = configuration
    self.listeners = listeners
    self.shared = shared
    self.makeRun = makeRun
    self.onEnd = onEnd
  }

  /// Opens the checkpoint, checks that it fits the query, and makes the driver of one run.
  func makeEngine() throws -> QueryEngine {
    let run = try makeRun()
    do {
      return try makeEngine(run)
    } catch {
      run.executor.close()
      throw error
    }
  }

  private func makeEngine(_ run: QueryRun) throws -> QueryEngine {
    let checkpoint = try configuration.checkpointLocation.map {
      try Checkpoint(
        location: $0, fingerprints: run.executor.fingerprints, sinks: run.sinks.map(\.name),
        stateStore: configuration.stateStore, layouts: run.executor.stateLayouts,
        environment: configuration.environment,
        tuning: configuration.tuning)
    }
    let identity = shared.change { state in
      if state.identity.id.isEmpty { state.identity.id = checkpoint?.queryID ?? UUIDText.random() }
      state.identity.runID = UUIDText.random()
      state.profiler = run.executor.profiler
      return state.identity
    }
    do {
      return try QueryEngine(
        executor: run.executor, sinks: run.sinks, sides: run.sides, configuration: configuration,
        checkpoint: checkpoint, identity: identity, shared: shared, listeners: listeners)
    } catch {
      checkpoint?.close()
      throw error
    }
  }

  /// A run is about to begin.
  func announceStart() {
    let event = shared.read { state in
      StreamingQueryStarted(
        id: state.identity.id, runID: state.identity.runID, name: state.identity.name,
        timestamp: configuration.environment.clock.now())
    }
    for listener in listeners { listener.onQueryStarted(event) }
  }

  /// Runs to the query's end, beginning with `first`.
  func run(_ first: QueryEngine) {
    var failures = 0
    var engine: QueryEngine? = first
    while true {
      let failure = attempt(&engine)
      if shared.change({ $0.takeHasProgressed() }) { failures = 0 }
      failures += 1
      let pause = failure.flatMap { configuration.restart.pause(after: $0, failures: failures) }
      let isStopping = shared.read(\.isStopRequested)
      guard let failure, let pause, !isStopping else { return finish(failure) }
      announceEnd(failure, pause)
      if waitIsStopped(failure, pause, failures) { return finish(nil, isAnnounced: true) }
    }
  }

  /// One run; gives why it failed if it did. What fails before it can run counts as its failure.
  private func attempt(_ engine: inout QueryEngine?) -> (any Error)? {
    do {
      if engine == nil {
        engine = try makeEngine()
        shared.change { state in
          state.life = .running
          state.exception = nil
        }
        announceStart()
      }
    } catch {
      return error
    }
    defer { engine = nil }
    return engine?.run()
  }

  /// Waits for the time of the next start; true where the query was stopped meanwhile.
  private func waitIsStopped(_ failure: any Error, _ pause: Int64, _ failures: Int) -> Bool {
    let attempt = configuration.restart.maxAttempts.map { "\(failures) of \($0)" } ?? "\(failures)"
    shared.change { state in
      state.life = .restarting
      state.exception = failure
      state.status = StreamingQueryStatus(
        message:
          "Waiting \(Quantity.duration(microseconds: pause)) to start again (attempt \(attempt)) after: \(failure)",
        isDataAvailable: false, isTriggerActive: false)
    }
    return shared.wait(microseconds: pause) { $0.isStopRequested ? true : nil } ?? false
  }

  private func announceEnd(_ failure: (any Error)?, _ pause: Int64?) {
    let event = shared.read { state in
      StreamingQueryTerminated(
        id: state.identity.id, runID: state.identity.runID, exception: failure, restartDelay: pause)
    }
    for listener in listeners { listener.onQueryTerminated(event) }
  }

  private func finish(_ failure: (any Error)?, isAnnounced: Bool = false) {
    if !isAnnounced { announceEnd(failure, nil) }
    shared.change { state in
      state.life = .ended
      state.exception = failure
      let message = failure.map { "Terminated with exception: \($0)" } ?? "Stopped"
      state.status = StreamingQueryStatus(message: message, isDataAvailable: false, isTriggerActive: false)
    }
    onEnd(failure)
  }
}
