import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// What an aggregation reads: partial results of chains, or rows.
enum AggregationInput {
  case chains([ChainPlan], SharedGroups)
  case rows(any PhysicalOperator)

  /// The partial results of a batch; those of chains by worker.
  func partials(_ plan: AggregationPlan, _ context: BatchContext) throws -> PartialGroups {
    let parts = try workers(plan, context).map(\.groups)
    guard case .chains(_, let shared) = self else { return PartialGroups(parts, plan) }
    return PartialGroups(parts, merged: shared.take(), plan)
  }

  /// What workers have of a batch, apart from what they share; one at least.
  func workers(_ plan: AggregationPlan, _ context: BatchContext) throws -> [WorkerGroups] {
    var workers: [WorkerGroups] = []
    switch self {
    case .rows(let child):
      let groups = WorkerGroups(plan)
      for batch in try child.execute(context) { try groups.groups.add(batch, context.evaluation) }
      workers.append(groups)
    case .chains(let inputs, _):
      for input in inputs {
        try input.group.run(context)
        workers += input.chain.terminals.compactMap { ($0 as? AggregateTerminal)?.worker }
        input.chain.terminals = []
      }
    }
    if workers.isEmpty { workers.append(WorkerGroups(plan)) }
    workers[0].groups.ensureGlobalGroup()
    return workers
  }
}

/// GROUP BY over a bounded input.
final class AggregateOperator: PhysicalOperator {
  private let plan: AggregationPlan
  private let input: AggregationInput
  private let pool: WorkerPool

  init(_ plan: AggregationPlan, _ input: AggregationInput, pool: WorkerPool) {
    self.plan = plan
    self.input = input
    self.pool = pool
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { try execute(context) { $0 } }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    try input.partials(plan, context).finished(pool, reducing: reduce)
  }
}
