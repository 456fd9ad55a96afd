import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Checks a window function call and settles its type and frame.
struct WindowFunctionBuilder {
  let block: SelectAnalyzer
  let resolver: ExpressionResolver

  init(_ block: SelectAnalyzer, _ resolver: ExpressionResolver) {
    self.block = block
    self.resolver = resolver
  }

  /// `row_number()` for a plan that the analyzer makes itself.
  static func rowNumber(_ analyzer: Analyzer) throws -> NamedWindowFunction {
    guard
      let function = try WindowFunctions.bind(
        "row_number", [], registry: analyzer.functions, analyzer.context)
    else { throw MillraceError("INTERNAL_ERROR", "there is no row_number()", fault: .bug) }
    let evaluator = try WindowEvaluator(function, frame: nil, isOrdered: true, analyzer.context)
    let attribute = Attribute("row_number", function.type, isNullable: false)
    return NamedWindowFunction(attribute, arguments: function.arguments, evaluator: evaluator)
  }

  private var context: BindingContext { block.analyzer.context }

  func build(
    _ call: FunctionCall, _ name: String, order: [SortOrder], _ frame: WindowSpecification.Frame?
  ) throws -> NamedWindowFunction {
    let settled = try frame.map { try resolve($0) }
    let (arguments, ordering) = try self.arguments(call)
    let function = try WindowFunctions.bind(
      name, arguments, ordering: ordering, ignoresNulls: call.ignoresNulls ?? false,
      registry: block.analyzer.functions, context)
    guard let function else {
      if block.analyzer.functions.scalar(name) == nil { return try unknown(name) }
      throw MillraceError("UNSUPPORTED_EXPR_FOR_WINDOW", "`\(name)` cannot be used with OVER")
    }
    try settled?.check(orderKeys: order.map(\.expression.type))
    if call.isDistinct {
      throw MillraceError(
        "DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", "`\(name)` cannot be DISTINCT over a window",
        hint: "aggregate with GROUP BY and join")
    }
    if let settled, !function.takes(settled) {
      throw MillraceError(
        "WINDOW_FUNCTION_AND_FRAME_MISMATCH", "`\(name)` takes no frame", hint: "leave out ROWS or RANGE")
    }
    if function.requiresOrder, order.isEmpty {
      throw MillraceError("WINDOW_FUNCTION_FRAME_NOT_ORDERED", "`\(name)` needs an ORDER BY in its window")
    }
    let hasOwnOrder =
      ["median", "percentile_cont", "percentile_disc"].contains(function.name)
      || function.name == "listagg" && !ordering.isEmpty
    if hasOwnOrder, frame != nil || !order.isEmpty {
      throw MillraceError(
        "INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC", "`\(name)` has an order of its own",
        hint: "leave ORDER BY and the frame out of its window")
    }
    let evaluator = try WindowEvaluator(function, frame: settled, isOrdered: !order.isEmpty, context)
    let attribute = Attribute(name, function.type, isNullable: function.isNullable)
    return NamedWindowFunction(attribute, arguments: function.arguments, evaluator: evaluator)
  }

  private func unknown(_ name: String) throws -> NamedWindowFunction {
    _ = try block.analyzer.call(name, [])
    throw MillraceError("UNRESOLVED_ROUTINE", "the function `\(name)` cannot be found")
  }

  /// The arguments, and those of WITHIN GROUP; with FILTER, rows that fail it give NULL.
  private func arguments(_ call: FunctionCall) throws -> ([Expression], [AggregateOrdering]) {
    var arguments: [Expression] = []
    for argument in call.arguments.compactMap(\.expression) {
      if argument.isPlainStar { continue }
      if case .star = argument.kind {
        arguments += try resolver.columns(of: argument).map { block.grouped($0) }
        continue
      }
      arguments.append(block.grouped(try resolver.resolve(argument)))
    }
    var ordering = try call.withinGroup.map {
      AggregateOrdering(
        block.grouped(try resolver.resolve($0.expression)), isDescending: !$0.isAscending, nullsFirst: $0.nullsFirst)
    }
    guard let filter = call.filter else { return (arguments, ordering) }
    let condition = block.grouped(try resolver.aggregateFilter(filter))
    func filtered(_ value: Expression) -> Expression {
      .conditional([Expression.Branch(condition, value)], otherwise: .null(value.type), value.type)
    }
    if ordering.isEmpty {
      if arguments.isEmpty { arguments = [.literal(.integer(1), .integer)] }
      return (arguments.map(filtered), [])
    }
    for index in ordering.indices { ordering[index].expression = filtered(ordering[index].expression) }
    return (arguments, ordering)
  }

  private func resolve(_ frame: WindowSpecification.Frame) throws -> WindowFrame {
    WindowFrame(frame.unit == .rows ? .rows : .range, try bound(frame.start), try bound(frame.end))
  }

  private func bound(_ bound: WindowSpecification.Frame.Bound) throws -> WindowFrame.Bound {
    switch bound {
    case .unboundedPreceding: return .unboundedPreceding
    case .unboundedFollowing: return .unboundedFollowing
    case .currentRow: return .currentRow
    case .preceding(let sql):
      let offset = try offset(sql)
      return .preceding(offset.value, offset.type)
    case .following(let sql):
      let offset = try offset(sql)
      return .following(offset.value, offset.type)
    }
  }

  private func offset(_ sql: SQLExpression) throws -> (value: Value, type: DataType) {
    let offset = try resolver.resolve(sql)
    guard offset.references.isEmpty, offset.isDeterministic else {
      throw MillraceError("INVALID_SQL_SYNTAX.INVALID_WINDOW_FRAME_BOUND", "a frame's offset must be a constant")
    }
    return (try Arguments.constant("frame", "offset", offset), offset.type)
  }
}
