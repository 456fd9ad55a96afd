public import MillraceColumnar

/// What the automatic name of an output column may say of the columns and typed literals in its expression.
///
/// Without it, names hold what the query wrote; Spark's names hold what it resolved.
public struct ColumnNames {
  /// What a column is called once it is resolved, which drops the table's name.
  public var name: (_ parts: [String]) -> String
  /// A column's type, where it is known: `ts + INTERVAL …` is shown by another rule than `1 + 2`.
  public var type: (_ parts: [String]) -> DataType?
  /// The value of a literal such as `DATE'2024-1-2'`; nil where the text is none.
  public var value: (_ type: DataType, _ text: String) -> Value?

  /// The columns that `*` stands for.
  public var all: () -> [String]
  /// The columns of the enclosing query that a subquery reads, once for each place.
  public var outer: (_ query: Query) -> [String]

  /// By default columns and literals appear as they are written.
  public init(
    name: @escaping (_ parts: [String]) -> String = { $0.joined(separator: ".") },
    type: @escaping (_ parts: [String]) -> DataType? = { _ in nil },
    value: @escaping (_ type: DataType, _ text: String) -> Value? = { _, _ in nil },
    all: @escaping () -> [String] = { ["*"] },
    outer: @escaping (_ query: Query) -> [String] = { _ in [] }
  ) {
    self.name = name
    self.type = type
    self.value = value
    self.all = all
    self.outer = outer
  }
}
