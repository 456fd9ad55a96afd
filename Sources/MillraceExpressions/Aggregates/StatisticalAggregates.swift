import MillraceColumnar

/// Variances, covariances and regressions.
enum StatisticalAggregates {
  static let all: [AggregateFunction] = [
    AggregateFunction(
      "approx_count_distinct",
      summary: "About how many distinct values there are; a relative deviation may be given (0.05).",
      example: "approx_count_distinct(x)"
    ) { arguments, _ in
      try AggregateBinding.checkCount("approx_count_distinct", arguments, 1...2)
      var deviation = 0.05
      if arguments.count == 2 {
        let value = try AggregateBinding.constant("approx_count_distinct", arguments[1], 2)
        deviation = AggregateBinding.double(value, arguments[1].type) ?? 0
      }
      let precision = try DistinctSketchAccumulator.precision(forDeviation: deviation)
      return BoundAggregate(
        "approx_count_distinct", arguments: [arguments[0]], type: .long, isNullable: false, stateTypes: [.binary]
      ) { DistinctSketchAccumulator(precision: precision) }
    },
    moments(
      ["stddev", "stddev_samp", "std"], "The standard deviation of a sample; NULL for one value.", .deviationSample),
    moments(["stddev_pop"], "The standard deviation of a population.", .deviationPopulation),
    moments(["variance", "var_samp"], "The variance of a sample; NULL for one value.", .varianceSample),
    moments(["var_pop"], "The variance of a population.", .variancePopulation),
    moments(["skewness"], "The skewness; NULL where all values are equal.", .skewness),
    moments(["kurtosis"], "The excess kurtosis; NULL where all values are equal.", .kurtosis),
    pairs("corr", "The correlation of two numbers.", .correlation),
    pairs("covar_pop", "The covariance of a population.", .covariancePopulation),
    pairs("covar_samp", "The covariance of a sample; NULL for one pair.", .covarianceSample),
    regression("regr_count", "Counts rows in which neither number is NULL.", .count),
    regression("regr_avgx", "The mean of the second number where neither is NULL.", .averageX),
    regression("regr_avgy", "The mean of the first number where neither is NULL.", .averageY),
    regression("regr_sxx", "The sum of squares of the second number around its mean.", .sumXX),
    regression("regr_syy", "The sum of squares of the first number around its mean.", .sumYY),
    regression("regr_sxy", "The sum of products around both means.", .sumXY),
    regression("regr_slope", "The slope of the line that fits the first number to the second.", .slope),
    regression("regr_intercept", "Where the fitted line meets the axis.", .intercept),
    regression("regr_r2", "The share of variance that the fitted line explains.", .r2),
  ]

  private static func moments(_ names: [String], _ summary: String, _ result: MomentAccumulator.Result)
    -> AggregateFunction
  {
    AggregateFunction(names: names, summary: summary, example: "\(names[0])(x)") { arguments, _ in
      try AggregateBinding.checkCount(names[0], arguments, 1...1)
      let argument = try AggregateBinding.number(names[0], arguments[0], 1)
      return BoundAggregate(
        names[0], arguments: [argument], type: .double,
        stateTypes: Array(repeating: .double, count: result.order + 1), isOrderSensitive: true
      ) { MomentAccumulator(result) }
    }
  }

  private static func pairs(_ name: String, _ summary: String, _ result: PairAccumulator.Result) -> AggregateFunction {
    AggregateFunction(name, summary: summary, example: "\(name)(x, y)") { arguments, _ in
      try bind(name, arguments, result)
    }
  }

  /// The `regr_` functions take the dependent number first.
  private static func regression(_ name: String, _ summary: String, _ result: PairAccumulator.Result)
    -> AggregateFunction
  {
    AggregateFunction(name, summary: summary, example: "\(name)(y, x)") { arguments, context in
      if let mean = try decimalMean(name, arguments, result, context) { return mean }
      return try bind(name, arguments.reversed(), result)
    }
  }

  /// The mean of a DECIMAL is one, over the rows in which both numbers are there; nil for others.
  private static func decimalMean(
    _ name: String, _ arguments: [Expression], _ result: PairAccumulator.Result, _ context: BindingContext
  ) throws -> BoundAggregate? {
    let number: Expression
    switch (result, arguments.count) {
    case (.averageX, 2): number = arguments[1]
    case (.averageY, 2): number = arguments[0]
    default: return nil
    }
    guard number.type.isDecimal else { return nil }
    let isComplete = Expression.and(
      BuiltinOperators.isNotNull(arguments[0]), BuiltinOperators.isNotNull(arguments[1]))
    let counted = Expression.conditional(
      [Expression.Branch(isComplete, number)], otherwise: .null(number.type), number.type)
    return try BasicAggregates.average(name, [counted], context.isAnsi ? .fail : .null)
  }

  private static func bind(
    _ name: String, _ arguments: [Expression], _ result: PairAccumulator.Result
  ) throws -> BoundAggregate {
    try AggregateBinding.checkCount(name, arguments, 2...2)
    let numbers = [
      try AggregateBinding.number(name, arguments[0], 1), try AggregateBinding.number(name, arguments[1], 2),
    ]
    var type = DataType.double
    if case .count = result { type = .long }
    return BoundAggregate(
      name, arguments: numbers, type: type, isNullable: type == .double,
      stateTypes: Array(repeating: .double, count: 6), isOrderSensitive: true
    ) { PairAccumulator(result) }
  }
}
