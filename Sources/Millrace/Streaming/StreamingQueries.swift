public import MillraceCore
public import MillraceExecution
import MillracePlan
public import MillraceStreaming
import Synchronization

/// How a streaming query runs.
public struct StreamingOptions: Sendable {
  /// The query's name in progress reports and among the active queries; nil: it has only its id.
  public var name: String?
  /// When the next micro-batch starts; by default as soon as the one before has ended, as in Spark.
  public var trigger: Trigger = .asSoonAsPossible
  /// Directory of the commit log and state; nil: nothing is kept, and the query starts anew each time.
  public var checkpointLocation: String?
  /// A demand that is checked before the query starts.
  public var delivery: DeliveryGuarantee?
  /// What keeps the state of stateful operators.
  public var stateStore = StateStoreChoice()
  /// How much one micro-batch may read; `parallelism` is overwritten with the number of workers.
  public var limit = ReadLimit()
  /// Told of start, progress and end of this query, in this order, from the query's own thread.
  public var listeners: [any StreamingQueryListener] = []

  /// The defaults.
  public init() {}
}

extension SparkSession {
  /// Checks a streaming query as far as that is possible without touching the world, and gives its guarantee.
  public func check(_ sinks: [StreamingSink], _ options: StreamingOptions) throws -> DeliveryGuarantee {
    try prepare(sinks, options).guarantee
  }

  /// Starts a query with one or more sinks that are fed by one read of each source.
  public func start(_ sinks: [StreamingSink], _ options: StreamingOptions) throws -> StreamingQuery {
    let prepared = try prepare(sinks, options)
    let provider = try stateStoreProvider(options.stateStore)
    let setup = SourceSetup(
      checkpoint: options.checkpointLocation, environment: environment, isContinuous: options.trigger.isContinuous)
    let bindings = try self.bindings(for: sinks.map(\.query), setup)
    let executor = try QueryExecutor(
      sinks.map { QueryOutput(name: $0.name, query: $0.query, outputMode: $0.outputMode) }, bindings: bindings,
      stateProvider: provider, stateDirectory: options.checkpointLocation.map { "\($0)/state" },
      environment: environment, workers: workers)
    var limit = options.limit
    limit.parallelism = executor.workerCount
    var configuration = StreamingQueryConfiguration(
      name: options.name, checkpointLocation: options.checkpointLocation, trigger: options.trigger, limit: limit,
      environment: environment)
    configuration.watermarkPolicy = try watermarkPolicy()
    configuration.stateStore = provider.name
    let handle: StreamingQueryHandle
    do {
      handle = try StreamingQueryHandle.start(
        executor: executor, sinks: prepared.bindings, configuration: configuration, listeners: options.listeners)
    } catch {
      executor.close()
      throw error
    }
    let query = StreamingQuery(handle, guarantee: prepared.guarantee)
    streams.add(query)
    return query
  }

  private func prepare(
    _ sinks: [StreamingSink], _ options: StreamingOptions
  ) throws -> (bindings: [SinkBinding], guarantee: DeliveryGuarantee) {
    _ = try stateStoreProvider(options.stateStore)
    for sink in sinks {
      try StreamingRules(sink.outputMode, compatibility: compatibility).check(try Optimizer.optimize(sink.query.plan))
    }
    if options.trigger.isContinuous { try checkContinuous(sinks) }
    let bindings = try sinks.map { try $0.bind(self) }
    var guarantee = DeliveryGuarantee.exactlyOnce
    var weakest = ""
    for binding in bindings where !binding.kind.sink.guarantee.isExactlyOnce {
      guarantee = .atLeastOnce
      weakest = "the sink '\(binding.name)' can receive a batch twice"
    }
    if options.trigger.isContinuous {
      guarantee = .atLeastOnce
      weakest = "with the continuous trigger a crash repeats the rows of the epoch that was not committed"
    }
    if options.checkpointLocation == nil {
      guarantee = .atLeastOnce
      weakest = "there is no checkpointLocation"
      let sources = try definitions(of: sinks.map(\.query)).values.filter { $0.isStreaming && !$0.isReplayable }
      if let source = sources.map(\.name).min() {
        guarantee = .atMostOnce
        weakest = "there is no checkpointLocation that keeps what the source '\(source)' sent"
      }
    }
    if let demanded = options.delivery, guarantee < demanded {
      let hint =
        options.checkpointLocation == nil
        ? "set 'checkpointLocation', or weaken 'delivery'"
        : options.trigger.isContinuous && demanded == .exactlyOnce
          ? "use a processing-time trigger, or weaken 'delivery'"
          : "use a sink that is exactly-once (sqlite, gzip-file, rotating-file, files), or weaken 'delivery'"
      throw MillraceError("DELIVERY_NOT_MET", "the pipeline demands \(demanded.rawValue), but \(weakest)", hint: hint)
    }
    return (bindings, guarantee)
  }

