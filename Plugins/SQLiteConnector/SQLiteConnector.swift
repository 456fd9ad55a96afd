public import MillraceCore

/// Reads and writes tables of SQLite databases, and keeps state in them.
public struct SQLiteConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "sqlite",
      summary: "Tables of a SQLite database: read as they grow, or written exactly once; or a query's state.",
      kinds: [.source, .sink, .stateStore], sourceFields: SQLiteSourceConfiguration.fields,
      sinkFields: SQLiteSinkConfiguration.fields, stateStoreFields: SQLiteStateStoreConfiguration.fields)
  }

  /// Makes a source. Without a declared schema the database is opened to read the columns' declared types.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .rows(
      try SQLiteSource(
        SQLiteSourceConfiguration(request.options), schema: request.schema, clock: request.environment.clock))
  }

  /// Makes a sink; the database is opened later.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    let configuration = try SQLiteSinkConfiguration(
      request.options, schema: request.schema, outputMode: request.outputMode)
    return .rows(
      SQLiteSink(
        configuration, schema: request.schema, outputMode: request.outputMode, environment: request.environment))
  }

  /// Makes a provider of stores; their databases are opened later.
  public func makeStateStore(_ request: StateStoreRequest) throws -> any StateStoreProvider {
    SQLiteStateStoreProvider(configuration: try SQLiteStateStoreConfiguration(request.options))
  }
}
