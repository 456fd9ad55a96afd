import Glibc
import MillraceColumnar
import MillraceCore
import Synchronization

/// Sends the same bytes to all who are connected, from a thread of its own. What waits for each client is bounded.
final class ClientHub: @unchecked Sendable {
  /// Guarded by `shared`.
  private final class Client: @unchecked Sendable {
    let socket: any NetworkSocket
    /// What waits, shared with the other clients.
    var queue: [MemoryBuffer] = []
    /// Bytes of the first that are sent.
    var sent = 0
    var waiting = 0
    init(_ socket: any NetworkSocket) { self.socket = socket }
  }

  private struct Shared {
    var clients: [Int: Client] = [:]
    var isClosed = false
    var hasEnded = false
  }

  private static let firstTag = 1 << 10
  private let settings: SocketSinkSettings
  private let clock: any Clock
  private let listeners: [any NetworkSocket]
  private let poller: any NetworkPoller
  private let shared = Mutex(Shared())
  /// The tag of the next client; held while clients are accepted.
  private let nextTag = Mutex(ClientHub.firstTag)
  /// Where clients can connect.
  let address: String

  init(_ settings: SocketSinkSettings, _ dialer: SocketDialer) throws {
    self.settings = settings
    clock = dialer.environment.clock
    poller = try dialer.environment.network.makePoller()
    listeners = try dialer.listen()
    address = listeners.first?.localAddress.description ?? settings.place.name
    for (tag, listener) in listeners.enumerated() { poller.add(listener, tag: tag, .reading) }
    if let port = listeners.first?.localAddress.port { try dialer.writePortFile(port) }
    try SocketThread.start { [self] in serve() }
  }

  /// Gives all clients the bytes. One for which too much would wait then is dropped, or waited for.
  func send(_ bytes: UnsafeRawBufferPointer, while goesOn: () -> Bool) throws {
    if bytes.isEmpty { return }
    // Who has connected by now gets them.
    for listener in listeners { accept(listener) }
    if settings.blocksForSlowClients {
      while goesOn(), shared.withLock({ $0.clients.values.contains { $0.waiting > 0 && isTooMuch($0, bytes.count) } }) {
        clock.sleep(microseconds: 500)
      }
    }
    let block = MemoryBuffer(copying: bytes)
    shared.withLock { state in
      for (tag, client) in state.clients {
        if client.waiting > 0, isTooMuch(client, bytes.count), !settings.blocksForSlowClients {
          drop(tag, &state)
          continue
        }
        client.queue.append(block)
        client.waiting += bytes.count
        // Most often the system takes it at once.
        if client.queue.count == 1 { push(tag, client, &state) }
      }
    }
  }

  private func isTooMuch(_ client: Client, _ more: Int) -> Bool { client.waiting + more > settings.clientBuffer }

  private func drop(_ tag: Int, _ state: inout Shared) {
    guard let client = state.clients.removeValue(forKey: tag) else { return }
    poller.remove(client.socket)
    client.socket.close()
  }

  /// Sends what the system takes; then waits for room if something is left.
  private func push(_ tag: Int, _ client: Client, _ state: inout Shared) {
    while let block = client.queue.first {
      let rest = UnsafeRawBufferPointer(start: block.base + client.sent, count: block.capacity - client.sent)
      switch client.socket.send(rest) {
      case .bytes(let count):
        client.sent += count
        client.waiting -= count
        if client.sent == block.capacity {
          client.queue.removeFirst()
          client.sent = 0
        }
      case .wouldBlock: return poller.change(client.socket, tag: tag, [.reading, .writing])
      case .end, .failed: return drop(tag, &state)
      }
    }
    poller.change(client.socket, tag: tag, .reading)
  }

  private func serve() {
    while !shared.withLock({ $0.isClosed }) {
      for event in poller.wait(microseconds: 1_000_000) {
        if event.tag < listeners.count {
          accept(listeners[event.tag])
          continue
        }
        shared.withLock { state in
          guard let client = state.clients[event.tag] else { return }
          if event.ready.contains(.writing) { push(event.tag, client, &state) }
          if event.ready.contains(.reading), state.clients[event.tag] != nil { listen(event.tag, client, &state) }
        }
      }
    }
    shared.withLock { $0.hasEnded = true }
  }

  /// What clients say is of no interest, but that they go is.
  private func listen(_ tag: Int, _ client: Client, _ state: inout Shared) {
    var room = [UInt8](repeating: 0, count: 4096)
    switch room.withUnsafeMutableBytes({ client.socket.receive(into: $0) }) {
    case .bytes, .wouldBlock: break
    case .end, .failed: drop(tag, &state)
    }
  }

  private func accept(_ listener: any NetworkSocket) {
    do {
      try nextTag.withLock { tag in
        while let (socket, peer) = try listener.accept() {
          let isFull = shared.withLock { $0.clients.count >= settings.maxConnections }
          guard !isFull, settings.allow.allows(peer) else {
            socket.close()
            continue
          }
          let client = Client(socket)
          shared.withLock { state in
            poller.add(socket, tag: tag, .reading)
            state.clients[tag] = client
          }
          tag += 1
        }
      }
    } catch {
      // Out of descriptors; those that wait are taken when others have gone.
      clock.sleep(microseconds: 100_000)
    }
  }

  /// Lets clients take what waits for them for up to a second, then ends.
  func close() {
    for _ in 0..<100 where shared.withLock({ $0.clients.values.contains { $0.waiting > 0 } }) {
      clock.sleep(microseconds: 10_000)
    }
    shared.withLock { $0.isClosed = true }
    poller.wake()
    for _ in 0..<200 where !shared.withLock({ $0.hasEnded }) { clock.sleep(microseconds: 5_000) }
    shared.withLock { state in
      for tag in Array(state.clients.keys) { drop(tag, &state) }
    }
    for listener in listeners { listener.close() }
  }
}

/// A thread that ends by itself.
enum SocketThread {
  private final class Box {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  static func start(_ body: @escaping () -> Void) throws {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let status = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
    if status != 0 {
      box.release()
      throw MillraceError(
        "THREAD_START_FAILED", "starting a thread for clients: \(String(cString: strerror(status)))",
        fault: .external, isRetryable: true)
    }
    pthread_detach(thread)
  }
}
