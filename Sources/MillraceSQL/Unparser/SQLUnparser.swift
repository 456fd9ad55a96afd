/// Writes syntax trees as SQL text.
public enum SQLUnparser {
  /// SQL that reads back as an equal query.
  public static func unparse(_ query: Query) -> String {
    let writer = SQLWriter()
    writer.query(query)
    return writer.text
  }

  /// SQL that reads back as an equal expression.
  public static func unparse(_ expression: SQLExpression) -> String {
    let writer = SQLWriter()
    writer.expression(expression)
    return writer.text
  }

  /// The name that Spark gives to an output column without alias: `(id + 1)`, `count(1)`, `CASE WHEN (a > 1) THEN b END`.
  ///
  /// - Parameter naming: what is known of the columns that the expression reads.
  public static func prettyName(_ expression: SQLExpression, naming: ColumnNames = ColumnNames()) -> String {
    switch expression.kind {
    // At the top, a name and a cast of a name go by that name alone.
    case .alias(_, let names): return names[0]
    case .column(let parts) where !isFunction(parts): return parts[parts.count - 1]
    case .variantPath(_, let path):
      if let name = lastField(ofPath: path) { return name }
    case .cast(let inner, _, _):
      switch inner.kind {
      // A field of a structure is no name of its own.
      case .column(let parts) where !isFunction(parts) && naming.name(parts) == parts[parts.count - 1]:
        return parts[parts.count - 1]
      case .variantPath(_, let path):
        if let name = lastField(ofPath: path) { return name }
      default: break
      }
    default: break
    }
    let writer = SQLWriter(style: .pretty, columns: naming)
    writer.expression(expression)
    return writer.text
  }

  /// The last name in the path behind the colon of `v:a.b[0]['c']`; nil if there are only numbers.
  static func lastField(ofPath path: String) -> String? {
    var last: String?
    var rest = path[...]
    while let character = rest.first {
      switch character {
      case "`":
        let name = rest.dropFirst().prefix { $0 != "`" }
        last = String(name)
        rest = rest.dropFirst(name.count + 2)
      case ".": rest.removeFirst()
      case "[":
        let key = rest.dropFirst().prefix { $0 != "]" }
        if let quote = key.first, quote == "'" || quote == "\"" { last = String(key.dropFirst().dropLast()) }
        rest = rest.dropFirst(key.count + 2)
      default:
        let name = rest.prefix { $0 != "." && $0 != "[" }
        last = String(name)
        rest = rest.dropFirst(name.count)
      }
    }
    return last
  }

  private static func isFunction(_ parts: [String]) -> Bool {
    parts.count == 1 && SQLExpression.parenthesisFreeFunctions.contains(parts[0].lowercased()) && parts[0] != "user"
  }
}

/// Appends SQL to a text. The forms of expressions, queries and literals stand in extensions.
final class SQLWriter {
  /// What the text is for.
  enum Style {
    /// Parsing again: names and strings are quoted.
    case sql
    /// Column names: nothing is quoted, and functions appear as Spark shows them.
    case pretty
  }

  var text = ""
  let style: Style
  /// What a name may say of columns and literals.
  let columns: ColumnNames

  init(style: Style = .sql, columns: ColumnNames = ColumnNames()) {
    self.style = style
    self.columns = columns
  }

  var isPretty: Bool { style == .pretty }

  func write(_ piece: String) { text += piece }

  /// Writes items with a separator between them.
  func list<Items: Collection>(
    _ items: Items, separator: String = ", ", _ body: (SQLWriter, Items.Element) -> Void
  ) {
    var isFirst = true
    for item in items {
      if !isFirst { write(separator) }
      isFirst = false
      body(self, item)
    }
  }

  func list(_ expressions: [SQLExpression]) {
    list(expressions) { $0.expression($1) }
  }

  /// Writes a name, in back-ticks where it would be read as something else.
  func name(_ name: String) {
    write(isPretty ? name : quoted(name))
  }

  /// Writes `a.b.c`.
  func name(parts: [String]) {
    list(parts, separator: ".") { $0.name($1) }
  }

  /// Writes `(a, b)`, or nothing for no names.
  func nameList(_ names: [String]) {
    guard !names.isEmpty else { return }
    write("(")
    list(names) { $0.name($1) }
    write(")")
  }
}
