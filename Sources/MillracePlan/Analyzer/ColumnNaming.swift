import MillraceExpressions
import MillraceSQL

/// Names of output columns.
enum ColumnNaming {
  /// The alias, or the name that Spark makes from the expression: columns as the query wrote them, without their table.
  static func name(of item: SQLExpression, in scope: Scope = Scope([])) -> String {
    if case .alias(_, let names) = item.kind, let name = names.first { return name }
    return SQLUnparser.prettyName(item) { parts in written(parts, in: scope).joined(separator: ".") }
  }

  /// The parts of a column's name that stay when the table's name is dropped.
  static func written(_ parts: [String], in scope: Scope) -> [String] {
    if parts[0].hasPrefix("\u{0}"), let id = Int(parts[0].dropFirst()) {
      return (scope.columns + scope.hidden).first { $0.id == id }.map { [$0.name] } ?? parts
    }
    guard let match = try? scope.match(parts) else { return parts }
    return Array(parts[(match.path.startIndex - 1)...])
  }
}
