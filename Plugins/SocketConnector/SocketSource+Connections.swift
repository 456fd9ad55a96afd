import MillraceCore
import MillraceFormats

// Who is let in, and who must go.
extension SocketSource {
  func accept(_ listener: any NetworkSocket, _ time: Int64) throws {
    // So many in one turn that the connections there are get theirs.
    for _ in 0..<64 {
      do {
        guard let (socket, peer) = try listener.accept() else { return }
        if let reason = refusal(of: peer) {
          socket.close()
          counters.refused += 1
          if let notice = refusals.note("refused \(peer): \(reason)", time) { notices.append(notice) }
          continue
        }
        counters.accepted += 1
        add(socket, peer: peer.description)
      } catch let failure as NetworkFailure {
        // Out of descriptors: those that wait can be taken when others have gone.
        notices.append("accepting a connection: \(failure.reason); tries again in a second")
        for listener in listeners { poller?.remove(listener) }
        acceptsAgainAt = time + 1_000_000
        return
      }
    }
  }

  private func refusal(of peer: NetworkAddress) -> String? {
    if !settings.allow.allows(peer) { return "it is not among those allowed" }
    if connections.count >= settings.maxConnections { return "there are \(settings.maxConnections) connections" }
    return nil
  }

  /// Ends a connection; a record that it cuts off is dropped and counted unless the options want it.
  func close(_ connection: SourceConnection, _ inbox: LiveInbox, because reason: String?) {
    let out = settings.acknowledges ? lines : inbox.records
    let emits = settings.emitsPartialRecords && !settings.acknowledges
    if connection.framer.finish(emits: emits, to: out) {
      counters.partialRecords += 1
      inbox.droppedRecords += 1
    }
    if !settings.origins.isEmpty { inbox.note(peer: connection.peer, received: clock.now()) }
    if let sender = connection.session.sender { senders.leave(sender, connection: connection.tag) }
    poller?.remove(connection.socket)
    connection.socket.close()
    connections[connection.tag] = nil
    if settings.place.mode == .connect { hasEnded = true }
    if let reason {
      notices.append("closed the connection with \(connection.peer): \(reason)")
    } else if hasEnded, settings.reconnects {
      notices.append("\(connection.peer) closed the connection; connects again")
    }
  }

  func refuse(_ connection: SourceConnection, _ reason: String, _ inbox: LiveInbox) {
    if settings.acknowledges { _ = connection.answer("ERR \(reason)\n") }
    close(connection, inbox, because: reason)
  }

  /// Closes connections whose time is over and lets paused ones go on.
  func sweep(_ time: Int64, _ inbox: LiveInbox) {
    lastSweep = time
    counters.datagramsDropped = datagrams == nil ? 0 : listeners.reduce(0) { $0 + $1.droppedDatagrams() }
    if let again = acceptsAgainAt, again <= time {
      acceptsAgainAt = nil
      for (tag, listener) in listeners.enumerated() { poller?.add(listener, tag: tag, .reading) }
    }
    for connection in Array(connections.values) {
      if let until = connection.pausedUntil {
        guard until <= time else { continue }
        connection.resume()
        poller?.change(connection.socket, tag: connection.tag, connection.interest)
      }
      if let tls = settings.place.tls, time - connection.lastReceived > tls.handshakeTimeout,
        (connection.socket as? any SecuredSocket)?.isHandshaking == true
      {
        counters.closedForTime += 1
        close(connection, inbox, because: "the TLS handshake took longer than connectTimeout")
      } else if let limit = settings.recordTimeout, let began = connection.recordBegan, time - began > limit {
        counters.closedForTime += 1
        close(connection, inbox, because: "a record took longer than recordTimeout")
      } else if let limit = settings.idleTimeout, time - connection.lastReceived > limit {
        counters.closedForTime += 1
        close(connection, inbox, because: "nothing came for idleTimeout")
      }
    }
    counters.connectionsPaused = connections.values.reduce(0) { $0 + ($1.pausedUntil == nil ? 0 : 1) }
  }
}
