public import MillraceColumnar
public import MillraceCore
import MillraceExecution
public import MillraceExpressions
import MillraceFormats
public import MillracePlan
public import MillraceSQL
import MillraceState
import MillraceStreaming
import Synchronization

/// The entry point: sources, views and functions that queries can name, and the queries that run. Safe to share between tasks.
///
/// The name and shape follow Apache Spark's; there is no server behind it, queries run in this process.
public final class SparkSession: Sendable {
  /// Connectors that `format` can name.
  public let connectors: ConnectorRegistry
  /// Files and clock.
  public let environment: Environment
  /// Worker threads of each query; nil: one per processor.
  public let workers: Int?
  /// The queries that run.
  public let streams = StreamingQueryManager()
  private let state: Mutex<State>
  /// The session that `Builder.getOrCreate` gives.
  private static let current = Mutex<SparkSession?>(nil)

  private struct State: Sendable {
    var catalog = Catalog()
    var sources: [Int: SourceDefinition] = [:]
    var functions = FormatFunctions.added(to: .builtin)
    var context = BindingContext()
    var compatibility = StreamingRules.Compatibility.millrace
    var conf: [String: String] = [:]
  }

  /// A session with the bundled connectors and more.
  public init(connectors: [any Connector] = [], environment: Environment = .live, workers: Int? = nil) {
    self.connectors = BundledConnectors.registry(with: connectors)
    self.environment = environment
    self.workers = workers
    state = Mutex(State())
  }

  /// Builds a session as Spark programs do: `SparkSession.builder.getOrCreate()`.
  public static var builder: Builder { Builder() }

  /// Settings for a new session.
  public struct Builder: Sendable {
    private var settings: [String: String] = [:]

    /// Sets the application's name; kept as the setting `spark.app.name`.
    public func appName(_ name: String) -> Builder { config("spark.app.name", name) }

    /// Sets one setting.
    public func config(_ key: String, _ value: String) -> Builder {
      var copy = self
      copy.settings[key] = value
      return copy
    }

    /// Sets one setting.
    public func config(_ key: String, _ value: Bool) -> Builder { config(key, String(value)) }
    /// Sets one setting.
    public func config(_ key: String, _ value: Int) -> Builder { config(key, String(value)) }
    /// Sets one setting.
    public func config(_ key: String, _ value: Int64) -> Builder { config(key, String(value)) }
    /// Sets one setting.
    public func config(_ key: String, _ value: Double) -> Builder { config(key, String(value)) }

    /// Accepted for programs written for Spark Connect; nothing is contacted.
    public func remote(_ url: String) -> Builder { self }

    /// The program's session, made at the first call, with these settings set.
    public func getOrCreate() async throws -> SparkSession {
      let session = SparkSession.current.withLock { current in
        let session = current ?? SparkSession()
        current = session
        return session
      }
      for (key, value) in settings.sorted(by: { $0.key < $1.key }) { try session.set(key, value) }
      return session
    }
  }

  /// Sets a setting. Known: `spark.sql.session.timeZone`, `spark.sql.ansi.enabled`, `millrace.compatibility` (`millrace` or `spark`);
  /// others are kept and have no effect.
  public func set(_ key: String, _ value: String) throws {
    try state.withLock { state in
      switch key {
      case "spark.sql.session.timeZone": state.context.timeZone = value
      case "spark.sql.ansi.enabled": state.context.isAnsi = value.lowercased() != "false"
      case "millrace.compatibility":
        guard let mode = StreamingRules.Compatibility(rawValue: value) else {
          throw MillraceError(
            "INVALID_CONF_VALUE", "millrace.compatibility is '\(value)'", hint: "one of: millrace, spark")
        }
        state.compatibility = mode
      default: break
      }
      state.conf[key] = value
    }
  }

  /// A setting as it was given, nil where it was not.
  func setting(_ key: String) -> String? { state.withLock { $0.conf[key] } }

  /// All settings that were given.
  var settings: [String: String] { state.withLock { $0.conf } }

  /// Forgets a setting; those that have an effect take their default again.
  func unset(_ key: String) {
    state.withLock { state in
      state.conf[key] = nil
      switch key {
      case "spark.sql.session.timeZone": state.context.timeZone = BindingContext().timeZone
      case "spark.sql.ansi.enabled": state.context.isAnsi = BindingContext().isAnsi
      case "millrace.compatibility": state.compatibility = .millrace
      default: break
      }
    }
  }

  /// `spark.sql.streaming.multipleWatermarkPolicy`.
  func watermarkPolicy() throws -> WatermarkPolicy {
    let key = "spark.sql.streaming.multipleWatermarkPolicy"
    guard let text = state.withLock({ $0.conf[key] }) else { return .min }
    guard let policy = WatermarkPolicy(rawValue: text.lowercased()) else {
      throw MillraceError("INVALID_CONF_VALUE", "\(key) is '\(text)'", hint: "one of: min, max")
    }
    return policy
  }

