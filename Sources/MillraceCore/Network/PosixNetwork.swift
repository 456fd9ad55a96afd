import Glibc

/// The operating system's sockets.
public struct PosixNetwork: Network {
  /// Makes a network.
  public init() {}

  static func failure(_ number: Int32 = errno) -> NetworkFailure {
    NetworkFailure(number: number, reason: String(cString: strerror(number)))
  }

  /// Asks the name service, or takes a path as it is.
  public func resolve(_ endpoint: NetworkEndpoint, isPassive: Bool) throws -> [NetworkAddress] {
    switch endpoint {
    case .path(let path):
      guard let address = NetworkAddress(path: path) else { throw Self.failure(ENAMETOOLONG) }
      return [address]
    case .host(let host, let port):
      var hints = addrinfo()
      hints.ai_family = AF_UNSPEC
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
      hints.ai_flags = AI_NUMERICSERV | (isPassive ? AI_PASSIVE : AI_ADDRCONFIG)
      var found: UnsafeMutablePointer<addrinfo>?
      let status = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &found)
      defer { freeaddrinfo(found) }
      if status != 0 { throw NetworkFailure(number: 0, reason: String(cString: gai_strerror(status))) }
      var addresses: [NetworkAddress] = []
      var next = found
      while let entry = next {
        let bytes = UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
        addresses.append(NetworkAddress(bytes: bytes))
        next = entry.pointee.ai_next
      }
      return addresses
    }
  }

  private func open(_ transport: NetworkTransport, _ address: NetworkAddress) throws -> PosixSocket {
    let family = transport.isLocal ? AF_UNIX : address.ip.map { $0.count == 4 } == true ? AF_INET : AF_INET6
    let kind = transport.isDatagram ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue
    let descriptor = socket(family, Int32(kind | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    if descriptor < 0 { throw Self.failure() }
    return PosixSocket(descriptor, transport)
  }

  /// Connects; a connection to an address of the same port that nobody listens at, with itself, does not count.
  public func connect(
    _ transport: NetworkTransport, to address: NetworkAddress, timeout: Int64, isCancelled: () -> Bool
  ) throws -> any NetworkSocket {
    let socket = try open(transport, address)
    do {
      try socket.connect(address, timeout: timeout, isCancelled: isCancelled)
    } catch {
      socket.close()
      throw error
    }
    return socket
  }

  /// Binds and listens. A Unix socket's file that nobody listens at any more is replaced.
  public func listen(_ transport: NetworkTransport, on address: NetworkAddress) throws -> any NetworkSocket {
    try listen(transport, on: address, isPrivate: false)
  }

  /// Listens at a path with the rights 0600 from the first moment.
  public func listenPrivately(at address: NetworkAddress) throws -> any NetworkSocket {
    try listen(.unix, on: address, isPrivate: true)
  }

  private func listen(
    _ transport: NetworkTransport, on address: NetworkAddress, isPrivate: Bool
  ) throws -> any NetworkSocket {
    let socket = try open(transport, address)
    do {
      try socket.listen(address, isPrivate: isPrivate)
    } catch {
      socket.close()
      throw error
    }
    return socket
  }

  /// Waits with epoll.
  public func makePoller() throws -> any NetworkPoller { try PosixPoller() }
}
