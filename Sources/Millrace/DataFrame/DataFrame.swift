public import MillraceColumnar
import MillraceCore
public import MillraceExecution
import MillraceExpressions
public import MillracePlan
import MillraceSQL

/// A query in the making: a value that each step copies, so that two queries can grow from one.
///
/// Steps resolve names and types at once but report an error only when the query is used (`schema`, `collect`, `start`, …).
public struct DataFrame: Sendable {
  let session: SparkSession
  let query: Result<AnalyzedQuery, any Error>

  /// A DataFrame of a resolved query.
  public init(_ session: SparkSession, _ query: AnalyzedQuery) {
    self.session = session
    self.query = .success(query)
  }

  private init(_ session: SparkSession, _ query: Result<AnalyzedQuery, any Error>) {
    self.session = session
    self.query = query
  }

  /// The resolved query; throws what a step before could not resolve.
  public func analyzed() throws -> AnalyzedQuery { try query.get() }

  /// Names and types of the columns.
  public func schema() throws -> Schema { try query.get().plan.schema }

  /// Whether the query reads a stream.
  public var isStreaming: Bool { (try? query.get().plan.isStreaming) ?? false }

  /// The next query: `step` makes its plan of the present one with an analyzer that gathers the subqueries of both.
  private func then(_ step: (Analyzer, LogicalPlan) throws -> LogicalPlan) -> DataFrame {
    DataFrame(
      session,
      query.flatMap { before in
        Result {
          do {
            let analyzer = session.makeAnalyzer()
            return analyzer.query(try step(analyzer, analyzer.adopt(before)))
          } catch let error as SQLParseError {
            throw MillraceError(error)
          }
        }
      })
  }

  private func map(_ step: (LogicalPlan) throws -> LogicalPlan) -> DataFrame {
    then { _, before in try step(before) }
  }

  // MARK: Steps

  /// The named columns.
  public func select(_ names: String...) -> DataFrame { select(names.map { Column($0) }) }

  /// Computed columns.
  public func select(_ columns: any ColumnConvertible...) -> DataFrame { select(columns.map(\.column)) }

  private func select(_ columns: [Column]) -> DataFrame {
    then { try $0.select(columns.map(\.expression), from: $1).plan }
  }

  /// Columns written in SQL.
  public func selectExpr(_ expressions: String...) -> DataFrame {
    then { analyzer, before in
      try analyzer.select(try expressions.map { try SQLParser.parseExpression($0) }, from: before).plan
    }
  }

  /// Rows for which a condition in SQL is true.
  public func filter(_ condition: String) -> DataFrame {
    then { try $0.filter(try SQLParser.parseExpression(condition), from: $1).plan }
  }

  /// Rows for which the condition is true.
  public func filter(_ condition: Column) -> DataFrame { then { try $0.filter(condition.expression, from: $1).plan } }

  /// The same as `filter`.
  public func `where`(_ condition: String) -> DataFrame { filter(condition) }

  /// The same as `filter`.
  public func `where`(_ condition: Column) -> DataFrame { filter(condition) }

  /// All columns, with one added or replaced.
  public func withColumn(_ name: String, _ column: any ColumnConvertible) -> DataFrame {
    then { analyzer, before in
      let new = SQLExpression(.alias(column.column.expression.unaliased, [name]))
      let old = before.output
      var items = old.map { $0.name.lowercased() == name.lowercased() ? new : SQLExpression(.column([$0.name])) }
      if !old.contains(where: { $0.name.lowercased() == name.lowercased() }) { items.append(new) }
      return try analyzer.select(items, from: before).plan
    }
  }

  /// All columns, one of them under another name.
  public func withColumnRenamed(_ old: String, _ new: String) -> DataFrame {
    map { plan in
      .project(
        plan.output.map {
          $0.name.lowercased() == old.lowercased() ? NamedExpression(new, .attribute($0)) : NamedExpression(passing: $0)
        },
        plan)
    }
  }

