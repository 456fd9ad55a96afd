import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What an aggregation with DISTINCT aggregates is made of: an aggregation by the keys and what is to be distinct for each list of arguments,
/// and one by the keys that takes the groups of all of them.
struct DistinctAggregation {
  /// What an aggregate gets from the groups of a finer aggregation.
  enum Role {
    /// The values of the keys that are its arguments.
    case arguments
    /// Its partial results.
    case states
    /// Nothing: it is another one's.
    case none
  }

  struct Part {
    /// By the keys and the arguments; the first also has the aggregates that are not DISTINCT.
    var finer: AggregateNode
    /// By aggregate.
    var roles: [Role]
  }

  let parts: [Part]
  /// By the keys, with all aggregates, none of them DISTINCT.
  let coarser: AggregateNode

  /// Nil where there is no DISTINCT aggregate, or where the order of rows may show.
  init?(_ node: AggregateNode) {
    let isSimple = node.aggregates.allSatisfy { aggregate in
      !aggregate.function.isOrderSensitive && !(aggregate.isDistinct && aggregate.filter != nil)
    }
    guard isSimple, !node.grouping.contains(where: { SessionWindow.isSession($0.expression) }) else { return nil }
    let names = node.aggregates.map { $0.isDistinct ? $0.function.arguments.map(\.fingerprint) : nil }
    var parts: [Part] = []
    for (index, own) in names.enumerated() {
      guard let own, names.firstIndex(of: own) == index else { continue }
      let others = parts.isEmpty ? node.aggregates.filter { !$0.isDistinct } : []
      let arguments = node.aggregates[index].function.arguments.map { NamedExpression("argument", $0) }
      parts.append(
        Part(
          finer: AggregateNode(grouping: node.grouping + arguments, aggregates: others, child: node.child),
          roles: names.map { $0 == own ? .arguments : $0 == nil && parts.isEmpty ? .states : .none }))
    }
    if parts.isEmpty { return nil }
    self.parts = parts
    var coarser = node
    for index in coarser.aggregates.indices { coarser.aggregates[index].isDistinct = false }
    self.coarser = coarser
  }
}

/// GROUP BY with DISTINCT aggregates over a bounded input. Rows are grouped by the keys and what is to be distinct, by all workers as any
/// rows are, and then these groups by the keys: sets of values in the groups would have to be put together on one thread.
final class DistinctAggregateOperator: PhysicalOperator {
  /// A finer aggregation and its rows.
  struct Part {
    var plan: AggregationPlan
    var input: AggregationInput
    /// What each aggregate gets of it.
    var roles: [DistinctAggregation.Role]
  }

  private let parts: [Part]
  private let coarser: AggregationPlan
  private let pool: WorkerPool

  init(_ parts: [Part], coarser: AggregationPlan, pool: WorkerPool) {
    self.parts = parts
    self.coarser = coarser
    self.pool = pool
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { try execute(context) { $0 } }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    // A finer group is in one partition, so that what partitions give can be put together like the results of workers.
    let results = try parts.flatMap { part in
      let partials = try part.input.partials(part.plan, context)
      return try partials.merged(partitions: partials.resultPartitions, pool) { groups, _ in
        let result = GroupAccumulation(coarser)
        try result.add(groupsOf: groups, part.roles)
        return result
      }
    }
    results[0].ensureGlobalGroup()
    return try PartialGroups(results, coarser).finished(pool, reducing: reduce)
  }
}
