package import MillraceCore
package import MillraceExpressions

/// What one worker knows and counts while it computes its part of a batch.
package final class TaskContext {
  package let evaluation: EvaluationContext
  /// Event times by watermark definition, for the whole query.
  package var eventTimes: [EventTimeStatistics?]
  /// Split that is being read, in plan order; output is put together in this order.
  package var splitIndex = 0
  /// Offset of the window that is being computed.
  var windowOffset: Int64 = 0
  /// Rows that end before it are late.
  let lateWatermark: Int64
  /// Late rows that were kept.
  var lateRows: [Late] = []
  /// What `observe` saw, by its number in the query.
  var observed: [Int: GroupAccumulation] = [:]

  /// Late rows and where they were read, by which they are put in order.
  struct Late {
    var split: Int
    var offset: Int64
    var rows: LateRows
  }

  /// A context with nothing counted yet.
  package init(evaluation: EvaluationContext, watermarkCount: Int, lateWatermark: Int64 = .min) {
    self.evaluation = evaluation
    self.lateWatermark = lateWatermark
    eventTimes = Array(repeating: nil, count: watermarkCount)
  }
}

extension EventTimeStatistics {
  /// Both taken together.
  package func merged(with other: EventTimeStatistics) -> EventTimeStatistics {
    var both = EventTimeStatistics(
      minimum: min(minimum, other.minimum), maximum: max(maximum, other.maximum), sum: sum + other.sum,
      count: count + other.count)
    both.rowsAhead = rowsAhead + other.rowsAhead
    return both
  }
}

/// Which rows come out of a stateful aggregation.
enum Emission {
  /// Those of the batch.
  case withBatch
  /// None: the batch is taken in, and its rows are asked for afterwards.
  case withheld
  /// Rows of groups that were taken in before; no input is read.
  case apart(EmissionScope)
}

/// What all parts of one batch's computation share.
package final class BatchContext {
  package let evaluation: EvaluationContext
  package let batchID: Int64
  package let lateWatermark: Int64
  package let watermark: Int64
  /// Whether all input was read before, so that what waits for more of it comes out; for the output that is being computed.
  package var isEndOfInput: Bool
  /// What comes out of the output that is being computed.
  var emission = Emission.withBatch
  /// Input by streaming source; empty for batch queries.
  package let plans: [SourcePlanState]
  package var eventTimes: [EventTimeStatistics?]
  package var stateOperators: [StateOperatorMetrics]
  package var bytesRead: Int64 = 0
  /// Late rows that were kept.
  package var lateRows: [LateRows] = []
  /// What `observe` saw, by its number in the query.
  private(set) var observed: [Int: GroupAccumulation] = [:]
  /// Tells operators what they take.
  let clock: any Clock

  /// A context for one batch.
  package init(
    evaluation: EvaluationContext, batchID: Int64, lateWatermark: Int64, watermark: Int64, isEndOfInput: Bool = false,
    plans: [SourcePlanState], watermarkCount: Int, stateOperatorCount: Int, clock: any Clock = SystemClock()
  ) {
    self.clock = clock
    self.evaluation = evaluation
    self.batchID = batchID
    self.lateWatermark = lateWatermark
    self.watermark = watermark
    self.isEndOfInput = isEndOfInput
    self.plans = plans
    eventTimes = Array(repeating: nil, count: watermarkCount)
    stateOperators = Array(repeating: StateOperatorMetrics(operatorName: ""), count: stateOperatorCount)
  }

  /// Calls `body` and adds the microseconds that it took.
  func timing<Result>(_ total: inout Int64, _ body: () throws -> Result) rethrows -> Result {
    let start = clock.monotonicNanoseconds()
    defer { total += (clock.monotonicNanoseconds() - start) / 1000 }
    return try body()
  }

  /// Adds late rows that workers kept, in the order in which their splits have them.
  func merge(late: [TaskContext.Late]) {
    if late.isEmpty { return }
    let order = late.indices.sorted {
      (late[$0].split, late[$0].offset, $0) < (late[$1].split, late[$1].offset, $1)
    }
    lateRows += order.map { late[$0].rows }
  }

  /// Adds what `observe` saw on a worker.
  func merge(observed other: [Int: GroupAccumulation]) throws {
    for (index, rows) in other {
      if let known = observed[index] { try known.merge(rows) } else { observed[index] = rows }
    }
  }

  /// Adds what a worker saw.
  package func merge(eventTimes other: [EventTimeStatistics?]) {
    for (index, statistics) in other.enumerated() {
      guard let statistics else { continue }
      eventTimes[index] = eventTimes[index]?.merged(with: statistics) ?? statistics
    }
  }
}

/// A source's input in one batch, and what reading it came to.
package final class SourcePlanState {
  package let plan: SourcePlan?
  package var results: [SplitResult]
  /// Records that could not be decoded, where they are to be kept.
  package var badRecords: [FileBadRecords] = []

  /// Nothing read yet.
  package init(_ plan: SourcePlan?) {
    self.plan = plan
    results = []
  }
}
