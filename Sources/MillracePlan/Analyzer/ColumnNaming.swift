import MillraceColumnar
import MillraceExpressions
import MillraceSQL

/// Names of output columns.
enum ColumnNaming {
  /// The alias, or the name that Spark makes from the expression: columns as the query wrote them, without their table.
  ///
  /// - Parameters:
  ///   - allowsLateral: whether names that the scope does not know are aliases of the same select list.
  ///   - outer: the columns that a subquery reads of the scope.
  static func name(
    of item: SQLExpression, in scope: Scope = Scope([]), _ context: BindingContext = BindingContext(),
    allowsLateral: Bool = false, outer: @escaping (Query) -> [String] = { _ in [] }
  ) -> String {
    if case .alias(_, let names) = item.kind, let name = names.first { return name }
    let names = ColumnNames { parts in
      if allowsLateral, isLateral(parts, in: scope) { return "lateralAliasReference(\(parts.joined(separator: ".")))" }
      return shown(parts, in: scope)
    } type: { parts in
      guard let match = try? scope.match(parts) else { return nil }
      return match.path.reduce(match.attribute.type) { field($1, of: $0) }
    } value: { type, text in
      try? Expression.literal(.string(text), .string).cast(to: type, context).constantValue()
    } all: {
      scope.columns.map(\.name)
    } outer: { query in
      outer(query)
    }
    return SQLUnparser.prettyName(item, naming: names)
  }

  /// The parts of a column's name that stay when the table's name is dropped.
  static func written(_ parts: [String], in scope: Scope) -> [String] {
    if let generated = generated(parts, in: scope) { return [generated] }
    guard let match = try? scope.match(parts) else { return parts }
    return Array(parts[(match.path.startIndex - 1)...])
  }

  /// The column of a generator, which stands in the select list by its number.
  private static func generated(_ parts: [String], in scope: Scope) -> String? {
    guard let id = Attribute.id(ofIdentity: parts[0]) else { return nil }
    return (scope.columns + scope.hidden).first { $0.id == id }?.name
  }

  /// Whether a name that the scope does not know can only be an alias of the same select list.
  static func isLateral(_ parts: [String], in scope: Scope) -> Bool {
    guard case .none = scope.outer, generated(parts, in: scope) == nil else { return false }
    return (try? scope.match(parts)) == nil
  }

  /// The name in an expression: fields behind dots, the keys of maps in brackets.
  private static func shown(_ parts: [String], in scope: Scope) -> String {
    guard generated(parts, in: scope) == nil, let match = try? scope.match(parts) else {
      return written(parts, in: scope).joined(separator: ".")
    }
    var type: DataType? = match.attribute.type
    var text = parts[match.path.startIndex - 1]
    for part in match.path {
      if case .map(_, let value, _)? = type {
        text += "[\(part)]"
        type = value
      } else {
        text += "." + part
        type = field(part, of: type)
      }
    }
    return text
  }

  private static func field(_ name: String, of type: DataType?) -> DataType? {
    guard case .structure(let fields)? = type else { return nil }
    return fields.first { $0.name.lowercased() == name.lowercased() }?.type
  }
}
