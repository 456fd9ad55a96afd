import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExecution

/// Runs one query on the thread that calls `run`: does what its machine says.
final class QueryEngine {
  let executor: any BatchExecutor
  let sinks: [SinkBinding]
  let outputs: [any SinkOutput]
  /// Where dead letters and late rows go.
  let sides: SideOutputs
  /// Outputs of sinks that take bytes.
  let byteOutputs: [ByteSinkOutput?]
  let flushers: [(any FlushingSink)?]
  /// Sinks that leave out single rows.
  let rejecting: [(any RejectingSink)?]
  /// Dead letters and late rows of the batch or epoch that is being computed.
  var sideRows = SideRows()
  /// What rows beside the query's own say of the batch that is being computed.
  var stamp = SideRows.Stamp(queryID: "", batchID: -1, time: 0)
  /// Rows of the batch committed last that each sink's target refused.
  var rejectedCounts: [Int64]
  let configuration: StreamingQueryConfiguration
  let environment: Environment
  private let checkpoint: Checkpoint?
  let stateFiles: StateFiles?
  private let shared: Monitor<QueryState>
  let reporter: ProgressReporter
  let profiler: QueryProfiler
  private var machine: any EngineMachine
  /// The last batch that a transactional sink holds.
  var heldBatches: [Int64?]
  var lastCommit: CommitRecord?
  /// The plan that the log has and whose batch it has not.
  private(set) var pendingPlan: PlanRecord?
  /// Which sinks may get rows later than with their batch.
  var deferral: DeferredEmission
  /// The last batch whose rows each sink was given, nil: none, and what it gave for it.
  var emissions: [(batchID: Int64?, token: JSON)]
  /// When the sinks had the rows of the batch committed last, until it is noted; with `isAsync` the commit's until it is over.
  var sinksCommittedAt: Int64?
  /// The batch that was computed last, if its rows wait for a later one.
  var postponedBatch: Int64?
  /// The batch or epoch that sinks have begun.
  var begunBatch: Int64 = -1
  private var pendingSections: [MemoryBuffer] = []
  /// Whether each batch is committed while the next is computed, and its rows wait for that in memory.
  let isAsync: Bool
  /// Whether what a batch changed in the stores can be taken out of them, to be written while they go on.
  let capturesState: Bool
  /// With `isAsync`: where the rows of a batch wait for the commit before.
  let buffers: [(offset: Int, output: BufferedSinkOutput)]
  /// The changes of state of the batch that was computed last, where it is committed beside the next.
  var capturedState: CapturedState?
  /// The changes of state that were made durable while sinks were committing.
  var savedBeside: (version: Int64, changes: SavedChanges)?
  /// The commit of the batch before, where it runs beside this one.
  var underway: CommitUnderway?

  init(
    executor: any BatchExecutor, sinks: [SinkBinding], sides: SideSinks = SideSinks(),
    configuration: StreamingQueryConfiguration, checkpoint: Checkpoint?,
    identity: QueryIdentity, shared: Monitor<QueryState>, listeners: [any StreamingQueryListener]
  ) throws {
    self.executor = executor
    self.sinks = sinks
    self.configuration = configuration
    self.checkpoint = checkpoint
    self.shared = shared
    environment = configuration.environment
    profiler = executor.profiler ?? QueryProfiler(workers: 1, clock: environment.clock)
    self.sides = try SideOutputs(sides, configuration.taps)
    rejecting = sinks.map(\.rejecting)
    rejectedCounts = Array(repeating: 0, count: sinks.count)
    for sink in rejecting { sink?.isolateRejectedRows() }
    profiler.describeSinks(sinks.map(\.kind.sink.description))
    let outputs = try sinks.map { try $0.makeOutput() }
    self.outputs = outputs
    byteOutputs = outputs.map { $0 as? ByteSinkOutput }
    flushers = sinks.map { $0.kind.sink as? any FlushingSink }
    // A store with versions of its own must not be changed before they are logged.
    capturesState = !executor.stateStores.contains { $0 is any DurableStateStore }
    isAsync = configuration.asyncCommit && configuration.trigger.followsAtOnce && capturesState
    buffers = isAsync ? outputs.enumerated().map { ($0.offset, BufferedSinkOutput($0.element)) } : []
    heldBatches = Array(repeating: nil, count: sinks.count)
    emissions = Array(repeating: (nil, .null), count: sinks.count)
    deferral = DeferredEmission(limit: configuration.maxEmitDelay)
    stateFiles = checkpoint.map {
      StateFiles(
        files: configuration.environment.files, directory: $0.stateDirectory, executor: executor,
        tuning: configuration.tuning)
    }
    reporter = ProgressReporter(
      identity: identity, executor: executor, sinks: sinks, clock: environment.clock, shared: shared,
      listeners: listeners)
    let position = QueryPosition(
      sourceCount: executor.sources.count,
      watermark: WatermarkTracker(executor.watermarks, policy: configuration.watermarkPolicy),
      querySeed: UInt64(LogFrame.seed(queryID: identity.id)), wantsNoDataBatch: executor.wantsNoDataBatch,
      // What is wrong with the state shows when a batch runs.
      nextTimer: { (try? executor.nextTimer()).flatMap { $0 } },
      nextInput: { executor.sources.compactMap { ($0 as? any PacedSource)?.nextDue }.min() })
    let limit = configuration.effectiveLimit(holdsRows: executor.holdsRows)
    if case .continuous(let interval) = configuration.trigger {
      machine = ContinuousMachine(interval: interval, limit: limit, position: position)
    } else {
      machine = MicroBatchMachine(
        trigger: configuration.trigger, limit: limit, closesAtEnd: configuration.closesAtEndOfInput, position: position)
    }
  }

