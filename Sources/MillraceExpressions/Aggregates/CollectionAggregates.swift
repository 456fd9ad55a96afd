import MillraceColumnar

/// Aggregates that keep all values of a group: lists, percentiles, the mode.
enum CollectionAggregates {
  static let all: [AggregateFunction] = [
    AggregateFunction(
      "collect_list", "array_agg", summary: "All values that are not NULL, in order of arrival.",
      example: "collect_list(x)"
    ) { arguments, _ in try collectList("collect_list", arguments) },
    AggregateFunction(
      "collect_set", summary: "The distinct values that are not NULL.", example: "collect_set(x)"
    ) { arguments, _ in try collectList("collect_set", arguments).distinct() },
    AggregateFunction(
      "listagg", "string_agg", summary: "All values joined by a delimiter; order them with WITHIN GROUP.",
      example: "listagg(x, ',')"
    ) { arguments, context in
      try WithinGroup.bind("listagg", arguments: arguments, ordering: [], context: context)
    },
    AggregateFunction(
      "percentile",
      summary: "The exact percentile, interpolated; takes a percentage or an array of them, and a frequency.",
      example: "percentile(x, 0.5)"
    ) { arguments, _ in
      try AggregateBinding.checkCount("percentile", arguments, 2...3)
      return try Percentiles.bind(
        "percentile", arguments[0], percentage: arguments[1], frequency: arguments.count == 3 ? arguments[2] : nil,
        isDiscrete: false)
    },
    AggregateFunction("median", summary: "The middle value, interpolated.", example: "median(x)") { arguments, _ in
      try AggregateBinding.checkCount("median", arguments, 1...1)
      return try Percentiles.bind(
        "median", arguments[0], percentage: .literal(.double(0.5), .double), frequency: nil, isDiscrete: false)
    },
    AggregateFunction(
      "approx_percentile", "percentile_approx",
      summary: "The value below or at which the given share of values lies; takes a percentage or an array of them.",
      example: "approx_percentile(x, 0.5)"
    ) { arguments, _ in
      try AggregateBinding.checkCount("approx_percentile", arguments, 2...3)
      return try Percentiles.bindRank("approx_percentile", arguments[0], percentage: arguments[1])
    },
    ordered(
      "percentile_cont", "The percentile of the ordered values, interpolated.",
      "percentile_cont(0.5) WITHIN GROUP (ORDER BY x)"),
    ordered(
      "percentile_disc", "The first of the ordered values that reaches the percentile.",
      "percentile_disc(0.5) WITHIN GROUP (ORDER BY x)"),
    AggregateFunction(
      "mode", summary: "The most frequent value; of several any one, or with `true` the least.", example: "mode(x)"
    ) { arguments, _ in
      try AggregateBinding.checkCount("mode", arguments, 1...2)
      let isLeast = arguments.count == 2 && arguments[1].constant == .boolean(true)
      return mode(arguments[0], isLeast ? .least : .any)
    },
    AggregateFunction(
      "histogram_numeric", summary: "A histogram with the given number of bins that follow the data.",
      example: "histogram_numeric(x, 5)"
    ) { arguments, _ in try Histogram.bind(arguments) },
  ]

  /// A function that is nothing without WITHIN GROUP, which binds it elsewhere.
  private static func ordered(_ name: String, _ summary: String, _ example: String) -> AggregateFunction {
    AggregateFunction(name, summary: summary, example: example) { _, _ in
      throw MillraceError(
        "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING", "`\(name)` needs an order", hint: "write \(example)")
    }
  }

  private static func collectList(_ name: String, _ arguments: [Expression]) throws -> BoundAggregate {
    try AggregateBinding.checkCount(name, arguments, 1...1)
    let type = DataType.array(element: arguments[0].type, containsNull: false)
    let element = arguments[0].type
    return BoundAggregate(
      name, arguments: arguments, type: type, isNullable: false, stateTypes: [.binary], isOrderSensitive: true
    ) {
      CollectingAccumulator([element]) { grouped in
        let columns = name == "collect_set" ? grouped.columns.map { setOrdered($0, grouped.lists) } : grouped.columns
        return ListColumn.make(type, grouped.lists, columns)
      }
    }
  }

  /// The values of each group in the order of Spark's sets, where that is known.
  private static func setOrdered(_ column: ColumnVector, _ lists: [ListView]) -> ColumnVector {
    guard HashTableOrder.knows(column.type) else { return column }
    let rows = Selection(capacity: column.count)
    for list in lists {
      for (index, row) in zip(list.range, HashTableOrder.distinct(list.range, of: column)) { rows.rows[index] = row }
    }
    return column.gathered(rows)
  }

  /// Which of several values is taken that are equally frequent.
  enum Tie {
    case least, greatest
    /// The one that Spark comes upon first in its table.
    case any
  }

  /// The most frequent value.
  static func mode(_ argument: Expression, _ tie: Tie) -> BoundAggregate {
    let type = argument.type
    return BoundAggregate("mode", arguments: [argument], type: type, stateTypes: [.binary]) {
      CollectingAccumulator([type]) { grouped in
        let column = grouped.columns[0].flattened()
        let picks = grouped.lists.map { mostFrequent(column, $0.range, tie) }
        return column.gatheredOrNull(picks, count: picks.count)
      }
    }
  }

  /// Row of the most frequent value of a range, -1 if there is none.
  private static func mostFrequent(_ column: ColumnVector, _ range: Range<Int>, _ tie: Tie) -> Int32 {
    let rows = ValueSorter.sorted(range, by: column)
    // The first row of each value, the least value first, and how many rows have it.
    var values: [(first: Int32, count: Int)] = []
    var start = 0
    for index in rows.indices {
      let isEnd = index + 1 == rows.count
      if isEnd || ValueOrder.compareValues(column, Int(rows[index]), column, Int(rows[index + 1])) != 0 {
        values.append((rows[start], index + 1 - start))
        start = index + 1
      }
    }
    let most = values.lazy.map(\.count).max() ?? 0
    let best = values.filter { $0.count == most }.map(\.first)
    guard let least = best.first, let greatest = best.last else { return -1 }
    if tie == .greatest { return greatest }
    if tie == .least || best.count == 1 || !HashTableOrder.knows(column.type) { return least }
    let candidates = Set(best)
    return HashTableOrder.counted(values.map(\.first).sorted(), of: column).first { candidates.contains($0) } ?? least
  }
}
