import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

/// Reads bounded data: `spark.read.format("csv").option("header", true).load("ads.csv")`.
public struct DataFrameReader: Sendable {
  private let session: SparkSession
  private var source = SourceOptions(format: "text")
  private var schemaText: String?

  init(_ session: SparkSession) { self.session = session }

  private func with(_ change: (inout DataFrameReader) -> Void) -> DataFrameReader {
    var copy = self
    change(&copy)
    return copy
  }

  /// The connector's name.
  public func format(_ name: String) -> DataFrameReader { with { $0.source.format = name } }
  /// An option of the connector or decoder.
  public func option(_ key: String, _ value: String) -> DataFrameReader {
    with { $0.source.options.set(option: key, value) }
  }
  /// An option.
  public func option(_ key: String, _ value: Bool) -> DataFrameReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Int) -> DataFrameReader { option(key, String(value)) }
  /// The columns as DDL.
  public func schema(_ ddl: String) -> DataFrameReader { with { $0.schemaText = ddl } }
  /// The decoder of a byte source, for instance `combined`.
  public func decode(_ name: String) -> DataFrameReader { with { $0.source.decode = name } }

  /// The data as a DataFrame.
  public func load() async throws -> DataFrame { try define(isStreaming: false) }
  /// The data at a path.
  public func load(_ path: String) async throws -> DataFrame { try option("path", path).define(isStreaming: false) }
  /// CSV files.
  public func csv(_ path: String) async throws -> DataFrame { try await format("csv").load(path) }
  /// JSON files.
  public func json(_ path: String) async throws -> DataFrame { try await format("json").load(path) }
  /// Text files.
  public func text(_ path: String) async throws -> DataFrame { try await format("text").load(path) }

  private func define(isStreaming: Bool) throws -> DataFrame {
    var given = source
    given.schema = try schemaText.map { try SQLParser.parseSchema($0) }
    return try session.define(given, isStreaming: isStreaming)
  }
}

/// Reads streams: `spark.readStream.format("socket").option("host", "localhost").option("port", 9999).load()`.
public struct DataStreamReader: Sendable {
  private let session: SparkSession
  private var source = SourceOptions(format: "text")
  private var schemaText: String?

  init(_ session: SparkSession) { self.session = session }

  private func with(_ change: (inout DataStreamReader) -> Void) -> DataStreamReader {
    var copy = self
    change(&copy)
    return copy
  }

  /// The connector's name.
  public func format(_ name: String) -> DataStreamReader { with { $0.source.format = name } }
  /// An option of the connector or decoder.
  public func option(_ key: String, _ value: String) -> DataStreamReader {
    with { $0.source.options.set(option: key, value) }
  }
  /// An option.
  public func option(_ key: String, _ value: Bool) -> DataStreamReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Int) -> DataStreamReader { option(key, String(value)) }
  /// An option.
  public func option(_ key: String, _ value: Double) -> DataStreamReader { option(key, String(value)) }
  /// Several options.
  public func options(_ values: [String: String]) -> DataStreamReader {
    with { reader in for (key, value) in values { reader.source.options.set(option: key, value) } }
  }
  /// The columns as DDL; parsed by `load`.
  public func schema(_ ddl: String) -> DataStreamReader { with { $0.schemaText = ddl } }
  /// The decoder of a byte source, for instance `combined`.
  public func decode(_ name: String) -> DataStreamReader { with { $0.source.decode = name } }

  /// The stream as a DataFrame.
  public func load() async throws -> DataFrame {
    var given = source
    given.schema = try schemaText.map { try SQLParser.parseSchema($0) }
    return try session.define(given, isStreaming: true)
  }
  /// The stream of a path.
  public func load(_ path: String) async throws -> DataFrame { try await option("path", path).load() }
}

extension SparkSession {
  /// A DataFrame of a source without a name.
  func define(_ given: SourceOptions, isStreaming: Bool) throws -> DataFrame {
    let source = try SourceDefinition(
      name: given.format, given, isStreaming: isStreaming, connectors: connectors, environment: environment)
    var unnamed = source
    unnamed.name = ""
    let id = register(unnamed)
    let columns = source.schema.fields.map { Attribute($0.name, $0.type, isNullable: $0.isNullable) }
    let leaf = LeafRelation(name: given.format, output: columns, content: .scan(id: id, isStreaming: isStreaming))
    return DataFrame(self, AnalyzedQuery(plan: .relation(leaf), subqueries: []))
  }
}