  /// How far beyond Spark streaming queries may go.
  public var compatibility: StreamingRules.Compatibility { state.withLock { $0.compatibility } }

  /// All functions that queries of this session can name.
  var functions: FunctionRegistry { state.withLock(\.functions) }

  /// Adds functions of one's own.
  public func register(_ function: ScalarFunction) { state.withLock { $0.functions.register(function) } }

  /// Adds an aggregate function of one's own.
  public func register(_ function: AggregateFunction) { state.withLock { $0.functions.register(function) } }

  // MARK: Names

  /// Makes a source known under its name; gives its relation id.
  @discardableResult
  public func register(_ source: SourceDefinition, watermark: (column: String, settings: WatermarkSettings)? = nil)
    -> Int
  {
    state.withLock { state in
      let id = state.sources.count + 1
      state.sources[id] = source
      if !source.name.isEmpty {
        state.catalog.register(
          source.name,
          .scan(
            id: id, schema: source.schema, isStreaming: source.isStreaming, watermark: watermark,
            namesFiles: source.namesFiles))
      }
      return id
    }
  }

  /// Makes a query known as a view.
  public func register(view name: String, _ query: Query) { state.withLock { $0.catalog.register(name, .view(query)) } }

  /// Makes a resolved query known as a view.
  public func register(view name: String, _ query: AnalyzedQuery) {
    state.withLock { $0.catalog.register(name, .plan(query)) }
  }

  /// Makes rows known as a table.
  public func register(table name: String, schema: Schema, rows: RecordBatch) {
    state.withLock { $0.catalog.register(name, .rows(schema, rows)) }
  }

  /// Forgets a table or view.
  @discardableResult
  public func dropView(_ name: String) -> Bool { state.withLock { $0.catalog.remove(name) } }

  /// Names of tables, streams and views.
  public var tableNames: [String] { state.withLock { $0.catalog.names } }

  /// An analyzer over what the session knows now.
  public func makeAnalyzer() -> Analyzer {
    let state = self.state.withLock { $0 }
    return Analyzer(catalog: state.catalog, functions: state.functions, context: state.context)
  }

  /// The sources of a plan, made anew for one query.
  func bindings(for queries: [AnalyzedQuery], _ setup: SourceSetup) throws -> [Int: ScanBinding] {
    let definitions = try definitions(of: queries)
    return try SourceSequence.arrange(
      definitions.mapValues { definition in
        var binding = try definition.bind(setup)
        binding.reload = definition.reload
        return binding
      },
      startAfter: definitions.filter { !$0.value.startAfter.isEmpty }.mapValues(\.startAfter))
  }

  /// The columns of a registered source; nil if there is none of the name.
  package func schema(ofSource name: String) -> Schema? {
    state.withLock { $0.sources }.values.first { $0.name.lowercased() == name.lowercased() }?.schema
  }

  /// Names of the registered sources that meet a condition.
  package func sourceNames(where meets: (SourceDefinition) -> Bool) -> Set<String> {
    Set(state.withLock { $0.sources }.values.filter(meets).map(\.name))
  }

  /// The sources that queries read, by relation id.
  func definitions(of queries: [AnalyzedQuery]) throws -> [Int: SourceDefinition] {
    let known = state.withLock { $0.sources }
    var ids: Set<Int> = []
    func collect(_ plan: LogicalPlan) {
      plan.forEach { node in
        if case .relation(let leaf) = node, case .scan(let id, _) = leaf.content { ids.insert(id) }
      }
    }
    for query in queries {
      collect(query.plan)
      for subquery in query.subqueries {
        collect(subquery.plan)
        if case .recursion(let step, _, _, _) = subquery.form { collect(step) }
      }
    }
    var result: [Int: SourceDefinition] = [:]
    for id in ids {
      guard let source = known[id] else {
        throw MillraceError("INTERNAL_ERROR", "relation \(id) is unknown", fault: .bug)
      }
      result[id] = source
    }
    return result
  }

  // MARK: Queries

  /// Resolves a SQL query.
  public func analyze(_ sql: String) throws -> AnalyzedQuery {
    let text = substituted(sql)
    do {
      return try makeAnalyzer().analyze(try SQLParser.parseQuery(text))
    } catch let error as SQLParseError {
      throw MillraceError(error)
    } catch let error as MillraceError {
      throw error.shown(in: text)
    }
  }

