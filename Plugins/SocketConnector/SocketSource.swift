import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization

/// Receives records, from a server that it connects to or from whoever connects to it. All connections are served by turns on the journal's
/// thread: while the journal takes nothing, nothing is received, and senders have to wait.
final class SocketSource: LiveRecordSource, @unchecked Sendable {
  private struct Shared {
    var poller: (any NetworkPoller)?
    var isClosed = false
    /// Numbers of records that have become durable.
    var acknowledged: [String: Int64] = [:]
    var counters = SocketCounters()
  }

  /// Bytes taken from a connection in one turn, at most.
  private static let turnSize = 1 << 20
  /// Fewer are not made room for.
  private static let smallestTurn = 64 << 10
  /// From so many at a time more is likely to be there at once.
  private static let goesOnFrom = 16 << 10
  /// Between two looks at what must not take too long, microseconds.
  private static let sweepInterval: Int64 = 50_000
  /// Tags below are those of listening sockets.
  private static let firstTag = 1 << 10

  private let settings: SocketSourceSettings
  private let dialer: SocketDialer
  private let clock: any Clock
  private let shared = Mutex(Shared())

  // The rest belongs to the thread that receives.
  private var poller: (any NetworkPoller)?
  private var listeners: [any NetworkSocket] = []
  private var connections: [Int: SourceConnection] = [:]
  private var nextTag = SocketSource.firstTag
  private var senders: SenderTable
  private var backoff: Backoff
  private var counters = SocketCounters()
  private var lastSweep: Int64 = 0
  private var acceptsAgainAt: Int64?
  /// For bytes that have to be looked at before they are records.
  private lazy var room = MemoryBuffer(capacity: SocketSource.turnSize)
  private var lines = ByteBuffer(capacity: 4096)
  /// Room for the next turn: about what comes in one, since a block that is mostly filled is handed on without a copy, and small blocks stay
  /// in the processor's cache.
  private var turn = SocketSource.smallestTurn
  private var pace = ReceivePace()
  /// Whether the last look at the datagrams ended before there was nothing left.
  private var hasMore = false
  private var datagrams: DatagramBatch?
  private var notices: [String] = []
  private var refusals = RefusalNotice()
  private var hasEnded = false

  init(_ settings: SocketSourceSettings, environment: Environment) {
    self.settings = settings
    dialer = SocketDialer(place: settings.place, environment: environment)
    clock = environment.clock
    senders = SenderTable(limit: settings.maxSenders)
    backoff = Backoff(limit: settings.maxReconnectPause, seed: environment.clock.monotonicNanoseconds())
  }

  // MARK: What the engine asks

  var description: String {
    let address = shared.withLock { $0.counters.address }
    if settings.place.mode == .connect { return "socket[\(settings.place.name)]" }
    return "socket[listens at \(address ?? settings.place.name)]"
  }

  var originColumns: [OriginColumn] { settings.origins }
  var escapesRecords: Bool { settings.place.framing.mayHoldLineEnds }
  var acknowledges: Bool { settings.acknowledges }
  func restore(_ sequences: [String: Int64]) { senders.restore(sequences) }
  func metrics() -> [(name: String, value: String)] { shared.withLock { $0.counters }.metrics }

  func acknowledge(_ sequences: [String: Int64]) {
    let poller = shared.withLock { state in
      state.acknowledged.merge(sequences) { max($0, $1) }
      return state.poller
    }
    poller?.wake()
  }

  func close() {
    let poller = shared.withLock { state in
      state.isClosed = true
      return state.poller
    }
    poller?.wake()
  }

  private var isClosed: Bool { shared.withLock { $0.isClosed } }
  private var now: Int64 { clock.monotonicNanoseconds() / 1000 }

  // MARK: Connecting

  func connect() throws {
    let poller = try dialer.environment.network.makePoller()
    self.poller = poller
    shared.withLock { $0.poller = poller }
    switch settings.place.mode {
    case .connect: try dial(patience: settings.reconnects ? nil : settings.connectRetry)
    case .listen: try listen(poller)
    }
  }

