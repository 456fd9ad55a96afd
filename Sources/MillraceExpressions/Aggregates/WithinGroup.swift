import MillraceColumnar

/// One key of `WITHIN GROUP (ORDER BY …)`.
public struct AggregateOrdering: Sendable {
  /// What to order by.
  public var expression: Expression
  /// Whether the greatest value comes first.
  public var isDescending: Bool
  /// Whether NULLs come before all values.
  public var nullsFirst: Bool

  /// Makes a key; NULLs are first when ascending and last when descending, unless told.
  public init(_ expression: Expression, isDescending: Bool = false, nullsFirst: Bool? = nil) {
    self.expression = expression
    self.isDescending = isDescending
    self.nullsFirst = nullsFirst ?? !isDescending
  }
}

/// Aggregates that take an order: `listagg`, `percentile_cont`, `percentile_disc`, `mode`.
public enum WithinGroup {
  /// Binds `name(arguments) WITHIN GROUP (ORDER BY ordering)`.
  public static func bind(
    _ name: String, arguments: [Expression], ordering: [AggregateOrdering], context: BindingContext
  ) throws -> BoundAggregate {
    switch name.lowercased() {
    case "listagg", "string_agg": return try listagg(arguments, ordering, context)
    case "percentile_cont", "percentile_disc":
      guard arguments.count == 1, ordering.count == 1 else {
        throw MillraceError(
          "INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS", "\(name) takes one percentage and one ordering",
          hint: "write \(name)(0.5) WITHIN GROUP (ORDER BY x)")
      }
      return try Percentiles.bind(
        name.lowercased(), ordering[0].expression, percentage: arguments[0], frequency: nil,
        isDiscrete: name.lowercased() == "percentile_disc", isDescending: ordering[0].isDescending)
    case "mode":
      guard arguments.isEmpty, ordering.count == 1 else {
        throw MillraceError("INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS", "mode takes one ordering")
      }
      return CollectionAggregates.mode(ordering[0].expression, ordering[0].isDescending ? .greatest : .least)
    default:
      throw MillraceError(
        "INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING", "\(name) does not take WITHIN GROUP",
        hint: "leave WITHIN GROUP out")
    }
  }

  private static func listagg(
    _ arguments: [Expression], _ ordering: [AggregateOrdering], _ context: BindingContext
  ) throws -> BoundAggregate {
    try AggregateBinding.checkCount("listagg", arguments, 1...2)
    let type: DataType = arguments[0].type == .binary ? .binary : .string
    if arguments[0].type.isNested || arguments[0].type == .variant {
      throw AggregateBinding.mismatch("listagg", arguments[0], 1, "STRING or BINARY")
    }
    let value = try arguments[0].type == .binary ? arguments[0] : arguments[0].cast(to: .string, context)
    var delimiter: [UInt8] = []
    if arguments.count == 2 {
      switch try AggregateBinding.constant("listagg", arguments[1], 2) {
      case .string(let text): delimiter = Array(text.utf8)
      case .binary(let bytes): delimiter = bytes
      case .null: break
      case .integer(let number) where arguments[1].type.isIntegral: delimiter = Array("\(number)".utf8)
      default: throw AggregateBinding.mismatch("listagg", arguments[1], 2, "STRING")
      }
    }
    let separator = delimiter
    let inputs = [value] + ordering.map(\.expression)
    let types = inputs.map(\.type)
    let directions = ordering.map { (isDescending: $0.isDescending, nullsFirst: $0.nullsFirst) }
    return BoundAggregate(
      "listagg", arguments: inputs, type: type, stateTypes: [.binary], isOrderSensitive: true
    ) {
      CollectingAccumulator(types, keepsNulls: true) { grouped in
        join(grouped, directions, separator, type)
      }
    }
  }

  private static func join(
    _ grouped: CollectingAccumulator.Grouped, _ directions: [(isDescending: Bool, nullsFirst: Bool)],
    _ separator: [UInt8],
    _ type: DataType
  ) -> ColumnVector {
    let values = grouped.columns[0]
    let keys = Array(grouped.columns.dropFirst())
    var writer = StringWriter(rows: grouped.lists.count)
    for list in grouped.lists {
      var rows = list.range.filter { !values.isNull($0) && values.type != .void }
      if !keys.isEmpty { rows.sort { precedes(keys, directions, $0, $1) } }
      for (index, row) in rows.enumerated() {
        if index > 0 { separator.withUnsafeBytes { writer.append($0) } }
        writer.append(values.bytes(row))
      }
      if rows.isEmpty { writer.endNull() } else { writer.end() }
    }
    return writer.finish(type, count: grouped.lists.count)
  }

  private static func precedes(
    _ keys: [ColumnVector], _ directions: [(isDescending: Bool, nullsFirst: Bool)], _ left: Int, _ right: Int
  ) -> Bool {
    for (key, direction) in zip(keys, directions) {
      if key.isNull(left) != key.isNull(right) { return key.isNull(left) == direction.nullsFirst }
      let order = ValueOrder.compare(key, left, key, right)
      if order != 0 { return (order < 0) != direction.isDescending }
    }
    return left < right
  }
}