  /// The whole result after each piece of input would be nearly all of the work; a program that wants batches gets none.
  private func checkContinuous(_ sinks: [StreamingSink]) throws {
    if let program = sinks.lazy.compactMap(\.program).first(where: { !$0.isContinuous }) {
      throw MillraceError(
        "UNSUPPORTED_CONTINUOUS_SINK", "\(program.name) needs batches, which the continuous trigger does not make",
        hint: "use foreach, or a processing-time trigger")
    }
    guard let sink = sinks.first(where: { $0.outputMode == .complete }) else { return }
    throw MillraceError(
      "STREAMING_OUTPUT_MODE.UNSUPPORTED_TRIGGER",
      "the sink '\(sink.name)' wants the complete result, and the continuous trigger gives rows as they come",
      hint: "use outputMode update, or a processing-time trigger")
  }
}

/// A query that runs or ran. Spark's `StreamingQuery`.
public final class StreamingQuery: Sendable {
  /// The engine's side of the query.
  public let handle: StreamingQueryHandle
  /// What is promised about each row.
  public let guarantee: DeliveryGuarantee

  init(_ handle: StreamingQueryHandle, guarantee: DeliveryGuarantee) {
    self.handle = handle
    self.guarantee = guarantee
  }

  /// Lives with the checkpoint.
  public var id: String { handle.id }
  /// New at each start.
  public var runId: String { handle.runID }
  /// The name given to the query.
  public var name: String? { handle.name }
  /// Whether it still runs.
  public var isActive: Bool { handle.isActive }
  /// Why it failed, if it did.
  public var exception: (any Error)? { handle.exception }
  /// What it is doing.
  public var status: StreamingQueryStatus { handle.status }
  /// Facts about the last batch.
  public var lastProgress: StreamingQueryProgress? { handle.lastProgress }
  /// Facts about the last batches, at most 100.
  public var recentProgress: [StreamingQueryProgress] { handle.recentProgress }

  /// Where its time went, up to its last batch.
  public var profile: QueryProfile? { handle.profile }

  /// Finishes the batch in work, makes it durable, and ends the query.
  public func stop() async throws {
    let handle = self.handle
    await Blocking.run { handle.stop() }
  }

  /// Waits until the query ends; throws what it failed with.
  @discardableResult
  public func awaitTermination() async throws -> Bool? { try await awaitTermination(nil) }

  /// Waits at most so many milliseconds; false when the query still runs.
  @discardableResult
  public func awaitTermination(_ timeoutMs: Int64?) async throws -> Bool {
    let handle = self.handle
    return try await Blocking.run { try handle.awaitTermination(timeout: timeoutMs.map { $0 * 1000 }) }
  }

  /// Waits until everything that is there now has been processed. For tests.
  public func processAllAvailable() async throws {
    let handle = self.handle
    try await Blocking.run { try handle.processAllAvailable() }
  }
}

/// The queries of a session. Spark's `spark.streams`.
public final class StreamingQueryManager: Sendable {
  private let queries = Mutex<[StreamingQuery]>([])

  func add(_ query: StreamingQuery) { queries.withLock { $0.append(query) } }

  /// Queries that run.
  public var active: [StreamingQuery] { queries.withLock { $0 }.filter(\.isActive) }

  /// The running query with an id.
  public func get(_ id: String) -> StreamingQuery? { active.first { $0.id == id } }
}
