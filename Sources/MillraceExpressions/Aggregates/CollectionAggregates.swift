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
    AggregateFunction("mode", summary: "The most frequent value; the least of several.", example: "mode(x)") {
      arguments, _ in
      try AggregateBinding.checkCount("mode", arguments, 1...2)
      return mode(arguments[0])
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
    ) { CollectingAccumulator([element]) { ListColumn.make(type, $0.lists, $0.columns) } }
  }

  /// The most frequent value; of several the least, or the greatest where `takesGreatest`.
  static func mode(_ argument: Expression, takesGreatest: Bool = false) -> BoundAggregate {
    let type = argument.type
    return BoundAggregate("mode", arguments: [argument], type: type, stateTypes: [.binary]) {
      CollectingAccumulator([type]) { grouped in
        let column = grouped.columns[0].flattened()
        let picks = grouped.lists.map { mostFrequent(column, $0.range, takesGreatest) }
        return column.gatheredOrNull(picks, count: picks.count)
      }
    }
  }

  /// Row of the most frequent value of a range, -1 if there is none.
  private static func mostFrequent(_ column: ColumnVector, _ range: Range<Int>, _ takesGreatest: Bool) -> Int32 {
    let rows = ValueSorter.sorted(range, by: column)
    var best: Int32 = -1
    var bestCount = 0
    var start = 0
    for index in rows.indices {
      let isEnd = index + 1 == rows.count
      if isEnd || ValueOrder.compareValues(column, Int(rows[index]), column, Int(rows[index + 1])) != 0 {
        if index + 1 - start > bestCount || takesGreatest && index + 1 - start == bestCount {
          bestCount = index + 1 - start
          best = rows[start]
        }
        start = index + 1
      }
    }
    return best
  }
}
