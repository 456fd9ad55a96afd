import MillraceCore
import MillraceExecution

/// The order of steps of a query, without doing any of them: events in, actions out.
///
/// ```
///            ┌─ nothing ─ wait ◄────────────────────────────────┐
/// poll ──────┤                                                  │
///            └─ input ── log PLAN ── execute ── commit sinks ── save state ── peek ── log COMMIT(+PLAN) ── publish
///                                       ▲                                                                    │
///                                       └────────────────── PLAN came with COMMIT ──────────────────────────┘
/// ```
struct MicroBatchMachine {
  enum Event {
    case started
    /// The sources' next input; all nil where there is none.
    case polled([SourcePlan?])
    case planLogged
    case executed
    case sinksCommitted([JSON])
    case stateSaved([StateDeltaRecord])
    case commitLogged
    case published
    case woken
    case sealed
  }

  enum Action {
    case poll(after: [Offset?], ReadLimit)
    case logPlan(PlanRecord)
    case execute(PlanRecord)
    case commitSinks(Int64)
    case saveState(version: Int64)
    case logCommit(CommitRecord, next: PlanRecord?)
    case publish(CommitRecord)
    /// Until the time (microseconds since the epoch), or until woken.
    case wait(until: Int64?)
    case seal
    case end
  }

  private enum Phase {
    case starting
    case polling
    case loggingPlan(PlanRecord)
    case executing(PlanRecord)
    case committingSinks(PlanRecord)
    case savingState(PlanRecord, tokens: [JSON])
    case peeking(CommitRecord)
    case loggingCommit(CommitRecord, next: PlanRecord?)
    case publishing(CommitRecord, next: PlanRecord?)
    case waiting
    case sealing
    case ended
  }

  /// What `execute` came to; the driver sets it before it reports `executed`.
  struct Executed {
    var offsets: [Offset?]
    var output: BatchOutput
    var inputRows: Int64
  }

  private(set) var watermark: WatermarkTracker
  private(set) var offsets: [Offset?]
  private(set) var nextBatchID: Int64 = 0
  /// Of the last committed batch.
  private(set) var lastWatermark: Int64 = 0
  var executed: Executed?
  var isStopRequested = false
  private var phase = Phase.starting
  private var pendingPlan: PlanRecord?
  private let trigger: Trigger
  private let limit: ReadLimit
  private let querySeed: UInt64
  /// Whether a batch without input has work to do when the watermark moves.
  private let wantsNoDataBatch: (_ old: Int64, _ new: Int64) -> Bool
  private var triggerStart: Int64?
  /// Time of the poll that is under way.
  private var now: Int64 = 0
  private var batchesDone = 0

  init(
    trigger: Trigger, limit: ReadLimit, sourceCount: Int, watermarkDelays: [Int64], querySeed: UInt64,
    watermarkPolicy: WatermarkPolicy = .min, wantsNoDataBatch: @escaping (Int64, Int64) -> Bool
  ) {
    self.trigger = trigger
    self.limit = limit
    self.querySeed = querySeed
    self.wantsNoDataBatch = wantsNoDataBatch
    offsets = Array(repeating: nil, count: sourceCount)
    watermark = WatermarkTracker(delays: watermarkDelays, policy: watermarkPolicy)
  }

  /// Goes on after the last committed batch; a pending plan is run again before anything else.
  mutating func restore(commit: CommitRecord?, pendingPlan: PlanRecord?) {
    if let commit {
      offsets = commit.offsets
      nextBatchID = commit.batchID + 1
      lastWatermark = commit.watermark
      watermark.restore(values: commit.watermarks, current: commit.nextWatermark)
    }
    self.pendingPlan = pendingPlan
  }

