import MillraceCore
import MillraceExecution

/// Measures a query's steps and tells listeners.
final class ProgressReporter {
  /// Spark's names of the steps.
  enum Step: String, CaseIterable {
    case addBatch, commitOffsets, getBatch, latestOffset, queryPlanning, triggerExecution, walCommit
  }

  private static let idleInterval: Int64 = 10_000_000_000

  let identity: QueryIdentity
  private let executor: any BatchExecutor
  private let sinks: [SinkBinding]
  private let clock: any Clock
  private let shared: Monitor<QueryState>
  let listeners: [any StreamingQueryListener]
  private var starts: [Step: Int64] = [:]
  private var spent: [Step: Int64] = [:]
  private var triggerStart: Int64
  private var lastTriggerStart: Int64?
  private var plan: PlanRecord?
  private var startOffsets: [Offset?] = []
  private var endOffsets: [Offset?] = []
  private var output: BatchOutput?
  /// Sinks that are left out of the batch.
  private var postponedSinks: Set<Int> = []
  private var stateStart: Int64?
  private var stateMicroseconds: Int64 = 0
  private var lastEvent: Int64
  private var message = ""

  init(
    identity: QueryIdentity, executor: any BatchExecutor, sinks: [SinkBinding], clock: any Clock,
    shared: Monitor<QueryState>, listeners: [any StreamingQueryListener]
  ) {
    self.identity = identity
    self.executor = executor
    self.sinks = sinks
    self.clock = clock
    self.shared = shared
    self.listeners = listeners
    triggerStart = clock.monotonicNanoseconds()
    lastEvent = triggerStart
  }

  func begin(_ step: Step) { starts[step] = clock.monotonicNanoseconds() }

  func end(_ step: Step) {
    let now = clock.monotonicNanoseconds()
    guard let start = starts.removeValue(forKey: step) else { return }
    // A poll that finds something begins its batch; time spent in vain before is nobody's.
    if step == .latestOffset, plan == nil {
      spent[.latestOffset] = now - start
      triggerStart = start
    } else {
      spent[step, default: 0] += now - start
    }
  }

  /// A batch begins, or another piece of an epoch.
  func startBatch(_ plan: PlanRecord, offsets: [Offset?]) {
    if self.plan?.batchID != plan.batchID { startOffsets = offsets }
    self.plan = plan
    status("Processing new data", isDataAvailable: true, isTriggerActive: true)
  }

  /// A batch was computed, or a piece of an epoch.
  func executed(_ output: BatchOutput, offsets: [Offset?]) throws {
    if self.output == nil { self.output = output } else { try self.output?.add(output) }
    endOffsets = offsets
  }

  /// Rows that were withheld came out; by sink.
  func emitted(_ rows: [Int64]) {
    guard let known = output?.outputRows else { return }
    output?.outputRows = zip(known, rows).map { $0 + $1 }
  }

  /// The rows of these sinks wait for a later batch.
  func postponed(_ sinks: Set<Int>) { postponedSinks = sinks }

  /// Shows rows that came out behind their batch, by sink: a progress with its number and no input.
  func tellLate(_ commit: CommitRecord, _ rows: [Int64]) {
    let sources = executor.sources.enumerated().map { index, source in
      let offset = commit.offsets[index]?.json
      return StreamingQueryProgress.SourceProgress(
        name: executor.sourceNames[index], description: source.description, startOffset: offset, endOffset: offset,
        backlog: nil, inputRows: 0, badRecords: 0)
    }
    let nothing = BatchOutput(
      splitResults: [], eventTimes: [], stateOperators: [], outputRows: rows, bytesRead: 0)
    tell(
      StreamingQueryProgress(
        id: identity.id, runID: identity.runID, name: identity.name, timestamp: clock.now(), batchID: commit.batchID,
        batchDuration: 0, durations: durations(), eventTime: nil, stateOperators: [], sources: sources,
        sinks: sinkProgress(nothing), sinceLastTrigger: nil, bytesRead: 0))
  }

  /// The changes of state are being written from here on.
  func beginState() { stateStart = clock.monotonicNanoseconds() }

  /// They are durable.
  func endState() {
    guard let start = stateStart else { return }
    stateMicroseconds = (clock.monotonicNanoseconds() - start) / 1000
    stateStart = nil
  }

  /// The batch that was computed last, as progress; nil where there is none. What is measured from here on is the next one's.
  func takeBatch() throws -> StreamingQueryProgress? {
    guard let plan, var output else { return nil }
    for index in output.stateOperators.indices { output.stateOperators[index].commitMicroseconds = stateMicroseconds }
    let now = clock.monotonicNanoseconds()
    spent[.triggerExecution] = now - triggerStart
    var progress = StreamingQueryProgress(
      id: identity.id, runID: identity.runID, name: identity.name, timestamp: plan.timestamp, batchID: plan.batchID,
      batchDuration: (now - triggerStart) / 1_000_000, durations: durations(), eventTime: eventTime(plan, output),
      stateOperators: output.stateOperators, sources: sources(plan, output), sinks: sinkProgress(output),
      sinceLastTrigger: lastTriggerStart.map { (triggerStart - $0) / 1000 }, bytesRead: output.bytesRead)
    for index in postponedSinks { progress.sinks[index].isPostponed = true }
    postponedSinks = []
    progress.observedMetrics = try output.observed.map { try $0.metrics() }
    lastTriggerStart = triggerStart
    triggerStart = now
    lastEvent = now
    self.plan = nil
    self.output = nil
    spent.removeAll(keepingCapacity: true)
    return progress
  }

