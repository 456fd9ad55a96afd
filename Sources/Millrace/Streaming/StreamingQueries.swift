public import MillraceCore
public import MillraceExecution
import MillraceFormats
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
  /// Whether a batch is committed while the next is computed; for triggers whose batches follow each other at once. What is promised
  /// stays the same.
  public var asyncCommit = false
  /// How long rows that later ones replace may wait while more input does, in microseconds; 0: they come out with each batch. Such are
  /// the rows of an aggregation that a sink keeps by all of its keys, or replaces as a whole.
  public var maxEmitDelay = StreamingQueryConfiguration.defaultMaxEmitDelay
  /// Whether a query that failed is started again.
  public var restart = RestartPolicy.never
  /// What becomes of windows, sessions and rows of joins that wait for more input when the trigger has read everything and ends.
  public var onEndOfInput: EndOfInput = .keep
  /// Where records go that sources and sinks leave out with `onBadRecord` = `deadLetter`: rows of `DeadLetter.schema`, committed with
  /// the batch.
  public var deadLetter: SinkEnd?
  /// Where rows go that stateful operators leave out as late: rows of `LateRow.schema`, committed with the batch. Nil: they are counted.
  public var lateRows: SinkEnd?
  /// Where rows of this query's sources and sinks can be looked at while it runs.
  public var taps: QueryTaps?
  /// Told of start, progress and end of this query, in this order, from the query's own thread.
  public var listeners: [any StreamingQueryListener] = []

  /// The defaults.
  public init() {}
}

/// What a query does at the end of its input, under the triggers that come to one: `availableNow` and `once`.
public enum EndOfInput: String, Sendable, CaseIterable {
  /// What is not complete stays in the state for the next run, as in Spark.
  case keep
  /// It comes out in a last batch of its own, as if the watermark were at the end of time. In append mode alone: the other modes
  /// have given everything before.
  case close
}

extension SparkSession {
  /// Checks a streaming query as far as that is possible without touching the world, and gives its guarantee.
  public func check(_ sinks: [StreamingSink], _ options: StreamingOptions) throws -> DeliveryGuarantee {
    try prepare(sinks, options).guarantee
  }

  /// Names of the streaming sources whose rows the guarantee is about only from the query's journal on, in order.
  package func journaledSources(of sinks: [StreamingSink]) throws -> [String] {
    try definitions(of: sinks.map(\.query)).values.filter { $0.isStreaming && !$0.isReplayable && $0.mayLose }
      .map(\.name).sorted()
  }

  /// Starts a query with one or more sinks that are fed by one read of each source.
  public func start(_ sinks: [StreamingSink], _ options: StreamingOptions) throws -> StreamingQuery {
    let prepared = try prepare(sinks, options)
    let store = try stateStoreProvider(options.stateStore).name
    var limit = options.limit
    limit.parallelism = workers ?? WorkerPool.processorCount
    let replayClock = try replayClock(sinks, options.trigger)
    var environment = self.environment
    if let replayClock { environment.clock = replayClock }
    var configuration = StreamingQueryConfiguration(
      name: options.name, checkpointLocation: options.checkpointLocation, trigger: options.trigger, limit: limit,
      environment: environment)
    configuration.watermarkPolicy = try watermarkPolicy()
    configuration.closesAtEndOfInput = sinks.contains { ($0.onEndOfInput ?? options.onEndOfInput) == .close }
    configuration.stateStore = store
    configuration.restart = options.restart
    configuration.asyncCommit = options.asyncCommit
    configuration.maxEmitDelay = options.maxEmitDelay
    configuration.taps = options.taps
    if let checkpoint = options.checkpointLocation {
      for source in try definitions(of: sinks.map(\.query)).values where source.inference != nil && !source.name.isEmpty
      {
        try SchemaInference.keep(source.schema, name: source.name, checkpoint: checkpoint, environment)
      }
    }
    let streams = self.streams
    let handle = try StreamingQueryHandle.start(
      configuration: configuration, listeners: options.listeners + [streams.listeners], onEnd: { streams.ended($0) }
    ) {
      try self.makeRun(sinks, options, replayClock)
    }
    let query = StreamingQuery(handle, guarantee: prepared.guarantee, session: self, sinks: sinks)
    streams.add(query)
    return query
  }

