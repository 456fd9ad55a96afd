public import MillraceCore

extension SocketConnector: CheckableConnector {
  /// The server.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    [try Self.need(request.options, request.environment)]
  }

  /// The server.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    [try Self.need(request.options, request.environment)]
  }

  private static func need(_ options: Options, _ environment: Environment) throws -> ResourceNeed {
    let dialer = try SocketDialer(options, clock: environment.clock)
    return ResourceNeed("\(dialer.name) takes a connection") {
      let connection = SocketConnection()
      defer { connection.end() }
      try dialer.connect(connection, patience: 0)
    }
  }
}
