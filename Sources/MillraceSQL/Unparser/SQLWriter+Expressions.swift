import MillraceColumnar

extension SQLWriter {
  /// Writes an expression; operators stand in parentheses, so that no precedence matters.
  ///
  /// Not inlined, like the other parts that call each other: the frames of deep trees stay small.
  @inline(never)
  func expression(_ expression: SQLExpression) {
    switch expression.kind {
    case .literal(let value, let type): literal(value, type)
    case .typedLiteral(let type, let text): typedLiteral(type, text)
    case .column(let parts): column(parts)
    case .star(let qualifier, let except): star(qualifier, except)
    case .unary(let symbol, let inner): unary(symbol, inner)
    case .binary(let symbol, let left, let right): binary(symbol, left, right)
    case .isNull(let inner, let isNegated): postfix(inner, isNegated ? " IS NOT NULL" : " IS NULL")
    case .between(let value, let low, let high): between(value, low, high)
    case .inList(let value, let list): inList(value, list)
    case .inSubquery(let value, let query): inSubquery(value, query)
    case .exists(let query): exists(query)
    case .scalarSubquery(let query): scalarSubquery(query)
    case .like(let like): self.like(like)
    case .cast(let inner, let type, let isTry): cast(inner, type, isTry)
    case .caseWhen(let operand, let branches, let otherwise): caseWhen(operand, branches, otherwise)
    case .call(let call): self.call(call)
    case .lambda(let parameters, let body): lambda(parameters, body)
    case .element(let base, let index): element(base, index)
    case .field(let base, let name): field(base, name)
    case .row(let values): row(values)
    case .alias(let inner, let names): alias(inner, names)
    case .parameter(let name): write(name.isEmpty ? "?" : ":" + quoted(name))
    case .variantPath(let base, let path): variantPath(base, path)
    }
  }

  @inline(never)
  private func column(_ parts: [String]) {
    guard isPretty else { return name(parts: parts) }
    let isFunction = parts.count == 1 && SQLExpression.parenthesisFreeFunctions.contains(parts[0].lowercased())
    write(isFunction && parts[0] != "user" ? parts[0].lowercased() + "()" : columns.name(parts))
  }

  private func typedLiteral(_ type: DataType, _ text: String) {
    if isPretty, let value = columns.value(type, text) { return literal(value, type) }
    write("\(type.sql) \(Self.quoted(string: text))")
  }

  @inline(never)
  private func star(_ qualifier: [String], _ except: [[String]]) {
    for part in qualifier {
      name(part)
      write(".")
    }
    write("*")
    if except.isEmpty { return }
    write(" EXCEPT (")
    list(except) { $0.name(parts: $1) }
    write(")")
  }

  // MARK: Operators

  private func unary(_ symbol: UnaryOperator, _ inner: SQLExpression) {
    if isPretty && symbol == .bitwiseNot {
      write("~")
      return expression(inner)
    }
    write("(\(symbol.rawValue) ")
    // A sign would become part of a number that follows it.
    if symbol == .not { expression(inner) } else { base(inner) }
    write(")")
  }

  private func binary(_ symbol: BinaryOperator, _ left: SQLExpression, _ right: SQLExpression) {
    if isPretty, shownDateArithmetic(symbol, left, right) { return }
    let (left, right) = isPretty && symbol == .multiply && isInterval(right) ? (right, left) : (left, right)
    let isConcat = isPretty && symbol == .concat
    write(isConcat ? "concat(" : "(")
    expression(left)
    write(isConcat ? ", " : " \(symbol.rawValue) ")
    expression(right)
    write(")")
  }

  private func postfix(_ inner: SQLExpression, _ words: String) {
    write("(")
    expression(inner)
    write(words + ")")
  }

  private func between(_ value: SQLExpression, _ low: SQLExpression, _ high: SQLExpression) {
    write(isPretty ? "between(" : "(")
    expression(value)
    write(isPretty ? ", " : " BETWEEN ")
    expression(low)
    write(isPretty ? ", " : " AND ")
    expression(high)
    write(")")
  }

  private func inList(_ value: SQLExpression, _ list: [SQLExpression]) {
    write("(")
    expression(value)
    write(" IN (")
    self.list(list)
    write("))")
  }

