/// The ordered columns of a batch, source, sink or query.
public struct Schema: Hashable, Sendable {
  /// The columns in order; names may repeat, as in the result of a join.
  public var fields: [StructField]

  /// Makes a schema from fields.
  public init(_ fields: [StructField] = []) {
    self.fields = fields
  }

  /// Number of columns.
  public var count: Int { fields.count }

  /// Column names in order.
  public var names: [String] { fields.map(\.name) }

  /// Column types in order.
  public var types: [DataType] { fields.map(\.type) }

  /// Position of a column by name, ignoring ASCII case as Spark does; nil when absent.
  public func index(of name: String) -> Int? {
    let wanted = name.lowercased()
    return fields.firstIndex { $0.name.lowercased() == wanted }
  }

  /// The schema as DDL, for instance `word STRING, count BIGINT`.
  public var ddl: String {
    fields.map { "\(quoteIfNeeded($0.name)) \($0.type.sql)" }.joined(separator: ", ")
  }
}