  private func dial(patience: Int64?) throws {
    let (socket, _) = try dialer.connect(patience: patience, backoff: &backoff) { isClosed }
    if isClosed { return socket.close() }
    add(socket, peer: settings.place.name)
  }

  private func listen(_ poller: any NetworkPoller) throws {
    listeners = try dialer.listen()
    for (tag, listener) in listeners.enumerated() {
      if settings.place.transport.isDatagram { listener.reserveReceiveBuffer(settings.receiveBuffer) }
      poller.add(listener, tag: tag, .reading)
    }
    if settings.place.transport.isDatagram { datagrams = DatagramBatch() }
    guard let address = listeners.first?.localAddress else { return }
    counters.address = "\(address)"
    publish()
    notices.append("listens at \(address) (\(settings.place.transport.rawValue))")
    if let port = address.port { try dialer.writePortFile(port) }
  }

  private func add(_ socket: any NetworkSocket, peer: String) {
    let connection = SourceConnection(socket, tag: nextTag, peer: peer, settings: settings, now: now)
    nextTag += 1
    connections[connection.tag] = connection
    poller?.add(socket, tag: connection.tag, connection.interest)
  }

  // MARK: Receiving

  func receive(into inbox: LiveInbox) throws -> Bool {
    defer {
      inbox.notices += notices
      notices = []
      publish()
    }
    if datagrams != nil, !hasMore {
      let pause = pace.pause(now: now)
      if pause > 0 { clock.sleep(microseconds: pause) }
    }
    hasMore = false
    while true {
      answerSenders()
      if isClosed { return end() }
      // The notices of `connect` are told at once.
      if !inbox.records.bytes.isEmpty || !notices.isEmpty || inbox.droppedRecords > 0 { return true }
      if hasEnded {
        guard settings.reconnects else { return end() }
        try reconnect()
        continue
      }
      let events = poller?.wait(microseconds: patience) ?? []
      let time = now
      for event in events { try handle(event, time, inbox) }
      if datagrams != nil { pace.took(inbox.records.count, now: time) }
      if time - lastSweep >= Self.sweepInterval { sweep(time, inbox) }
    }
  }

  /// How long nothing need be looked at; nil: until something comes.
  private var patience: Int64? {
    let watchesTime = settings.idleTimeout != nil || settings.recordTimeout != nil || settings.place.tls != nil
    let isTimed = watchesTime && !connections.isEmpty || counters.connectionsPaused > 0 || acceptsAgainAt != nil
    return isTimed ? Self.sweepInterval : nil
  }

  private func end() -> Bool {
    for connection in connections.values { connection.socket.close() }
    connections = [:]
    for listener in listeners { listener.close() }
    listeners = []
    counters.connections = 0
    return false
  }

  private func publish() {
    counters.connections = connections.count
    counters.connectionsPaused = connections.values.reduce(0) { $0 + ($1.pausedUntil == nil ? 0 : 1) }
    shared.withLock { $0.counters = counters }
  }

  private func reconnect() throws {
    hasEnded = false
    let pause = backoff.next()
    var left = pause
    while left > 0 && !isClosed {
      clock.sleep(microseconds: min(left, 50_000))
      left -= 50_000
    }
    let start = now
    do { try dial(patience: nil) } catch {
      if isClosed { return }
      throw error
    }
    counters.reconnects += 1
    notices.append("connected again after \((now - start + pause) / 1000) ms")
  }

  private func handle(_ event: NetworkEvent, _ time: Int64, _ inbox: LiveInbox) throws {
    if event.tag < listeners.count {
      if datagrams != nil { return try receiveDatagrams(listeners[event.tag], inbox) }
      return try accept(listeners[event.tag], time)
    }
    guard let connection = connections[event.tag] else { return }
    if event.ready.contains(.writing) {
      guard connection.answer() else { return close(connection, inbox, because: nil) }
      poller?.change(connection.socket, tag: connection.tag, connection.interest)
    }
    if event.ready.contains(.reading), connection.pausedUntil == nil { try receive(connection, time, inbox) }
  }

  // MARK: Connections

