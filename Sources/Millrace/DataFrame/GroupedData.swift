import MillraceSQL

/// Groups of rows, waiting for aggregates.
public struct GroupedData: Sendable {
  private let parent: DataFrame
  private let keys: Result<[SQLExpression], any Error>

  init(_ parent: DataFrame, _ keys: Result<[SQLExpression], any Error>) {
    self.parent = parent
    self.keys = keys
  }

  func aggregate(_ aggregates: [SQLExpression]) -> DataFrame {
    switch keys {
    case .success(let keys): parent.aggregate(keys, aggregates)
    case .failure(let error): parent.failing(error)
    }
  }

  /// Keys and aggregates.
  public func agg(_ columns: Column...) -> DataFrame { aggregate(columns.map(\.expression)) }

  /// Keys and aggregates written in SQL.
  public func agg(_ expressions: String...) -> DataFrame {
    do {
      return aggregate(try expressions.map { try SQLParser.parseExpression($0) })
    } catch {
      return parent.failing(error)
    }
  }

  /// Number of rows of each group, as the column `count`.
  public func count() -> DataFrame { agg(Column("*").counted.alias("count")) }

  /// Sums of columns.
  public func sum(_ names: String...) -> DataFrame { aggregate(names.map { call("sum", Column($0)).expression }) }

  /// Means of columns.
  public func avg(_ names: String...) -> DataFrame { aggregate(names.map { call("avg", Column($0)).expression }) }

  /// Smallest values of columns.
  public func min(_ names: String...) -> DataFrame { aggregate(names.map { call("min", Column($0)).expression }) }

  /// Largest values of columns.
  public func max(_ names: String...) -> DataFrame { aggregate(names.map { call("max", Column($0)).expression }) }
}

extension Column {
  fileprivate var counted: Column { call("count", self) }
}
