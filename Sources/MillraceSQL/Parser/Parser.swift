/// A recursive-descent parser over the tokens of one text. The grammar is spread over extensions by subject.
///
/// A failed step records the error in `failure` and throws `Failed`, which has no size, and the parser is a class, not a
/// value that steps copy: frames stay small, so that deep nesting fits on a small stack.
final class Parser {
  /// Thrown where a step cannot go on; the reason is in `Parser.failure`.
  struct Failed: Error {}

  let source: String
  let bytes: [UInt8]
  private(set) var tokens: [Token] = []
  /// Index of the current token.
  private(set) var position = 0
  private(set) var failure: SQLParseError?
  /// Names that stand where a table can, in the order of the text; those of common table expressions too.
  private(set) var relationNames: [[String]] = []

  func record(_ error: SQLParseError) { failure = failure ?? error }

  /// Notes a name that stands where a table can.
  func relation(_ name: [String]) -> [String] {
    relationNames.append(name)
    return name
  }

  /// Levels open above the current step.
  private var depth = 0
  /// Height of the tallest tree built by the current step so far.
  private var height = 0
  /// Open levels and tree height that the parser accepts: what it parses, prints, compares and releases on a stack
  /// of 512 KiB. Frames of a build without optimization are several times as large.
  #if DEBUG
    static let maximumDepth = 64
  #else
    static let maximumDepth = 300
  #endif

  /// What stands for `:name` and `?`; nil: they stay in the tree.
  var parameters: SQLParameters?
  /// How many `?` were met.
  var positionalCount = 0

  init(_ source: String) throws(SQLParseError) {
    self.source = source
    bytes = Array(source.utf8)
    do {
      tokens = try Lexer.tokens(of: bytes)
    } catch {
      throw SQLParseError(error.code, error.message, hint: error.hint, at: error.start, in: source)
    }
  }

  /// Runs a step over a whole text and gives the error a value.
  static func run<Result>(
    _ source: String, parameters: SQLParameters? = nil, _ step: (Parser) throws(Failed) -> Result
  ) throws(SQLParseError) -> Result {
    let parser = try Parser(source)
    parser.parameters = parameters
    do {
      if parser.isAtEnd { throw parser.fail("PARSE_EMPTY_STATEMENT", "the SQL text is empty") }
      let result = try step(parser)
      if !parser.isAtEnd { throw parser.unexpected() }
      return result
    } catch {
      throw parser.failure ?? SQLParseError("PARSE_SYNTAX_ERROR", "the SQL text cannot be read", at: 0, in: source)
    }
  }
}

// MARK: - Nesting

extension Parser {
  /// Opens a level; `weight` levels for steps with large frames. Pair with `leave`.
  func enter(_ weight: Int = 1) throws(Failed) -> Int {
    depth += weight
    if depth > Self.maximumDepth { throw tooDeep() }
    let outer = height
    height = 0
    return outer
  }

  /// Closes a level opened by `enter`.
  func leave(_ outer: Int, _ weight: Int = 1) {
    depth -= weight
    height = Swift.max(outer, height + 1)
  }

  /// Notes that the tree in hand becomes one level taller, as each link of `a + b + c` makes it.
  func grow() throws(Failed) {
    height += 1
    if height + depth > Self.maximumDepth { throw tooDeep() }
  }

  private func tooDeep() -> Failed {
    fail(
      "SQL_TOO_DEEP", "the SQL text nests more than \(Self.maximumDepth) levels deep",
      hint: "split it with WITH, or write long chains of one operator as a list or an array")
  }
}

// MARK: - Tokens

extension Parser {
  var token: Token { tokens[position] }

  var kind: Token.Kind { tokens[position].kind }

  var isAtEnd: Bool { kind == .end }

  /// The kind of a token further on.
  func peek(_ offset: Int) -> Token.Kind {
    position + offset < tokens.count ? tokens[position + offset].kind : .end
  }

  func advance() {
    if position < tokens.count - 1 { position += 1 }
  }

