import MillraceColumnar
import MillraceExpressions

/// Drops columns that nobody reads, down to the sources.
struct PruneColumns {
  /// Whether rows that an aggregation leaves out as late are kept, which are worth more whole. Not where a join of streams is below:
  /// what it keeps must not depend on this.
  var keepsLateRows = false

  static func apply(_ plan: LogicalPlan) -> LogicalPlan { PruneColumns().apply(plan) }

  func apply(_ plan: LogicalPlan) -> LogicalPlan { prune(plan, Set(plan.output.map(\.id))) }

  /// `plan` giving at least the columns `needed`.
  private func prune(_ plan: LogicalPlan, _ needed: Set<Int>) -> LogicalPlan {
    switch plan {
    case .relation(let leaf): return .relation(pruned(leaf, needed))
    case .project(let columns, let child):
      let kept = columns.filter { needed.contains($0.attribute.id) }
      return .project(kept, prune(child, references(kept.map(\.expression))))
    case .filter(let condition, let child):
      return .filter(condition, prune(child, needed.union(condition.references)))
    case .aggregate(var node):
      // Keys decide the groups, needed or not.
      node.aggregates = node.aggregates.filter { needed.contains($0.attribute.id) }
      let read =
        node.grouping.map(\.expression)
        + node.aggregates.flatMap { $0.function.arguments + ($0.filter.map { [$0] } ?? []) }
      let isWhole = keepsLateRows && node.child.hasWatermark && !joinsStreams(node.child)
      node.child = prune(node.child, isWhole ? Set(node.child.output.map(\.id)) : references(read))
      return .aggregate(node)
    case .join(var node):
      let all = needed.union(node.condition?.references ?? [])
      node.left = exact(node.left, all)
      node.right = exact(node.right, all)
      return .join(node)
    case .generate(var node):
      let arguments = references(node.generator.arguments)
      node.required = needed
      node.child = prune(node.child, needed.union(arguments))
      return .generate(node)
    case .sort(let orders, let child):
      return .sort(orders, prune(child, needed.union(references(orders.map(\.expression)))))
    case .window(var node):
      node.functions = node.functions.filter { needed.contains($0.attribute.id) }
      if node.functions.isEmpty { return prune(node.child, needed) }
      let read = LogicalPlan.window(node).expressions
      node.child = prune(node.child, needed.union(references(read)))
      return .window(node)
    case .watermark(let column, let settings, let child):
      return .watermark(column: column, settings, prune(child, needed.union([column.id])))
    case .deduplicate(var node):
      // Late rows are told by their event time, read or not.
      let times = node.child.isStreaming ? Set(node.child.eventTimes.delays.keys) : []
      node.child = prune(node.child, needed.union(node.keys.map(\.id)).union(times))
      return .deduplicate(node)
    case .observe(var node):
      node.child = prune(node.child, needed.union(references(LogicalPlan.observe(node).expressions)))
      return .observe(node)
    case .limit(let count, let offset, let child): return .limit(count: count, offset: offset, prune(child, needed))
    case .union(let inputs, let output):
      let kept = output.indices.filter { needed.contains(output[$0].id) }
      let slim = inputs.map { input -> LogicalPlan in
        let columns = kept.map { NamedExpression(passing: input.output[$0]) }
        return prune(.project(columns, input), Set(columns.map(\.attribute.id)))
      }
      return .union(slim, output: kept.map { output[$0] })
    case .setOperation, .alias, .transform: return plan.mapChildren { prune($0, Set($0.output.map(\.id))) }
    }
  }

  private func joinsStreams(_ plan: LogicalPlan) -> Bool {
    if case .join(let node) = plan, node.left.isStreaming, node.right.isStreaming { return true }
    return plan.children.contains { joinsStreams($0) }
  }

  /// A side of a join cut to what is read from it, since every column of it is gathered.
  private func exact(_ plan: LogicalPlan, _ needed: Set<Int>) -> LogicalPlan {
    let slim = prune(plan, needed)
    let kept = slim.output.filter { needed.contains($0.id) }
    return kept.count == slim.output.count ? slim : .project(kept.map { NamedExpression(passing: $0) }, slim)
  }

  private func references(_ expressions: [Expression]) -> Set<Int> {
    expressions.reduce(into: Set<Int>()) { $0.formUnion($1.references) }
  }

  private func pruned(_ leaf: LeafRelation, _ needed: Set<Int>) -> LeafRelation {
    var slim = leaf
    let kept = leaf.output.indices.filter { needed.contains(leaf.output[$0].id) }
    slim.output = kept.map { leaf.output[$0] }
    slim.columns = kept.map { leaf.columns[$0] }
    if case .rows(let batch) = leaf.content {
      slim.content = .rows(RecordBatch(rowCount: batch.rowCount, columns: kept.map { batch.columns[$0] }))
      slim.columns = Array(kept.indices)
    }
    return slim
  }
}