  /// Runs until the query ends, and says why it failed if it did.
  func run() -> (any Error)? {
    let failure = profiler.charging(.other) { runToEnd() }
    profiler.publish()
    return failure
  }

  private func runToEnd() -> (any Error)? {
    var failure: (any Error)?
    do {
      try profiler.charging(.recovery) { try recover() }
      var event = EngineEvent.started
      loop: while true {
        machine.isStopRequested = shared.read(\.isStopRequested)
        let action = machine.handle(event, now: environment.clock.now())
        if case .end = action { break loop }
        event = try profiler.charging(action.phase) { try perform(action) }
      }
    } catch {
      failure = error
    }
    profiler.charging(.close) { close() }
    return failure
  }

  private func close() {
    if let underway { try? underway.task.wait() }
    stateFiles?.close()
    executor.close()
    for source in executor.sources { source.close() }
    for binding in sinks { try? binding.kind.sink.close() }
    sides.close()
    checkpoint?.close()
  }

  // MARK: Recovery

  private func recover() throws {
    reporter.status("Initializing sources", isTriggerActive: false)
    if let checkpoint, let stateFiles {
      try stateFiles.restore(checkpoint.log, checkpoint.recovered)
      lastCommit = checkpoint.recovered.commit
      try checkShape(checkpoint.recovered)
    }
    CrashPoint.pass(CrashPoints.recoveryAfterState)
    pendingPlan = checkpoint?.recovered.pendingPlan
    for (index, binding) in sinks.enumerated() { try recoverSink(index, binding) }
    let pending: SideOutput.Pending =
      pendingPlan != nil ? .same : configuration.trigger.isContinuous ? .other : .none
    try sides.recover(queryID: reporter.identity.id, lastCommit?.sides ?? [], pending)
    chooseDeferringSinks()
    try emitLeftOver()
    CrashPoint.pass(CrashPoints.recoveryAfterSinks)
    let committed = lastCommit?.batchID ?? -1
    machine.restore(
      RecoveredQuery(
        commit: lastCommit, pendingPlan: pendingPlan, isSinkAhead: heldBatches.contains { $0 ?? -1 > committed }))
    for (index, source) in executor.sources.enumerated() {
      (source as? any WakingSource)?.onData { [shared] in shared.change { $0.wakes += 1 } }
      listen(to: source, named: executor.sourceNames[index])
      let offset = machine.position.offsets[index]
      try source.start(after: offset)
      if let offset { try source.commit(offset) }
      if configuration.trigger.isFinite { try source.freeze() }
    }
    CrashPoint.pass(CrashPoints.recoveryAfterSources)
  }

  private func listen(to source: any Source, named name: String) {
    let listeners = reporter.listeners
    let id = reporter.identity.id
    (source as? any NotifyingSource)?.onNotice { text in
      for listener in listeners { listener.onSourceNotice(StreamingSourceNotice(id: id, source: name, text: text)) }
    }
  }

  private func checkShape(_ recovered: RecoveredLog) throws {
    let sources = executor.sources.count
    if let commit = recovered.commit, commit.offsets.count != sources || commit.tokens.count != sinks.count {
      throw CheckpointError.corrupt(checkpoint?.location ?? "", 0, "it has another number of sources or sinks")
    }
    if let plan = recovered.pendingPlan, plan.plans.count != sources {
      throw CheckpointError.corrupt(checkpoint?.location ?? "", 0, "it has another number of sources")
    }
  }

  // MARK: Actions

