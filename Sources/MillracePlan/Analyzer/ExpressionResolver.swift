import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

/// Turns one syntax-tree expression into a typed one, in a scope of columns.
///
/// Aggregate, window and generator functions are handed to the `collector` of the select block, which replaces them by a column.
final class ExpressionResolver {
  let analyzer: Analyzer
  var scope: Scope
  /// Takes aggregates and window functions; nil where they are not allowed.
  weak var collector: SelectAnalyzer?
  /// Expressions that names mean where no column has the name: earlier aliases of the same SELECT, grouping columns.
  var aliases: [String: Expression] = [:]
  private var lambdaParameters: [[String: Attribute]] = []
  private var isInsideAggregate = false
  private var depth = 0

  init(_ analyzer: Analyzer, _ scope: Scope, collector: SelectAnalyzer? = nil) {
    self.analyzer = analyzer
    self.scope = scope
    self.collector = collector
  }

  func resolve(_ sql: SQLExpression) throws -> Expression {
    switch sql.kind {
    case .literal(let value, let type): return .literal(value, type)
    case .typedLiteral(let type, let text): return try typedLiteral(type, text)
    case .column(let parts): return try column(parts)
    case .star:
      throw MillraceError(
        "INVALID_USAGE_OF_STAR_OR_REGEX", "'*' can only stand in a select list or as an argument of count")
    case .unary(let op, let operand): return try unary(op, operand)
    case .binary(let op, let left, let right): return try binary(op, left, right)
    case .isNull(let operand, let isNegated):
      return try call(isNegated ? "isnotnull" : "isnull", [try resolve(operand)])
    case .between(let value, let low, let high):
      let resolved = try resolve(value)
      return .and(try call(">=", [resolved, try resolve(low)]), try call("<=", [resolved, try resolve(high)]))
    case .inList(let value, let items): return try call("in", try ([value] + items).map { try resolve($0) })
    case .inSubquery(let value, let query): return try inSubquery(value, query)
    case .exists(let query): return try exists(query)
    case .scalarSubquery(let query): return try scalarSubquery(query)
    case .like(let predicate): return try like(predicate)
    case .cast(let operand, let type, let isTry):
      return try Cast.bind(try resolve(operand), to: type, isTry: isTry, context: analyzer.context)
    case .caseWhen(let operand, let branches, let otherwise): return try caseWhen(operand, branches, otherwise)
    case .call(let function): return try functionCall(function)
    case .lambda:
      throw MillraceError(
        "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION",
        "a lambda can only be an argument of a higher-order function")
    case .element(let base, let index):
      return try CollectionAccess.subscriptExpression(try resolve(base), try resolve(index), analyzer.context)
    case .field(let base, let name): return try CollectionAccess.fieldAccess(try resolve(base), name, analyzer.context)
    case .row(let parts): return try row(parts)
    case .alias(let inner, _): return try resolve(inner)
    case .parameter(let name):
      throw MillraceError("UNBOUND_SQL_PARAMETER", "the parameter '\(name.isEmpty ? "?" : ":" + name)' has no value")
    case .variantPath: throw MillraceError("UNSUPPORTED_FEATURE.VARIANT", "VARIANT values are not supported")
    }
  }

  private func call(_ name: String, _ arguments: [Expression]) throws -> Expression {
    try analyzer.call(name, arguments)
  }

  // MARK: Names

  private func column(_ parts: [String]) throws -> Expression {
    if let parameter = lambdaParameters.reversed().lazy.compactMap({ $0[parts[0].lowercased()] }).first {
      return try access(.attribute(parameter), parts.dropFirst())
    }
    if parts[0].hasPrefix("\u{0}"), let id = Int(parts[0].dropFirst()) {
      // Made by the expansion of `*` and generators: a column by identity, since names may repeat.
      if let column = (scope.columns + scope.hidden).first(where: { $0.id == id }) { return .attribute(column) }
    }
    if let match = try scope.match(parts) { return try access(.attribute(match.attribute), match.path) }
    if let alias = aliases[parts[0].lowercased()] { return try access(alias, parts.dropFirst()) }
    if parts.count == 1, SQLExpression.parenthesisFreeFunctions.contains(parts[0].lowercased()) {
      return try functionCall(FunctionCall(parts, []))
    }
    var outer = scope.outer
    while case .scope(let enclosing) = outer {
      if let match = try enclosing.match(parts) {
        return try access(.attribute(match.attribute), match.path)
      }
      outer = enclosing.outer
    }
    throw analyzer.unresolvedColumn(parts, among: scope.columns)
  }

