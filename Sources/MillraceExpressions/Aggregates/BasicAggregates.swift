import MillraceColumnar

/// `count`, `sum`, `avg`, `min`, `max` and their kin.
enum BasicAggregates {
  static let all: [AggregateFunction] = [
    AggregateFunction(
      "count", summary: "Counts rows, or rows in which no argument is NULL.", example: "count(*)"
    ) { arguments, _ in
      BoundAggregate("count", arguments: arguments, type: .long, isNullable: false, stateTypes: [.long]) {
        // Only constants: a column that is declared NOT NULL may hold NULLs where its file does.
        CountAccumulator(skipsNulls: !arguments.allSatisfy(isConstantValue))
      }
    },
    AggregateFunction(
      "count_if", summary: "Counts rows for which the condition is true.", example: "count_if(x > 1)"
    ) { arguments, _ in
      let argument = try booleans("count_if", arguments)
      return BoundAggregate("count_if", arguments: [argument], type: .long, isNullable: false, stateTypes: [.long]) {
        CountAccumulator(skipsNulls: true, countsTrueOnly: true)
      }
    },
    AggregateFunction(
      "sum", summary: "Adds numbers or intervals; integers give BIGINT, and leaving its range is an error.",
      example: "sum(x)"
    ) { arguments, context in try sum("sum", arguments, context.isAnsi ? .fail : .wrap) },
    AggregateFunction(
      "try_sum", summary: "Adds numbers or intervals; NULL where the sum leaves its type's range.",
      example: "try_sum(x)"
    ) { arguments, _ in try sum("try_sum", arguments, .null) },
    AggregateFunction(
      "avg", "mean", summary: "The mean of numbers or intervals.", example: "avg(x)"
    ) { arguments, context in try average("avg", arguments, context.isAnsi ? .fail : .null) },
    AggregateFunction(
      "try_avg", summary: "The mean of numbers or intervals; NULL where the sum overflows.", example: "try_avg(x)"
    ) { arguments, _ in try average("try_avg", arguments, .null) },
    extreme("min", "The least value; NaN is the greatest number.", isMaximum: false),
    extreme("max", "The greatest value; NaN is the greatest number.", isMaximum: true),
    extremeBy("min_by", "The first argument in the row where the second is least.", isMaximum: false),
    extremeBy("max_by", "The first argument in the row where the second is greatest.", isMaximum: true),
    position(["first", "first_value"], "The first value, in order of arrival.", isLast: false),
    position(["last", "last_value"], "The last value, in order of arrival.", isLast: true),
    position(["any_value"], "Some value.", isLast: false),
    logical(["bool_and", "every"], "Whether all values are true.", .and),
    logical(["bool_or", "some", "any"], "Whether some value is true.", .or),
    bitwise("bit_and", "The bits that are set in all values.", .and),
    bitwise("bit_or", "The bits that are set in some value.", .or),
    bitwise("bit_xor", "The bits that are set in an odd number of values.", .xor),
  ]

  private static func isConstantValue(_ argument: Expression) -> Bool {
    if case .literal(let value, _) = argument { return value != .null }
    return false
  }

  private static func booleans(_ name: String, _ arguments: [Expression]) throws -> Expression {
    try AggregateBinding.checkCount(name, arguments, 1...1)
    switch arguments[0].type {
    case .boolean: return arguments[0]
    case .void, .string: return try arguments[0].cast(to: .boolean, BindingContext())
    default: throw AggregateBinding.mismatch(name, arguments[0], 1, "BOOLEAN")
    }
  }

  private static func sum(_ name: String, _ arguments: [Expression], _ mode: OverflowMode) throws -> BoundAggregate {
    try AggregateBinding.checkCount(name, arguments, 1...1)
    let type = arguments[0].type
    switch type {
    case .dayTimeInterval, .yearMonthInterval: return longSum(name, arguments[0], type, mode)
    default: break
    }
    let argument = try AggregateBinding.summand(name, arguments[0])
    if case .decimal(let precision, let scale) = argument.type {
      let sumType = DataType.decimal(precision: min(precision + 10, 38), scale: scale)
      return BoundAggregate(name, arguments: [argument], type: sumType, stateTypes: [sumType, .long]) {
        DecimalSumAccumulator(sumType: sumType, result: sumType, isAverage: false, mode: mode)
      }
    }
    if argument.type.isIntegral { return longSum(name, argument, .long, mode) }
    return BoundAggregate(name, arguments: [argument], type: .double, stateTypes: [.double], isOrderSensitive: true) {
      DoubleSumAccumulator()
    }
  }

  private static func longSum(
    _ name: String, _ argument: Expression, _ type: DataType, _ mode: OverflowMode
  ) -> BoundAggregate {
    BoundAggregate(name, arguments: [argument], type: type, stateTypes: [.long, .boolean]) {
      LongSumAccumulator(type, mode)
    }
  }

