public import MillraceCore

/// Log files that rotate: read while another program writes and rotates them, or written and rotated here.
public struct RotatingFileConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "rotating-file", summary: "Log files that rotate: followed through every rotation, or written and rotated.",
      kinds: [.source, .sink], sourceFields: RotatingFileSourceConfiguration.fields,
      sinkFields: RotatingFileSinkConfiguration.fields)
  }

  /// Makes a source; files are looked for later.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .bytes(
      RotatingFileSource(try RotatingFileSourceConfiguration(request.options), environment: request.environment))
  }

  /// Makes a sink; files are opened later.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    let configuration = try RotatingFileSinkConfiguration(request.options, schema: request.schema)
    return .bytes(RotatingFileSink(configuration, environment: request.environment))
  }
}
