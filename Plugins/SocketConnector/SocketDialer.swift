import Glibc
import MillraceCore

/// Opens sockets and says in words what went wrong.
struct SocketDialer: Sendable {
  let place: SocketPlace
  let environment: Environment

  private var clock: any Clock { environment.clock }

  /// Connects, trying again with growing pauses for `patience` microseconds (nil: for ever) until `isCancelled`.
  func connect(
    patience: Int64?, backoff: inout Backoff, isCancelled: () -> Bool
  ) throws -> (socket: any NetworkSocket, peer: NetworkAddress) {
    let start = clock.monotonicNanoseconds()
    while true {
      let pause: Int64
      do { return try connectOnce(isCancelled) } catch {
        pause = backoff.next()
        let spent = (clock.monotonicNanoseconds() - start) / 1000
        if isCancelled() { throw error }
        if let patience, spent + pause > patience { throw error }
      }
      var left = pause
      while left > 0 && !isCancelled() {
        clock.sleep(microseconds: min(left, 50_000))
        left -= 50_000
      }
    }
  }

  /// Tries each address of the host in turn.
  private func connectOnce(_ isCancelled: () -> Bool) throws -> (any NetworkSocket, NetworkAddress) {
    var reason = NetworkFailure(number: ENOENT, reason: "it has no address")
    for address in try resolve(isPassive: false) {
      do {
        let socket = try environment.network.connect(
          place.transport, to: address, timeout: place.connectTimeout, isCancelled: isCancelled)
        return (socket, address)
      } catch let failure as NetworkFailure { reason = failure }
    }
    if reason.number == ECONNREFUSED || place.transport.isLocal && reason.number == ENOENT {
      throw MillraceError(
        "SOCKET_CONNECT_FAILED", "connecting to \(place.name): nobody listens there",
        hint: serverHint, fault: .external, isRetryable: true)
    }
    throw MillraceError(
      "SOCKET_CONNECT_FAILED", "connecting to \(place.name): \(reason.reason)",
      hint: "check host, port and network", fault: .external, isRetryable: true)
  }

  private var serverHint: String {
    switch place.endpoint {
    case .host(_, let port):
      "start the server first, for example 'nc -lk \(port)', or set 'connectRetry' to wait for it"
    case .path: "start the server first, or set 'connectRetry' to wait for it"
    }
  }

  private func resolve(isPassive: Bool) throws -> [NetworkAddress] {
    do {
      return try environment.network.resolve(place.endpoint, isPassive: isPassive)
    } catch let failure as NetworkFailure {
      throw MillraceError(
        "SOCKET_HOST_UNKNOWN", "finding the address of '\(hostName)': \(failure.reason)",
        hint: "check the option 'host'", fault: .external, isRetryable: true)
    }
  }

  private var hostName: String {
    if case .host(let host, _) = place.endpoint { return host }
    return place.name
  }

  /// Listens at all addresses that the host means, with the same port; at least one must be free.
  func listen() throws -> [any NetworkSocket] {
    var sockets: [any NetworkSocket] = []
    var reason: NetworkFailure?
    for var address in try resolve(isPassive: true) {
      if let port = sockets.first?.localAddress.port { address = address.withPort(port) }
      do {
        sockets.append(try environment.network.listen(place.transport, on: address))
      } catch let failure as NetworkFailure { reason = failure }
    }
    if !sockets.isEmpty { return sockets }
    let failure = reason ?? NetworkFailure(number: 0, reason: "it has no address")
    throw MillraceError(
      "SOCKET_LISTEN_FAILED", "listening at \(place.name): \(failure.reason)",
      hint: failure.number == EADDRINUSE
        ? "another program listens there: stop it, or take another port" : "check host, port and permissions",
      fault: .external, isRetryable: true)
  }

  /// Writes the port to the file that the options name.
  func writePortFile(_ port: UInt16) throws {
    guard let path = place.portFile else { return }
    let file = try environment.files.open(path + ".new", .create)
    let text = Array("\(port)\n".utf8)
    try text.withUnsafeBytes { try file.write($0, at: 0) }
    try file.close()
    try environment.files.rename(path + ".new", to: path)
  }
}
