public import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

/// Reads a source: bounded data, `spark.read.format("csv").option("header", true).load("ads.csv")`, or a stream,
/// `spark.readStream.format("socket").option("host", "localhost").option("port", 9999).load()`.
///
/// What is wrong with options, schema or format is reported when the DataFrame is used.
public struct DataFrameReader: Sendable {
  private let session: SparkSession
  private let isStreaming: Bool
  private var source = SourceOptions(format: "text")
  private var schemaText: String?

  init(_ session: SparkSession, isStreaming: Bool) {
    self.session = session
    self.isStreaming = isStreaming
  }

  private func with(_ change: (inout DataFrameReader) -> Void) -> DataFrameReader {
    var copy = self
    change(&copy)
    return copy
  }

  /// The connector's name.
  public func format(_ name: String) -> DataFrameReader { with { $0.source.format = name } }
  /// An option of the connector or decoder. Names ignore case.
  public func option(_ key: String, _ value: String) -> DataFrameReader {
    with { $0.source.options.set(option: key, value) }
  }
  /// An option.
  public func option(_ key: String, _ value: Bool) -> DataFrameReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Int) -> DataFrameReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Int64) -> DataFrameReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Double) -> DataFrameReader { option(key, String(value)) }
  /// Several options.
  public func options(_ values: [String: String]) -> DataFrameReader {
    with { reader in for (key, value) in values { reader.source.options.set(option: key, value) } }
  }
  /// The columns as DDL, for instance `"time TIMESTAMP, host STRING"`.
  public func schema(_ ddl: String) -> DataFrameReader { with { $0.schemaText = ddl } }
  /// The columns.
  public func schema(_ schema: Schema) -> DataFrameReader {
    with {
      $0.source.schema = schema
      $0.schemaText = nil
    }
  }
  /// The decoder of a byte source, for instance `combined`.
  public func decode(_ name: String, _ options: [String: String] = [:]) -> DataFrameReader {
    with {
      $0.source.decode = name
      $0.source.decodeOptions = options
    }
  }

  /// The data as a DataFrame.
  public func load() async -> DataFrame { define() }
  /// The data at a path.
  public func load(_ path: String) async -> DataFrame { option("path", path).define() }
  /// CSV files.
  public func csv(_ path: String) async -> DataFrame { await format("csv").load(path) }
  /// JSON files, an object a line.
  public func json(_ path: String) async -> DataFrame { await format("json").load(path) }
  /// Text files, a row of one column `value` for each line.
  public func text(_ path: String) async -> DataFrame { await format("text").load(path) }
  /// A table, stream or view of the session by name.
  public func table(_ name: String) async -> DataFrame { session.frame(of: name) }

  private func define() -> DataFrame {
    DataFrame(
      session,
      Result {
        do {
          var given = source
          if let schemaText { given.schema = try SQLParser.parseSchema(schemaText) }
          given.inferAsSpark(isStreaming: isStreaming)
          return try session.define(given, isStreaming: isStreaming)
        } catch let error as SQLParseError {
          throw MillraceError(error)
        }
      })
  }
}

extension SourceOptions {
  /// Columns that are not declared are inferred where Spark infers them: of bounded JSON, and of CSV with the option `inferSchema`.
  fileprivate mutating func inferAsSpark(isStreaming: Bool) {
    let key = options.keys.first { $0.lowercased() == "inferschema" }
    let isAsked = key.flatMap { options.removeValue(forKey: $0) }?.lowercased() == "true"
    guard schema == nil else { return }
    switch (decode ?? format).lowercased() {
    case "json" where !isStreaming: inference = SchemaInference()
    case "csv" where isAsked: inference = SchemaInference()
    default: return
    }
  }
}

/// Reads streams; what `SparkSession.readStream` begins.
public typealias DataStreamReader = DataFrameReader

extension SparkSession {
  /// The query of a source without a name.
  func define(_ given: SourceOptions, isStreaming: Bool) throws -> AnalyzedQuery {
    var source = try SourceDefinition(
      name: given.format, given, isStreaming: isStreaming, connectors: connectors, environment: environment)
    source.name = ""
    let id = register(source)
    let leaf = LeafRelation(
      name: given.format, scan: id, source.schema, isStreaming: isStreaming, namesFiles: source.namesFiles)
    return AnalyzedQuery(plan: .relation(leaf), subqueries: [])
  }

  /// What a name stands for.
  func frame(of name: String) -> DataFrame {
    DataFrame(
      self,
      Result {
        do {
          return try makeAnalyzer().analyze(Query(.table(try SQLParser.parseNameParts(name))))
        } catch let error as SQLParseError {
          throw MillraceError(error)
        }
      })
  }
}
