import CKernels
import MillraceColumnar
import MillraceCore
import MillraceExecution

/// Runs one query on the thread that calls `run`: does what `MicroBatchMachine` says.
final class MicroBatchEngine {
  private let executor: any BatchExecutor
  private let sinks: [SinkBinding]
  private let outputs: [any SinkOutput]
  private let configuration: StreamingQueryConfiguration
  private let environment: Environment
  private let checkpoint: Checkpoint?
  private let stateFiles: StateFiles?
  private let shared: Monitor<QueryState>
  private let reporter: ProgressReporter
  private let profiler: QueryProfiler
  private var machine: MicroBatchMachine
  /// The last batch that a transactional sink holds.
  private var heldBatches: [Int64?]
  private var lastCommit: CommitRecord?
  private var plan: PlanRecord?
  private var pendingSections: [MemoryBuffer] = []

  init(
    executor: any BatchExecutor, sinks: [SinkBinding], configuration: StreamingQueryConfiguration,
    checkpoint: Checkpoint?,
    identity: QueryIdentity, shared: Monitor<QueryState>, listeners: [any StreamingQueryListener]
  ) throws {
    self.executor = executor
    self.sinks = sinks
    self.configuration = configuration
    self.checkpoint = checkpoint
    self.shared = shared
    environment = configuration.environment
    profiler = executor.profiler ?? QueryProfiler(workers: 1, clock: environment.clock)
    profiler.describeSinks(sinks.map(\.kind.sink.description))
    outputs = try sinks.map { try $0.makeOutput() }
    heldBatches = Array(repeating: nil, count: sinks.count)
    stateFiles = checkpoint.map {
      StateFiles(
        files: configuration.environment.files, directory: $0.stateDirectory, executor: executor,
        tuning: configuration.tuning)
    }
    reporter = ProgressReporter(
      identity: identity, executor: executor, sinks: sinks, clock: environment.clock, shared: shared,
      listeners: listeners)
    let seed = UInt64(LogFrame.seed(queryID: identity.id))
    machine = MicroBatchMachine(
      trigger: configuration.trigger, limit: configuration.effectiveLimit(holdsRows: executor.holdsRows),
      sourceCount: executor.sources.count,
      watermarkDelays: executor.watermarkDelays, querySeed: seed, watermarkPolicy: configuration.watermarkPolicy,
      wantsNoDataBatch: executor.wantsNoDataBatch)
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
      var event = MicroBatchMachine.Event.started
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
    executor.close()
    for source in executor.sources { source.close() }
    for binding in sinks { try? binding.kind.sink.close() }
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
    let pending = checkpoint?.recovered.pendingPlan
    plan = pending
    for (index, binding) in sinks.enumerated() { try recoverSink(index, binding, hasPending: pending != nil) }
    CrashPoint.pass(CrashPoints.recoveryAfterSinks)
    machine.restore(commit: lastCommit, pendingPlan: pending)
    for (index, source) in executor.sources.enumerated() {
      (source as? any WakingSource)?.onData { [shared] in shared.change { $0.wakes += 1 } }
      let offset = machine.offsets[index]
      try source.start(after: offset)
      if let offset { try source.commit(offset) }
      if configuration.trigger.isFinite { try source.freeze() }
    }
    CrashPoint.pass(CrashPoints.recoveryAfterSources)
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

  private func recoverSink(_ index: Int, _ binding: SinkBinding, hasPending: Bool) throws {
    let sink = binding.kind.sink
    try sink.open(SinkContext(queryID: reporter.identity.id, sinkName: binding.name))
    let token = lastCommit.map { $0.tokens[index] }
    let held = try sink.recover(batchID: lastCommit?.batchID, token: token)
    let committed = lastCommit?.batchID ?? -1
    if sink.guarantee == .transactional {
      if (held ?? -1) < committed {
        throw MillraceError(
          "SINK_BEHIND_CHECKPOINT",
          "the sink '\(binding.name)' ends with batch \(held ?? -1), the checkpoint with batch \(committed)",
          hint:
            "put back the sink's data that belongs to the checkpoint, or start with a new checkpoint and an empty sink",
          fault: .external)
      }
      if (held ?? -1) > committed + (hasPending ? 1 : 0) {
        throw MillraceError(
          "SINK_AHEAD_OF_CHECKPOINT",
          "the sink '\(binding.name)' holds batch \(held ?? -1), the checkpoint ends with batch \(committed)",
          hint: "put back the checkpoint that belongs to the sink's data", fault: .external)
      }
    }
    heldBatches[index] = held
    if let commit = lastCommit { try sink.publish(batchID: commit.batchID) }
  }

  // MARK: Actions

  private func perform(_ action: MicroBatchMachine.Action) throws -> MicroBatchMachine.Event {
    switch action {
    case .poll(let offsets, let limit): return .polled(try poll(offsets, limit))
    case .logPlan(let plan):
      try logPlan(plan)
      return .planLogged
    case .execute(let plan):
      try execute(plan)
      return .executed
    case .commitSinks(let batchID): return .sinksCommitted(try commitSinks(batchID))
    case .saveState(let version): return .stateSaved(try saveState(version))
    case .logCommit(let commit, let next):
      try logCommit(commit, next)
      return .commitLogged
    case .publish(let commit):
      try publish(commit)
      return .published
    case .wait(let time):
      wait(until: time)
      return .woken
    case .seal:
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
  }

  private func execute(_ plan: PlanRecord) throws {
    self.plan = plan
    profiler.beginBatch()
    reporter.startBatch(plan, offsets: machine.offsets)
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    var active: [(any SinkOutput)?] = []
    for (index, binding) in sinks.enumerated() {
      if isHeld(index, plan.batchID) {
        active.append(nil)
        continue
      }
      try profiler.control.charging(profiler.sinkSlots(index).write) {
        try binding.kind.sink.begin(batchID: plan.batchID)
        try (outputs[index] as? ByteSinkOutput)?.begin(batchID: plan.batchID)
      }
      active.append(outputs[index])
    }
    let input = BatchInput(
      batchID: plan.batchID, plans: plan.plans, lateWatermark: plan.lateWatermark, watermark: plan.watermark,
      timestamp: plan.timestamp, seed: plan.seed)
    let output = try executor.execute(input, outputs: active)
    CrashPoint.pass(CrashPoints.batchAfterExecute)
    var offsets = machine.offsets
    for (index, source) in executor.sources.enumerated() {
      guard let part = plan.plans[index] else { continue }
      offsets[index] = try source.offset(after: offsets[index], plan: part, results: output.splitResults[index])
    }
    let rows = output.splitResults.joined().reduce(0 as Int64) { $0 + $1.rowCount }
    machine.executed = MicroBatchMachine.Executed(offsets: offsets, output: output, inputRows: rows)
    reporter.executed(output, offsets: offsets)
  }

  private func isHeld(_ sink: Int, _ batchID: Int64) -> Bool { (heldBatches[sink] ?? -1) >= batchID }

  private func commitSinks(_ batchID: Int64) throws -> [JSON] {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    CrashPoint.pass(CrashPoints.batchBeforeSinkCommit)
    var tokens: [JSON] = []
    for (index, binding) in sinks.enumerated() {
      if isHeld(index, batchID) {
        tokens.append(.null)
        continue
      }
      try finish(index)
      let commit = profiler.sinkSlots(index).commit
      tokens.append(try profiler.control.charging(commit) { try binding.kind.sink.commit(batchID: batchID) })
      CrashPoint.pass(CrashPoints.batchAfterSinkCommit)
    }
    return tokens
  }

  /// Writes what an output still holds of the batch.
  private func finish(_ index: Int) throws {
    guard let output = outputs[index] as? ByteSinkOutput else { return }
    try profiler.control.charging(profiler.sinkSlots(index).write) { try output.finish() }
    let written = output.takeWritten()
    profiler.count(sink: index, storedBytes: written.stored, plainBytes: written.plain)
  }

  private func saveState(_ version: Int64) throws -> [StateDeltaRecord] {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    guard let stateFiles else { return [] }
    let saved = try stateFiles.save(version: version)
    pendingSections = saved.sections
    return saved.records
  }

  private func logCommit(_ commit: CommitRecord, _ next: PlanRecord?) throws {
    reporter.begin(.commitOffsets)
    defer { reporter.end(.commitOffsets) }
    defer { lastCommit = commit }
    guard let log = checkpoint?.log, let stateFiles else {
      for store in executor.stateStores { try store.commit(version: commit.stateVersion) }
      return
    }
    let size = pendingSections.reduce(8192) { $0 + $1.capacity }
    if log.isFull(for: size) { try rotate(plan: plan) }
    let json = JSON.dictionary(["commit": commit.json, "plan": next?.json ?? .null])
    try log.append(.commit, json, sections: pendingSections)
    pendingSections = []
    try profiler.charging(.stateFiles) {
      try stateFiles.committed(commit.deltas, version: commit.stateVersion, segment: log.segment)
    }
    guard stateFiles.isSnapshotDue else { return }
    lastCommit = commit
    let fresh = try profiler.charging(.stateFiles) { try stateFiles.writeSnapshots(version: commit.stateVersion) }
    try log.rotate(head: LogHead(commit: commit, plan: next, bases: stateFiles.bases(with: fresh)).json)
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
    for binding in sinks { try binding.kind.sink.publish(batchID: commit.batchID) }
    CrashPoint.pass(CrashPoints.batchAfterPublish)
    for (source, offset) in zip(executor.sources, commit.offsets) {
      if let offset { try source.commit(offset) }
    }
    CrashPoint.pass(CrashPoints.batchAfterSourceCommit)
    reporter.end(.commitOffsets)
    profiler.endBatch()
    reporter.finishBatch(isDataAvailable: settleSeen == nil)
  }

  private func wait(until time: Int64?) {
    reporter.waiting(isForTrigger: time != nil)
    let settled = settleSeen
    shared.change { state in
      if let settled { state.settled = max(state.settled, settled) }
    }
    while true {
      let left = time.map { $0 - environment.clock.now() } ?? StreamingQueryConfiguration.pollInterval
      if left <= 0 { return }
      let seen = wakesSeen
      let isWoken: Bool? = shared.wait(microseconds: min(left, StreamingQueryConfiguration.pollInterval)) { state in
        state.isStopRequested || (time == nil && (state.wakes != seen || state.settleRequests > state.settled))
          ? true : nil
      }
      reporter.noteIdle()
      if isWoken == true || time == nil { return }
    }
  }
}

extension MicroBatchMachine.Action {
  /// What the action's time counts as, apart from what operators and sinks take of it.
  fileprivate var phase: ProfilePhase {
    switch self {
    case .poll: .poll
    case .logPlan, .logCommit, .seal: .log
    case .saveState: .stateFiles
    case .publish: .publish
    case .wait: .waitForInput
    case .execute, .commitSinks, .end: .other
    }
  }
}