  private func substituted(_ text: String) -> String {
    let conf = state.withLock { $0.conf }
    if conf["spark.sql.variable.substitute"]?.lowercased() == "false" { return text }
    return VariableSubstitution.apply(to: text) { conf[$0] }
  }

  /// A SQL statement as a DataFrame; statements such as CREATE VIEW are carried out.
  public func sql(_ text: String) async throws -> DataFrame { try execute(statement: text) }

  /// A SQL statement whose `?` stand for values in their order: `sql("SELECT * FROM t WHERE n > ? AND k = ?", 5, "a")`.
  ///
  /// A value is a number, a text, a truth value, a `Timestamp` or another type of state variables, nil for NULL, or a `Column`.
  /// Throws `UNBOUND_SQL_PARAMETER` for a parameter without a value and `INVALID_SQL_ARG` for a value of another kind.
  public func sql(_ text: String, _ args: (any Sendable)?...) async throws -> DataFrame {
    try execute(statement: text, parameters: .positional(try args.map { try SQLArgument.expression($0) }))
  }

  /// A SQL statement whose `:name` stand for values by name; values as with `?`.
  public func sql(_ text: String, args: [String: any Sendable]) async throws -> DataFrame {
    try execute(statement: text, parameters: .named(try args.mapValues { try SQLArgument.expression($0) }))
  }

  /// The same without suspension.
  public func execute(statement text: String) throws -> DataFrame {
    try execute(statement: text, parameters: .positional([]))
  }

  private func execute(statement text: String, parameters: SQLParameters) throws -> DataFrame {
    let text = substituted(text)
    do {
      return try StatementRunner(self).run(try SQLParser.parseStatement(text, parameters: parameters))
    } catch let error as SQLParseError {
      throw MillraceError(error)
    } catch let error as MillraceError {
      throw error.shown(in: text)
    }
  }

  /// Rows of a bounded query.
  func collect(_ query: AnalyzedQuery) throws -> [RecordBatch] { try profiled(query).rows }

  /// Rows of a bounded query, and where the time went.
  func profiled(_ query: AnalyzedQuery) throws -> (rows: [RecordBatch], profile: QueryProfile) {
    if query.plan.isStreaming {
      throw MillraceError(
        "STREAMING_QUERY_NEEDS_WRITE_STREAM", "a query over a stream must be executed with writeStream.start()")
    }
    let bindings = try self.bindings(for: [query], SourceSetup(environment: environment))
    defer { for binding in bindings.values { binding.input.source.close() } }
    return try BatchQuery.profiled(query, bindings: bindings, timestamp: environment.clock.now(), workers: workers)
  }

  /// Reads bounded data.
  public var read: DataFrameReader { DataFrameReader(self, isStreaming: false) }

  /// Reads streams.
  public var readStream: DataStreamReader { DataFrameReader(self, isStreaming: true) }

  /// A table, stream or view by name.
  public func table(_ name: String) async throws -> DataFrame {
    let frame = frame(of: name)
    _ = try frame.analyzed()
    return frame
  }

  /// Numbers from `start` up to `end`, which is left out.
  public func range(_ start: Int64, _ end: Int64, _ step: Int64 = 1) async throws -> DataFrame {
    try execute(statement: "SELECT * FROM range(\(start), \(end), \(step))")
  }

  /// Numbers from 0 up to `end`, which is left out.
  public func range(_ end: Int64) async throws -> DataFrame { try await range(0, end) }

  /// Given rows as a DataFrame; `schema` is DDL.
  public func createDataFrame(_ rows: [[Value]], _ schema: String) async throws -> DataFrame {
    do {
      return try await createDataFrame(rows, try SQLParser.parseSchema(schema))
    } catch let error as SQLParseError {
      throw MillraceError(error)
    }
  }

  /// Given rows as a DataFrame.
  public func createDataFrame(_ rows: [[Value]], _ schema: Schema) async throws -> DataFrame {
    if let row = rows.first(where: { $0.count != schema.count }) {
      throw MillraceError(
        "NUM_COLUMNS_MISMATCH", "a row has \(row.count) values for \(schema.count) columns",
        hint: "the columns are \(schema.ddl)")
    }
    return DataFrame(self, rows: .of(rows, schema: schema), schema: schema, name: "rows")
  }

  /// A DataFrame without rows and columns.
  public var emptyDataFrame: DataFrame {
    DataFrame(self, rows: RecordBatch(rowCount: 0, columns: []), schema: Schema(), name: "rows")
  }

  /// Settings of the session.
  public var conf: RuntimeConf { RuntimeConf(session: self) }

  /// Stops the session's queries; the next `getOrCreate` makes a new session.
  public func stop() async throws {
    SparkSession.current.withLock { current in
      if current === self { current = nil }
    }
    for query in streams.active { try await query.stop() }
  }
}
