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

  private var context: BindingContext { block.analyzer.context }

  func build(
    _ call: FunctionCall, _ name: String, order: [SortOrder], _ frame: WindowSpecification.Frame?
  ) throws -> NamedWindowFunction {
    if block.child.isStreaming {
      throw MillraceError(
        "NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING", "the window function `\(name)` cannot be used on a stream",
        hint: "group by window(time, duration) instead")
    }
    let settled = try resolve(frame, order)
    if WindowFunctionNames.ranking.contains(name) { return try ranking(call, name, order) }
    if WindowFunctionNames.offset.contains(name) { return try offset(call, name, order) }
    if ["nth_value", "first_value", "last_value", "first", "last"].contains(name) { return try value(call, name, settled) }
    guard let aggregate = block.analyzer.functions.aggregate(name) else {
      throw MillraceError("UNSUPPORTED_EXPR_FOR_WINDOW", "`\(name)` cannot be used with OVER")
    }
    if call.isDistinct {
      throw MillraceError("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED", "DISTINCT window functions are not supported: `\(name)`")
    }
    var bound = try resolver.boundAggregate(call, aggregate)
    bound.arguments = bound.arguments.map { block.grouped($0) }
    let filter = try call.filter.map { block.grouped(try resolver.resolve($0)) }
    return NamedWindowFunction(
      Attribute(name, bound.type, isNullable: bound.isNullable), name: nil, arguments: [], aggregate: bound, filter: filter,
      frame: settled)
  }

  private func arguments(_ call: FunctionCall) throws -> [Expression] {
    try call.arguments.compactMap(\.expression).map { block.grouped(try resolver.resolve($0)) }
  }

  private func ranking(_ call: FunctionCall, _ name: String, _ order: [SortOrder]) throws -> NamedWindowFunction {
    if order.isEmpty {
      throw MillraceError("WINDOW_FUNCTION_AND_FRAME_MISMATCH", "`\(name)` needs an ORDER BY in its window")
    }
    let arguments = try self.arguments(call)
    let type: DataType = ["percent_rank", "cume_dist"].contains(name) ? .double : .integer
    let whole = WindowFrame(isRows: true, lower: .unboundedPreceding, upper: .currentRow)
    return NamedWindowFunction(
      Attribute(name, type, isNullable: false), name: name, arguments: arguments, aggregate: nil, frame: whole)
  }

  private func offset(_ call: FunctionCall, _ name: String, _ order: [SortOrder]) throws -> NamedWindowFunction {
    var arguments = try self.arguments(call)
    guard (1...3).contains(arguments.count) else {
      throw MillraceError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`\(name)` takes 1 to 3 arguments but got \(arguments.count)")
    }
    if order.isEmpty {
      throw MillraceError("WINDOW_FUNCTION_AND_FRAME_MISMATCH", "`\(name)` needs an ORDER BY in its window")
    }
    var type = arguments[0].type
    if arguments.count == 3 {
      guard let common = TypeCoercion.commonType(type, arguments[2].type) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the default of `\(name)` has the type \(arguments[2].type.sql) instead of \(type.sql)")
      }
      type = common
      arguments[0] = try arguments[0].cast(to: type, context)
      arguments[2] = try arguments[2].cast(to: type, context)
    }
    return NamedWindowFunction(
      Attribute(name, type), name: name, arguments: arguments, aggregate: nil, ignoresNulls: call.ignoresNulls ?? false,
      frame: WindowFrame(isRows: true, lower: .unboundedPreceding, upper: .unboundedFollowing))
  }

  private func value(_ call: FunctionCall, _ name: String, _ frame: WindowFrame) throws -> NamedWindowFunction {
    var arguments = try self.arguments(call)
    var ignoresNulls = call.ignoresNulls ?? false
    let canonical = ["first": "first_value", "last": "last_value"][name] ?? name
    if canonical != "nth_value", arguments.count == 2, case .literal(.boolean(let flag), _) = arguments[1] {
      ignoresNulls = flag
      arguments.removeLast()
    }
    guard let first = arguments.first else {
      throw MillraceError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`\(name)` needs an argument")
    }
    return NamedWindowFunction(
      Attribute(name, first.type), name: canonical, arguments: arguments, aggregate: nil, ignoresNulls: ignoresNulls, frame: frame)
  }

  private func resolve(_ frame: WindowSpecification.Frame?, _ order: [SortOrder]) throws -> WindowFrame {
    guard let frame else {
      return order.isEmpty
        ? WindowFrame(isRows: true, lower: .unboundedPreceding, upper: .unboundedFollowing)
        : WindowFrame(isRows: false, lower: .unboundedPreceding, upper: .currentRow)
    }
    return WindowFrame(isRows: frame.unit == .rows, lower: try bound(frame.start, order), upper: try bound(frame.end, order))
  }

  private func bound(_ bound: WindowSpecification.Frame.Bound, _ order: [SortOrder]) throws -> WindowFrame.Bound {
    switch bound {
    case .unboundedPreceding: return .unboundedPreceding
    case .unboundedFollowing: return .unboundedFollowing
    case .currentRow: return .currentRow
    case .preceding(let sql): return .offset(try block.analyzer.call("negative", [try resolver.resolve(sql)]))
    case .following(let sql): return .offset(try resolver.resolve(sql))
    }
  }
}
