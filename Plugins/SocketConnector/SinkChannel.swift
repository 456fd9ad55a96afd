import Glibc
import MillraceCore

/// A connection that a sink sends over and waits for. Used by one thread.
final class SinkChannel {
  private static let patience: Int64 = 50_000
  private let socket: any NetworkSocket
  private let poller: any NetworkPoller
  private let clock: any Clock
  /// What the peer has said and nobody has read.
  private var answers: [UInt8] = []

  init(_ socket: any NetworkSocket, network: any Network, clock: any Clock) throws {
    self.socket = socket
    self.clock = clock
    poller = try network.makePoller()
    poller.add(socket, tag: 0, .writing)
  }

  deinit { close() }

  func close() {
    poller.remove(socket)
    socket.close()
  }

  private static let cancelled = NetworkFailure(number: ECANCELED, reason: "the query ends")
  private static let closed = NetworkFailure(number: ECONNRESET, reason: "the receiver closed the connection")

  /// Gives the system all bytes; what went wrong, if something did.
  func send(_ bytes: UnsafeRawBufferPointer, while goesOn: () -> Bool) -> NetworkFailure? {
    var rest = bytes
    while !rest.isEmpty {
      switch socket.send(rest) {
      case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .wouldBlock:
        if !goesOn() { return Self.cancelled }
        // A full queue of datagrams makes no event.
        _ = poller.wait(microseconds: Self.patience)
      case .end: return Self.closed
      case .failed(let failure): return failure
      }
    }
    return nil
  }

  /// Waits until the peer's system has confirmed all bytes.
  func drain(while goesOn: () -> Bool) -> NetworkFailure? {
    var pause: Int64 = 20
    while true {
      do {
        if try socket.unconfirmedByteCount() == 0 { return nil }
      } catch { return error as? NetworkFailure ?? Self.closed }
      if !goesOn() { return Self.cancelled }
      clock.sleep(microseconds: pause)
      pause = min(pause * 2, 5000)
    }
  }

  /// Waits for a line that begins with `word` and has a number that is at least `least`.
  func confirmation(_ word: String, atLeast least: Int64, within patience: Int64) -> Result<Int64, NetworkFailure> {
    poller.change(socket, tag: 0, .reading)
    defer { poller.change(socket, tag: 0, .writing) }
    let end = clock.monotonicNanoseconds() / 1000 + patience
    while true {
      while let line = takeLine() {
        if line.hasPrefix(word), let number = Int64(line.dropFirst(word.utf8.count)), number >= least {
          return .success(number)
        }
        if line.hasPrefix("ERR ") {
          return .failure(NetworkFailure(number: EPROTO, reason: "the receiver says: \(line.dropFirst(4))"))
        }
      }
      var room = [UInt8](repeating: 0, count: 4096)
      switch room.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
      case .bytes(let count) where answers.count + count <= 1 << 16: answers += room[..<count]
      case .bytes: return .failure(NetworkFailure(number: EPROTO, reason: "the receiver says what is no answer"))
      case .end: return .failure(Self.closed)
      case .failed(let failure): return .failure(failure)
      case .wouldBlock:
        let left = end - clock.monotonicNanoseconds() / 1000
        if left <= 0 { return .failure(NetworkFailure(number: ETIMEDOUT, reason: "the receiver confirms nothing")) }
        _ = poller.wait(microseconds: min(left, Self.patience))
      }
    }
  }

  private func takeLine() -> String? {
    guard let end = answers.firstIndex(of: 0x0A) else { return nil }
    defer { answers.removeFirst(end + 1) }
    let line = answers[..<end]
    return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
  }
}