  static func average(_ name: String, _ arguments: [Expression], _ mode: OverflowMode) throws -> BoundAggregate {
    try AggregateBinding.checkCount(name, arguments, 1...1)
    let type = arguments[0].type
    switch type {
    case .dayTimeInterval, .yearMonthInterval:
      // A mean may fall between the fields of its arguments.
      let isOfMonths = if case .yearMonthInterval = type { true } else { false }
      let result = isOfMonths ? DataType.yearToMonth : .dayToSecond
      return BoundAggregate(name, arguments: arguments, type: result, stateTypes: [.long, .long]) {
        IntervalAverageAccumulator(result)
      }
    default: break
    }
    let argument = try AggregateBinding.summand(name, arguments[0])
    if case .decimal(let precision, let scale) = argument.type {
      let sumType = DataType.decimal(precision: min(precision + 10, 38), scale: scale)
      let result = DataType.decimal(precision: min(precision + 4, 38), scale: min(scale + 4, 38))
      return BoundAggregate(name, arguments: [argument], type: result, stateTypes: [sumType, .long]) {
        DecimalSumAccumulator(sumType: sumType, result: result, isAverage: true, mode: mode)
      }
    }
    if argument.type.isIntegral {
      return BoundAggregate(name, arguments: [argument], type: .double, stateTypes: [.long, .long, .long]) {
        IntegerAverageAccumulator()
      }
    }
    return BoundAggregate(
      name, arguments: [argument], type: .double, stateTypes: [.double, .long], isOrderSensitive: true
    ) {
      AverageAccumulator()
    }
  }

  private static func storedType(_ type: DataType) -> DataType { type.isNested ? .binary : type }

  private static func checkOrderable(_ name: String, _ argument: Expression) throws {
    guard !argument.type.isOrderable else { return }
    throw MillraceError(
      "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "\(name) cannot compare values of type \(argument.type.sql)")
  }

  private static func extreme(_ name: String, _ summary: String, isMaximum: Bool) -> AggregateFunction {
    AggregateFunction(name, summary: summary, example: "\(name)(x)") { arguments, _ in
      try AggregateBinding.checkCount(name, arguments, 1...1)
      try checkOrderable(name, arguments[0])
      let type = arguments[0].type
      let isFixed = type.physical != .view && !type.isNested
      return BoundAggregate(name, arguments: arguments, type: type, stateTypes: [storedType(type)]) {
        if isFixed { return FixedExtremeAccumulator(type, isMaximum: isMaximum) }
        return OrderedPickAccumulator(key: type, value: nil, isMaximum: isMaximum)
      }
    }
  }

  private static func extremeBy(_ name: String, _ summary: String, isMaximum: Bool) -> AggregateFunction {
    AggregateFunction(name, summary: summary, example: "\(name)(x, y)") { arguments, _ in
      try AggregateBinding.checkCount(name, arguments, 2...3)
      try checkOrderable(name, arguments[1])
      if arguments.count == 3 { return try ExtremeRows.bind(name, arguments, isMaximum: isMaximum) }
      let value = arguments[0].type, key = arguments[1].type
      return BoundAggregate(
        name, arguments: arguments, type: value, stateTypes: [storedType(key), storedType(value)],
        isOrderSensitive: true
      ) { OrderedPickAccumulator(key: key, value: value, isMaximum: isMaximum) }
    }
  }

  private static func position(_ names: [String], _ summary: String, isLast: Bool) -> AggregateFunction {
    AggregateFunction(names: names, summary: summary, example: "\(names[0])(x)") { arguments, _ in
      try AggregateBinding.checkCount(names[0], arguments, 1...2)
      var ignoresNulls = false
      if arguments.count == 2 {
        guard case .boolean(let flag) = try AggregateBinding.constant(names[0], arguments[1], 2) else {
          throw AggregateBinding.mismatch(names[0], arguments[1], 2, "BOOLEAN")
        }
        ignoresNulls = flag
      }
      return picking(names[0], arguments[0], isLast: isLast, ignoresNulls: ignoresNulls)
    }
  }

  private static func picking(_ name: String, _ argument: Expression, isLast: Bool, ignoresNulls: Bool)
    -> BoundAggregate
  {
    let type = argument.type
    return BoundAggregate(
      name, arguments: [argument], type: type, stateTypes: [storedType(type), .boolean], isOrderSensitive: true
    ) { PositionAccumulator(type, isLast: isLast, ignoresNulls: ignoresNulls) }
  }

  private static func logical(
    _ names: [String], _ summary: String, _ operation: BitAccumulator.Operation
  ) -> AggregateFunction {
    AggregateFunction(names: names, summary: summary, example: "\(names[0])(x > 1)") { arguments, _ in
      let argument = try booleans(names[0], arguments)
      return BoundAggregate(names[0], arguments: [argument], type: .boolean, stateTypes: [.boolean]) {
        BitAccumulator(.boolean, operation)
      }
    }
  }

  private static func bitwise(_ name: String, _ summary: String, _ operation: BitAccumulator.Operation)
    -> AggregateFunction
  {
    AggregateFunction(name, summary: summary, example: "\(name)(x)") { arguments, _ in
      try AggregateBinding.checkCount(name, arguments, 1...1)
      let argument = arguments[0].type == .void ? .null(.integer) : arguments[0]
      let type = argument.type
      guard type.isIntegral else { throw AggregateBinding.mismatch(name, argument, 1, "an integer") }
      return BoundAggregate(name, arguments: [argument], type: type, stateTypes: [type]) {
        BitAccumulator(type, operation)
      }
    }
  }
}
