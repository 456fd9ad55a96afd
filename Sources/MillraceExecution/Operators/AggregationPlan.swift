import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What an aggregation computes, fixed when the query is planned.
struct AggregationPlan: Sendable {
  let keys: KeyEncoder
  let aggregates: [NamedAggregate]
  /// Functions as they accumulate: DISTINCT ones wrapped.
  let functions: [BoundAggregate]
  /// Evaluates keys, then the arguments of each aggregate, then its filter.
  let evaluator: Evaluator
  /// For session windows: how groups are merged.
  let sessions: SessionMerger?

  init(_ node: AggregateNode, input: [Attribute]) throws {
    keys = KeyEncoder(expressions: node.grouping.map(\.expression))
    aggregates = node.aggregates
    let session = node.grouping.firstIndex { SessionWindow.isSession($0.expression) }
    let keys = self.keys
    sessions = session.map { SessionMerger(start: keys.firstColumn(of: $0), flatTypes: keys.flatTypes) }
    functions = node.aggregates.map { $0.isDistinct ? $0.function.distinct() : $0.function }
    let inputs = zip(node.aggregates, functions).flatMap { aggregate, function in
      function.arguments + (aggregate.filter.map { [$0] } ?? [])
    }
    evaluator = try Evaluator(keys.expressions + inputs, input: input)
  }

  /// What the rows of a batch add to their groups.
  func inputs(of batch: RecordBatch, _ context: EvaluationContext) throws -> AggregationRows {
    let values = try evaluator.evaluate(batch, context)
    let keyCount = keys.expressions.count
    return AggregationRows(
      count: batch.rowCount, keys: keys.encode(Array(values[..<keyCount]), count: batch.rowCount),
      values: Array(values[keyCount...]))
  }

  /// Types of the columns that carry partial results.
  var stateTypes: [DataType] { functions.flatMap(\.stateTypes) }

  /// Whether the order of rows may show in the result.
  var isOrderSensitive: Bool { functions.contains(where: \.isOrderSensitive) }

  /// Whether partial results of some groups can be had without all.
  var isSelective: Bool { functions.allSatisfy { $0.makeAccumulator() is any SelectiveAccumulator } }
}

/// Rows on their way into groups.
struct AggregationRows {
  var count: Int
  /// Flat key columns.
  var keys: [ColumnVector]
  /// The arguments of each aggregate, then its filter if it has one.
  var values: [ColumnVector]
  /// The hashes of the keys, where they are known.
  var hashes: KeyHashes?

  func gathered(_ selection: Selection) -> AggregationRows {
    AggregationRows(
      count: selection.count, keys: keys.map { $0.gathered(selection) }, values: values.map { $0.gathered(selection) },
      hashes: hashes?.gathered(selection))
  }
}

extension AggregationPlan {
  /// Final results of distinct keys from their partial results.
  func finish(keys flatKeys: [ColumnVector], states: [ColumnVector], count: Int) throws -> RecordBatch {
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: max(count, 1))
    defer { groups.deallocate() }
    for row in 0..<count { groups[row] = UInt32(truncatingIfNeeded: row) }
    var next = 0
    let results = try functions.map { function in
      let accumulator = function.makeAccumulator()
      accumulator.reserve(groupCount: count)
      let width = function.stateTypes.count
      try accumulator.merge(groups: groups, rowCount: count, states: Array(states[next..<next + width]))
      next += width
      return try accumulator.finish(groupCount: count)
    }
    return RecordBatch(rowCount: count, columns: try keys.decode(flatKeys, count: count) + results)
  }
}
