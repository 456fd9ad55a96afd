import MillraceCore
import MillraceStreaming

/// Answers those who ask a run what it does: a Unix socket that only the user of the run can connect to, served by a thread of its own.
final class ControlServer: @unchecked Sendable {
  private static let listenerTag = 0
  private static let connectionLimit = 16

  private struct Life {
    var isClosing = false
    var hasEnded = false
  }

  private let listener: any NetworkSocket
  private let poller: any NetworkPoller
  private let board: RunBoard
  private let hub: TapHub
  private let clock: any Clock
  private let life = Monitor(Life())
  // The thread's own.
  private var connections: [Int: ControlConnection] = [:]
  private var nextTag = 1

  /// Listens at `path`. Throws if that is not possible: nobody can ask a run that has no place to be asked at.
  init(_ path: String, _ board: RunBoard, _ hub: TapHub, _ environment: Environment) throws {
    self.board = board
    self.hub = hub
    clock = environment.clock
    do {
      if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        try environment.files.createDirectory(String(path[..<slash]))
      }
      let addresses = try environment.network.resolve(.path(path), isPassive: true)
      listener = try environment.network.listenPrivately(at: addresses[0])
      poller = try environment.network.makePoller()
    } catch let failure as NetworkFailure {
      throw ControlPlace(path).cannotListen(failure)
    }
    poller.add(listener, tag: Self.listenerTag, .reading)
    try EngineThread.start("control") { [self] in serve() }
  }

  /// Gives those who look at rows what waits for them, for half a second at most, and ends.
  func close() {
    life.change { $0.isClosing = true }
    poller.wake()
    _ = life.wait(microseconds: 2_000_000) { $0.hasEnded ? true : nil }
  }

  private func serve() {
    while !life.read(\.isClosing) {
      for event in poller.wait(microseconds: 1_000_000) {
        if event.tag == Self.listenerTag { accept() } else { handle(event) }
      }
      for (tag, connection) in connections where !connection.pump() { drop(tag) }
    }
    let end = clock.monotonicNanoseconds() + 500_000_000
    while connections.values.contains(where: { $0.pump() && $0.isSending }), clock.monotonicNanoseconds() < end {
      clock.sleep(microseconds: 2000)
    }
    for tag in Array(connections.keys) { drop(tag) }
    listener.close()
    life.change { $0.hasEnded = true }
  }

  private func accept() {
    do {
      while let (socket, _) = try listener.accept() {
        if connections.count >= Self.connectionLimit {
          socket.close()
          continue
        }
        let tag = nextTag
        nextTag += 1
        poller.add(socket, tag: tag, .reading)
        connections[tag] = ControlConnection(socket, tag: tag, poller)
      }
    } catch {
      // Out of descriptors; those that wait are taken when others have gone.
      clock.sleep(microseconds: 100_000)
    }
  }

  private func handle(_ event: NetworkEvent) {
    guard let connection = connections[event.tag] else { return }
    if event.ready.contains(.reading) {
      guard let lines = connection.receive() else { return drop(event.tag) }
      for line in lines { answer(line, connection) }
    }
    if !connection.pump() { drop(event.tag) }
  }

  private func answer(_ line: String, _ connection: ControlConnection) {
    do {
      switch try ControlRequest(line) {
      case .status: connection.send(board.json)
      case .tap(let request):
        let poller = self.poller
        let session = TapSession(request, clock: clock) { poller.wake() }
        let names = try hub.open(session)
        connection.send(.dictionary(["watching": .array(names.map { .string($0) })]))
        if let old = connection.tap { hub.close(old) }
        connection.tap = session
      }
    } catch let error as MillraceError {
      connection.send(error.controlJSON)
    } catch {
      connection.send(MillraceError("CONTROL_REQUEST_UNKNOWN", "\(error)").controlJSON)
    }
  }

  private func drop(_ tag: Int) {
    guard let connection = connections.removeValue(forKey: tag) else { return }
    if let tap = connection.tap { hub.close(tap) }
    poller.remove(connection.socket)
    connection.socket.close()
  }
}