  private func perform(_ action: EngineAction) throws -> EngineEvent {
    switch action {
    case .poll(let offsets, let limit): return .polled(try poll(offsets, limit))
    case .logPlan(let plan):
      try logPlan(plan)
      return .planLogged
    case .execute(let plan):
      return .executed(try execute(plan))
    case .emit(let plan, let executed, let moreWaits):
      return .emitted(try emit(plan, executed, moreWaits: moreWaits))
    case .flush(let batchID):
      try flush(batchID)
      return .flushed
    case .commitSinks(let batchID):
      // Beside the next batch the record's tokens and changes are made when it is written.
      return .sinksCommitted(commitsBeside(batchID) ? [] : try commitSinks(batchID))
    case .saveState(let version):
      if commitsBeside(version - 1) {
        try captureState(version)
        return .stateSaved([])
      }
      return .stateSaved(try saveState(version))
    case .logCommit(let commit, let next):
      if commitsBeside(commit.batchID) { try beginCommit(commit, next) } else { try logCommit(commit, next) }
      return .commitLogged
    case .publish(let commit):
      if !commitsBeside(commit.batchID) { try publish(commit) }
      return .published
    case .wait(let time, let forInput):
      wait(until: time, forInput: forInput)
      return .woken
    case .seal:
      try awaitCommit()
      // A new segment begins with what the sinks hold now.
      if try emitPostponed() { try rotate(plan: pendingPlan) }
      try profiler.charging(.stateFiles) { try adoptSnapshots(waiting: true) }
      try checkpoint?.log.append(.seal, .dictionary([:]))
      return .sealed
    case .end: preconditionFailure("the loop ends before")
    }
  }

  private func poll(_ offsets: [Offset?], _ limit: ReadLimit) throws -> [SourcePlan?] {
    let (wakes, requests) = shared.read { ($0.wakes, $0.settleRequests) }
    wakesSeen = wakes
    reporter.begin(.latestOffset)
    var plans: [SourcePlan?] = []
    for (source, offset) in zip(executor.sources, offsets) {
      plans.append(try source.plan(after: offset, limit: limit))
    }
    reporter.end(.latestOffset)
    settleSeen = plans.contains { $0 != nil } ? nil : requests
    return plans
  }

  private var wakesSeen = 0
  private var settleSeen: Int?

  private func logPlan(_ plan: PlanRecord) throws {
    reporter.begin(.walCommit)
    defer { reporter.end(.walCommit) }
    guard let log = checkpoint?.log else { return }
    if log.isFull(for: 8192) { try rotate(plan: nil) }
    try log.append(.plan, plan.json)
    pendingPlan = plan
  }

  private func execute(_ plan: PlanRecord) throws -> ExecutedBatch {
    if plan.batchID != begunBatch || isAsync { profiler.beginBatch() }
    reporter.startBatch(plan, offsets: machine.position.offsets)
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    let withheld = deferral.sinks.filter { !isHeld($0, plan.batchID) }
    deferral.begin(environment.clock.monotonicNanoseconds())
    if !isAsync { try beginSinks(plan.batchID, except: withheld) }
    var input = plan.input
    input.withheld = withheld
    let active = targets.indices.map { isHeld($0, plan.batchID) ? nil : targets[$0] }
    let output = try executor.execute(input, outputs: active)
    CrashPoint.pass(CrashPoints.batchAfterExecute)
    var offsets = machine.position.offsets
    for (index, source) in executor.sources.enumerated() {
      guard let part = plan.plans[index] else { continue }
      offsets[index] = try source.offset(after: offsets[index], plan: part, results: output.splitResults[index])
    }
    noteSideRows(output, plan)
    let rows = output.splitResults.joined().reduce(0 as Int64) { $0 + $1.rowCount }
    try reporter.executed(output, offsets: offsets)
    try awaitCommit()
    var executed = ExecutedBatch(offsets: offsets, output: output, inputRows: rows)
    if !withheld.isEmpty {
      executed.withheld = withheld
      deferral.note(changedRows: output.stateOperators.reduce(0) { $0 + $1.rowsUpdated })
      executed.mayWait = !deferral.isDue(environment.clock.monotonicNanoseconds())
    }
    return executed
  }

  private func saveState(_ version: Int64) throws -> [StateDeltaRecord] {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    reporter.beginState()
    guard let stateFiles else { return [] }
    let beside = savedBeside.flatMap { $0.version == version ? $0.changes : nil }
    savedBeside = nil
    let saved = try beside ?? stateFiles.save(version: version)
    pendingSections = saved.sections
    return saved.records
  }

  private func logCommit(_ commit: CommitRecord, _ next: PlanRecord?) throws {
    reporter.begin(.commitOffsets)
    defer { reporter.end(.commitOffsets) }
    defer { reporter.endState() }
    try appendCommit(commit, next, pendingSections)
    pendingSections = []
    for store in executor.stateStores { try store.commit(version: commit.stateVersion) }
    try profiler.charging(.stateFiles) { try makeSnapshots(commit.stateVersion) }
  }

