import MillraceSQL

/// Names of output columns.
enum ColumnNaming {
  /// The alias, or the name that Spark makes from the expression.
  static func name(of item: SQLExpression) -> String {
    if case .alias(_, let names) = item.kind, let name = names.first { return name }
    return SQLUnparser.prettyName(item)
  }
}
