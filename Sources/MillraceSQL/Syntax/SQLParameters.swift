/// What stands for the parameters of a statement: `:name` or `?`, by name or in the order in which they come.
public enum SQLParameters: Sendable {
  /// By name, ignoring case.
  case named([String: SQLExpression])
  /// In order.
  case positional([SQLExpression])

  func named(_ name: String) -> SQLExpression? {
    guard case .named(let values) = self else { return nil }
    return values[name] ?? values.first { $0.key.lowercased() == name.lowercased() }?.value
  }

  func positional(_ index: Int) -> SQLExpression? {
    guard case .positional(let values) = self, values.indices.contains(index) else { return nil }
    return values[index]
  }
}
