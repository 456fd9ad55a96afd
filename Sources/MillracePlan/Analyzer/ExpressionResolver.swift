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
  /// Expressions that names mean before any column, but for arguments of aggregates.
  var results: [String: Expression] = [:]
  var lambdaParameters: [[String: Attribute]] = []
  var isInsideAggregate = false
  /// Whether the expression stands in WHERE or HAVING, where no window function may stand.
  var isInWhere = false

  init(_ analyzer: Analyzer, _ scope: Scope, collector: SelectAnalyzer? = nil) {
    self.analyzer = analyzer
    self.scope = scope
    self.collector = collector
  }

  func resolve(_ sql: SQLExpression) throws -> Expression {
    do { return try resolve(sql.kind) } catch { throw sql.range.located(error) }
  }

  private func resolve(_ kind: SQLExpression.Kind) throws -> Expression {
    switch kind {
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
    case .inSubquery(let value, let query): return try membership(value, query, isNegated: false)
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
    case .variantPath(let base, let path):
      return try VariantFunctions.extraction(try resolve(base), path, analyzer.context)
    }
  }

  func call(_ name: String, _ arguments: [Expression]) throws -> Expression {
    try analyzer.call(name, arguments)
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
    if op == .minus, case .literal(let value, let type) = operand.kind, let negated = value.negated(type) {
      return .literal(negated, type)
    }
    if op == .not, case .inSubquery(let value, let query) = operand.kind {
      return try membership(value, query, isNegated: true)
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
    let a = try resolve(left)
    let b = try resolve(right)
    switch op {
    case .and: return try call("and", [a, b])
    case .or: return try call("or", [a, b])
    case .shiftLeft: return try call("shiftleft", [a, b])
    case .shiftRight: return try call("shiftright", [a, b])
    case .shiftRightUnsigned: return try call("shiftrightunsigned", [a, b])
    case .concat: return try call("concat", [a, b])
    default: return try call(op.rawValue, [a, b])
    }
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
      conditions.append(try subject.map { try call("=", [$0, condition]) } ?? condition)
      results.append(try resolve(branch.result))
    }
    results.append(try otherwise.map { try resolve($0) } ?? .null(.void))
    let unified = try Arguments.unify("casewhen", results, analyzer.context)
    guard let last = unified.last else { return .null(.void) }
    if let type = conditions.lazy.map(\.type).first(where: { $0 != .boolean }) {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "WHEN needs a BOOLEAN condition, but it has the type \(type.sql)")
    }
    return .conditional(zip(conditions, unified).map { Expression.Branch($0, $1) }, otherwise: last, last.type)
  }

  func row(_ parts: [SQLExpression]) throws -> Expression {
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
    // A key that names a field or a map's entry; elements of arrays are counted.
    case .element(_, let key): if case .literal(.string(let name), _) = key.kind { name } else { "col\(index + 1)" }
    default: "col\(index + 1)"
    }
  }
}

extension Value {
  /// The negated number, nil where that may overflow the type or this is no number.
  fileprivate func negated(_ type: DataType) -> Value? {
    switch self {
    case .integer(let number) where number >= 0: .integer(-number)
    case .double(let number): .double(-number)
    case .decimal(let number): .decimal(-number)
    default: nil
    }
  }
}