  private func access(_ base: Expression, _ path: ArraySlice<String>) throws -> Expression {
    try path.reduce(base) { try CollectionAccess.fieldAccess($0, $1, analyzer.context) }
  }

  private func typedLiteral(_ type: DataType, _ text: String) throws -> Expression {
    let expression = try Expression.literal(.string(text), .string).cast(to: type, analyzer.context)
    do {
      return .literal(try expression.constantValue(), type)
    } catch {
      throw MillraceError(
        "INVALID_TYPED_LITERAL", "the value of the typed literal \"\(type.sql)\" is invalid: '\(text)'")
    }
  }

  // MARK: Operators

  private func unary(_ op: UnaryOperator, _ operand: SQLExpression) throws -> Expression {
    if op == .minus, case .literal(let value, let type) = operand.kind, let negated = value.negated {
      return .literal(negated, type)
    }
    let resolved = try resolve(operand)
    switch op {
    case .not: return try call("not", [resolved])
    case .minus: return try call("negative", [resolved])
    case .plus: return try call("positive", [resolved])
    case .bitwiseNot: return try call("~", [resolved])
    }
  }

  private func binary(_ op: BinaryOperator, _ left: SQLExpression, _ right: SQLExpression) throws -> Expression {
    depth += 1
    defer { depth -= 1 }
    let a = try resolve(left)
    let b = try resolve(right)
    switch op {
    case .and: return .and(try boolean(a, "AND"), try boolean(b, "AND"))
    case .or: return .or(try boolean(a, "OR"), try boolean(b, "OR"))
    case .shiftLeft: return try call("shiftleft", [a, b])
    case .shiftRight: return try call("shiftright", [a, b])
    case .shiftRightUnsigned: return try call("shiftrightunsigned", [a, b])
    case .concat: return try call("concat", [a, b])
    default: return try call(op.rawValue, [a, b])
    }
  }

  private func boolean(_ expression: Expression, _ op: String) throws -> Expression {
    guard expression.type == .boolean || expression.type == .void || expression.type == .string else {
      throw MillraceError(
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
        "\(op) needs BOOLEAN operands, but one has the type \(expression.type.sql)")
    }
    return try expression.cast(to: .boolean, analyzer.context)
  }

  private func like(_ predicate: SQLExpression.LikePredicate) throws -> Expression {
    let value = try resolve(predicate.value)
    let name = predicate.operator.rawValue.lowercased()
    let singles = try predicate.patterns.map { pattern -> Expression in
      var arguments = [value, try resolve(pattern)]
      if let escape = predicate.escape { arguments.append(.literal(.string(String(escape)), .string)) }
      let single = try call(name, arguments)
      return predicate.isNegated ? try call("not", [single]) : single
    }
    guard let first = singles.first else { return .literal(.boolean(false), .boolean) }
    return singles.dropFirst().reduce(first) { predicate.quantifier == .all ? .and($0, $1) : .or($0, $1) }
  }

  private func caseWhen(_ operand: SQLExpression?, _ branches: [SQLExpression.CaseBranch], _ otherwise: SQLExpression?)
    throws -> Expression
  {
    let subject = try operand.map { try resolve($0) }
    var conditions: [Expression] = []
    var results: [Expression] = []
    for branch in branches {
      let condition = try resolve(branch.condition)
      if let subject {
        conditions.append(try call("=", [subject, condition]))
      } else {
        guard condition.type == .boolean || condition.type == .void else {
          throw MillraceError(
            "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
            "WHEN needs a BOOLEAN condition, but it has the type \(condition.type.sql)")
        }
        conditions.append(try condition.cast(to: .boolean, analyzer.context))
      }
      results.append(try resolve(branch.result))
    }
    results.append(try otherwise.map { try resolve($0) } ?? .null(.void))
    let unified = try Arguments.unify("casewhen", results, analyzer.context)
    guard let last = unified.last else { return .null(.void) }
    return .conditional(zip(conditions, unified).map { Expression.Branch($0, $1) }, otherwise: last, last.type)
  }