  /// What to do next. `now` is in microseconds since the epoch.
  mutating func handle(_ event: Event, now: Int64) -> Action {
    self.now = now
    switch (phase, event) {
    case (.starting, .started):
      guard let plan = pendingPlan else { return begin() }
      pendingPlan = nil
      triggerStart = now
      phase = .executing(plan)
      return .execute(plan)
    case (.polling, .polled(let plans)):
      guard let plan = makePlan(plans, watermark: watermark.current, last: lastWatermark) else { return idle() }
      phase = .loggingPlan(plan)
      return .logPlan(plan)
    case (.loggingPlan(let plan), .planLogged):
      phase = .executing(plan)
      return .execute(plan)
    case (.executing(let plan), .executed):
      phase = .committingSinks(plan)
      return .commitSinks(plan.batchID)
    case (.committingSinks(let plan), .sinksCommitted(let tokens)):
      phase = .savingState(plan, tokens: tokens)
      return .saveState(version: plan.batchID + 1)
    case (.savingState(let plan, let tokens), .stateSaved(let deltas)):
      return finish(plan, tokens, deltas)
    case (.peeking(let commit), .polled(let plans)):
      let next = makePlan(plans, watermark: commit.nextWatermark, last: commit.watermark)
      phase = .loggingCommit(commit, next: next)
      return .logCommit(commit, next: next)
    case (.loggingCommit(let commit, let next), .commitLogged):
      phase = .publishing(commit, next: next)
      return .publish(commit)
    case (.publishing(_, let next), .published):
      batchesDone += 1
      guard let next else { return afterBatch() }
      pendingPlan = next
      if isStopRequested { return stop() }
      pendingPlan = nil
      triggerStart = now
      phase = .executing(next)
      return .execute(next)
    case (.waiting, .woken):
      return isStopRequested ? stop() : begin()
    case (.sealing, .sealed):
      phase = .ended
      return .end
    case (.ended, _):
      return .end
    case (.starting, _), (.polling, _), (.loggingPlan, _), (.executing, _), (.committingSinks, _), (.savingState, _),
      (.peeking, _), (.loggingCommit, _), (.publishing, _), (.waiting, _), (.sealing, _):
      preconditionFailure("event \(event) does not belong to phase \(phase)")
    }
  }

  private mutating func begin() -> Action {
    if isStopRequested { return stop() }
    triggerStart = now
    phase = .polling
    return .poll(after: offsets, batchLimit)
  }

  private var batchLimit: ReadLimit { trigger == .once ? ReadLimit(parallelism: limit.parallelism) : limit }

  /// The next batch: input if there is any, else a batch without if the watermark's move gives it work.
  private func makePlan(_ plans: [SourcePlan?], watermark: Int64, last: Int64) -> PlanRecord? {
    let hasInput = plans.contains { $0 != nil }
    if !hasInput && (trigger == .once || watermark <= last || !wantsNoDataBatch(last, watermark)) { return nil }
    var seed = querySeed &+ UInt64(bitPattern: nextBatchID) &* 0x9E37_79B9_7F4A_7C15
    seed = (seed ^ seed >> 30) &* 0xBF58_476D_1CE4_E5B9
    return PlanRecord(
      batchID: nextBatchID, plans: plans, watermark: watermark, lateWatermark: last, timestamp: now / 1000 * 1000,
      seed: seed ^ seed >> 31)
  }

  private mutating func finish(_ plan: PlanRecord, _ tokens: [JSON], _ deltas: [StateDeltaRecord]) -> Action {
    guard let executed else { preconditionFailure("the driver sets what was executed") }
    self.executed = nil
    watermark.observe(executed.output.eventTimes)
    offsets = executed.offsets
    nextBatchID = plan.batchID + 1
    lastWatermark = plan.watermark
    let commit = CommitRecord(
      batchID: plan.batchID, offsets: offsets, tokens: tokens, deltas: deltas, watermark: plan.watermark,
      watermarks: watermark.values, nextWatermark: watermark.current, inputRows: executed.inputRows,
      outputRows: executed.output.outputRows)
    if mayPeek {
      phase = .peeking(commit)
      return .poll(after: offsets, batchLimit)
    }
    phase = .loggingCommit(commit, next: nil)
    return .logCommit(commit, next: nil)
  }

  /// Whether the next batch would start at once, so that its plan can share a write with this commit.
  private var mayPeek: Bool {
    if isStopRequested { return false }
    switch trigger {
    case .asSoonAsPossible, .availableNow: return true
    case .processingTime, .once, .continuous: return false
    }
  }

  private mutating func afterBatch() -> Action {
    if isStopRequested { return stop() }
    switch trigger {
    case .once: return stop()
    case .processingTime:
      let next = trigger.nextTime(after: triggerStart ?? now)
      if next <= now { return begin() }
      phase = .waiting
      return .wait(until: next)
    case .asSoonAsPossible, .availableNow, .continuous: return idle()
    }
  }

  /// There is nothing to do.
  private mutating func idle() -> Action {
    if trigger.isFinite || isStopRequested { return stop() }
    phase = .waiting
    guard case .processingTime = trigger else { return .wait(until: nil) }
    return .wait(until: trigger.nextTime(after: triggerStart ?? now))
  }

  private mutating func stop() -> Action {
    phase = .sealing
    return .seal
  }
}