  /// All columns but the named ones.
  public func drop(_ names: String...) -> DataFrame {
    let gone = Set(names.map { $0.lowercased() })
    return map { plan in
      .project(plan.output.filter { !gone.contains($0.name.lowercased()) }.map { NamedExpression(passing: $0) }, plan)
    }
  }

  /// The DataFrame under a name that expressions can put in front of columns.
  public func alias(_ name: String) -> DataFrame { map { .alias([name], $0) } }

  /// Groups by expressions in SQL; without any, all rows are one group.
  public func groupBy(_ keys: String...) -> GroupedData {
    GroupedData(self, Result { try keys.map { try SQLParser.parseExpression($0) } })
  }

  /// Groups by columns.
  public func groupBy(_ keys: Column...) -> GroupedData { GroupedData(self, .success(keys.map(\.expression))) }

  /// Aggregates over all rows.
  public func agg(_ columns: Column...) -> DataFrame {
    GroupedData(self, .success([])).aggregate(columns.map(\.expression))
  }

  func aggregate(_ keys: [SQLExpression], _ aggregates: [SQLExpression]) -> DataFrame {
    then { analyzer, before in
      let select = Select(keys + aggregates, groupBy: GroupBy(keys.map { .expression($0.unaliased) }))
      return try analyzer.select(select, orderBy: [], from: before).plan
    }
  }

  func failing(_ error: any Error) -> DataFrame { DataFrame(session, .failure(error)) }

  /// Rows in the order of columns, ascending.
  public func orderBy(_ names: String...) -> DataFrame { sorted(names.map { SortItem(Column($0).expression) }) }

  /// Rows in the order of columns, ascending.
  public func orderBy(_ columns: Column...) -> DataFrame { sorted(columns.map { SortItem($0.expression) }) }

  /// Rows in the order of sort keys.
  public func orderBy(_ keys: SortColumn...) -> DataFrame { sorted(keys.map(\.item)) }

  /// The same as `orderBy`.
  public func sort(_ names: String...) -> DataFrame { sorted(names.map { SortItem(Column($0).expression) }) }

  private func sorted(_ items: [SortItem]) -> DataFrame {
    then { analyzer, before in
      try analyzer.select(Select([SQLExpression(.star(qualifier: [], except: []))]), orderBy: items, from: before).plan
    }
  }

  /// The first `count` rows.
  public func limit(_ count: Int) -> DataFrame { map { .limit(count: count, offset: 0, $0) } }

  /// The rows after the first `count`.
  public func offset(_ count: Int) -> DataFrame { map { .limit(count: nil, offset: count, $0) } }

  /// Each different row once.
  public func distinct() -> DataFrame { dropDuplicates() }

  /// The first row for each combination of the named columns, or of all.
  public func dropDuplicates(_ names: String...) -> DataFrame { deduplicated(names, isWithinWatermark: false) }

  /// The first row for each combination, where a repetition comes at most the watermark's delay later.
  public func dropDuplicatesWithinWatermark(_ names: String...) -> DataFrame {
    deduplicated(names, isWithinWatermark: true)
  }

  /// The same with the names in an array.
  public func dropDuplicates(_ names: [String]) -> DataFrame { deduplicated(names, isWithinWatermark: false) }

  /// The same with the names in an array.
  public func dropDuplicatesWithinWatermark(_ names: [String]) -> DataFrame {
    deduplicated(names, isWithinWatermark: true)
  }

  func deduplicated(_ names: [String], isWithinWatermark: Bool) -> DataFrame {
    map { plan in
      let keys = try names.map { name in
        guard let key = plan.output.first(where: { $0.name.lowercased() == name.lowercased() }) else {
          throw MillraceError(
            "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", "there is no column `\(name)` to drop duplicates by")
        }
        return key
      }
      return .deduplicate(
        DeduplicateNode(keys: keys.isEmpty ? plan.output : keys, isWithinWatermark: isWithinWatermark, child: plan))
    }
  }

