import MillraceCore
import MillraceExecution

/// Exactly-once: what a batch reads is fixed in the log before it is read, and a batch is done when its COMMIT is durable.
///
/// ```
///            ┌─ nothing ─ wait ◄────────────────────────────────┐
/// poll ──────┤                                                  │
///            └─ input ── log PLAN ── execute ── commit sinks ── save state ── peek ── log COMMIT(+PLAN) ── publish
///                                       ▲                                                                    │
///                                       └────────────────── PLAN came with COMMIT ──────────────────────────┘
/// ```
///
/// Where rows may come out later than with their batch, the look ahead stands in front of the sinks, which are then left out if there is more.
struct MicroBatchMachine: EngineMachine {
  private enum Phase {
    case starting
    case polling
    case loggingPlan(PlanRecord)
    case executing(PlanRecord)
    case lookingAhead(PlanRecord, ExecutedBatch)
    case emitting(PlanRecord)
    case committingSinks(ExecutedBatch)
    case savingState(ExecutedBatch, tokens: [JSON])
    case peeking(CommitRecord)
    case loggingCommit(CommitRecord, next: PlanRecord?)
    case publishing(CommitRecord, next: PlanRecord?)
    case waiting
    case sealing
    case ended
  }

  private(set) var position: QueryPosition
  var isStopRequested = false
  private var phase = Phase.starting
  private var pendingPlan: PlanRecord?
  /// Input of the next batch that was found before this one's rows were given out.
  private var ahead: [SourcePlan?]?
  private let trigger: Trigger
  private let limit: ReadLimit
  private let closesAtEnd: Bool
  private var triggerStart: Int64?
  /// Time of the poll that is under way.
  private var now: Int64 = 0

  /// `closesAtEnd`: when a trigger that ends has read everything, what waits for more input comes out in a batch of its own.
  init(trigger: Trigger, limit: ReadLimit, closesAtEnd: Bool = false, position: QueryPosition) {
    self.trigger = trigger
    self.limit = limit
    self.closesAtEnd = closesAtEnd
    self.position = position
  }

  /// Goes on after the last committed batch; a pending plan is run again before anything else.
  mutating func restore(_ recovered: RecoveredQuery) {
    if let commit = recovered.commit { position.restore(commit) }
    pendingPlan = recovered.pendingPlan
  }

  /// What to do next. `now` is in microseconds since the epoch.
  mutating func handle(_ event: EngineEvent, now: Int64) -> EngineAction {
    self.now = now
    switch (phase, event) {
    case (.starting, .started):
      guard let plan = pendingPlan else { return begin() }
      pendingPlan = nil
      triggerStart = now
      phase = .executing(plan)
      return .execute(plan)
    case (.polling, .polled(let plans)):
      guard let plan = makePlan(plans) else { return idle() }
      phase = .loggingPlan(plan)
      return .logPlan(plan)
    case (.loggingPlan(let plan), .planLogged):
      phase = .executing(plan)
      return .execute(plan)
    case (.executing(let plan), .executed(let executed)):
      position.advance(plan, executed)
      if executed.withheld.isEmpty { return commitSinks(plan, executed) }
      guard executed.mayWait, mayPeek else { return emit(plan, executed) }
      phase = .lookingAhead(plan, executed)
      return .poll(after: position.offsets, batchLimit)
    case (.lookingAhead(let plan, let executed), .polled(let plans)):
      ahead = plans.contains { $0 != nil } ? plans : nil
      return emit(plan, executed)
    case (.emitting(let plan), .emitted(let executed)):
      return commitSinks(plan, executed)
    case (.committingSinks(let executed), .sinksCommitted(let tokens)):
      phase = .savingState(executed, tokens: tokens)
      return .saveState(version: position.nextBatchID + 1)
    case (.savingState(let executed, let tokens), .stateSaved(let deltas)):
      return finish(executed, tokens, deltas)
    case (.peeking(let commit), .polled(let plans)):
      let next = makePlan(plans)
      phase = .loggingCommit(commit, next: next)
      return .logCommit(commit, next: next)
    case (.loggingCommit(let commit, let next), .commitLogged):
      phase = .publishing(commit, next: next)
      return .publish(commit)
    case (.publishing(_, let next), .published):
      guard let next else { return afterBatch() }
      if isStopRequested { return stop() }
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
    default:
      preconditionFailure("event \(event) does not belong to phase \(phase)")
    }
  }

  private mutating func begin() -> EngineAction {
    if isStopRequested { return stop() }
    triggerStart = now
    phase = .polling
    return .poll(after: position.offsets, batchLimit)
  }

  private var batchLimit: ReadLimit { trigger == .once ? ReadLimit(parallelism: limit.parallelism) : limit }

  private mutating func makePlan(_ plans: [SourcePlan?]) -> PlanRecord? {
    position.plan(plans, now: now, allowsNoData: trigger != .once, allowsTimers: !trigger.isFinite)
  }

  private mutating func emit(_ plan: PlanRecord, _ executed: ExecutedBatch) -> EngineAction {
    phase = .emitting(plan)
    return .emit(plan, executed, moreWaits: ahead != nil && !isStopRequested)
  }

  private mutating func commitSinks(_ plan: PlanRecord, _ executed: ExecutedBatch) -> EngineAction {
    phase = .committingSinks(executed)
    return .commitSinks(plan.batchID)
  }

  private mutating func finish(_ executed: ExecutedBatch, _ tokens: [JSON], _ deltas: [StateDeltaRecord])
    -> EngineAction
  {
    let commit = position.commit(
      tokens: tokens, deltas: deltas, inputRows: executed.inputRows, outputRows: executed.output.outputRows)
    if let plans = ahead {
      ahead = nil
      let next = isStopRequested ? nil : makePlan(plans)
      phase = .loggingCommit(commit, next: next)
      return .logCommit(commit, next: next)
    }
    if mayPeek {
      phase = .peeking(commit)
      return .poll(after: position.offsets, batchLimit)
    }
    phase = .loggingCommit(commit, next: nil)
    return .logCommit(commit, next: nil)
  }

  /// Whether the next batch would start at once, so that its plan can share a write with this commit.
  private var mayPeek: Bool {
    !isStopRequested && trigger.followsAtOnce
  }

  private mutating func afterBatch() -> EngineAction {
    if isStopRequested { return stop() }
    switch trigger {
    case .once: return end()
    case .processingTime:
      let next = trigger.nextTime(after: triggerStart ?? now)
      if next <= now { return begin() }
      phase = .waiting
      return .wait(until: next, forInput: false)
    case .asSoonAsPossible, .availableNow, .continuous: return idle()
    }
  }

  /// There is nothing to do.
  private mutating func idle() -> EngineAction {
    if isStopRequested { return stop() }
    let nextInput = position.nextInput()
    if trigger.isFinite && nextInput == nil { return end() }
    phase = .waiting
    guard case .processingTime = trigger else { return .wait(until: nextInput, forInput: true) }
    return .wait(until: trigger.nextTime(after: triggerStart ?? now), forInput: false)
  }

  /// Everything was read.
  private mutating func end() -> EngineAction {
    guard closesAtEnd, let plan = position.closingPlan(now: now) else { return stop() }
    phase = .loggingPlan(plan)
    return .logPlan(plan)
  }

  private mutating func stop() -> EngineAction {
    phase = .sealing
    return .seal
  }
}
