import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What an aggregation with DISTINCT aggregates over the same arguments is made of.
struct DistinctAggregation {
  /// By the keys and those arguments, with the other aggregates.
  let finer: AggregateNode
  /// By the keys, with all aggregates, none of them DISTINCT.
  let coarser: AggregateNode
  /// Of each aggregate of `coarser`, whether its arguments are keys of `finer`.
  let isDistinct: [Bool]

  /// Nil where there is no DISTINCT aggregate, where they have different arguments, or where the order of rows may show.
  init?(_ node: AggregateNode) {
    guard let arguments = node.aggregates.first(where: \.isDistinct)?.function.arguments else { return nil }
    let names = arguments.map(\.fingerprint)
    let isSimple = node.aggregates.allSatisfy { aggregate in
      if aggregate.function.isOrderSensitive { return false }
      return !aggregate.isDistinct
        || aggregate.filter == nil && aggregate.function.arguments.map(\.fingerprint) == names
    }
    guard isSimple, !node.grouping.contains(where: { SessionWindow.isSession($0.expression) }) else { return nil }
    isDistinct = node.aggregates.map(\.isDistinct)
    finer = AggregateNode(
      grouping: node.grouping + arguments.map { NamedExpression("argument", $0) },
      aggregates: node.aggregates.filter { !$0.isDistinct }, child: node.child)
    var coarser = node
    for index in coarser.aggregates.indices { coarser.aggregates[index].isDistinct = false }
    self.coarser = coarser
  }
}

/// GROUP BY with DISTINCT aggregates over a bounded input. Rows are grouped by the keys and what is to be distinct, by all workers as any
/// rows are, and then these groups by the keys: sets of values in the groups would have to be put together on one thread.
final class DistinctAggregateOperator: PhysicalOperator {
  private let finer: AggregationPlan
  private let coarser: AggregationPlan
  private let isDistinct: [Bool]
  private let input: AggregationInput
  private let pool: WorkerPool

  /// `finer` and `coarser` compute the parts of `distinct`; rows of `input` are those of `finer`.
  init(
    _ distinct: DistinctAggregation, finer: AggregationPlan, coarser: AggregationPlan, _ input: AggregationInput,
    pool: WorkerPool
  ) {
    isDistinct = distinct.isDistinct
    self.finer = finer
    self.coarser = coarser
    self.input = input
    self.pool = pool
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { try execute(context) { $0 } }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    let partials = try input.partials(finer, context)
    // A group of `finer` is in one partition, so that what partitions give can be put together like the results of workers.
    let parts = try partials.merged(partitions: partials.resultPartitions, pool) { groups, _ in
      let part = GroupAccumulation(coarser)
      try part.add(groupsOf: groups, isDistinct: isDistinct)
      return part
    }
    parts[0].ensureGlobalGroup()
    return try PartialGroups(parts, coarser).finished(pool, reducing: reduce)
  }
}
