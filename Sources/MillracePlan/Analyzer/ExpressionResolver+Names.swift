import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

extension ExpressionResolver {
  func column(_ parts: [String]) throws -> Expression {
    if let parameter = lambdaParameters.reversed().lazy.compactMap({ $0[parts[0].lowercased()] }).first {
      return try access(.attribute(parameter), parts.dropFirst())
    }
    if let id = Attribute.id(ofIdentity: parts[0]) {
      // Made by the expansion of `*` and generators: a column by identity, since names may repeat.
      if let column = (scope.columns + scope.hidden).first(where: { $0.id == id }) {
        return try access(.attribute(column), parts.dropFirst())
      }
    }
    if parts.count == 1, !isInsideAggregate, let result = results[parts[0].lowercased()] { return result }
    if let match = try scope.match(parts) { return try access(.attribute(match.attribute), match.path) }
    if let alias = aliases[parts[0].lowercased()] { return try access(alias, parts.dropFirst()) }
    if parts.count == 1, SQLExpression.parenthesisFreeFunctions.contains(parts[0].lowercased()) {
      return try functionCall(FunctionCall(parts, []))
    }
    // As in Spark, a subquery sees the query around it, but not the one around that.
    if case .scope(let enclosing) = scope.outer, let match = try enclosing.match(parts) {
      analyzer.noteOuterColumn(match.attribute)
      return try access(.attribute(match.attribute), match.path)
    }
    throw analyzer.unresolvedColumn(parts, among: scope.columns)
  }

  private func access(_ base: Expression, _ path: ArraySlice<String>) throws -> Expression {
    try path.reduce(base) { try CollectionAccess.fieldAccess($0, $1, analyzer.context) }
  }

  func lambda(_ names: [String], _ body: SQLExpression, _ types: [(DataType, isNullable: Bool)]) throws
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
    if body.contains(where: \.isSubquery) {
      throw MillraceError(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.HIGHER_ORDER_FUNCTION", "a lambda cannot hold a subquery",
        hint: "compute it beside the lambda, for instance in a cross join")
    }
    return Lambda(attributes, try resolve(body))
  }
}
