import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// What an aggregation reads: partial results of chains, or rows.
enum AggregationInput {
  case chains([ChainPlan], SharedGroups)
  case rows(any PhysicalOperator)

  /// The partial results of a batch, one at least; those of chains by worker.
  func partials(_ plan: AggregationPlan, _ context: BatchContext) throws -> PartialGroups {
    var parts: [GroupAccumulation] = []
    var merged: [GroupAccumulation] = []
    switch self {
    case .rows(let child):
      let accumulation = GroupAccumulation(plan)
      for batch in try child.execute(context) { try accumulation.add(batch, context.evaluation) }
      parts.append(accumulation)
    case .chains(let inputs, let shared):
      for input in inputs {
        try input.group.run(context)
        parts += input.chain.terminals.compactMap { ($0 as? AggregateTerminal)?.accumulation }
        input.chain.terminals = []
      }
      parts.removeAll { $0.groupCount == 0 }
      merged = shared.take()
    }
    if parts.isEmpty { parts.append(GroupAccumulation(plan)) }
    parts[0].ensureGlobalGroup()
    return PartialGroups(parts, merged: merged, plan)
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
    let partials = try input.partials(plan, context)
    // Partitions would lose the order in which groups first came, which reads better: only where that costs time.
    let isLarge = partials.count > 1 && partials.groupCount >= PartialGroups.parallelFrom && plan.sessions == nil
    let merged = try partials.merged(partitions: isLarge ? PartialGroups.partitionCount : 1, pool) { groups, _ in
      groups.groupCount == 0 ? nil : try reduce(try groups.mergingSessions().finish())
    }
    return merged.compactMap { $0 }
  }
}