  /// Makes what one run of a query needs.
  func makeRun(
    _ sinks: [StreamingSink], _ options: StreamingOptions, _ replayClock: ReplayClock? = nil
  ) throws -> QueryRun {
    let setup = SourceSetup(
      checkpoint: options.checkpointLocation, environment: environment, isContinuous: options.trigger.isContinuous,
      replayClock: replayClock)
    let sources = Redelivery.arrange(
      try bindings(for: sinks.map(\.query), setup), checkpoint: options.checkpointLocation, environment: environment)
    let executor = try QueryExecutor(
      sinks.map { sink in
        var query = sink.query
        query.plan = StreamingRules(sink.outputMode, compatibility: compatibility).adapted(query.plan)
        return QueryOutput(
          name: sink.name, query: query, outputMode: sink.outputMode,
          closesAtEndOfInput: (sink.onEndOfInput ?? options.onEndOfInput) == .close)
      },
      bindings: sources, stateProvider: try stateStoreProvider(options.stateStore),
      stateDirectory: options.checkpointLocation.map { "\($0)/state" }, environment: environment, workers: workers,
      keepsLateRows: options.lateRows != nil, taps: options.taps)
    do {
      return QueryRun(
        executor: executor, sinks: try sinks.map { try $0.bind(self) }, sides: try sideSinks(options))
    } catch {
      executor.close()
      throw error
    }
  }

  /// The clock of a query over archives that are replayed at a speed; nil: it goes by the session's.
  private func replayClock(_ sinks: [StreamingSink], _ trigger: Trigger) throws -> ReplayClock? {
    let speeds = Set(try definitions(of: sinks.map(\.query)).values.compactMap(\.replaySpeed))
    guard let speed = speeds.first else { return nil }
    if speeds.count > 1 {
      throw MillraceError(
        "REPLAY_SPEED_CONFLICT", "the query has one clock, and its sources are to be replayed at different speeds",
        hint: "give all sources of the query the same 'speed', or leave it out of some")
    }
    let pace: ReplayClock.Pace =
      switch trigger {
      case .processingTime: .trigger
      case .once: .none
      case .asSoonAsPossible, .availableNow, .continuous: .clock
      }
    return ReplayClock(speed, pace: pace, base: environment.clock)
  }

  /// Checks a sink for dead letters or late rows, as far as that is possible without touching the world.
  package func checkSide(_ end: SinkEnd, name: String) throws {
    let schema = name == LateRow.sinkName ? LateRow.schema : DeadLetter.schema
    _ = try end.bind(name: name, schema: schema, outputMode: .append, self)
  }

  /// Makes the sinks beside those of the query.
  private func sideSinks(_ options: StreamingOptions) throws -> SideSinks {
    SideSinks(
      deadLetter: try options.deadLetter?.bind(
        name: DeadLetter.sinkName, schema: DeadLetter.schema, outputMode: .append, self),
      lateRows: try options.lateRows?.bind(
        name: LateRow.sinkName, schema: LateRow.schema, outputMode: .append, self))
  }

  /// Refuses records that would have nowhere to go, and a sink under a name that the query's own sinks beside it have.
  private func checkSides(_ sinks: [StreamingSink], _ options: StreamingOptions) throws {
    let names = [options.deadLetter.map { _ in DeadLetter.sinkName }, options.lateRows.map { _ in LateRow.sinkName }]
    if let taken = sinks.first(where: { names.contains($0.name) }) {
      throw MillraceError(
        "SINK_NAME_TAKEN", "a sink is named '\(taken.name)', and so is the query's own for what it leaves out",
        hint: "give the sink another name")
    }
    guard options.deadLetter == nil else { return }
    let sources = try definitions(of: sinks.map(\.query)).values.filter { $0.badRecords.policy == .deadLetter }
    let senders =
      sources.map { "source '\($0.name)'" }.sorted()
      + sinks.filter { $0.badRecords == .deadLetter }.map { "sink '\($0.name)'" }
    if let sender = senders.first {
      throw MillraceError(
        "DEAD_LETTER_NEEDS_SINK", "onBadRecord of the \(sender) is deadLetter, and there is no sink for dead letters",
        hint: "add \"deadLetter\": { \"format\": …, \"options\": { … } } to the pipeline")
    }
  }

