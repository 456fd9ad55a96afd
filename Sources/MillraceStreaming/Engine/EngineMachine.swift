import MillraceCore
import MillraceExecution

/// The order of a query's steps, without doing any of them: events in, actions out. The driver (`QueryEngine`) performs each
/// action and reports what came of it; there is one machine for each way to run a query.
protocol EngineMachine {
  /// Where the query stands.
  var position: QueryPosition { get }
  /// Set by the driver before each event.
  var isStopRequested: Bool { get set }

  /// Goes on where a recovery found the query. Called once, before `handle`.
  mutating func restore(_ recovered: RecoveredQuery)
  /// What to do next. `now` is in microseconds since the epoch.
  mutating func handle(_ event: EngineEvent, now: Int64) -> EngineAction
}

/// What a recovery found.
struct RecoveredQuery {
  /// The last batch or epoch that is done.
  var commit: CommitRecord?
  /// A batch whose input is fixed and that is not done.
  var pendingPlan: PlanRecord?
  /// Whether a transactional sink holds the next epoch, of whose input nothing is known.
  var isSinkAhead = false
}

/// What came of an action.
enum EngineEvent {
  case started
  /// The sources' next input; all nil where there is none.
  case polled([SourcePlan?])
  case planLogged
  case executed(ExecutedBatch)
  /// What was withheld is with the sinks, or left to a later batch.
  case emitted(ExecutedBatch)
  case flushed
  case sinksCommitted([JSON])
  case stateSaved([StateDeltaRecord])
  case commitLogged
  case published
  case woken
  case sealed
}

/// What the driver is to do.
enum EngineAction {
  case poll(after: [Offset?], ReadLimit)
  case logPlan(PlanRecord)
  case execute(PlanRecord)
  /// The rows of the batch that were withheld go to their sinks; they may wait if more input does.
  case emit(PlanRecord, ExecutedBatch, moreWaits: Bool)
  /// The sinks let out what they hold back of the rows so far.
  case flush(Int64)
  case commitSinks(Int64)
  case saveState(version: Int64)
  case logCommit(CommitRecord, next: PlanRecord?)
  case publish(CommitRecord)
  /// Until the time (microseconds since the epoch; nil: without end), where `forInput` says so at most until a source has
  /// something, or may have.
  case wait(until: Int64?, forInput: Bool)
  case seal
  case end
}

/// What `execute` came to.
struct ExecutedBatch {
  /// Where the sources stand after it.
  var offsets: [Offset?]
  var output: BatchOutput
  var inputRows: Int64
  /// Sinks whose rows were kept back; the driver decides about them when it is known whether more input waits.
  var withheld: Set<Int> = []
  /// Whether they may wait for a later batch.
  var mayWait = false
}
