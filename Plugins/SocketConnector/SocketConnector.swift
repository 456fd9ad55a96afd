public import MillraceCore
import MillraceFormats

/// Records over TCP, UDP and Unix sockets, connecting or listening: a source and a sink.
public struct SocketConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "socket", summary: "Records over TCP, UDP or a Unix socket, connecting or listening.",
      kinds: [.source, .sink], sourceFields: SocketFields.source, sinkFields: SocketFields.sink)
  }

  /// Makes a source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .liveRecords(SocketSource(try SocketSourceSettings(request.options), environment: request.environment))
  }

  /// Makes a sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .bytes(SocketSink(try SocketSinkSettings(request.options), environment: request.environment))
  }
}