  /// Makes a commit durable, and with it the plan of the batch that follows at once.
  func appendCommit(_ given: CommitRecord, _ next: PlanRecord?, _ sections: [MemoryBuffer]) throws {
    var commit = given
    commit.sides = sides.records
    commit.note(emissions)
    if let log = checkpoint?.log, let stateFiles {
      let size = sections.reduce(8192) { $0 + $1.capacity }
      if log.isFull(for: size) { try rotate(plan: pendingPlan) }
      let json = JSON.dictionary(["commit": commit.json, "plan": next?.json ?? .null])
      try log.append(.commit, json, sections: sections)
      stateFiles.committed(commit.deltas, version: commit.stateVersion, segment: log.segment)
    }
    pendingPlan = next
    lastCommit = commit
    try adoptSnapshots()
  }

  /// Begins the snapshots that are due, of the last commit's version, at which the stores must stand. Those of stores that cannot be held
  /// fast are written at once.
  func makeSnapshots(_ version: Int64) throws {
    guard let stateFiles else { return }
    if stateFiles.isBlockingSnapshotDue { try adopt(stateFiles.writeBlockingSnapshots(version: version)) }
    try stateFiles.beginSnapshots(version: version)
  }

  /// Puts the snapshots in force that were written beside the last batches, if they are done or `waiting` says so.
  func adoptSnapshots(waiting: Bool = false) throws {
    guard let stateFiles else { return }
    try adopt(stateFiles.finishedSnapshots(waiting: waiting))
  }

  private func adopt(_ fresh: [StateBase]) throws {
    guard let log = checkpoint?.log, let stateFiles, !fresh.isEmpty else { return }
    try log.rotate(head: LogHead(commit: lastCommit, plan: pendingPlan, bases: stateFiles.bases(with: fresh)).json)
    try stateFiles.replaceBases(fresh)
    try log.removeSegments(below: stateFiles.firstNeededSegment ?? log.segment)
  }

  /// Begins a new segment and removes those that nothing needs.
  private func rotate(plan: PlanRecord?) throws {
    guard let log = checkpoint?.log, let stateFiles else { return }
    try log.rotate(head: LogHead(commit: lastCommit, plan: plan, bases: stateFiles.bases).json)
    try log.removeSegments(below: stateFiles.firstNeededSegment ?? log.segment)
  }

  private func publish(_ commit: CommitRecord) throws {
    reporter.begin(.commitOffsets)
    CrashPoint.pass(CrashPoints.batchBeforePublish)
    let leftOut = leftOut(commit.batchID)
    for (index, binding) in sinks.enumerated() where !leftOut.contains(index) {
      try binding.kind.sink.publish(batchID: commit.batchID)
    }
    try sides.publish()
    CrashPoint.pass(CrashPoints.batchAfterPublish)
    for (source, offset) in zip(executor.sources, commit.offsets) {
      if let offset { try source.commit(offset) }
    }
    CrashPoint.pass(CrashPoints.batchAfterSourceCommit)
    reporter.end(.commitOffsets)
    profiler.endBatch()
    if let progress = try reporter.takeBatch() { reporter.tell(withSides(progress)) }
  }

  private func wait(until time: Int64?, forInput: Bool) {
    reporter.waiting(isForTrigger: !forInput)
    let settled = settleSeen
    shared.change { state in
      if let settled { state.settled = max(state.settled, settled) }
    }
    while true {
      let left = time.map { realTime(until: $0) } ?? pollInterval
      if left <= 0 { return }
      let seen = wakesSeen
      let isWoken: Bool? = shared.wait(microseconds: min(left, pollInterval)) { state in
        state.isStopRequested || (forInput && (state.wakes != seen || state.settleRequests > state.settled))
          ? true : nil
      }
      reporter.noteIdle(machine.position)
      if isWoken == true || forInput { return }
    }
  }

  /// Microseconds of real time until the query's clock shows `time`.
  private func realTime(until time: Int64) -> Int64 {
    (environment.clock as? ReplayClock)?.realTime(until: time) ?? time - environment.clock.now()
  }

  /// Microseconds between looks at sources.
  private var pollInterval: Int64 {
    if executor.sources.allSatisfy({ ($0 as? any WakingSource)?.isWatching ?? false }) {
      return StreamingQueryConfiguration.wokenPollInterval
    }
    return configuration.trigger.isContinuous
      ? StreamingQueryConfiguration.continuousPollInterval : StreamingQueryConfiguration.pollInterval
  }
}

extension EngineAction {
  /// What the action's time counts as, apart from what operators and sinks take of it.
  fileprivate var phase: ProfilePhase {
    switch self {
    case .poll: .poll
    case .logPlan, .logCommit, .seal: .log
    case .saveState: .stateFiles
    case .publish: .publish
    case .wait: .waitForInput
    case .execute, .emit, .flush, .commitSinks, .end: .other
    }
  }
}