  @inline(never)
  private func like(_ like: SQLExpression.LikePredicate) {
    if isPretty { return prettyLike(like) }
    write("(")
    expression(like.value)
    write(" \(like.isNegated ? "NOT " : "")\(like.operator.rawValue) ")
    if let quantifier = like.quantifier {
      write("\(quantifier.rawValue) (")
      list(like.patterns)
      write(")")
    } else {
      list(like.patterns)
    }
    if let escape = like.escape { write(" ESCAPE \(Self.quoted(string: String(escape)))") }
    write(")")
  }

  @inline(never)
  private func prettyLike(_ like: SQLExpression.LikePredicate) {
    if let quantifier = like.quantifier {
      let isFixed = like.patterns.allSatisfy { if case .literal(.string, .string) = $0.kind { true } else { false } }
      guard isFixed else { return prettyLikes(like, quantifier) }
      write("\(like.isNegated ? "not" : "")like\(quantifier == .any ? "any" : "all")(")
      if like.operator == .ilike { write("lower(") }
      expression(like.value)
      if like.operator == .ilike { write(")") }
    } else if like.operator == .like {
      expression(like.value)
      write(" LIKE ")
      list(like.patterns)
      if let escape = like.escape { write(" ESCAPE '\(escape)'") }
      return
    } else {
      write(like.operator == .rlike ? "RLIKE(" : "ilike(")
      list([like.value] + like.patterns)
    }
    write(")")
  }

  /// LIKE ANY and LIKE ALL with a pattern that is no text: each pattern by itself.
  private func prettyLikes(_ like: SQLExpression.LikePredicate, _ quantifier: SQLExpression.LikePredicate.Quantifier) {
    let count = like.patterns.count
    write(String(repeating: "(", count: max(count - 1, 0)))
    for (index, pattern) in like.patterns.enumerated() {
      if index > 0 { write(quantifier == .any ? " OR " : " AND ") }
      var single = like
      single.quantifier = nil
      single.patterns = [pattern]
      if like.isNegated { write("(NOT ") }
      prettyLike(single)
      if like.isNegated { write(")") }
      if index > 0 { write(")") }
    }
  }

  // MARK: Subqueries

  private func inSubquery(_ value: SQLExpression, _ query: Query) {
    write("(")
    if isPretty, case .row(let values) = value.kind { comparedRow(values) } else { expression(value) }
    write(isPretty ? " IN (listquery(\(outer(query)))" : " IN (")
    if !isPretty { self.query(query) }
    write("))")
  }

  private func exists(_ query: Query) {
    write(isPretty ? "exists(\(outer(query))" : "EXISTS (")
    if !isPretty { self.query(query) }
    write(")")
  }

  private func scalarSubquery(_ query: Query) {
    write(isPretty ? "scalarsubquery(\(outer(query))" : "(")
    if !isPretty { self.query(query) }
    write(")")
  }

  private func outer(_ query: Query) -> String { columns.outer(query).joined(separator: ", ") }

  // MARK: Other forms

  private func cast(_ inner: SQLExpression, _ type: DataType, _ isTry: Bool) {
    // Spark forgets that a cast to a nested type was written down.
    if isPretty, !isTry, type.isNested { return expression(inner) }
    write(isTry ? "TRY_CAST(" : "CAST(")
    expression(inner)
    write(" AS \(type.sql))")
  }

  @inline(never)
  private func caseWhen(
    _ operand: SQLExpression?, _ branches: [SQLExpression.CaseBranch], _ otherwise: SQLExpression?
  ) {
    write("CASE ")
    if let operand, !isPretty {
      expression(operand)
      write(" ")
    }
    for branch in branches {
      write("WHEN ")
      // Spark shows the comparison that CASE with an operand stands for.
      if let operand, isPretty { binary(.equal, operand, branch.condition) } else { expression(branch.condition) }
      write(" THEN ")
      expression(branch.result)
      write(" ")
    }
    if let otherwise {
      write("ELSE ")
      expression(otherwise)
      write(" ")
    }
    write("END")
  }

