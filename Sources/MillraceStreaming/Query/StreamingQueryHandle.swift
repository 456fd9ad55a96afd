public import MillraceCore
public import MillraceExecution

/// How a query runs.
public struct StreamingQueryConfiguration: Sendable {
  /// Shown in progress and listings.
  public var name: String?
  /// Where the query survives; nil: it starts anew each time, and keeps nothing.
  public var checkpointLocation: String?
  /// When batches run.
  public var trigger: Trigger
  /// How much one batch may read.
  public var limit: ReadLimit
  /// Files and time.
  public var environment: Environment
  /// Which watermark counts where the query has several.
  public var watermarkPolicy = WatermarkPolicy.min
  /// Name of the provider that made the executor's state stores; a checkpoint goes on only with the one it was begun with.
  public var stateStore = "memory"

  /// The limit of a batch. Without any it still ends after so many bytes, so that a long replay commits as it goes, and
  /// sooner where the rows themselves wait in memory for the end of the batch.
  func effectiveLimit(holdsRows: Bool) -> ReadLimit {
    guard limit.files == nil, limit.bytes == nil, limit.rows == nil else { return limit }
    var bounded = limit
    bounded.defaultBytes = holdsRows ? 256 << 20 : 1 << 30
    return bounded
  }

  /// Sizes in the checkpoint; tests make them small.
  var tuning = CheckpointTuning()

  /// Microseconds between looks at sources that do not call.
  static let pollInterval: Int64 = 10_000
  /// The same with the continuous trigger.
  static let continuousPollInterval: Int64 = 1000
  /// Microseconds between looks at sources that call, in case the call is late.
  static let wokenPollInterval: Int64 = 100_000

  /// Makes a configuration.
  public init(
    name: String? = nil, checkpointLocation: String? = nil, trigger: Trigger = .asSoonAsPossible,
    limit: ReadLimit = ReadLimit(), environment: Environment = .live
  ) {
    self.name = name
    self.checkpointLocation = checkpointLocation
    self.trigger = trigger
    self.limit = limit
    self.environment = environment
  }
}

/// A source that can say that it has something new, so that the engine need not look.
public protocol WakingSource: Source {
  /// `wake` is to be called from any thread when there may be something to plan. Called once, before `start`.
  func onData(_ wake: @escaping @Sendable () -> Void)
}

/// What a query is doing.
public struct StreamingQueryStatus: Sendable, Hashable {
  /// One sentence.
  public var message: String
  /// Whether there is input that was not processed.
  public var isDataAvailable: Bool
  /// Whether a batch is running.
  public var isTriggerActive: Bool
}

/// Who a query is.
struct QueryIdentity: Sendable {
  var id: String
  var runID: String
  var name: String?
}

/// What the query's thread and its users share.
struct QueryState: Sendable {
  static let progressLimit = 100

  var isActive = true
  var isStopRequested = false
  /// Calls of sources that have something.
  var wakes = 0
  /// Calls of `processAllAvailable` so far, and the last of them that is satisfied.
  var settleRequests = 0
  var settled = 0
  var status = StreamingQueryStatus(message: "Initializing", isDataAvailable: false, isTriggerActive: false)
  var progress: [StreamingQueryProgress] = []
  var exception: (any Error)?

  mutating func add(_ progress: StreamingQueryProgress) {
    if self.progress.count == Self.progressLimit { self.progress.removeFirst() }
    self.progress.append(progress)
  }
}

/// A running query. All calls are safe from any thread; those that wait block it.
public final class StreamingQueryHandle: Sendable {
  private let identity: QueryIdentity
  private let shared: Monitor<QueryState>
  private let profiler: QueryProfiler?

  private init(_ identity: QueryIdentity, _ shared: Monitor<QueryState>, _ profiler: QueryProfiler?) {
    self.identity = identity
    self.shared = shared
    self.profiler = profiler
  }

