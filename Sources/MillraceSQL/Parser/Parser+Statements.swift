import MillraceColumnar

extension Parser {
  /// One statement, with semicolons after it.
  func statement() throws(Failed) -> Statement {
    let result = try statementBody()
    try endOfStatement()
    return result
  }

  /// Takes semicolons; a second statement is an error of its own.
  func endOfStatement() throws(Failed) {
    guard at(.semicolon) else { return }
    while accept(.semicolon) {}
    if !isAtEnd {
      throw fail("PARSE_SYNTAX_ERROR", "a second statement follows", hint: "run one statement at a time")
    }
  }

  private func statementBody() throws(Failed) -> Statement {
    let outer = try enter()
    defer { leave(outer) }
    switch kind {
    case .word(.explain): return try explain()
    case .word(.create): return try createView()
    case .word(.drop): return try dropView()
    case .word(.describe), .word(.desc): return try describe()
    case .word(.show): return try show()
    case .word(.set): return try set()
    case .word(.reset):
      advance()
      return .reset(key: isAtEnd || at(.semicolon) ? nil : try nameParts("a key").joined(separator: "."))
    default: return .query(try query())
    }
  }

  private func explain() throws(Failed) -> Statement {
    try expect(.explain)
    let modes: [Keyword: Statement.ExplainMode] = [
      .extended: .extended, .formatted: .formatted, .cost: .cost, .codegen: .codegen,
      .analyze: .analyze,
    ]
    guard let keyword, let mode = modes[keyword] else { return .explain(.simple, try statementBody()) }
    advance()
    return .explain(mode, try statementBody())
  }

  // MARK: Views

  private func createView() throws(Failed) -> Statement {
    try expect(.create)
    let replaces = accept(.or, .replace)
    let isGlobal = accept(.global) || accept(.local)
    let isTemporary = accept(.temporary) || accept(.temp)
    if isGlobal && !isTemporary { throw unexpected("TEMPORARY VIEW") }
    guard accept(.view) else { throw unexpected("VIEW; Millrace creates temporary views only") }
    var ifNotExists = false
    if accept(.if) {
      try expect(.not)
      try expect(.exists)
      ifNotExists = true
    }
    let name = try nameParts("a name for the view")
    var columns: [String] = []
    var schema: Schema?
    if at(.leftParen) { (columns, schema) = try viewColumns() }
    let source = try viewSource(schema)
    return .createView(
      .init(
        name, replaces: replaces, ifNotExists: ifNotExists, isTemporary: isTemporary, columns: columns, source: source))
  }

  /// Names, with comments, before AS; names and types before USING.
  private func viewColumns() throws(Failed) -> ([String], Schema?) {
    if !at(.comma, 2), !at(.rightParen, 2), !at(.comment, 2) {
      try expect(.leftParen)
      let fields = try schemaFields()
      try expect(.rightParen)
      return ([], Schema(fields))
    }
    try expect(.leftParen)
    var names: [String] = []
    repeat {
      names.append(try name("a column's name"))
      if accept(.comment) { _ = try stringConstant("a comment") }
    } while accept(.comma)
    try expect(.rightParen)
    return (names, nil)
  }

  private func viewSource(_ schema: Schema?) throws(Failed) -> Statement.CreateView.Source {
    if accept(.comment) { _ = try stringConstant("a comment") }
    if accept(.using) {
      let format = try nameParts("a format").joined(separator: ".")
      return .format(format, schema: schema, options: accept(.options) ? try options() : [])
    }
    try expect(.as)
    return .query(try query())
  }

  private func dropView() throws(Failed) -> Statement {
    try expect(.drop)
    _ = accept(.temporary) || accept(.temp)
    try expect(.view)
    let ifExists = accept(.if, .exists)
    return .dropView(try nameParts("a view"), ifExists: ifExists)
  }

  // MARK: Looking around

  private func describe() throws(Failed) -> Statement {
    advance()
    if accept(.function) {
      let isExtended = accept(.extended)
      if case .string = kind { return .describeFunction([try stringConstant("a function")], isExtended: isExtended) }
      return .describeFunction(try nameParts("a function"), isExtended: isExtended)
    }
    if accept(.query) || atQueryStart { return .describeQuery(try query()) }
    if at(.table), atName(1) { advance() }
    let isExtended = atName(1) && (accept(.extended) || accept(.formatted))
    return .describeTable(try nameParts("a table"), isExtended: isExtended)
  }

  private func show() throws(Failed) -> Statement {
    try expect(.show)
    // SHOW USER FUNCTIONS, SHOW ALL FUNCTIONS.
    if at(.functions, 1) { advance() }
    let objects: [Keyword: Statement.Show.Object] = [
      .tables: .tables, .views: .views, .functions: .functions, .columns: .columns,
    ]
    guard let keyword, let object = objects[keyword] else { throw unexpected("TABLES, VIEWS, FUNCTIONS or COLUMNS") }
    advance()
    var show = Statement.Show(object)
    if accept(.from) || accept(.in) { show.name = try nameParts("a name") }
    let hasLike = accept(.like)
    if case .string = kind {
      show.pattern = try stringConstant("a pattern")
    } else if hasLike || object == .columns && show.name.isEmpty {
      throw unexpected(hasLike ? "a pattern in quotes" : "FROM and a table")
    }
    return .show(show)
  }

  /// `SET`, `SET key`, `SET key = value`: the value is the rest of the text, as in Spark.
  private func set() throws(Failed) -> Statement {
    try expect(.set)
    if isAtEnd || at(.semicolon) { return .set(key: nil, value: nil) }
    let start = position
    while !isAtEnd, !at(.equal), !at(.semicolon) { advance() }
    let key = text(from: start)
    guard accept(.equal) else { return .set(key: key, value: nil) }
    let valueStart = position
    while !isAtEnd, !at(.semicolon) { advance() }
    return .set(key: key, value: valueStart == position ? "" : text(from: valueStart))
  }

  /// The text from a token to the last one taken, without the quotes of a single string or name.
  private func text(from start: Int) -> String {
    if position == start + 1 {
      let token = tokens[start]
      let slice = bytes[Int(token.start)..<Int(token.end)]
      if case .string(let isRaw) = token.kind { return StringLiteral.value(of: slice, isRaw: isRaw) }
      if token.kind == .quotedName { return String(decoding: slice.dropFirst().dropLast(), as: UTF8.self) }
    }
    let range = range(from: start)
    return String(decoding: bytes[Int(range.start)..<Int(range.end)], as: UTF8.self)
  }
}