  /// Shows a batch that is done.
  func tell(_ progress: StreamingQueryProgress) {
    shared.change { $0.add(progress) }
    for listener in listeners { listener.onQueryProgress(progress) }
  }

  /// All of Spark's keys; what has no time of its own here (`getBatch`, `queryPlanning`) is 0.
  private func durations() -> [(step: String, milliseconds: Int64)] {
    Step.allCases.map { ($0.rawValue, spent[$0, default: 0] / 1_000_000) }
  }

  private func eventTime(_ plan: PlanRecord, _ output: BatchOutput) -> StreamingQueryProgress.EventTime? {
    guard !executor.watermarks.isEmpty else { return nil }
    let seen = output.eventTimes.compactMap { $0 }.filter { $0.count > 0 }
    let count = seen.reduce(0) { $0 + $1.count }
    let sum = seen.reduce(0.0) { $0 + $1.sum }
    return StreamingQueryProgress.EventTime(
      minimum: seen.map(\.minimum).min(), maximum: seen.map(\.maximum).max(),
      average: count > 0 ? Int64(sum / Double(count)) : nil, watermark: plan.watermark,
      rowsAhead: output.eventTimes.reduce(0) { $0 + ($1?.rowsAhead ?? 0) })
  }

  private func sources(_ plan: PlanRecord, _ output: BatchOutput) -> [StreamingQueryProgress.SourceProgress] {
    executor.sources.enumerated().map { index, source in
      StreamingQueryProgress.SourceProgress(
        name: executor.sourceNames[index], description: source.description, startOffset: startOffsets[index]?.json,
        endOffset: endOffsets[index]?.json, backlog: source.backlog(after: endOffsets[index]),
        inputRows: output.splitResults[index].reduce(0) { $0 + $1.rowCount },
        badRecords: output.splitResults[index].reduce(0) { $0 + $1.badRecordCount },
        metrics: (source as? any ReportsSourceMetrics)?.metrics() ?? [])
    }
  }

  private func sinkProgress(_ output: BatchOutput) -> [StreamingQueryProgress.SinkProgress] {
    sinks.enumerated().map { index, binding in
      StreamingQueryProgress.SinkProgress(
        name: binding.name, description: binding.kind.sink.description, guarantee: binding.kind.sink.guarantee,
        outputRows: index < output.outputRows.count ? output.outputRows[index] : 0)
    }
  }

  func waiting(isForTrigger: Bool) {
    status(isForTrigger ? "Waiting for next trigger" : "Waiting for data to arrive", isTriggerActive: false)
  }

  func status(_ message: String, isDataAvailable: Bool = false, isTriggerActive: Bool) {
    guard message != self.message else { return }
    self.message = message
    shared.change {
      $0.status = StreamingQueryStatus(
        message: message, isDataAvailable: isDataAvailable, isTriggerActive: isTriggerActive)
    }
  }

  /// Tells listeners every ten seconds that nothing comes, and shows a progress without rows under the next batch's number, as Spark.
  func noteIdle(_ position: QueryPosition) {
    let now = clock.monotonicNanoseconds()
    guard now - lastEvent >= Self.idleInterval else { return }
    lastEvent = now
    shared.change { $0.add(idleProgress(position)) }
    let event = StreamingQueryIdle(id: identity.id, runID: identity.runID, timestamp: clock.now())
    for listener in listeners { listener.onQueryIdle(event) }
  }

  private func idleProgress(_ position: QueryPosition) -> StreamingQueryProgress {
    let nothing = BatchOutput(
      splitResults: executor.sources.map { _ in [] }, eventTimes: [], stateOperators: [], outputRows: [], bytesRead: 0)
    let plan = PlanRecord(
      batchID: position.nextBatchID, plans: [], watermark: position.watermark.current, lateWatermark: 0,
      timestamp: clock.now(), seed: 0)
    startOffsets = position.offsets
    endOffsets = position.offsets
    return StreamingQueryProgress(
      id: identity.id, runID: identity.runID, name: identity.name, timestamp: plan.timestamp, batchID: plan.batchID,
      batchDuration: 0, durations: durations(), eventTime: eventTime(plan, nothing), stateOperators: [],
      sources: sources(plan, nothing), sinks: sinkProgress(nothing), sinceLastTrigger: nil, bytesRead: 0)
  }
}
