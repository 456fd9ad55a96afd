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
        "row_number", [], ignoresNulls: false, isDistinct: false, registry: analyzer.functions, analyzer.context)
    else { throw MillraceError("INTERNAL_ERROR", "there is no row_number()", fault: .bug) }
    let evaluator = try WindowEvaluator(function, frame: nil, isOrdered: true, analyzer.context)
    let attribute = Attribute("row_number", function.type, isNullable: false)
    return NamedWindowFunction(attribute, arguments: function.arguments, evaluator: evaluator)
  }

  private var context: BindingContext { block.analyzer.context }

  func build(
    _ call: FunctionCall, _ name: String, order: [SortOrder], _ frame: WindowSpecification.Frame?
  ) throws -> NamedWindowFunction {
    let arguments = try self.arguments(call)
    let function = try WindowFunctions.bind(
      name, arguments, ignoresNulls: call.ignoresNulls ?? false, isDistinct: call.isDistinct,
      registry: block.analyzer.functions, context)
    guard let function else {
      if block.analyzer.functions.scalar(name) == nil { return try unknown(name) }
      throw MillraceError("UNSUPPORTED_EXPR_FOR_WINDOW", "`\(name)` cannot be used with OVER")
    }
    let settled = try frame.map { try resolve($0) }
    try settled?.check(orderKeys: order.map(\.expression.type))
    if function.requiresOrder, frame != nil {
      throw MillraceError(
        "WINDOW_FUNCTION_AND_FRAME_MISMATCH", "`\(name)` takes no frame", hint: "leave out ROWS or RANGE")
    }
    if function.requiresOrder, order.isEmpty {
      throw MillraceError("WINDOW_FUNCTION_FRAME_NOT_ORDERED", "`\(name)` needs an ORDER BY in its window")
    }
    let evaluator = try WindowEvaluator(function, frame: settled, isOrdered: !order.isEmpty, context)
    let attribute = Attribute(name, function.type, isNullable: function.isNullable)
    return NamedWindowFunction(attribute, arguments: function.arguments, evaluator: evaluator)
  }

  private func unknown(_ name: String) throws -> NamedWindowFunction {
    _ = try block.analyzer.call(name, [])
    throw MillraceError("UNRESOLVED_ROUTINE", "the function `\(name)` cannot be found")
  }

  /// The arguments; with FILTER, rows that fail it give NULL.
  private func arguments(_ call: FunctionCall) throws -> [Expression] {
    var arguments: [Expression] = []
    for argument in call.arguments.compactMap(\.expression) {
      if case .star = argument.kind { continue }
      arguments.append(block.grouped(try resolver.resolve(argument)))
    }
    guard let filter = call.filter else { return arguments }
    let condition = block.grouped(try resolver.resolve(filter))
    if arguments.isEmpty { arguments = [.literal(.integer(1), .integer)] }
    return arguments.map { .conditional([Expression.Branch(condition, $0)], otherwise: .null($0.type), $0.type) }
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
      let offset = try resolver.resolve(sql)
      return .preceding(try Arguments.constant("frame", "offset", offset), offset.type)
    case .following(let sql):
      let offset = try resolver.resolve(sql)
      return .following(try Arguments.constant("frame", "offset", offset), offset.type)
    }
  }
}
