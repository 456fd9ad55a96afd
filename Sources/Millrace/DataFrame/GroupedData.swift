import MillraceColumnar
import MillraceCore
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
  /// The column whose values become columns, and the values.
  private(set) var pivoted: Result<(subject: SQLExpression, values: [SQLExpression]), any Error>?

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
      let columns = try pivoted.map { try Self.pivot(try aggregates(), $0.get()) } ?? aggregates()
      return parent.aggregate(Select(keys + columns, groupBy: GroupBy(groups)))
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

  // MARK: Pivot

  /// Makes a column of each of the values that a column can have: `groupBy("day").pivot("status", [200, 404]).count()`. Rows with other
  /// values are left out. Throws `UNSUPPORTED_GROUPING` for `rollup` and `cube` when the DataFrame is used.
  public func pivot(_ column: String, _ values: [any ColumnConvertible]) -> GroupedData {
    pivot(Result { (try SQLParser.parseExpression(column), try values.map { try $0.column.checked() }) })
  }

  /// The same with the values that the column has, in their order; they are computed now, so not over a stream.
  public func pivot(_ column: String) async throws -> GroupedData {
    if parent.isStreaming {
      throw MillraceError(
        "UNSUPPORTED_STREAMING_OPERATION.PIVOT", "the values of a stream's column are not known",
        hint: "name them: pivot(\"\(column)\", [ … ])")
    }
    let subject = Column(try SQLParser.parseExpression(column)).alias("value")
    let rows = try parent.select(subject).distinct().orderBy("value").batches()
    let values = rows.flatMap { batch in (0..<batch.rowCount).map { batch.columns[0].value($0) } }
    let type = rows.first?.columns[0].type ?? .void
    if values.count > 10_000 {
      throw MillraceError(
        "PIVOT_VALUE_LIMIT_EXCEEDED", "the column '\(column)' has \(values.count) values",
        hint: "name those that are to become columns")
    }
    return pivot(.success((subject.expression.unaliased, values.map { SQLExpression(.literal($0, type)) })))
  }

  private func pivot(_ pivoted: Result<(subject: SQLExpression, values: [SQLExpression]), any Error>) -> GroupedData {
    var copy = self
    copy.pivoted = pivoted.flatMap { given in
      if case .plain = form, self.pivoted == nil { return .success(given) }
      return .failure(
        MillraceError("UNSUPPORTED_GROUPING", "pivot takes plain keys, and comes once", hint: "use groupBy"))
    }
    return copy
  }

  /// Each aggregate of each value's rows.
  private static func pivot(
    _ aggregates: [SQLExpression], _ pivoted: (subject: SQLExpression, values: [SQLExpression])
  ) throws -> [SQLExpression] {
    try pivoted.values.flatMap { value in
      let condition = SQLExpression(.binary(.nullSafeEqual, pivoted.subject, value.unaliased))
      return try aggregates.map { aggregate in
        let names = PivotNames(value, aggregate)
        guard let filtered = aggregate.unaliased.filtered(by: condition) else {
          throw MillraceError(
            "PIVOT_AGGREGATE_NOT_FOUND", "`\(names.aggregate)` is no call of an aggregate that a pivot could split",
            hint: "use agg with calls of aggregates alone")
        }
        let name = aggregates.count == 1 ? names.value : "\(names.value)_\(names.aggregate)"
        return SQLExpression(.alias(filtered, [name]))
      }
    }
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
