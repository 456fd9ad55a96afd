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
  /// Whether a trigger that ends gives out what waits for more input when it has read everything.
  public var closesAtEndOfInput = false
  /// Name of the provider that made the executor's state stores; a checkpoint goes on only with the one it was begun with.
  public var stateStore = "memory"
  /// Whether a batch is committed while the next is computed, where batches follow each other at once.
  public var asyncCommit = false
  /// How long rows that later ones replace may wait while more input does, in microseconds; 0: they come out with each batch.
  public var maxEmitDelay = Self.defaultMaxEmitDelay
  /// Whether a failed query is started again.
  public var restart = RestartPolicy.never
  /// Where its dead letters and late rows can be looked at.
  public var taps: QueryTaps?

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

  /// Five seconds.
  public static let defaultMaxEmitDelay: Int64 = 5_000_000
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

/// A source that tells what happens to it, such as a connection that is lost.
public protocol NotifyingSource: Source {
  /// `notify` is to be called, from any thread, with one sentence. Called once, before `start`.
  func onNotice(_ notify: @escaping @Sendable (String) -> Void)
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

  /// Where a query is between its start and its end.
  enum Life {
    case running
    /// A run failed, and the next has not begun.
    case restarting
    case ended
  }

  var identity: QueryIdentity
  var profiler: QueryProfiler?
  var life = Life.running
  var isStopRequested = false
  /// Whether a batch was done since this was last asked.
  private var hasProgressed = false
  /// Calls of sources that have something.
  var wakes = 0
  /// Calls of `processAllAvailable` so far, and the last of them that is satisfied.
  var settleRequests = 0
  var settled = 0
  var status = StreamingQueryStatus(message: "Initializing", isDataAvailable: false, isTriggerActive: false)
  var progress: [StreamingQueryProgress] = []
  /// What ended the query, or its last run while the next is waited for.
  var exception: (any Error)?

  init(_ identity: QueryIdentity) { self.identity = identity }

  var isOver: Bool { life == .ended }

  mutating func takeHasProgressed() -> Bool {
    defer { hasProgressed = false }
    return hasProgressed
  }

  mutating func add(_ progress: StreamingQueryProgress) {
    hasProgressed = true
    if self.progress.count == Self.progressLimit { self.progress.removeFirst() }
    self.progress.append(progress)
  }
}

/// A running query. All calls are safe from any thread; those that wait block it.
public final class StreamingQueryHandle: Sendable {
  private let shared: Monitor<QueryState>
  /// Whether the query has ended. Who waits for that alone is not woken for each batch.
  private let ended: Monitor<Bool>

  private init(_ shared: Monitor<QueryState>, _ ended: Monitor<Bool>) {
    self.shared = shared
    self.ended = ended
  }

  /// Starts a query that runs once; see the other `start`.
  public static func start(
    executor: any BatchExecutor, sinks: [SinkBinding], configuration: StreamingQueryConfiguration,
    listeners: [any StreamingQueryListener] = []
  ) throws -> StreamingQueryHandle {
    var once = configuration
    once.restart = .never
    nonisolated(unsafe) let run = QueryRun(executor: executor, sinks: sinks)
    return try start(configuration: once, listeners: listeners) { run }
  }

  /// Opens the checkpoint, checks that it fits the query, and starts the query on a thread of its own.
  /// What can be wrong with the checkpoint is thrown from here; later failures end the query, unless its restart policy says
  /// otherwise, and show in `exception`.
  ///
  /// `makeRun` makes the query's parts, here and for each new start; `onEnd` is called once after the end, with what the query failed with.
  public static func start(
    configuration: StreamingQueryConfiguration, listeners: [any StreamingQueryListener] = [],
    onEnd: @escaping @Sendable ((any Error)?) -> Void = { _ in }, makeRun: @escaping () throws -> QueryRun
  ) throws -> StreamingQueryHandle {
    let shared = Monitor(QueryState(QueryIdentity(id: "", runID: "", name: configuration.name)))
    let ended = Monitor(false)
    let supervisor = QuerySupervisor(
      configuration: configuration, listeners: listeners, shared: shared, makeRun: makeRun,
      onEnd: { failure in
        ended.change { $0 = true }
        onEnd(failure)
      })
    let engine = try supervisor.makeEngine()
    supervisor.announceStart()
    try EngineThread.start("query \(configuration.name ?? "")") { supervisor.run(engine) }
    return StreamingQueryHandle(shared, ended)
  }

  /// Lives with the checkpoint.
  public var id: String { shared.read(\.identity.id) }
  /// New at each start, new starts after a failure included.
  public var runID: String { shared.read(\.identity.runID) }
  /// The name given to it.
  public var name: String? { shared.read(\.identity.name) }
  /// Whether it runs: not before a new start either, for as long as that is waited for.
  public var isActive: Bool { shared.read { $0.life == .running } }
  /// Whether it has ended for good.
  public var isOver: Bool { shared.read(\.isOver) }
  /// Why it failed; nil while it runs and after a stop. While a new start is waited for, what made it necessary.
  public var exception: (any Error)? { shared.read(\.exception) }
  /// What it is doing.
  public var status: StreamingQueryStatus { shared.read(\.status) }
  /// The last batch.
  public var lastProgress: StreamingQueryProgress? { shared.read(\.progress.last) }
  /// The last hundred batches.
  public var recentProgress: [StreamingQueryProgress] { shared.read(\.progress) }

  /// Where the query's time went, up to its last batch; nil where its executor does not count.
  public var profile: QueryProfile? { shared.read(\.profiler)?.profile(name: name ?? id) }

  /// Asks the query to stop after the batch it is at; does not wait.
  public func requestStop() { shared.change { $0.isStopRequested = true } }

  /// Stops the query after the batch it is at, and waits for that.
  public func stop() {
    requestStop()
    _ = shared.wait(microseconds: nil) { $0.isOver ? true : nil }
  }

  /// Waits until the query ends, at most for `timeout` microseconds; false when time is over. Throws what the query failed with.
  @discardableResult
  public func awaitTermination(timeout: Int64? = nil) throws -> Bool {
    guard ended.wait(microseconds: timeout, { $0 ? true : nil }) ?? false else { return false }
    if let exception { throw exception }
    return true
  }

  /// Waits until everything that the sources have now is processed. Throws what the query failed with.
  public func processAllAvailable() throws {
    let request = shared.change { state in
      state.settleRequests += 1
      return state.settleRequests
    }
    _ = try shared.wait(microseconds: nil) { state -> Bool? in
      if state.isOver, let exception = state.exception { throw exception }
      return state.settled >= request || state.isOver ? true : nil
    }
  }
}