  private func prepare(
    _ sinks: [StreamingSink], _ options: StreamingOptions
  ) throws -> (bindings: [SinkBinding], guarantee: DeliveryGuarantee) {
    _ = try stateStoreProvider(options.stateStore)
    _ = try replayClock(sinks, options.trigger)
    for sink in sinks {
      let rules = StreamingRules(sink.outputMode, compatibility: compatibility)
      try rules.check(sink.query.plan)
      if options.trigger.isContinuous { try rules.checkContinuous(try Optimizer.optimize(sink.query.plan)) }
    }
    if options.restart.condition != .never, options.checkpointLocation == nil {
      throw MillraceError(
        "RESTART_NEEDS_CHECKPOINT",
        "a query without a checkpointLocation cannot go on after a failure, only begin anew",
        hint: "set 'checkpointLocation', or leave 'restart' out")
    }
    if options.asyncCommit, !options.trigger.followsAtOnce {
      throw MillraceError(
        "ASYNC_COMMIT_NOT_APPLICABLE", "asyncCommit is for batches that follow each other at once",
        hint: "use the default trigger or availableNow, or leave 'asyncCommit' out")
    }
    if options.trigger.isContinuous { try checkContinuous(sinks) }
    let bindings = try sinks.map { try $0.bind(self) }
    try checkSides(sinks, options)
    let sides = try sideSinks(options)
    var guarantee = DeliveryGuarantee.exactlyOnce
    var weakest = ""
    for binding in bindings + [sides.deadLetter, sides.lateRows].compactMap({ $0 })
    where !binding.kind.sink.guarantee.isExactlyOnce {
      guarantee = .atLeastOnce
      weakest = "the sink '\(binding.name)' can receive a batch twice"
    }
    let streams = try definitions(of: sinks.map(\.query)).values.filter { $0.isStreaming && !$0.isReplayable }
    if let source = streams.filter(\.mayRepeat).map(\.name).min() {
      guarantee = .atLeastOnce
      weakest = "the source '\(source)' can give a record again after a crash"
    }
    if options.trigger.isContinuous {
      guarantee = .atLeastOnce
      weakest = "with the continuous trigger a crash repeats the rows of the epoch that was not committed"
    }
    if options.checkpointLocation == nil {
      guarantee = .atLeastOnce
      weakest = "there is no checkpointLocation"
      if let source = streams.map(\.name).min() {
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
          : streams.contains(where: \.mayRepeat)
            ? "use a source whose positions can be read again, or weaken 'delivery'"
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

  private let session: SparkSession
  private let sinks: [StreamingSink]

  init(_ handle: StreamingQueryHandle, guarantee: DeliveryGuarantee, session: SparkSession, sinks: [StreamingSink]) {
    self.handle = handle
    self.guarantee = guarantee
    self.session = session
    self.sinks = sinks
  }

  /// Lives with the checkpoint.
  public var id: String { handle.id }
  /// New at each start.
  public var runId: String { handle.runID }
  /// The name given to the query.
  public var name: String? { handle.name }
  /// Whether it runs: not after a failure, and not while a new start after one is waited for.
  public var isActive: Bool { handle.isActive }
  /// Why it failed, if it did; while a new start is waited for, what made it necessary.
  public var exception: (any Error)? { handle.exception }
  /// What it is doing.
  public var status: StreamingQueryStatus { handle.status }
  /// Facts about the last batch.
  public var lastProgress: StreamingQueryProgress? { handle.lastProgress }
  /// Facts about the last batches, at most 100.
  public var recentProgress: [StreamingQueryProgress] { handle.recentProgress }

  /// The optimized plan of each of its results as indented text.
  public func explain() throws -> String {
    try sinks.map { sink in
      let plan = try DataFrame(session, sink.query).explain()
      return sinks.count == 1 ? plan : "\(sink.name), \(sink.outputMode.rawValue)\n\(plan)"
    }.joined(separator: "\n")
  }

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
