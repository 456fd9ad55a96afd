import MillraceCore
import MillraceExecution

/// At-least-once: whatever comes is computed and given to the sinks at once, piece by piece, and an epoch is committed behind the
/// pieces at intervals. Nothing durable is written before a piece.
///
/// ```
///            ┌─ nothing ─ wait for input, or for the end of an epoch that has pieces
/// poll ──────┤
///            └─ input ── execute ── flush ──┬─ the epoch goes on ── poll
///                                           └─ it is over ── commit sinks ── save state ── log COMMIT ── publish ── poll
/// ```
///
/// A restart goes on from the last COMMIT, so the rows of an epoch that was not committed come again. Two kinds of epochs are
/// not what ran before: a plan that a micro-batch run left pending is an epoch of its own, with exactly that input; and where a
/// transactional sink holds an epoch that the log does not have, that number is closed without input, and the input comes again
/// under the next one.
struct ContinuousMachine: EngineMachine {
  private enum Phase {
    case starting
    case polling
    case executing(PlanRecord)
    case flushing
    case waiting
    case committingSinks
    case savingState(tokens: [JSON])
    case loggingCommit(CommitRecord)
    case publishing
    case sealing
    case ended
  }

  /// What was computed since the last commit.
  private struct Epoch {
    var pieces = 0
    var inputRows: Int64 = 0
    var outputRows: [Int64] = []
    /// Microseconds since Unix's epoch.
    var end: Int64 = 0
    /// Nothing may join its one piece.
    var isClosed = false

    mutating func add(_ executed: ExecutedBatch) {
      pieces += 1
      inputRows += executed.inputRows
      let rows = executed.output.outputRows
      outputRows = outputRows.isEmpty ? rows : zip(outputRows, rows).map { $0 + $1 }
    }
  }

  private(set) var position: QueryPosition
  var isStopRequested = false
  private var phase = Phase.starting
  private var epoch = Epoch()
  private var recovered = RecoveredQuery()
  private let interval: Int64
  private let limit: ReadLimit
  /// Time of the event that is handled.
  private var now: Int64 = 0

  /// `interval` is in microseconds.
  init(interval: Int64, limit: ReadLimit, position: QueryPosition) {
    self.interval = interval
    self.limit = limit
    self.position = position
  }

  /// Goes on after the last committed epoch.
  mutating func restore(_ recovered: RecoveredQuery) {
    if let commit = recovered.commit { position.restore(commit) }
    self.recovered = recovered
  }

  /// What to do next.
  mutating func handle(_ event: EngineEvent, now: Int64) -> EngineAction {
    self.now = now
    switch (phase, event) {
    case (.starting, .started): return begin()
    case (.polling, .polled(let plans)):
      guard let plan = position.plan(plans, now: now, piece: epoch.pieces) else { return idle() }
      return compute(plan)
    case (.executing(let plan), .executed(let executed)):
      position.advance(plan, executed)
      epoch.add(executed)
      phase = .flushing
      return .flush(plan.batchID)
    case (.flushing, .flushed):
      return epoch.isClosed || isStopRequested || isOver ? commit() : poll()
    case (.waiting, .woken):
      if isStopRequested { return stop() }
      return isOver ? commit() : poll()
    case (.committingSinks, .sinksCommitted(let tokens)):
      phase = .savingState(tokens: tokens)
      return .saveState(version: position.nextBatchID + 1)
    case (.savingState(let tokens), .stateSaved(let deltas)):
      let commit = position.commit(
        tokens: tokens, deltas: deltas, inputRows: epoch.inputRows, outputRows: epoch.outputRows)
      phase = .loggingCommit(commit)
      return .logCommit(commit, next: nil)
    case (.loggingCommit(let commit), .commitLogged):
      phase = .publishing
      return .publish(commit)
    case (.publishing, .published):
      epoch = Epoch()
      return isStopRequested ? stop() : poll()
    case (.sealing, .sealed):
      phase = .ended
      return .end
    case (.ended, _):
      return .end
    case (.starting, _), (.polling, _), (.executing, _), (.flushing, _), (.waiting, _), (.committingSinks, _),
      (.savingState, _), (.loggingCommit, _), (.publishing, _), (.sealing, _):
      preconditionFailure("event \(event) does not belong to phase \(phase)")
    }
  }

  /// Settles first what an earlier run left open.
  private mutating func begin() -> EngineAction {
    if let plan = recovered.pendingPlan {
      epoch.isClosed = true
      return compute(plan)
    }
    return recovered.isSinkAhead ? commit() : isStopRequested ? stop() : poll()
  }

  private mutating func poll() -> EngineAction {
    phase = .polling
    return .poll(after: position.offsets, limit)
  }

  private mutating func compute(_ plan: PlanRecord) -> EngineAction {
    if epoch.pieces == 0 { epoch.end = interval > 0 ? now / interval * interval + interval : now }
    phase = .executing(plan)
    return .execute(plan)
  }

  /// Whether the epoch has pieces and has lasted long enough.
  private var isOver: Bool { epoch.pieces > 0 && now >= epoch.end }

  /// There is no input.
  private mutating func idle() -> EngineAction {
    if isStopRequested { return stop() }
    if isOver { return commit() }
    phase = .waiting
    return .wait(until: epoch.pieces > 0 ? epoch.end : nil, forInput: true)
  }

  private mutating func commit() -> EngineAction {
    phase = .committingSinks
    return .commitSinks(position.nextBatchID)
  }

  /// Ends the query, after committing what was computed.
  private mutating func stop() -> EngineAction {
    if epoch.pieces > 0 { return commit() }
    phase = .sealing
    return .seal
  }
}