  private func accept(_ listener: any NetworkSocket, _ time: Int64) throws {
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

  /// Takes what a connection has, up to the size of a turn.
  private func receive(_ connection: SourceConnection, _ time: Int64, _ inbox: LiveInbox) throws {
    let size = turn
    var left = size
    while left > 0, let count = try receive(connection, atMost: left, time, inbox) {
      left -= count
      if count < Self.goesOnFrom { break }
    }
    if left == 0 {
      turn = min(size * 2, Self.turnSize)
    } else if size - left < size / 2 {
      turn = max(size / 2, Self.smallestTurn)
    }
  }

  /// Takes bytes with one call of the system; their number, or nil when there are none and when the connection is closed or has to pause.
  private func receive(
    _ connection: SourceConnection, atMost left: Int, _ time: Int64, _ inbox: LiveInbox
  ) throws -> Int? {
    let most = connection.room(left, now: time, rate: settings.maxBytesPerSecond)
    // Lines are received where they stay.
    let inPlace = settings.acknowledges ? nil : connection.framer.room(most, in: inbox.records)
    switch connection.socket.receive(into: inPlace ?? UnsafeMutableRawBufferPointer(start: room.base, count: most)) {
    case .bytes(let count):
      counters.bytes += Int64(count)
      backoff.reset()
      do {
        let bytes = inPlace == nil ? UnsafeRawBufferPointer(start: room.base, count: count) : nil
        try take(bytes, count, connection, inbox)
      } catch let fault as FramingFault {
        refuse(connection, fault.reason, inbox)
        return nil
      }
      if connection.received(count, now: time, rate: settings.maxBytesPerSecond) {
        counters.connectionsPaused += 1
        poller?.change(connection.socket, tag: connection.tag, connection.interest)
        return nil
      }
      return count
    case .wouldBlock: return nil
    case .end:
      close(connection, inbox, because: nil)
      return nil
    case .failed(let failure):
      close(connection, inbox, because: failure.reason)
      if settings.place.mode == .connect, !settings.reconnects {
        throw MillraceError(
          "SOCKET_RECEIVE_FAILED", "receiving from \(settings.place.name): \(failure.reason)",
          hint: "set 'reconnect' to true to connect again", fault: .external, isRetryable: true)
      }
      return nil
    }
  }

  /// Takes the next `count` bytes of a connection: `bytes`, or without them what was received into its room in the inbox.
  private func take(
    _ bytes: UnsafeRawBufferPointer?, _ count: Int, _ connection: SourceConnection, _ inbox: LiveInbox
  ) throws {
    let before = connection.framer.losses
    defer {
      let losses = connection.framer.losses
      inbox.droppedRecords += losses.skipped - before.skipped
      counters.longRecords += losses.skipped - before.skipped + losses.truncated - before.truncated
    }
    if let bytes, settings.acknowledges {
      lines.removeAll()
      try connection.framer.add(bytes, to: lines)
      try takeNumbered(lines.bytes, connection, inbox)
    } else if let bytes {
      try connection.framer.add(bytes, to: inbox.records)
    } else {
      try connection.framer.received(count, in: inbox.records)
    }
    if !settings.origins.isEmpty { inbox.note(peer: connection.peer, received: clock.now()) }
  }

  /// Ends a connection; a record that it cuts off is dropped and counted unless the options want it.
  private func close(_ connection: SourceConnection, _ inbox: LiveInbox, because reason: String?) {
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

  private func refuse(_ connection: SourceConnection, _ reason: String, _ inbox: LiveInbox) {
    if settings.acknowledges { _ = connection.answer("ERR \(reason)\n") }
    close(connection, inbox, because: reason)
  }

  /// Closes connections whose time is over and lets paused ones go on.
  private func sweep(_ time: Int64, _ inbox: LiveInbox) {
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

  // MARK: Datagrams

  private func receiveDatagrams(_ socket: any NetworkSocket, _ inbox: LiveInbox) throws {
    guard let batch = datagrams else { return }
    let out = inbox.records
    // As many as are there, but no more than the journal should take at a time.
    while out.count < Self.turnSize {
      let count = try socket.receive(into: batch)
      if count == 0 { break }
      counters.datagrams += Int64(count)
      let received = settings.origins.isEmpty ? 0 : clock.now()
      var isAllowed = true
      for index in 0..<count {
        let isSame = index > 0 && batch.hasSameSender(index - 1, index)
        if !settings.allow.allowsAll, !isSame { isAllowed = settings.allow.allows(batch.sender(index)) }
        guard isAllowed else {
          counters.refused += 1
          inbox.droppedRecords += 1
          continue
        }
        take(datagram: batch.bytes(index), inbox)
        if !settings.origins.isEmpty, index + 1 == count || !batch.hasSameSender(index, index + 1) {
          inbox.note(peer: batch.sender(index).description, received: received)
        }
      }
      if count < DatagramBatch.capacity { break }
    }
    if out.count >= Self.turnSize { hasMore = true }
    counters.datagramsDropped = listeners.reduce(0) { $0 + $1.droppedDatagrams() }
  }

  private func take(datagram: UnsafeRawBufferPointer, _ inbox: LiveInbox) {
    var record = datagram
    if record.count > settings.maxRecordBytes {
      counters.longRecords += 1
      guard settings.longRecords == .truncate else {
        inbox.droppedRecords += 1
        return
      }
      record = UnsafeRawBufferPointer(rebasing: record[..<settings.maxRecordBytes])
    }
    if settings.place.framing == .newline {
      inbox.records.append(record)
      if record.last != 0x0A { inbox.records.append(0x0A) }
      return
    }
    // Senders put a line end behind a message or leave it out; it is no part of it.
    if record.last == 0x0A { record = UnsafeRawBufferPointer(rebasing: record.dropLast()) }
    if record.last == 0x0D { record = UnsafeRawBufferPointer(rebasing: record.dropLast()) }
    RecordEscaping.append(record, to: inbox.records)
  }
}

// MARK: Acknowledgement

extension SocketSource {
  /// Takes the numbered records of a sender: those that came before are left out, and confirmed again.
  private func takeNumbered(
    _ bytes: UnsafeRawBufferPointer, _ connection: SourceConnection, _ inbox: LiveInbox
  ) throws {
    var rest = bytes
    var repeated = false
    while let base = rest.baseAddress, let feed = memchr(base, 0x0A, rest.count) {
      let length = UnsafeRawPointer(feed) - base
      let line = UnsafeRawBufferPointer(rebasing: rest[..<length])
      rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
      switch connection.session.read(line) {
      case .greeting(let sender): try greet(sender, connection, inbox)
      case .fault(let reason): throw FramingFault(reason)
      case .record(let place, let number):
        guard let sender = connection.session.sender else { continue }
        if senders.take(sender, number) {
          inbox.records.append(UnsafeRawBufferPointer(rebasing: line[place]))
          inbox.records.append(0x0A)
          inbox.sequences[sender] = number
        } else {
          counters.repeatedRecords += 1
          repeated = true
        }
      }
    }
    if repeated, let sender = connection.session.sender { _ = connection.answer("ACK \(senders.durable(sender))\n") }
  }

  private func greet(_ sender: String, _ connection: SourceConnection, _ inbox: LiveInbox) throws {
    guard let (durable, replaced) = senders.greet(sender, connection: connection.tag) else {
      throw FramingFault("there are \(settings.maxSenders) senders already (maxSenders)")
    }
    if let old = replaced.flatMap({ connections[$0] }) {
      close(old, inbox, because: "'\(sender)' has connected again")
    }
    if !connection.answer("OK \(durable)\n") { throw FramingFault("it does not read answers") }
  }

  /// Tells senders what has become durable.
  private func answerSenders() {
    guard settings.acknowledges else { return }
    let numbers = shared.withLock { state in
      defer { state.acknowledged = [:] }
      return state.acknowledged
    }
    for (sender, number) in numbers {
      guard let (durable, tag) = senders.acknowledge(sender, number), let connection = tag.flatMap({ connections[$0] })
      else { continue }
      if connection.answer("ACK \(durable)\n") {
        poller?.change(connection.socket, tag: connection.tag, connection.interest)
      } else {
        // What it has sent is kept; the rest it sends again over its next connection.
        connection.socket.finishSending()
      }
    }
  }
}
