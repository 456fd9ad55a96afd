import MillraceSQL

/// Groups of rows, waiting for aggregates.
public struct GroupedData: Sendable {
  /// How keys make groups.
  enum Form: Sendable {
    case plain, rollup, cube
  }

  let parent: DataFrame
  let keys: Result<[SQLExpression], any Error>
  let form: Form

  init(_ parent: DataFrame, _ keys: Result<[SQLExpression], any Error>, _ form: Form = .plain) {
    self.parent = parent
    self.keys = keys
    self.form = form
  }

  private func aggregate(_ aggregates: () throws -> [SQLExpression]) -> DataFrame {
    do {
      let keys = try self.keys.get().map { GroupedData.named($0) }
      let plain = keys.map(\.unaliased)
      let groups: [GroupBy.Item] =
        switch form {
        case .plain: plain.map { .expression($0) }
        case .rollup: [.rollup(plain.map { [$0] })]
        case .cube: [.cube(plain.map { [$0] })]
        }
      return parent.aggregate(Select(keys + (try aggregates()), groupBy: GroupBy(groups)))
    } catch {
      return parent.failing(error)
    }
  }

  /// Windows are called `window` and `session_window`, as in Spark, whatever their arguments.
  private static func named(_ key: SQLExpression) -> SQLExpression {
    guard case .call(let function) = key.kind, let name = function.name.last?.lowercased(),
      ["window", "session_window"].contains(name)
    else { return key }
    return SQLExpression(.alias(key, [name]), key.range)
  }

  private func each(_ function: String, _ names: [String]) -> DataFrame {
    aggregate { names.map { call(function, Column($0)).expression } }
  }

  /// Keys and aggregates.
  public func agg(_ columns: Column...) -> DataFrame { agg(columns) }
  /// Keys and aggregates.
  public func agg(_ columns: [Column]) -> DataFrame { aggregate { try columns.map { try $0.checked() } } }
  /// Keys and aggregates written in SQL, for instance `agg("count(*) AS hits", "sum(bytes)")`.
  public func agg(_ expressions: String...) -> DataFrame {
    aggregate { try expressions.map { try SQLParser.parseExpression($0) } }
  }

  /// Number of rows of each group, as the column `count`.
  public func count() -> DataFrame { agg(call("count", Column("*")).alias("count")) }
  /// Sums of columns.
  public func sum(_ names: String...) -> DataFrame { each("sum", names) }
  /// Means of columns.
  public func avg(_ names: String...) -> DataFrame { each("avg", names) }
  /// Means of columns.
  public func mean(_ names: String...) -> DataFrame { each("avg", names) }
  /// Smallest values of columns.
  public func min(_ names: String...) -> DataFrame { each("min", names) }
  /// Largest values of columns.
  public func max(_ names: String...) -> DataFrame { each("max", names) }
}
