public import MillraceColumnar

/// A function with its types settled that runs over windows.
public struct BoundWindowFunction: Sendable {
  /// How the result is computed.
  enum Kind: Sendable {
    case rowNumber, rank, denseRank, percentRank, cumulativeDistribution
    case buckets(Int)
    /// The value `offset` rows on (back if negative); a second argument stands in where there is no such row.
    case shift(offset: Int, ignoresNulls: Bool)
    /// The n-th value of the frame, from its end if negative.
    case nth(Int, ignoresNulls: Bool)
    case aggregate(BoundAggregate)
  }

  /// Lower-case name.
  public let name: String
  /// Evaluated per row, casts included.
  public let arguments: [Expression]
  /// Type of the result.
  public let type: DataType
  /// Whether the result may be NULL.
  public let isNullable: Bool
  let kind: Kind

  /// Whether the window must have an ORDER BY.
  public var requiresOrder: Bool { !usesFrame || name == "nth_value" }

  /// Whether a frame given in the query matters; ranks and shifts see the whole partition.
  public var usesFrame: Bool {
    switch kind {
    case .rowNumber, .rank, .denseRank, .percentRank, .cumulativeDistribution, .buckets, .shift: false
    case .nth, .aggregate: true
    }
  }

  /// Whether a frame may be given: any where it matters, else only the one that the function has anyway, as in Spark.
  public func takes(_ frame: WindowFrame) -> Bool {
    switch (kind, frame.unit, frame.lower, frame.upper) {
    case (.nth, _, _, _), (.aggregate, _, _, _): true
    case (.cumulativeDistribution, let unit, .unboundedPreceding, .currentRow): unit == .range
    case (.shift(let offset, _), .rows, .following(let lower, _), .following(let upper, _)):
      lower == .integer(Int64(offset)) && upper == lower
    case (.shift, _, _, _): false
    case (_, .rows, .unboundedPreceding, .currentRow): true
    default: false
    }
  }
}

/// Window functions by name.
public enum WindowFunctions {
  /// Functions that exist only with OVER. Any aggregate may stand there too.
  public static let names: Set<String> = [
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value",
  ]

  /// Binds `name(arguments) [WITHIN GROUP (ORDER BY ordering)] OVER …`; nil if there is no such function.
  public static func bind(
    _ name: String, _ arguments: [Expression], ordering: [AggregateOrdering] = [], ignoresNulls: Bool = false,
    registry: FunctionRegistry = .builtin, _ context: BindingContext
  ) throws -> BoundWindowFunction? {
    let name = name.lowercased()
    switch name {
    case "row_number": return try ranking(name, arguments, .rowNumber, .integer)
    case "rank": return try ranking(name, arguments, .rank, .integer)
    case "dense_rank": return try ranking(name, arguments, .denseRank, .integer)
    case "percent_rank": return try ranking(name, arguments, .percentRank, .double)
    case "cume_dist": return try ranking(name, arguments, .cumulativeDistribution, .double)
    case "ntile":
      try Arguments.expectCount(name, arguments, 0...1)
      let count = arguments.isEmpty ? 1 : try integer(name, "n", arguments[0])
      guard count > 0 else {
        throw MillraceError(
          "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "ntile needs a positive number of buckets, not \(count)")
      }
      return BoundWindowFunction(name: name, arguments: [], type: .integer, isNullable: false, kind: .buckets(count))
    case "lag": return try shift(name, arguments, -1, ignoresNulls, context)
    case "lead": return try shift(name, arguments, 1, ignoresNulls, context)
    case "nth_value":
      try Arguments.expectCount(name, arguments, 2...3)
      let position = try integer(name, "offset", arguments[1])
      guard position > 0 else {
        throw MillraceError(
          "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the offset of nth_value must be positive, not \(position)")
      }
      let skips = try ignoresNulls || flag(name, arguments, 2)
      return nth(name, arguments[0], position, skips)
    case "first_value", "first", "any_value", "last_value", "last":
      try Arguments.expectCount(name, arguments, 1...2)
      let skips = try ignoresNulls || flag(name, arguments, 1)
      return nth(name, arguments[0], name.hasPrefix("last") ? -1 : 1, skips)
    default:
      guard let function = registry.aggregate(name) else { return nil }
      if ignoresNulls {
        throw MillraceError(
          "FUNCTION_WITH_UNSUPPORTED_SYNTAX", "`\(name)` does not take IGNORE NULLS", hint: "leave it out")
      }
      let bound =
        ordering.isEmpty
        ? try function.bind(arguments, context)
        : try WithinGroup.bind(function.names[0], arguments: arguments, ordering: ordering, context: context)
      return BoundWindowFunction(
        name: bound.name, arguments: bound.arguments, type: bound.type, isNullable: bound.isNullable,
        kind: .aggregate(bound))
    }
  }

  private static func ranking(
    _ name: String, _ arguments: [Expression], _ kind: BoundWindowFunction.Kind, _ type: DataType
  ) throws -> BoundWindowFunction {
    // Spark lets the ordering decide also where these three are given arguments.
    if !["rank", "dense_rank", "percent_rank"].contains(name) { try Arguments.expectCount(name, arguments, 0) }
    return BoundWindowFunction(name: name, arguments: [], type: type, isNullable: false, kind: kind)
  }

  private static func nth(_ name: String, _ argument: Expression, _ position: Int, _ ignoresNulls: Bool)
    -> BoundWindowFunction
  {
    BoundWindowFunction(
      name: name, arguments: [argument], type: argument.type, isNullable: true,
      kind: .nth(position, ignoresNulls: ignoresNulls))
  }

  private static func shift(
    _ name: String, _ arguments: [Expression], _ direction: Int, _ ignoresNulls: Bool, _ context: BindingContext
  ) throws -> BoundWindowFunction {
    try Arguments.expectCount(name, arguments, 1...3)
    let offset = arguments.count > 1 ? try integer(name, "offset", arguments[1]) : 1
    var inputs = [arguments[0]]
    if arguments.count > 2 {
      guard TypeCoercion.canAssign(arguments[2].type, to: arguments[0].type) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
          "the value of `\(name)` is \(arguments[0].type.sql) but its default is \(arguments[2].type.sql)")
      }
      inputs.append(try arguments[2].cast(to: arguments[0].type, context))
    }
    return BoundWindowFunction(
      name: name, arguments: inputs, type: arguments[0].type, isNullable: true,
      kind: .shift(offset: direction * offset, ignoresNulls: ignoresNulls))
  }

  private static func integer(_ name: String, _ parameter: String, _ argument: Expression) throws -> Int {
    guard case .integer(let value) = try Arguments.constant(name, parameter, argument) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the argument \(parameter) of `\(name)` must be an integer constant")
    }
    return Int(value)
  }

  private static func flag(_ name: String, _ arguments: [Expression], _ index: Int) throws -> Bool {
    guard arguments.count > index else { return false }
    return try Arguments.constant(name, "ignoreNulls", arguments[index]) == .boolean(true)
  }
}
