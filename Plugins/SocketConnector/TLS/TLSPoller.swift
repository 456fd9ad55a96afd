#if TLS
  import MillraceCore
  import Synchronization

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
