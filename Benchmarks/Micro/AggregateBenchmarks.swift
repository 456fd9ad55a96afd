import MillraceColumnar
import MillraceExpressions

/// Accumulators: rows added to groups, and partial results merged.
enum AggregateBenchmarks {
  private static let rows = 65_536
  private static let groupCount = 4096

  static func all() throws -> [MicroBenchmark] {
    let plain = Samples.longs(rows, distinct: 1_000_000)
    let holed = Samples.longs(rows, distinct: 1_000_000, nullEvery: 7)
    let words = Samples.strings(rows, distinct: 20_000, Samples.word)
    return [
      try updating("aggregate/count", "count", plain), try updating("aggregate/sum", "sum", plain),
      try updating("aggregate/sum with nulls", "sum", holed), try updating("aggregate/avg", "avg", plain),
      try updating("aggregate/max", "max", plain), try updating("aggregate/max of strings", "max", words),
      try updating("aggregate/stddev", "stddev", Samples.doubles(rows)),
      try merging("aggregate/merge sum", "sum", plain), try merging("aggregate/merge avg", "avg", plain),
      try merging("aggregate/merge max of strings", "max", words),
    ]
  }

  private static func bound(_ name: String, _ column: ColumnVector) throws -> BoundAggregate {
    guard let function = FunctionRegistry.builtin.aggregate(name) else {
      throw MillraceError("INTERNAL_ERROR", "no aggregate \(name)", fault: .bug)
    }
    return try function.bind([.attribute(Attribute("c", column.type))], BindingContext())
  }

  /// The arguments as the aggregate wants them, casts included.
  private static func arguments(_ aggregate: BoundAggregate, _ column: ColumnVector) throws -> [ColumnVector] {
    let input = aggregate.arguments.flatMap { argument in
      var found: [Attribute] = []
      _ = argument.rewritten { node in
        if case .attribute(let attribute) = node { found.append(attribute) }
        return nil
      }
      return found
    }
    let batch = RecordBatch(rowCount: column.count, columns: [column])
    return try Evaluator(aggregate.arguments, input: Array(input.prefix(1))).evaluate(batch, EvaluationContext())
  }

  private static func groups() -> UnsafeMutablePointer<UInt32> {
    var random = Samples(seed: 21)
    let groups = UnsafeMutablePointer<UInt32>.allocate(capacity: rows)
    for row in 0..<rows { groups[row] = UInt32(random.below(groupCount)) }
    return groups
  }

  private static func updating(_ title: String, _ name: String, _ column: ColumnVector) throws -> MicroBenchmark {
    let aggregate = try bound(name, column)
    let values = try arguments(aggregate, column)
    let groups = groups()
    // Begun anew each time: a sum that went on would overflow.
    return MicroBenchmark(title, rows: rows) {
      let accumulator = aggregate.makeAccumulator()
      accumulator.reserve(groupCount: groupCount)
      try accumulator.update(groups: groups, rowCount: rows, arguments: values)
      consume(accumulator)
    }
  }

  private static func merging(_ title: String, _ name: String, _ column: ColumnVector) throws -> MicroBenchmark {
    let aggregate = try bound(name, column)
    let partial = aggregate.makeAccumulator()
    partial.reserve(groupCount: rows)
    let identity = UnsafeMutablePointer<UInt32>.allocate(capacity: rows)
    for row in 0..<rows { identity[row] = UInt32(row) }
    try partial.update(groups: identity, rowCount: rows, arguments: try arguments(aggregate, column))
    let states = try partial.states(groupCount: rows)
    let groups = groups()
    return MicroBenchmark(title, rows: rows) {
      let accumulator = aggregate.makeAccumulator()
      accumulator.reserve(groupCount: groupCount)
      try accumulator.merge(groups: groups, rowCount: rows, states: states)
      consume(accumulator)
    }
  }
}