  /// Declares an event-time column and how late rows may be, for instance `withWatermark("time", "10 minutes")`.
  public func withWatermark(_ column: String, _ delay: String) -> DataFrame {
    map { plan in
      guard let microseconds = DurationText.microseconds(delay), microseconds >= 0 else {
        throw MillraceError(
          "CANNOT_PARSE_INTERVAL", "the watermark delay '\(delay)' is no duration",
          hint: "write for instance '10 minutes'")
      }
      return try session.makeAnalyzer().watermark(plan, column: column, delay: microseconds)
    }
  }

  /// Rows of both; columns by position.
  public func union(_ other: DataFrame) -> DataFrame {
    then { analyzer, before in
      try analyzer.union(before, analyzer.adopt(try other.analyzed()).withFreshAttributes())
    }
  }

  /// The same as `union`.
  public func unionAll(_ other: DataFrame) -> DataFrame { union(other) }

  /// Pairs of rows for which a condition over both sides holds. `kind` is Spark's: inner, left, right, full, semi, anti, cross.
  public func join(_ other: DataFrame, _ condition: Column, _ kind: String = "inner") -> DataFrame {
    then { analyzer, before in
      try analyzer.join(
        before, analyzer.adopt(try other.analyzed()), kind: try JoinKind(spark: kind), on: condition.expression)
    }
  }

  /// Pairs of rows with equal values in the named columns, which come out once.
  public func join(_ other: DataFrame, _ names: [String], _ kind: String = "inner") -> DataFrame {
    then { analyzer, before in
      try analyzer.join(before, analyzer.adopt(try other.analyzed()), kind: try JoinKind(spark: kind), using: names)
    }
  }

  /// Makes the query known to SQL under a name.
  public func createOrReplaceTempView(_ name: String) async throws {
    session.register(view: name, try query.get())
  }

  /// The same; an existing name is an error.
  public func createTempView(_ name: String) async throws {
    if session.tableNames.contains(where: { $0.lowercased() == name.lowercased() }) {
      throw MillraceError("TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", "the view `\(name)` exists already")
    }
    try await createOrReplaceTempView(name)
  }

  // MARK: Actions

  /// All rows.
  public func collect() async throws -> [[Value]] { try batches().flatMap { $0.rows() } }

  /// All rows as columns.
  public func batches() throws -> [RecordBatch] { try session.collect(try query.get()) }

  /// Number of rows.
  public func count() async throws -> Int64 { try batches().reduce(0) { $0 + Int64($1.rowCount) } }

  /// Prints the first rows as Spark does.
  public func show(_ count: Int = 20, _ truncate: Bool = true) async throws {
    print(try table(count, truncate: truncate ? 20 : 0), terminator: "")
  }

  /// The first rows as the text that `show` prints.
  public func table(_ count: Int = 20, truncate: Int = 20) throws -> String {
    let rows = RecordBatch.concatenated(try limit(count + 1).batches())
    let text = ConsoleTable(rows.rowCount == 0 ? nil : rows.prefix(count), schema: try schema(), truncate: truncate)
      .text
    return rows.rowCount > count ? text + "only showing top \(count) row\(count == 1 ? "" : "s")\n" : text
  }

  /// The optimized plan as text.
  public func explain() throws -> String { PlanText.describe(try Optimizer.optimize(try query.get().plan)) }

  /// Runs the query and tells where its time went; its rows are dropped.
  public func profile() throws -> RunProfile {
    let start = session.environment.clock.monotonicNanoseconds()
    let profile = try session.profiled(try query.get()).profile
    return RunProfile(wallNanoseconds: session.environment.clock.monotonicNanoseconds() - start, queries: [profile])
  }

  /// Runs the query and gives its operators as text with their time, rows and threads, as EXPLAIN ANALYZE does.
  public func explainAnalyze() throws -> String { try profile().text }

  /// Starts the definition of a streaming write.
  public var writeStream: DataStreamWriter { DataStreamWriter(self) }
}
