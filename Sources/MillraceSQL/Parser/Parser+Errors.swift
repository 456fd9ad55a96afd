extension Parser {
  /// Records an error at the current token.
  func fail(_ code: String, _ message: String, hint: String? = nil) -> Failed {
    fail(code, message, hint: hint, at: token)
  }

  /// Records an error at a token.
  func fail(_ code: String, _ message: String, hint: String? = nil, at token: Token) -> Failed {
    let text = token.kind == .end ? nil : text(token)
    record(SQLParseError(code, message, hint: hint, token: text, at: Int(token.start), in: source))
    return Failed()
  }

  /// Records that the current token cannot stand where it does.
  func unexpected(_ expected: String? = nil) -> Failed {
    if isAtEnd {
      let what = expected.map { "expected \($0) before the end" } ?? "the text ends too early"
      return fail("PARSE_SYNTAX_ERROR", "syntax error at the end of the text", hint: what)
    }
    let suggestion =
      keyword == nil ? nil : expected.map { "expected \($0); put back-ticks around a name that is a keyword" }
    let hint = misspelling() ?? suggestion ?? expected.map { "expected \($0)" }
    return fail("PARSE_SYNTAX_ERROR", "syntax error at or near '\(shortened(text(token)))'", hint: hint)
  }

  private func shortened(_ text: String) -> String { text.count > 40 ? text.prefix(40) + "…" : text }

  /// A guess at a misspelt keyword, looking also at the word before: `SELECT a FORM t` fails only at `t`.
  private func misspelling() -> String? {
    for index in [position, position - 1] where index >= 0 {
      guard tokens[index].kind == .word(nil) else { continue }
      let word = text(tokens[index]).uppercased()
      guard word.utf8.count >= 3, word.utf8.count <= Keyword.maximumLength else { continue }
      if let close = Self.clauseWords.first(where: { isClose(word, $0) }) { return "did you mean \(close)?" }
    }
    return nil
  }

  private static let clauseWords = [
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "UNION", "WITH", "VALUES", "BETWEEN",
    "WINDOW",
    "DISTINCT", "EXPLAIN", "CREATE", "DESCRIBE", "LATERAL",
  ]

  /// Whether two words differ by one letter changed, added, left out, or swapped with its neighbour.
  private func isClose(_ word: String, _ other: String) -> Bool {
    let a = Array(word.utf8)
    let b = Array(other.utf8)
    guard word != other, abs(a.count - b.count) <= 1 else { return false }
    let common = zip(a, b).prefix { $0 == $1 }.count
    let tailA = a[common...]
    let tailB = b[common...]
    if a.count != b.count { return a.count > b.count ? tailA.dropFirst() == tailB : tailA == tailB.dropFirst() }
    if tailA.dropFirst() == tailB.dropFirst() { return true }
    return tailA.count >= 2 && tailA.dropFirst(2) == tailB.dropFirst(2)
      && tailA.prefix(2).reversed() == Array(tailB.prefix(2))
  }
}
