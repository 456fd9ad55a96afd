/// Sockets as engine and connectors see them. Every socket is opened through this, so that tests can put another network in its place.
///
/// All sockets are non-blocking: what would have to wait says so, and a `NetworkPoller` waits for many at once.
public protocol Network: Sendable {
  /// The addresses that a place means, those to try first in front; waits for the name service. With `isPassive` they are for
  /// listening. Throws `NetworkFailure`.
  func resolve(_ endpoint: NetworkEndpoint, isPassive: Bool) throws -> [NetworkAddress]
  /// Connects within `timeout` microseconds, or gives up soon after `isCancelled` says so. For datagrams this only fixes where they go.
  /// Throws `NetworkFailure`.
  func connect(
    _ transport: NetworkTransport, to address: NetworkAddress, timeout: Int64, isCancelled: () -> Bool
  ) throws -> any NetworkSocket
  /// Binds to an address and, for streams, listens. Throws `NetworkFailure`.
  func listen(_ transport: NetworkTransport, on address: NetworkAddress) throws -> any NetworkSocket
  /// Listens for streams at a path where the user of this process alone can connect. Throws `NetworkFailure`.
  func listenPrivately(at address: NetworkAddress) throws -> any NetworkSocket
  /// Makes something to wait with.
  func makePoller() throws -> any NetworkPoller
}

extension Network {
  /// Refuses: this network keeps nobody out.
  public func listenPrivately(at address: NetworkAddress) throws -> any NetworkSocket {
    throw NetworkFailure(number: 0, reason: "this network has no private sockets")
  }
}

/// How bytes travel.
public enum NetworkTransport: String, Sendable, CaseIterable {
  /// A stream over IP.
  case tcp
  /// Datagrams over IP.
  case udp
  /// A stream between processes of one machine, by a path.
  case unix
  /// Datagrams between processes of one machine, by a path.
  case unixgram

  /// Whether messages come whole, each by itself.
  public var isDatagram: Bool { self == .udp || self == .unixgram }
  /// Whether addresses are paths.
  public var isLocal: Bool { self == .unix || self == .unixgram }
}

/// A place as people write it.
public enum NetworkEndpoint: Hashable, Sendable, CustomStringConvertible {
  /// Name or address, and port.
  case host(String, port: UInt16)
  /// Path of a Unix socket.
  case path(String)

  /// `host:port`, with brackets around an IPv6 address, or the path.
  public var description: String {
    switch self {
    case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .path(let path): path
    }
  }
}

/// A call that the system refused.
public struct NetworkFailure: Error, Hashable, Sendable {
  /// The system's error number; 0 where the name service has none.
  public var number: Int32
  /// The system's words.
  public var reason: String

  /// Makes a failure.
  public init(number: Int32, reason: String) {
    self.number = number
    self.reason = reason
  }
}

/// An open socket. Used by one thread at a time.
public protocol NetworkSocket: AnyObject, Sendable {
  /// Where the socket is bound; the port is the real one.
  var localAddress: NetworkAddress { get }
  /// The next connection that waits, and from where; nil when none does. Throws `NetworkFailure`.
  func accept() throws -> (socket: any NetworkSocket, peer: NetworkAddress)?
  /// Takes bytes that wait into the start of the buffer.
  func receive(into buffer: UnsafeMutableRawBufferPointer) -> NetworkTransfer
  /// Takes datagrams that wait, as many as the batch holds; their number, 0 when none waits. Throws `NetworkFailure`.
  func receive(into batch: DatagramBatch) throws -> Int
  /// Gives bytes to the system, as many as it takes now. A datagram goes whole or not at all.
  func send(_ bytes: UnsafeRawBufferPointer) -> NetworkTransfer
  /// Bytes of a stream that the peer's system has not confirmed. Throws `NetworkFailure` when the connection is broken.
  func unconfirmedByteCount() throws -> Int
  /// Datagrams that the system dropped because nobody took them, since the socket was opened.
  func droppedDatagrams() -> Int64
  /// Asks the system to hold this many bytes for reading; it may hold less.
  func reserveReceiveBuffer(_ bytes: Int)
  /// Lets the other side know that nothing more will be sent.
  func finishSending()
  /// Closes; a second call does nothing.
  func close()
}

/// What became of a try to move bytes.
public enum NetworkTransfer: Hashable, Sendable {
  /// So many bytes, at least one.
  case bytes(Int)
  /// Nothing can be moved now.
  case wouldBlock
  /// The peer will send no more.
  case end
  /// The connection is broken.
  case failed(NetworkFailure)
}

/// Waits for sockets: `wait` is called by one thread, the rest by any.
public protocol NetworkPoller: AnyObject, Sendable {
  /// Watches a socket that was made by the same network; events carry `tag`.
  func add(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest)
  /// Changes what is waited for.
  func change(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest)
  /// Watches no more.
  func remove(_ socket: any NetworkSocket)
  /// Waits until something happens, `wake` was called or the time is over (nil: without end).
  func wait(microseconds: Int64?) -> [NetworkEvent]
  /// Ends the waiting, now or, if nobody waits, of the next call. From any thread.
  func wake()
}

/// What is waited for.
public struct NetworkInterest: OptionSet, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt8
  /// Takes bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// There is something to receive, or a connection to accept.
  public static let reading = NetworkInterest(rawValue: 1)
  /// There is room to send.
  public static let writing = NetworkInterest(rawValue: 2)
}

/// Something happened to a watched socket.
public struct NetworkEvent: Hashable, Sendable {
  /// The socket's tag.
  public var tag: Int
  /// What can be done; a broken connection counts as both.
  public var ready: NetworkInterest

  /// Makes an event.
  public init(tag: Int, ready: NetworkInterest) {
    self.tag = tag
    self.ready = ready
  }
}
