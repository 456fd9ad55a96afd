package import MillraceCore
package import MillraceExpressions

/// What one worker knows and counts while it computes its part of a batch.
package final class TaskContext {
  package let evaluation: EvaluationContext
  /// Event times by watermark definition, for the whole query.
  package var eventTimes: [EventTimeStatistics?]
  /// Split that is being read, in plan order; output is put together in this order.
  package var splitIndex = 0

  /// A context with nothing counted yet.
  package init(evaluation: EvaluationContext, watermarkCount: Int) {
    self.evaluation = evaluation
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

/// What all parts of one batch's computation share.
package final class BatchContext {
  package let evaluation: EvaluationContext
  package let batchID: Int64
  package let lateWatermark: Int64
  package let watermark: Int64
  /// Whether all input was read before, so that what waits for more of it comes out.
  package let isEndOfInput: Bool
  /// Input by streaming source; empty for batch queries.
  package let plans: [SourcePlanState]
  package var eventTimes: [EventTimeStatistics?]
  package var stateOperators: [StateOperatorMetrics]
  package var bytesRead: Int64 = 0

  /// A context for one batch.
  package init(
    evaluation: EvaluationContext, batchID: Int64, lateWatermark: Int64, watermark: Int64, isEndOfInput: Bool = false,
    plans: [SourcePlanState], watermarkCount: Int, stateOperatorCount: Int
  ) {
    self.evaluation = evaluation
    self.batchID = batchID
    self.lateWatermark = lateWatermark
    self.watermark = watermark
    self.isEndOfInput = isEndOfInput
    self.plans = plans
    eventTimes = Array(repeating: nil, count: watermarkCount)
    stateOperators = Array(repeating: StateOperatorMetrics(operatorName: ""), count: stateOperatorCount)
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

  /// Nothing read yet.
  package init(_ plan: SourcePlan?) {
    self.plan = plan
    results = []
  }
}