  func at(_ keyword: Keyword, _ offset: Int = 0) -> Bool { peek(offset) == .word(keyword) }

  func at(_ symbol: Symbol, _ offset: Int = 0) -> Bool { peek(offset) == .symbol(symbol) }

  /// Whether a word follows, keyword or not, or a name in back-ticks.
  func atName(_ offset: Int = 0) -> Bool {
    switch peek(offset) {
    case .word, .quotedName: true
    default: false
    }
  }

  /// The keyword at hand, if it is one.
  var keyword: Keyword? {
    if case .word(let keyword) = kind { keyword } else { nil }
  }

  func accept(_ keyword: Keyword) -> Bool {
    guard at(keyword) else { return false }
    advance()
    return true
  }

  /// Accepts several keywords in a row, or none of them.
  func accept(_ first: Keyword, _ second: Keyword) -> Bool {
    guard at(first), at(second, 1) else { return false }
    advance()
    advance()
    return true
  }

  func accept(_ symbol: Symbol) -> Bool {
    guard at(symbol) else { return false }
    advance()
    return true
  }

  func expect(_ keyword: Keyword) throws(Failed) {
    guard accept(keyword) else { throw unexpected(keyword.shown) }
  }

  func expect(_ symbol: Symbol) throws(Failed) {
    guard accept(symbol) else { throw unexpected(symbol.rawValue) }
  }

  /// Replaces the current token, keeping its end.
  func split(into kind: Token.Kind) {
    tokens[position].kind = kind
    tokens[position].start += 1
  }

  /// The text of a token as written.
  func text(_ token: Token) -> String {
    String(decoding: bytes[Int(token.start)..<Int(token.end)], as: UTF8.self)
  }

  /// The range from a token's start to the end of the last token taken.
  func range(from start: Int) -> SourceRange {
    SourceRange(Int(tokens[start].start), Int(tokens[Swift.max(start, position - 1)].end))
  }

  /// Whether the current word, in any case, is this one. For words that are not keywords.
  func atWord(_ word: String) -> Bool {
    if case .word = kind { text(token).uppercased() == word } else { false }
  }
}

// MARK: - Names

extension Parser {
  /// Any word or a name in back-ticks.
  func name(_ expected: String = "a name") throws(Failed) -> String {
    guard atName() else { throw unexpected(expected) }
    if atLiteralIdentifierClause { return try singleIdentifierClause() }
    let token = token
    advance()
    return nameText(token)
  }

  private func nameText(_ token: Token) -> String {
    let text = text(token)
    guard token.kind == .quotedName else { return text }
    let inner = text.dropFirst().dropLast()
    guard inner.utf8.contains(UInt8(ascii: "`")) else { return String(inner) }
    var result = ""
    var isSecond = false
    for character in inner {
      if character == "`" && !isSecond {
        isSecond = true
      } else {
        result.append(character)
        isSecond = false
      }
    }
    return result
  }

  /// `a.b.c`.
  func nameParts(_ expected: String = "a name") throws(Failed) -> [String] {
    if atIdentifierClause { return try identifierClause() }
    var parts = [try name(expected)]
    while at(.dot), atName(1) {
      advance()
      parts.append(try name(expected))
    }
    return parts
  }

  /// `(a, b, c)`.
  func nameList() throws(Failed) -> [String] {
    try expect(.leftParen)
    var names = [try name()]
    while accept(.comma) { names.append(try name()) }
    try expect(.rightParen)
    return names
  }

  /// A name without AS, where a clause may follow instead.
  func implicitAlias() throws(Failed) -> String? {
    switch kind {
    case .quotedName: return try name()
    case .word(nil): return try name()
    case .word(let keyword?):
      if keyword.isStrict || (keyword.mayBeginClause && !isLastOfList) { return nil }
      return try name()
    default: return nil
    }
  }

  /// Whether the token after the current one ends a list item, so that the current one is no clause.
  private var isLastOfList: Bool {
    switch peek(1) {
    case .end, .symbol(.comma), .symbol(.rightParen), .symbol(.semicolon), .word(.from): true
    default: false
    }
  }
}
