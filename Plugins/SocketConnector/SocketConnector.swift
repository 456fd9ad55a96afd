public import MillraceCore

/// Lines over TCP, as a client: a source as Spark's, and a sink.
public struct SocketConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    let address = [
      OptionField("host", .string, "Name or address of the server.", isRequired: true, example: "localhost"),
      OptionField("port", .integer, "TCP port of the server.", isRequired: true, range: 1...65535, example: "9999"),
      OptionField(
        "connectTimeout", .duration, "How long one attempt to connect may take.", default: "10 seconds",
        range: 1000...3_600_000_000),
    ]
    let source = [
      OptionField(
        "connectRetry", .duration, "How long to go on trying when nobody listens yet.", default: "0 seconds",
        range: 0...86_400_000_000, example: "30 seconds"),
      OptionField(
        "reconnect", .boolean,
        "Whether to connect again, for ever, after the server closed; otherwise the stream ends there.",
        default: "false"),
    ]
    let sink = [
      OptionField(
        "connectRetry", .duration, "How long to go on trying when the server is away.", default: "30 seconds",
        range: 0...86_400_000_000)
    ]
    return ConnectorSpec(
      name: "socket", summary: "Lines over TCP, from or to a server that listens.", kinds: [.source, .sink],
      sourceFields: address + source, sinkFields: address + sink)
  }

  /// Makes a source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .live(
      SocketSource(
        try SocketDialer(request.options, clock: request.environment.clock),
        reconnects: try request.options.bool("reconnect") ?? false))
  }

  /// Makes a sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .bytes(SocketSink(try SocketDialer(request.options, clock: request.environment.clock)))
  }
}