  private func row(_ parts: [SQLExpression]) throws -> Expression {
    var arguments: [Expression] = []
    for (index, part) in parts.enumerated() {
      arguments.append(.literal(.string(structFieldName(part, index)), .string))
      arguments.append(try resolve(part))
    }
    return try call("named_struct", arguments)
  }

  private func structFieldName(_ part: SQLExpression, _ index: Int) -> String {
    switch part.kind {
    case .alias(_, let names) where names.count == 1: names[0]
    case .column(let parts): parts.last ?? "col\(index + 1)"
    case .field(_, let name): name
    default: "col\(index + 1)"
    }
  }

  // MARK: Functions

  private func functionCall(_ function: FunctionCall) throws -> Expression {
    let name = function.name.last?.lowercased() ?? ""
    if function.window != nil {
      guard let collector else {
        throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "the window function `\(name)` cannot stand here")
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
    switch name {
    case "window", "session_window": return try timeWindow(function, name)
    case "struct": return try row(function.arguments.compactMap(\.expression))
    case "grouping", "grouping_id", "grouping__id":
      guard let collector else { break }
      return try collector.groupingFunction(name, function, self)
    case "window_time": return try windowTime(function)
    default: break
    }
    if Generators.names.contains(name) {
      throw MillraceError(
        "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS",
        "the generator `\(name)` can only stand alone in a select list or in LATERAL VIEW")
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

  private func lambda(_ names: [String], _ body: SQLExpression, _ types: [(DataType, isNullable: Bool)]) throws
    -> Lambda
  {
    guard names.count <= types.count else {
      throw MillraceError(
        "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
        "the lambda has \(names.count) parameters, but \(types.count) are passed")
    }
    let attributes = zip(names, types).map { Attribute($0, $1.0, isNullable: $1.isNullable) }
    var level: [String: Attribute] = [:]
    for attribute in attributes {
      if level.updateValue(attribute, forKey: attribute.name.lowercased()) != nil {
        throw MillraceError(
          "INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES", "the lambda has two parameters called `\(attribute.name)`"
        )
      }
    }
    lambdaParameters.append(level)
    defer { lambdaParameters.removeLast() }
    return Lambda(attributes, try resolve(body))
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
    defer { isInsideAggregate = false }
    let bound = try boundAggregate(function, aggregate)
    let filter = try function.filter.map { try resolve($0) }
    return collector.aggregate(bound, filter: filter, isDistinct: function.isDistinct)
  }

  /// An aggregate with its arguments resolved; `count(*)` has none.
  func boundAggregate(_ function: FunctionCall, _ aggregate: AggregateFunction) throws -> BoundAggregate {
    var arguments: [Expression] = []
    for argument in function.arguments.compactMap(\.expression) {
      if case .star(let qualifier, _) = argument.kind {
        if aggregate.names[0] == "count" && function.arguments.count == 1 && qualifier.isEmpty && !function.isDistinct {
          continue
        }
        arguments += scope.star(qualifier).map { .attribute($0) }
      } else {
        arguments.append(try resolve(argument))
      }
    }
    if let ignores = function.ignoresNulls, ignores { arguments.append(.literal(.boolean(true), .boolean)) }
    if !function.withinGroup.isEmpty {
      return try WithinGroup.bind(
        aggregate.names[0], arguments: arguments,
        ordering: try function.withinGroup.map {
          AggregateOrdering(try resolve($0.expression), isDescending: !$0.isAscending, nullsFirst: $0.nullsFirst)
        }, context: analyzer.context)
    }
    return try aggregate.bind(arguments, analyzer.context)
  }

  private func timeWindow(_ function: FunctionCall, _ name: String) throws -> Expression {
    if name == "session_window" {
      guard let collector else {
        throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "session_window() cannot stand here")
      }
      let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
      guard arguments.count == 2 else {
        throw MillraceError(
          "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`session_window` takes 2 arguments but got \(arguments.count)")
      }
      return try collector.sessionWindow(
        try windowedTime(arguments[0], name), gap: try SessionWindow.microseconds(arguments[1]))
    }
    guard let collector else { throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "window() cannot stand here") }
    let (time, window) = try timeWindowArguments(function)
    return try collector.timeWindow(time, window)
  }

  /// The instant by which a row falls into windows.
  private func windowedTime(_ argument: Expression, _ name: String) throws -> Expression {
    if let fields = argument.type.fields, fields.map(\.name) == ["start", "end"] {
      // A window of windows counts by the inner window's last instant.
      return try windowTime(of: argument)
    }
    if argument.type.isTimestamp { return argument }
    guard argument.type == .date || argument.type == .string || argument.type == .void else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "the first argument of `\(name)` must be a TIMESTAMP, but it is \(argument.type.sql)")
    }
    return try argument.cast(to: .timestamp, analyzer.context)
  }

  private func timeWindowArguments(_ function: FunctionCall) throws -> (Expression, TimeWindow) {
    let arguments = function.arguments.compactMap(\.expression)
    guard (2...4).contains(arguments.count) else {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`window` takes 2 to 4 arguments but got \(arguments.count)")
    }
    let time = try windowedTime(try resolve(arguments[0]), "window")
    let lengths = try arguments.dropFirst().map { try duration($0) }
    let slide = lengths.count > 1 ? lengths[1] : lengths[0]
    return (time, try TimeWindow(duration: lengths[0], slide: slide, offset: lengths.count > 2 ? lengths[2] : 0))
  }

  private func duration(_ sql: SQLExpression) throws -> Int64 {
    let value = try resolve(sql).constantValue()
    if case .string(let text) = value {
      guard let micros = DurationText.microseconds(text) else {
        throw MillraceError(
          "CANNOT_PARSE_INTERVAL", "'\(text)' is no duration of fixed length", hint: "write for instance '10 seconds'")
      }
      return micros
    }
    guard let micros = value.intervalMicroseconds else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "a window's duration must be a text such as '10 seconds'")
    }
    return micros
  }

  private func windowTime(_ function: FunctionCall) throws -> Expression {
    let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
    guard arguments.count == 1, arguments[0].type.fields?.map(\.name) == ["start", "end"] else {
      throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "`window_time` takes a window")
    }
    return try windowTime(of: arguments[0])
  }

  /// The last instant of a window: its end less a microsecond.
  private func windowTime(of window: Expression) throws -> Expression {
    let end = try CollectionAccess.fieldAccess(window, "end", analyzer.context)
    let last = BoundFunction("window_time", type: end.type, isNullable: end.isNullable) { arguments, _, _ in
      ColumnVector.map(arguments[0].type, arguments[0]) { (time: Int64) in time &- 1 }
    }
    return .call(last, [end])
  }

  /// A generator call as a plan node over `child`, nil if the function is no generator.
  func generator(_ function: FunctionCall, over child: LogicalPlan) throws -> GenerateNode? {
    let name = function.name.last?.lowercased() ?? ""
    let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
    guard let generator = try Generators.bind(name, arguments, analyzer.context) else { return nil }
    let isOuter = Generators.isOuter(name)
    let output = generator.output.map { Attribute($0.name, $0.type, isNullable: $0.isNullable || isOuter) }
    return GenerateNode(generator: generator, output: output, isOuter: isOuter, child: child)
  }

  // MARK: Subqueries

  private func subplan(_ query: Query) throws -> (LogicalPlan, isCorrelated: Bool) {
    let plan = try analyzer.plan(query, outer: .scope(scope))
    if plan.isStreaming {
      throw MillraceError(
        "INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY", "a subquery cannot read a stream",
        hint: "join the stream instead")
    }
    return (plan, !plan.freeReferences.isEmpty)
  }

  private func scalarSubquery(_ query: Query) throws -> Expression {
    let (plan, isCorrelated) = try subplan(query)
    guard plan.output.count == 1 else {
      throw MillraceError(
        "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN",
        "a scalar subquery must have one column, but it has \(plan.output.count)")
    }
    guard isCorrelated else { return .subqueryResult(id: analyzer.addSubquery(plan, .scalar), plan.output[0].type) }
    guard let collector else { throw unsupportedCorrelation() }
    return try collector.correlatedScalar(plan)
  }

  private func exists(_ query: Query) throws -> Expression {
    let (plan, isCorrelated) = try subplan(query)
    guard isCorrelated else { return .subqueryResult(id: analyzer.addSubquery(plan, .exists), .boolean) }
    guard let collector else { throw unsupportedCorrelation() }
    return try collector.correlatedExists(plan)
  }

  private func inSubquery(_ value: SQLExpression, _ query: Query) throws -> Expression {
    let (plan, isCorrelated) = try subplan(query)
    let values: [Expression]
    if case .row(let parts) = value.kind {
      values = try parts.map { try resolve($0) }
    } else {
      values = [try resolve(value)]
    }
    guard values.count == plan.output.count else {
      throw MillraceError(
        "DATATYPE_MISMATCH.IN_SUBQUERY_LENGTH_MISMATCH",
        "the left side of IN has \(values.count) columns, and the subquery has \(plan.output.count)")
    }
    if !isCorrelated && values.count == 1 {
      guard let type = TypeCoercion.commonType(values[0].type, plan.output[0].type) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.IN_SUBQUERY_DATA_TYPE_MISMATCH",
          "IN compares \(values[0].type.sql) with the subquery's \(plan.output[0].type.sql)")
      }
      let list = Expression.subqueryResult(id: analyzer.addSubquery(plan, .list), .array(plan.output[0].type))
      let items = try list.cast(to: .array(type), analyzer.context)
      return try call("array_contains", [items, try values[0].cast(to: type, analyzer.context)]).nullWhenEmptyIsFalse(
        items, values[0], analyzer)
    }
    guard let collector else { throw unsupportedCorrelation() }
    return try collector.correlatedIn(values, plan)
  }

  private func unsupportedCorrelation() -> MillraceError {
    MillraceError(
      "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_SCALAR_SUBQUERY",
      "a correlated subquery cannot stand here", hint: "write it as a join")
  }
}

