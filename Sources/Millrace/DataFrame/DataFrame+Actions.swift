public import MillraceColumnar
import MillraceCore
public import MillraceExecution
import MillraceExpressions
import MillracePlan

// What makes a query run, or names it.

extension DataFrame {
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

  /// All rows.
  public func collect() async throws -> [Row] {
    let names = try columns
    return try batches().flatMap { $0.rows().map { Row($0, names: names) } }
  }

  /// All rows as columns.
  public func batches() throws -> [RecordBatch] { try session.collect(try query.get()) }

  /// Number of rows.
  public func count() async throws -> Int64 { try batches().reduce(0) { $0 + Int64($1.rowCount) } }

  /// The first rows.
  public func head(_ count: Int = 1) async throws -> [Row] { try await limit(count).collect() }
  /// The first rows.
  public func take(_ count: Int) async throws -> [Row] { try await limit(count).collect() }
  /// The first row, nil where there is none.
  public func first() async throws -> Row? { try await limit(1).collect().first }
  /// The last rows.
  public func tail(_ count: Int) async throws -> [Row] { Array(try await collect().suffix(count)) }
  /// Whether there is no row.
  public func isEmpty() async throws -> Bool { try await limit(1).count() == 0 }

  /// Computes the rows now and gives them as a DataFrame, so that further uses do not compute them again.
  public func persist() async throws -> DataFrame {
    let schema = try self.schema
    let rows = RecordBatch.concatenated(try batches())
    let batch = rows.rowCount == 0 ? RecordBatch.of([], schema: schema) : rows
    return DataFrame(session, rows: batch, schema: schema, name: "persisted")
  }
  /// The same as `persist`.
  public func cache() async throws -> DataFrame { try await persist() }
  /// The DataFrame itself: kept rows go when nothing refers to them any more.
  public func unpersist() -> DataFrame { self }

  init(_ session: SparkSession, rows: RecordBatch, schema: Schema, name: String) {
    let columns = schema.fields.map { Attribute($0.name, $0.type, isNullable: $0.isNullable) }
    let leaf = LeafRelation(name: name, output: columns, content: .rows(rows))
    self.init(session, AnalyzedQuery(plan: .relation(leaf)))
  }

  /// Prints the first rows as Spark does.
  public func show(_ count: Int = 20, _ truncate: Bool = true) async throws {
    print(try table(count, truncate: truncate ? 20 : 0), terminator: "")
  }

  /// The first rows as the text that `show` prints.
  public func table(_ count: Int = 20, truncate: Int = 20) throws -> String {
    let rows = RecordBatch.concatenated(try limit(count + 1).batches())
    let text = ConsoleTable(rows.rowCount == 0 ? nil : rows.prefix(count), schema: try schema, truncate: truncate)
      .text
    return rows.rowCount > count ? text + "only showing top \(count) row\(count == 1 ? "" : "s")\n" : text
  }

  /// Prints the columns with their types as a tree.
  public func printSchema() async throws { print(try schemaText, terminator: "") }

  /// What `printSchema` prints.
  public var schemaText: String {
    get throws {
      "root\n"
        + (try schema.fields.map {
          " |-- \($0.name): \($0.type.sql.lowercased()) (nullable = \($0.isNullable))\n"
        }).joined()
    }
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

  /// Starts the definition of a write of all rows.
  public var write: DataFrameWriter { DataFrameWriter(self) }

  /// Starts the definition of a streaming write.
  public var writeStream: DataStreamWriter { DataStreamWriter(self) }
}
