import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization

/// Receives records, from a server that it connects to or from whoever connects to it. All connections are served by turns on the journal's
/// thread: while the journal takes nothing, nothing is received, and senders have to wait.
final class SocketSource: LiveRecordSource, @unchecked Sendable {
  struct Shared {
    var poller: (any NetworkPoller)?
    var isClosed = false
    /// Numbers of records that have become durable.
    var acknowledged: [String: Int64] = [:]
    var counters = SocketCounters()
  }

  /// What the certificates' files are heard of, until a notice tells it.
  private final class News: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    func take() -> [String] {
      texts.withLock { texts in
        defer { texts = [] }
        return texts
      }
    }
  }

  /// Bytes taken from a connection in one turn, at most, and about as many as are handed on at a time.
  static let turnSize = 2 << 20
  /// So many every connection gets, whatever others leave.
  private static let smallestTurn = 64 << 10
  /// Bytes taken with one call of the system: with many the sender waits for its room until all are copied.
  private static let pieceSize = 128 << 10
  /// From so many at a time more is likely to be there at once.
  private static let goesOnFrom = 16 << 10
  /// Between two looks at what must not take too long, microseconds.
  private static let sweepInterval: Int64 = 50_000
  /// Tags below are those of listening sockets.
  private static let firstTag = 1 << 10

  let settings: SocketSourceSettings
  private let dialer: SocketDialer
  private let news = News()
  let clock: any Clock
  let shared = Mutex(Shared())

  // The rest belongs to the thread that receives.
  var poller: (any NetworkPoller)?
  var listeners: [any NetworkSocket] = []
  var connections: [Int: SourceConnection] = [:]
  private var nextTag = SocketSource.firstTag
  var senders: SenderTable
  private var backoff: Backoff
  var counters = SocketCounters()
  var lastSweep: Int64 = 0
  var acceptsAgainAt: Int64?
  /// For bytes that have to be looked at before they are records.
  private lazy var room = MemoryBuffer(capacity: SocketSource.turnSize)
  var lines = ByteBuffer(capacity: 4096)
  private var pace: ReceivePace
  /// Whether the last look at the datagrams ended before there was nothing left.
  var hasMore = false
  var datagrams: DatagramBatch?
  var notices: [String] = []
  var refusals = RefusalNotice()
  var hasEnded = false

  init(_ settings: SocketSourceSettings, environment: Environment) {
    self.settings = settings
    let news = self.news
    let secured = settings.place.secured(environment) { news.add($0.text) }
    dialer = SocketDialer(place: settings.place, environment: secured)
    clock = environment.clock
    pace = ReceivePace(ofDatagrams: settings.place.transport.isDatagram)
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

  func add(_ socket: any NetworkSocket, peer: String) {
    let connection = SourceConnection(socket, tag: nextTag, peer: peer, settings: settings, now: now)
    nextTag += 1
    connections[connection.tag] = connection
    poller?.add(socket, tag: connection.tag, connection.interest)
    if settings.place.tls != nil { notices += news.take() }
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
    var began: Int64?
    while true {
      answerSenders()
      if isClosed { return end() }
      // The notices of `connect` are told at once.
      if !notices.isEmpty || inbox.droppedRecords > 0 { return true }
      if !inbox.records.bytes.isEmpty, !gathers(inbox, since: began) { return true }
      if hasEnded {
        guard settings.reconnects else { return end() }
        try reconnect()
        continue
      }
      let before = inbox.records.count
      let events = poller?.wait(microseconds: before > 0 ? pace.interval : patience) ?? []
      let time = now
      if began == nil { began = time }
      for event in events { try handle(event, time, inbox) }
      pace.took(inbox.records.count - before, now: time)
      if time - lastSweep >= Self.sweepInterval { sweep(time, inbox) }
      if events.isEmpty, before > 0 { return true }
    }
  }

  /// Whether more is to come before what is there is handed on.
  private func gathers(_ inbox: LiveInbox, since began: Int64?) -> Bool {
    guard pace.isFast, datagrams == nil, !settings.acknowledges, !hasEnded, let began else { return false }
    // Beyond its room the block would be copied.
    return inbox.records.count < Self.turnSize && inbox.records.spare > 2 * Self.smallestTurn
      && now - began < pace.interval
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

  /// Takes what a connection has, up to the size of a turn or of the room there is.
  private func receive(_ connection: SourceConnection, _ time: Int64, _ inbox: LiveInbox) throws {
    var left = max(Self.smallestTurn, min(Self.turnSize, inbox.records.spare - connection.framer.heldByteCount))
    while left > 0, let count = try receive(connection, atMost: min(left, Self.pieceSize), time, inbox) {
      left -= count
      if count < Self.goesOnFrom { break }
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
}