extension Expression {
  /// `x IN (empty list)` is false even if x is NULL, where `array_contains` gives NULL.
  fileprivate func nullWhenEmptyIsFalse(_ items: Expression, _ value: Expression, _ analyzer: Analyzer) throws
    -> Expression
  {
    guard value.isNullable else { return self }
    let isEmpty = try analyzer.call("=", [try analyzer.call("size", [items]), .literal(.integer(0), .integer)])
    return .conditional([Branch(isEmpty, .literal(.boolean(false), .boolean))], otherwise: self, .boolean)
  }
}

extension LogicalPlan {
  /// Ids of columns that are read here but come from nowhere below: those of an enclosing query.
  var freeReferences: Set<Int> {
    var provided: Set<Int> = []
    var read: Set<Int> = []
    forEach { node in
      provided.formUnion(node.output.map(\.id))
      read.formUnion(node.expressions.reduce(into: Set<Int>()) { $0.formUnion($1.references) })
      for expression in node.expressions { provided.formUnion(expression.lambdaParameterIDs) }
    }
    return read.subtracting(provided)
  }
}

extension Expression {
  /// Ids of the parameters of all lambdas inside.
  var lambdaParameterIDs: Set<Int> {
    var ids: Set<Int> = []
    if case .higherOrder(_, _, let lambdas) = self {
      for lambda in lambdas { ids.formUnion(lambda.parameters.map(\.id)) }
    }
    for child in children { ids.formUnion(child.lambdaParameterIDs) }
    return ids
  }
}

extension Value {
  /// The negated number, nil where that overflows or this is no number.
  fileprivate var negated: Value? {
    switch self {
    case .integer(let number) where number != .min: .integer(-number)
    case .double(let number): .double(-number)
    case .decimal(let number): .decimal(-number)
    default: nil
    }
  }
}
