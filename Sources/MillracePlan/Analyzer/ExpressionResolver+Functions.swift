import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

extension ExpressionResolver {
  func functionCall(_ given: FunctionCall) throws -> Expression {
    let name = given.name.last?.lowercased() ?? ""
    let function = isFunction(name) ? try NamedArguments.ordered(given) : given
    if function.window != nil {
      guard let collector, !isInWhere else {
        throw MillraceError(
          isInWhere ? "WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE" : "UNSUPPORTED_EXPR_FOR_OPERATOR",
          "the window function `\(name)` cannot stand here", hint: "compute it in a subquery, or use QUALIFY")
      }
      return try collector.windowFunction(function, self)
    }
    if let aggregate = analyzer.functions.aggregate(name) {
      if analyzer.functions.scalar(name) == nil || collector != nil || function.isDistinct {
        return try aggregateCall(function, name, aggregate)
      }
    }
    if function.isDistinct || function.filter != nil {
      throw MillraceError(
        "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX",
        "`\(name)` is not an aggregate function and takes no DISTINCT or FILTER")
    }
    return try scalarCall(try expandingStars(of: function), name)
  }

  private func isFunction(_ name: String) -> Bool {
    analyzer.functions.scalar(name) != nil || analyzer.functions.aggregate(name) != nil || Generators.isGenerator(name)
      || ["window", "session_window", "window_time"].contains(name)
  }

  private func scalarCall(_ function: FunctionCall, _ name: String) throws -> Expression {
    switch name {
    case "window", "session_window": return try timeWindow(function, name)
    case "struct": return try row(function.arguments.compactMap(\.expression))
    case "grouping", "grouping_id", "grouping__id":
      guard let collector else { break }
      return try collector.groupingFunction(name, function, self)
    case "window_time": return try windowTime(function)
    case "input_file_name", "input_file_block_start", "input_file_block_length": return try fileFunction(function, name)
    case "between":
      let operands = function.arguments.compactMap(\.expression)
      guard operands.count == 3 else {
        throw MillraceError(
          "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`between` takes 3 arguments but got \(operands.count)")
      }
      return try resolve(SQLExpression(.between(operands[0], low: operands[1], high: operands[2]), operands[0].range))
    default: break
    }
    if Generators.names.contains(name) {
      throw MillraceError(
        isInWhere ? "UNSUPPORTED_GENERATOR.OUTSIDE_SELECT" : "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
        "the generator `\(name)` can only stand alone in a select list or in LATERAL VIEW")
    }
    if Generators.tableNames.contains(name) {
      throw MillraceError("NOT_A_SCALAR_FUNCTION", "`\(name)` is a table function", hint: "call it in FROM")
    }
    guard let scalar = analyzer.functions.scalar(name) else {
      if let type = SQLExpression.castFunctions[name] { return try castFunction(function, name, type) }
      if WindowFunctions.names.contains(name) {
        throw MillraceError("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE", "the window function `\(name)` needs an OVER clause")
      }
      return try call(function.name.joined(separator: "."), [])
    }
    return try scalar.bind(try arguments(of: function), analyzer.context)
  }

  /// The call with the columns that a `*` among its arguments stands for, under their names: `struct(*)`.
  private func expandingStars(of function: FunctionCall) throws -> FunctionCall {
    var expanded = function
    expanded.arguments = try function.arguments.flatMap { argument -> [FunctionCall.Argument] in
      guard let expression = argument.expression, case .star(let qualifier, let except) = expression.kind else {
        return [argument]
      }
      let range = expression.range
      return try scope.expanded(star: qualifier, except: except, at: range, by: analyzer).map { name, expression in
        FunctionCall.Argument(name: argument.name, SQLExpression(.alias(expression, [name]), range))
      }
    }
    return expanded
  }

  private func castFunction(_ function: FunctionCall, _ name: String, _ type: DataType) throws -> Expression {
    let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
    guard arguments.count == 1 else {
      throw MillraceError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`\(name)` takes 1 argument but got \(arguments.count)")
    }
    return try Cast.bind(arguments[0], to: type, context: analyzer.context)
  }

  private func arguments(of function: FunctionCall) throws -> [FunctionArgument] {
    try function.arguments.map { argument in
      guard let expression = argument.expression else {
        throw MillraceError(
          "UNSUPPORTED_FEATURE.TABLE_ARGUMENT", "`\(function.name.joined(separator: "."))` takes no table")
      }
      if case .lambda(let parameters, let body) = expression.kind {
        // Binding happens within the call, on this thread.
        nonisolated(unsafe) let resolver = self
        return .lambda(parameterCount: parameters.count) { types in try resolver.lambda(parameters, body, types) }
      }
      return .expression(try resolve(expression))
    }
  }