  @inline(never)
  private func lambda(_ parameters: [String], _ body: SQLExpression) {
    if isPretty {
      // Spark hides the names of a lambda's variables.
      var names = columns
      names.name = { [columns] parts in
        let isVariable = parameters.contains { $0.lowercased() == parts[0].lowercased() }
        return isVariable
          ? (["namedlambdavariable()"] + parts.dropFirst()).joined(separator: ".") : columns.name(parts)
      }
      let inner = SQLWriter(style: .pretty, columns: names)
      inner.expression(body)
      let variables = String(repeating: ", namedlambdavariable()", count: parameters.count)
      return write("lambdafunction(\(inner.text)\(variables))")
    }
    if parameters.count == 1 { name(parameters[0]) } else { nameList(parameters) }
    write(" -> ")
    expression(body)
  }

  private func element(_ base: SQLExpression, _ index: SQLExpression) {
    if isPretty, case .structure? = knownType(of: base), case .literal(.string(let field), .string) = index.kind {
      return self.field(base, field)
    }
    self.base(base)
    write("[")
    expression(index)
    write("]")
  }

  /// The type of a column or of a field of one, where it is known.
  func knownType(of expression: SQLExpression) -> DataType? {
    func field(_ name: String, of type: DataType?) -> DataType? {
      type?.fields?.first { $0.name.lowercased() == name.lowercased() }?.type
    }
    switch expression.kind {
    case .column(let parts): return columns.type(parts)
    case .field(let base, let name): return field(name, of: knownType(of: base))
    case .element(let base, let index):
      guard case .literal(.string(let name), .string) = index.kind else { return nil }
      return field(name, of: knownType(of: base))
    default: return nil
    }
  }

  private func field(_ base: SQLExpression, _ name: String) {
    if case .column = base.kind, !isPretty {
      write("(")
      expression(base)
      write(")")
    } else {
      self.base(base)
    }
    write(".")
    self.name(name)
  }

  private func variantPath(_ base: SQLExpression, _ path: String) {
    guard isPretty else {
      self.base(base)
      return write(":" + path)
    }
    write("variant_get(")
    expression(base)
    write(", $" + (path.hasPrefix("[") ? "" : ".") + path.filter { $0 != "`" } + ")")
    if let name = SQLUnparser.lastField(ofPath: path) { write(" AS " + quoted(name)) }
  }

  /// Writes what something is attached to, in parentheses unless it holds together by itself.
  private func base(_ base: SQLExpression) {
    let needsParentheses =
      switch base.kind {
      case .literal, .typedLiteral, .lambda, .variantPath, .parameter, .star, .alias: !isPretty
      case .element, .field: !isPretty && startsWithLiteral(base)
      default: false
      }
    if needsParentheses { write("(") }
    expression(base)
    if needsParentheses { write(")") }
  }

  private func startsWithLiteral(_ expression: SQLExpression) -> Bool {
    var inner = expression
    while true {
      switch inner.kind {
      case .element(let base, _), .field(let base, _): inner = base
      case .literal, .typedLiteral: return true
      default: return false
      }
    }
  }

  @inline(never)
  private func row(_ values: [SQLExpression]) {
    if isPretty {
      write("named_struct(")
      list(Array(values.enumerated())) { writer, item in
        if case .column(let parts) = item.element.kind {
          writer.write(parts[parts.count - 1])
        } else {
          writer.write("col\(item.offset + 1)")
        }
        writer.write(", ")
        writer.expression(item.element)
      }
    } else {
      write(values.count == 1 ? "struct(" : "(")
      list(values)
    }
    write(")")
  }

  /// The row in front of IN (SELECT …), which Spark makes otherwise than other rows.
  private func comparedRow(_ values: [SQLExpression]) {
    write("named_struct(")
    list(Array(values.enumerated())) { writer, item in
      let name =
        switch item.element.kind {
        case .column(let parts): parts[parts.count - 1]
        case .literal: SQLUnparser.prettyName(item.element, naming: writer.columns)
        default: "_\(item.offset)"
        }
      writer.write("'\(name)', ")
      writer.expression(item.element)
    }
    write(")")
  }

  private func alias(_ inner: SQLExpression, _ names: [String]) {
    expression(inner)
    write(" AS ")
    if names.count == 1 { name(names[0]) } else { nameList(names) }
  }
}
