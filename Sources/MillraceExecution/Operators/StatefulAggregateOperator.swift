import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// GROUP BY over a stream: partial results of a batch are merged into the state, and rows come out by output mode.
///
/// State lies in partitions by key, each with a store of its own, so that large batches are merged on many threads.
final class StatefulAggregateOperator: PhysicalOperator {
  private let plan: AggregationPlan
  private let input: AggregationInput
  private let partitions: [StatePartition]
  /// The state, where its groups may stay in their accumulators.
  private let resident: ResidentState?
  private let metricsIndex: Int
  private let pool: WorkerPool
  /// Whether rows of batches before this one are still to come out.
  private var hasPostponed = false

  init(
    _ plan: AggregationPlan, _ input: AggregationInput, _ partitions: [StatePartition], metricsIndex: Int,
    pool: WorkerPool
  ) {
    self.plan = plan
    self.input = input
    self.partitions = partitions
    resident = ResidentState(partitions)
    self.metricsIndex = metricsIndex
    self.pool = pool
    if case .chains(_, let shared) = input, let resident { shared.reside(in: resident) }
  }

  /// Spark's name of the operator.
  static func name(_ plan: AggregationPlan) -> String {
    plan.sessions == nil ? "stateStoreSave" : "sessionWindowStateStoreSaveExec"
  }

  /// How many stores an aggregation has.
  static func partitionCount(_ plan: AggregationPlan) -> Int {
    plan.keys.expressions.isEmpty || plan.sessions != nil ? 1 : PartialGroups.partitionCount
  }

  var reducesOnWorkers: Bool { partitions.count > 1 }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { try execute(context) { $0 } }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    var withholds = false
    switch context.emission {
    case .withBatch: break
    case .withheld: withholds = true
    case .apart(let scope): return try emit(scope, reducing: reduce)
    }
    let start: Int64
    let outcomes: [StatePartition.Outcome]
    if let resident, try !resident.begin(context).isEmpty {
      let workers = try input.workers(plan, context)
      start = pool.profiler.clock.monotonicNanoseconds()
      outcomes = try resident.settle(workers, pool) { index in
        try partitions[index].settled(withholds: withholds).reduced(reduce)
      }
    } else {
      let partials = try input.partials(plan, context)
      start = pool.profiler.clock.monotonicNanoseconds()
      outcomes = try partials.merged(partitions: partitions.count, pool) { groups, index in
        try partitions[index].run(groups, context, withholds: withholds).reduced(reduce)
      }
    }
    var metrics = StateOperatorMetrics(operatorName: Self.name(plan))
    for outcome in outcomes {
      metrics.rowsUpdated += outcome.updated
      metrics.rowsRemoved += outcome.removed
      metrics.rowsDroppedByWatermark += outcome.dropped
    }
    for partition in partitions {
      metrics.rowsTotal += Int64(partition.store.rowCount)
      metrics.memoryUsedBytes += Int64(partition.store.memoryBytes)
    }
    // Partitions remove side by side.
    metrics.removalMicroseconds = outcomes.map(\.removalMicroseconds).max() ?? 0
    metrics.updateMicroseconds =
      (pool.profiler.clock.monotonicNanoseconds() - start) / 1000 - metrics.removalMicroseconds
    context.stateOperators[metricsIndex] = metrics
    return outcomes.flatMap(\.rows)
  }

  // MARK: Rows apart from their batch

  /// Whether rows may come out later than with their batch.
  var mayWithhold: Bool { partitions.allSatisfy(\.mayWithhold) }

  /// The rows that the last batch kept back come out with those of a later one.
  func postpone() {
    for partition in partitions { partition.postpone() }
    hasPostponed = true
  }

  private func emit(_ scope: EmissionScope, reducing reduce: BatchChange) throws -> [RecordBatch] {
    let afterPostponed = hasPostponed
    hasPostponed = false
    let groups = partitions.reduce(0) { $0 + $1.store.rowCount }
    let rows = try pool.map(partitions.count, isParallel: groups >= PartialGroups.parallelFrom) { index in
      let partition = partitions[index]
      let rows =
        scope == .due ? try partition.emitDue(afterPostponed: afterPostponed) : try partition.emitEverything()
      return try rows.compactMap(reduce)
    }
    return rows.flatMap { $0 }
  }
}