  private func aggregateCall(_ function: FunctionCall, _ name: String, _ aggregate: AggregateFunction) throws
    -> Expression
  {
    if isInsideAggregate {
      throw MillraceError(
        "NESTED_AGGREGATE_FUNCTION", "`\(name)` cannot stand inside another aggregate function", hint: "use a subquery")
    }
    guard let collector else {
      throw MillraceError(
        "INVALID_WHERE_CONDITION", "the aggregate function `\(name)` cannot stand here",
        hint: "use HAVING or a subquery")
    }
    isInsideAggregate = true
    collector.part = .aggregateArgument
    defer {
      isInsideAggregate = false
      collector.part = .result
    }
    let arguments = try aggregateArguments(function, aggregate)
    let ordering = try function.withinGroup.map {
      AggregateOrdering(try resolve($0.expression), isDescending: !$0.isAscending, nullsFirst: $0.nullsFirst)
    }
    let bound =
      ordering.isEmpty
      ? try aggregate.bind(arguments, analyzer.context)
      : try WithinGroup.bind(aggregate.names[0], arguments: arguments, ordering: ordering, context: analyzer.context)
    // Constants such as a percentage are bound into the function, so that only the call tells two of them apart.
    let given =
      arguments.map(\.fingerprint) + ordering.map { "\($0.expression.fingerprint)\($0.isDescending)\($0.nullsFirst)" }
    return collector.aggregate(
      bound, given: given.joined(separator: ","), filter: try function.filter.map { try aggregateFilter($0) },
      isDistinct: function.isDistinct)
  }

  /// The condition of FILTER.
  func aggregateFilter(_ sql: SQLExpression) throws -> Expression {
    func invalid(_ kind: String, _ message: String) -> MillraceError {
      MillraceError("INVALID_AGGREGATE_FILTER.\(kind)", "the condition of FILTER \(message)")
    }
    if sql.contains(where: analyzer.isAggregate) {
      throw invalid("CONTAINS_AGGREGATE", "cannot use an aggregate function")
    }
    if sql.contains(where: \.isWindowFunction) {
      throw invalid("CONTAINS_WINDOW_FUNCTION", "cannot use a window function")
    }
    let condition = try resolve(sql)
    guard condition.isDeterministic else { throw invalid("NON_DETERMINISTIC", "must give the same for the same row") }
    guard condition.type == .boolean else {
      throw invalid("NOT_BOOLEAN", "has the type \(condition.type.sql) instead of BOOLEAN")
    }
    return condition
  }

  /// The arguments of an aggregate; `count(*)` has none.
  private func aggregateArguments(_ function: FunctionCall, _ aggregate: AggregateFunction) throws -> [Expression] {
    var arguments: [Expression] = []
    if aggregate.names[0] == "count", function.arguments.isEmpty {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITH_SUGGESTION", "`count` takes at least 1 argument but got 0", hint: "write count(*)")
    }
    for argument in function.arguments.compactMap(\.expression) {
      if case .star(let qualifier, _) = argument.kind {
        let isPlain = argument.isPlainStar && !function.isDistinct
        if aggregate.names[0] == "count" && function.arguments.count == 1 && isPlain { continue }
        if aggregate.names[0] == "count" && !qualifier.isEmpty {
          throw MillraceError(
            "INVALID_USAGE_OF_STAR_WITH_TABLE_IDENTIFIER_IN_COUNT",
            "count(\(qualifier.joined(separator: ".")).*) is not allowed", hint: "write count(*), or name the columns")
        }
        arguments += try columns(of: argument)
      } else {
        arguments.append(try resolve(argument))
      }
    }
    if let ignores = function.ignoresNulls, ignores { arguments.append(.literal(.boolean(true), .boolean)) }
    return arguments
  }

  /// The columns that a star stands for.
  func columns(of star: SQLExpression) throws -> [Expression] {
    guard case .star(let qualifier, let except) = star.kind else { return [] }
    return try scope.expanded(star: qualifier, except: except, at: star.range, by: analyzer).map {
      try resolve($0.expression)
    }
  }

  /// A generator call as a plan node over `child`, nil if the function is no generator.
  func generator(_ function: FunctionCall, over child: LogicalPlan) throws -> GenerateNode? {
    let name = function.name.last?.lowercased() ?? ""
    let function = Generators.isGenerator(name) ? try NamedArguments.ordered(function) : function
    let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
    guard let generator = try Generators.bind(name, arguments, analyzer.context) else { return nil }
    let isOuter = Generators.isOuter(name)
    let output = generator.output.map { Attribute($0.name, $0.type, isNullable: $0.isNullable || isOuter) }
    return GenerateNode(generator: generator, output: output, isOuter: isOuter, child: child)
  }
}
