public import MillraceCore

extension SocketConnector: CheckableConnector {
  /// The server, or a place to listen at that is free.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    [Self.need(try SocketSourceSettings(request.options).place, request.environment)]
  }

  /// The server, or a place to listen at that is free.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    [Self.need(try SocketSinkSettings(request.options).place, request.environment)]
  }

  private static func need(_ place: SocketPlace, _ environment: Environment) -> ResourceNeed {
    let dialer = SocketDialer(place: place, environment: place.secured(environment))
    if place.mode == .listen {
      return ResourceNeed("\(place.name) is free to listen at") {
        for socket in try dialer.listen() { socket.close() }
      }
    }
    return ResourceNeed("\(place.name) takes a connection") {
      var backoff = Backoff(limit: Backoff.first, seed: 1)
      try dialer.connect(patience: 0, backoff: &backoff, isCancelled: { false }).socket.close()
    }
  }
}