  /// Opens the checkpoint, checks that it fits the query, and starts the query on a thread of its own.
  /// What can be wrong with the checkpoint is thrown from here; later failures end the query and show in `exception`.
  public static func start(
    executor: any BatchExecutor, sinks: [SinkBinding], configuration: StreamingQueryConfiguration,
    listeners: [any StreamingQueryListener] = []
  ) throws -> StreamingQueryHandle {
    let checkpoint = try configuration.checkpointLocation.map {
      try Checkpoint(
        location: $0, fingerprints: executor.fingerprints, sinks: sinks.map(\.name),
        stateStore: configuration.stateStore, environment: configuration.environment,
        tuning: configuration.tuning)
    }
    let identity = QueryIdentity(
      id: checkpoint?.queryID ?? UUIDText.random(), runID: UUIDText.random(), name: configuration.name)
    let shared = Monitor(QueryState())
    let engine: QueryEngine
    do {
      engine = try QueryEngine(
        executor: executor, sinks: sinks, configuration: configuration, checkpoint: checkpoint, identity: identity,
        shared: shared, listeners: listeners)
    } catch {
      checkpoint?.close()
      throw error
    }
    let handle = StreamingQueryHandle(identity, shared, executor.profiler)
    let started = StreamingQueryStarted(
      id: identity.id, runID: identity.runID, name: identity.name, timestamp: configuration.environment.clock.now())
    for listener in listeners { listener.onQueryStarted(started) }
    try EngineThread.start("query \(configuration.name ?? "")") {
      let failure = engine.run()
      finish(identity, shared, failure, listeners)
    }
    return handle
  }

  private static func finish(
    _ identity: QueryIdentity, _ shared: Monitor<QueryState>, _ failure: (any Error)?,
    _ listeners: [any StreamingQueryListener]
  ) {
    let event = StreamingQueryTerminated(id: identity.id, runID: identity.runID, exception: failure)
    for listener in listeners { listener.onQueryTerminated(event) }
    shared.change { state in
      state.isActive = false
      state.exception = failure
      let message = failure.map { "Terminated with exception: \($0)" } ?? "Stopped"
      state.status = StreamingQueryStatus(message: message, isDataAvailable: false, isTriggerActive: false)
    }
  }

  /// Lives with the checkpoint.
  public var id: String { identity.id }
  /// New at each start.
  public var runID: String { identity.runID }
  /// The name given to it.
  public var name: String? { identity.name }
  /// Whether it runs.
  public var isActive: Bool { shared.read(\.isActive) }
  /// Why it failed, nil while it runs and after a stop.
  public var exception: (any Error)? { shared.read(\.exception) }
  /// What it is doing.
  public var status: StreamingQueryStatus { shared.read(\.status) }
  /// The last batch.
  public var lastProgress: StreamingQueryProgress? { shared.read(\.progress.last) }
  /// The last hundred batches.
  public var recentProgress: [StreamingQueryProgress] { shared.read(\.progress) }

  /// Where the query's time went, up to its last batch; nil where its executor does not count.
  public var profile: QueryProfile? { profiler?.profile(name: name ?? id) }

  /// Asks the query to stop after the batch it is at; does not wait.
  public func requestStop() { shared.change { $0.isStopRequested = true } }

  /// Stops the query after the batch it is at, and waits for that.
  public func stop() {
    requestStop()
    _ = shared.wait(microseconds: nil) { $0.isActive ? nil : true }
  }

  /// Waits until the query ends, at most for `timeout` microseconds; false when time is over. Throws what the query failed with.
  @discardableResult
  public func awaitTermination(timeout: Int64? = nil) throws -> Bool {
    let isOver: Bool? = try shared.wait(microseconds: timeout) { state in
      if state.isActive { return nil }
      if let exception = state.exception { throw exception }
      return true
    }
    return isOver ?? false
  }

  /// Waits until everything that the sources have now is processed. Throws what the query failed with.
  public func processAllAvailable() throws {
    let request = shared.change { state in
      state.settleRequests += 1
      return state.settleRequests
    }
    _ = try shared.wait(microseconds: nil) { state -> Bool? in
      if let exception = state.exception { throw exception }
      return state.settled >= request || !state.isActive ? true : nil
    }
  }
}
