#if TLS
  import Glibc
  import MillraceCore
  import NIOSSL
  import Synchronization

  /// A connection whose bytes are sealed. It reads and writes the socket below; what is unsealed and nobody has asked for yet, or sealed and
  /// not taken by the system, waits here.
  final class TLSSocket: SecuredSocket, @unchecked Sendable {
    /// Bytes taken from the socket or sealed at a time.
    private static let turnSize = 256 << 10

    private struct State {
      var isHandshaking = true
      var hasPlain = false
      var hasSealed = false
    }

    let base: any NetworkSocket
    private let thread: TLSThread
    private let shared = Mutex(State())
    /// One call at a time: a poller moves bytes, too.
    private let turnstile = Mutex(())
    // The rest is guarded by it.
    private var engine: TLSEngine?
    private var plain: [UInt8] = []
    private var plainUsed = 0
    private var sealed: [UInt8] = []
    private var sealedUsed = 0
    private var hasEnded = false
    private var failure: NetworkFailure?
    private var room = [UInt8](repeating: 0, count: TLSSocket.turnSize)

    init(
      _ base: any NetworkSocket, _ thread: TLSThread, _ context: NIOSSLContext, isServer: Bool,
      serverName: String? = nil, peer: NetworkAddress? = nil
    ) throws {
      self.base = base
      self.thread = thread
      engine = try thread.run { try TLSEngine(context, isServer: isServer, serverName: serverName, peer: peer) }
      turn { _ in }
    }

    deinit { close() }

    // MARK: What a poller asks, from any thread

    var isHandshaking: Bool { shared.withLock { $0.isHandshaking } }
    /// Whether `receive` has something although nothing comes.
    var hasPlain: Bool { shared.withLock { $0.hasPlain } }
    /// Whether the system must take something before the connection goes on.
    var hasSealed: Bool { shared.withLock { $0.hasSealed } }

    // MARK: Bytes

    var localAddress: NetworkAddress { base.localAddress }
    func accept() throws -> (socket: any NetworkSocket, peer: NetworkAddress)? { nil }
    func receive(into batch: DatagramBatch) throws -> Int { 0 }
    func droppedDatagrams() -> Int64 { 0 }
    func reserveReceiveBuffer(_ bytes: Int) { base.reserveReceiveBuffer(bytes) }

    /// Lets the engine work, and takes and gives what came of it.
    private func turn(_ work: (TLSEngine) -> Void) {
      guard let engine else { return }
      nonisolated(unsafe) let machine = engine
      let result = try? thread.run { () -> (plain: [UInt8], sealed: [UInt8], Bool, Bool, String?) in
        work(machine)
        var plain: [UInt8] = []
        var sealed: [UInt8] = []
        machine.takePlain(into: &plain)
        machine.takeSealed(into: &sealed)
        return (plain, sealed, machine.isSecured, machine.hasEnded, machine.failure)
      }
      guard let result else { return }
      if plain.isEmpty { plain = result.plain } else { plain += result.plain }
      if sealed.isEmpty { sealed = result.sealed } else { sealed += result.sealed }
      hasEnded = hasEnded || result.3
      if let reason = result.4, failure == nil { failure = NetworkFailure(number: EPROTO, reason: reason) }
      let isHandshaking = !result.2
      shared.withLock { $0.isHandshaking = isHandshaking }
      pushSealed()
    }

    /// Gives the system sealed bytes, as many as it takes.
    func flush() { turnstile.withLock { _ in pushSealed() } }

    /// Goes on with the handshake as far as it comes.
    func agree() -> NetworkFailure? {
      if case .failed(let failure) = receive(into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) {
        return failure
      }
      return nil
    }

    private func pushSealed() {
      while sealedUsed < sealed.count {
        let result = sealed.withUnsafeBytes { base.send(UnsafeRawBufferPointer(rebasing: $0[sealedUsed...])) }
        guard case .bytes(let count) = result else {
          if case .failed(let reason) = result, failure == nil { failure = reason }
          break
        }
        sealedUsed += count
      }
      if sealedUsed == sealed.count {
        sealed.removeAll(keepingCapacity: true)
        sealedUsed = 0
      }
      noteState()
    }

    private func noteState() {
      let hasPlain = plainUsed < plain.count || failure != nil || hasEnded
      let hasSealed = !sealed.isEmpty && failure == nil
      shared.withLock {
        $0.hasPlain = hasPlain
        $0.hasSealed = hasSealed
      }
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> NetworkTransfer {
      nonisolated(unsafe) let buffer = buffer
      return turnstile.withLock { _ in take(into: buffer) }
    }

    private func take(into buffer: UnsafeMutableRawBufferPointer) -> NetworkTransfer {
      while true {
        if plainUsed < plain.count {
          let count = min(buffer.count, plain.count - plainUsed)
          plain.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[plainUsed..<plainUsed + count]))
          }
          plainUsed += count
          if plainUsed == plain.count {
            plain.removeAll(keepingCapacity: true)
            plainUsed = 0
          }
          noteState()
          return .bytes(count)
        }
        if let failure { return .failed(failure) }
        if hasEnded { return .end }
        switch room.withUnsafeMutableBytes({ base.receive(into: $0) }) {
        case .bytes(let count):
          room.withUnsafeBytes { bytes in
            turn { $0.receive(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
          }
        case .wouldBlock:
          noteState()
          return .wouldBlock
        case .end:
          hasEnded = true
          if isHandshaking, failure == nil {
            failure = NetworkFailure(number: EPROTO, reason: "TLS: the connection ended in the handshake")
          }
        case .failed(let reason): failure = reason
        }
      }
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> NetworkTransfer {
      nonisolated(unsafe) let bytes = bytes
      return turnstile.withLock { _ in give(bytes) }
    }

    private func give(_ bytes: UnsafeRawBufferPointer) -> NetworkTransfer {
      pushSealed()
      if let failure { return .failed(failure) }
      if isHandshaking || !sealed.isEmpty { return .wouldBlock }
      let count = min(bytes.count, Self.turnSize)
      if count == 0 { return .bytes(0) }
      turn { $0.send(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }
      if let failure { return .failed(failure) }
      return .bytes(count)
    }

    func unconfirmedByteCount() throws -> Int {
      let (waiting, failure) = turnstile.withLock { _ in
        pushSealed()
        return (sealed.count - sealedUsed, self.failure)
      }
      if let failure { throw failure }
      return waiting + (try base.unconfirmedByteCount())
    }

    func finishSending() {
      turnstile.withLock { _ in
        turn { $0.finish() }
        base.finishSending()
      }
    }

    func close() {
      turnstile.withLock { _ in
        guard engine != nil else { return }
        if failure == nil { turn { $0.finish() } }
        nonisolated(unsafe) var last = engine
        engine = nil
        try? thread.run { last = nil }
        _ = last
        base.close()
      }
    }
  }
#endif
