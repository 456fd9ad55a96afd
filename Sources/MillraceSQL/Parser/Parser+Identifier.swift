import MillraceColumnar

/// `IDENTIFIER('a.b')`: a name that a constant gives, such as a parameter, wherever a column, table or function is named.
extension Parser {
  /// Whether the clause begins here.
  var atIdentifierClause: Bool { at(.leftParen, 1) && atWord("IDENTIFIER") }

  /// Whether it begins here with its name written out. Where a name may be followed by a list in parentheses, nothing else is one.
  var atLiteralIdentifierClause: Bool {
    guard atIdentifierClause, case .string = peek(2) else { return false }
    return true
  }

  /// The parts of the name.
  func identifierClause() throws(Failed) -> [String] {
    advance()
    try expect(.leftParen)
    let first = token
    let value = try expression()
    let text = try constantText(value, at: first)
    try expect(.rightParen)
    do {
      return try SQLParser.parseNameParts(text)
    } catch {
      throw fail("PARSE_SYNTAX_ERROR", "'\(text)' is not a name", hint: "put back-ticks around its parts", at: first)
    }
  }

  /// The one part of a name.
  func singleIdentifierClause() throws(Failed) -> String {
    let first = token
    let parts = try identifierClause()
    if parts.count == 1 { return parts[0] }
    throw fail("IDENTIFIER_TOO_MANY_NAME_PARTS", "a name of one part must stand here", at: first)
  }

  /// The text of string literals and `||` of them.
  private func constantText(_ value: SQLExpression, at token: Token) throws(Failed) -> String {
    switch value.kind {
    case .literal(let literal, .string):
      if case .string(let text) = literal { return text }
      throw fail("NOT_A_CONSTANT_STRING.NULL", "IDENTIFIER takes a string, not NULL", at: token)
    case .binary(.concat, let left, let right):
      return try constantText(left, at: token) + constantText(right, at: token)
    case .literal:
      throw fail("NOT_A_CONSTANT_STRING.WRONG_TYPE", "IDENTIFIER takes a string", at: token)
    case .parameter(let name):
      throw fail("UNBOUND_SQL_PARAMETER", "the parameter '\(name.isEmpty ? "?" : ":" + name)' has no value", at: token)
    default:
      throw fail(
        "NOT_A_CONSTANT_STRING.NOT_CONSTANT", "IDENTIFIER takes a constant string",
        hint: "write a string, or pass a parameter", at: token)
    }
  }
}
