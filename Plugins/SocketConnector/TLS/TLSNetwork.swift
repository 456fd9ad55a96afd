#if TLS
  import Glibc
  import MillraceCore
  import NIOSSL
  import Synchronization

  /// A network whose connections speak TLS. Certificates are read when the first connection or listener is made.
  final class TLSNetwork: Network {
    private struct Made: Sendable {
      let context: NIOSSLContext
      let thread: TLSThread
    }

    private let base: any Network
    private let settings: TLSSettings
    private let mode: SocketPlace.Mode
    private let files: any FileSystem
    private let made = Mutex<Made?>(nil)

    init(_ base: any Network, _ settings: TLSSettings, _ mode: SocketPlace.Mode, files: any FileSystem) {
      self.base = base
      self.settings = settings
      self.mode = mode
      self.files = files
    }

    private func make() throws -> Made {
      try made.withLock { made in
        if let made { return made }
        let fresh = Made(
          context: try TLSContext.make(settings, mode, files: files), thread: try TLSThread())
        made = fresh
        return fresh
      }
    }

    func resolve(_ endpoint: NetworkEndpoint, isPassive: Bool) throws -> [NetworkAddress] {
      try base.resolve(endpoint, isPassive: isPassive)
    }

    func makePoller() throws -> any NetworkPoller { TLSPoller(try base.makePoller()) }

    func listen(_ transport: NetworkTransport, on address: NetworkAddress) throws -> any NetworkSocket {
      let made = try make()
      return TLSListener(try base.listen(transport, on: address), made.thread, made.context)
    }

    /// Connects and agrees with the server, within one `timeout`.
    func connect(
      _ transport: NetworkTransport, to address: NetworkAddress, timeout: Int64, isCancelled: () -> Bool
    ) throws -> any NetworkSocket {
      let made = try make()
      let socket = try base.connect(transport, to: address, timeout: timeout, isCancelled: isCancelled)
      let secured: TLSSocket
      do {
        secured = try TLSSocket(
          socket, made.thread, made.context, isServer: false, serverName: settings.serverName, peer: address)
      } catch {
        socket.close()
        throw NetworkFailure(number: EPROTO, reason: TLSText.reason(of: error))
      }
      do { try agree(secured, timeout, isCancelled) } catch {
        secured.close()
        throw error
      }
      return secured
    }

    private func agree(_ socket: TLSSocket, _ timeout: Int64, _ isCancelled: () -> Bool) throws {
      let poller = try makePoller()
      poller.add(socket, tag: 0, .reading)
      defer { poller.remove(socket) }
      var left = timeout
      while socket.isHandshaking {
        if let failure = socket.agree() { throw failure }
        if !socket.isHandshaking { break }
        if isCancelled() { throw NetworkFailure(number: ECANCELED, reason: "the query ends") }
        if left <= 0 {
          throw NetworkFailure(number: ETIMEDOUT, reason: "TLS: the server does not answer the handshake")
        }
        _ = poller.wait(microseconds: min(left, 50_000))
        left -= 50_000
      }
    }
  }

  /// Waits for the sockets below those that speak TLS, and knows what these have without that anything comes.
  final class TLSPoller: NetworkPoller, @unchecked Sendable {
    private struct Watched {
      let socket: TLSSocket
      var interest: NetworkInterest
      /// What the socket below is watched for.
      var base: NetworkInterest
    }

    private let base: any NetworkPoller
    private let watched = Mutex<[Int: Watched]>([:])

    init(_ base: any NetworkPoller) { self.base = base }

    private static func below(_ socket: any NetworkSocket) -> any NetworkSocket {
      switch socket {
      case let socket as TLSSocket: socket.base
      case let listener as TLSListener: listener.base
      default: socket
      }
    }

    /// A handshake needs both directions, whatever is waited for.
    private static func needed(_ socket: TLSSocket, _ interest: NetworkInterest) -> NetworkInterest {
      var needed = interest
      if socket.isHandshaking {
        needed.insert(.reading)
        needed.remove(.writing)
      }
      if socket.hasSealed { needed.insert(.writing) }
      return needed
    }

    func add(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest) {
      guard let secured = socket as? TLSSocket else { return base.add(Self.below(socket), tag: tag, interest) }
      let needed = Self.needed(secured, interest)
      watched.withLock { $0[tag] = Watched(socket: secured, interest: interest, base: needed) }
      base.add(secured.base, tag: tag, needed)
    }

    func change(_ socket: any NetworkSocket, tag: Int, _ interest: NetworkInterest) {
      guard let secured = socket as? TLSSocket else { return base.change(Self.below(socket), tag: tag, interest) }
      let needed = Self.needed(secured, interest)
      watched.withLock { $0[tag] = Watched(socket: secured, interest: interest, base: needed) }
      base.change(secured.base, tag: tag, needed)
    }

    func remove(_ socket: any NetworkSocket) {
      if let secured = socket as? TLSSocket {
        watched.withLock { all in
          if let tag = all.first(where: { $0.value.socket === secured })?.key { all[tag] = nil }
        }
      }
      base.remove(Self.below(socket))
    }

    func wait(microseconds: Int64?) -> [NetworkEvent] {
      let ready = prepare()
      var events = base.wait(microseconds: ready.isEmpty ? microseconds : 0)
      events = events.compactMap { adjusted($0) }
      for tag in ready {
        if let index = events.firstIndex(where: { $0.tag == tag }) {
          events[index].ready.insert(.reading)
        } else {
          events.append(NetworkEvent(tag: tag, ready: .reading))
        }
      }
      return events
    }

    /// Watches for what the sockets need by now, and gives the tags of those with bytes that can be had at once.
    private func prepare() -> [Int] {
      watched.withLock { all in
        var ready: [Int] = []
        for (tag, entry) in all {
          let needed = Self.needed(entry.socket, entry.interest)
          if needed != entry.base {
            all[tag]?.base = needed
            base.change(entry.socket.base, tag: tag, needed)
          }
          if entry.interest.contains(.reading), entry.socket.hasPlain { ready.append(tag) }
        }
        return ready
      }
    }

    /// An event of the socket below as one of the secured socket. While it agrees with its peer, whoever waits to send gets to know what
    /// can be read, so that it goes on.
    private func adjusted(_ event: NetworkEvent) -> NetworkEvent? {
      guard let entry = watched.withLock({ $0[event.tag] }) else { return event }
      if event.ready.contains(.writing), entry.socket.hasSealed { entry.socket.flush() }
      var ready = event.ready.intersection(entry.interest)
      if entry.socket.isHandshaking {
        _ = entry.socket.agree()
        if !entry.socket.isHandshaking, entry.interest.contains(.writing) { ready.insert(.writing) }
      }
      return ready.isEmpty ? nil : NetworkEvent(tag: event.tag, ready: ready)
    }

    func wake() { base.wake() }
  }
#endif
