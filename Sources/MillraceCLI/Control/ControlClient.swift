import MillraceCore

/// Asks a run.
final class ControlClient {
  /// Largest line of an answer.
  private static let lineLimit = 16 << 20

  private let socket: any NetworkSocket
  private let poller: any NetworkPoller
  private let place: ControlPlace
  private let clock: any Clock
  private var buffer: [UInt8] = []
  private var hasEnded = false

  /// Connects.
  init(_ place: ControlPlace, _ environment: Environment) throws {
    self.place = place
    clock = environment.clock
    do {
      let address = try environment.network.resolve(.path(place.path), isPassive: false)[0]
      socket = try environment.network.connect(.unix, to: address, timeout: 5_000_000, isCancelled: { false })
      poller = try environment.network.makePoller()
    } catch let failure as NetworkFailure {
      throw place.cannotConnect(failure)
    }
    poller.add(socket, tag: 0, .reading)
  }

  deinit { socket.close() }

  /// Sends a question.
  func ask(_ request: ControlRequest) throws {
    var bytes = Array("\(request.json.text)\n".utf8)
    while !bytes.isEmpty {
      switch bytes.withUnsafeBytes({ socket.send($0) }) {
      case .bytes(let count): bytes.removeFirst(count)
      case .wouldBlock: clock.sleep(microseconds: 1000)
      case .end, .failed: throw ended
      }
    }
  }

  /// The next line of an answer; nil when the run has ended, or when it did not come within the time (nil: without end).
  func nextLine(within microseconds: Int64? = nil) -> String? {
    let end = microseconds.map { clock.monotonicNanoseconds() / 1000 + $0 }
    while true {
      if let index = buffer.firstIndex(of: 0x0A) {
        let line = String(decoding: buffer[..<index], as: UTF8.self)
        buffer.removeSubrange(...index)
        return line
      }
      if hasEnded { return nil }
      let left = end.map { $0 - clock.monotonicNanoseconds() / 1000 }
      if let left, left <= 0 { return nil }
      _ = poller.wait(microseconds: left)
      receive()
    }
  }

  private func receive() {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    while buffer.count < Self.lineLimit {
      switch room.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
      case .bytes(let count): buffer += room[..<count]
      case .wouldBlock: return
      case .end, .failed:
        hasEnded = true
        return
      }
    }
    hasEnded = true
  }

  /// The answer to a question that has one line.
  func answer(to request: ControlRequest) throws -> JSON {
    try ask(request)
    guard let line = nextLine(within: 10_000_000) else { throw ended }
    let json = try JSON(parsing: line)
    if let error = MillraceError(controlJSON: json) { throw error }
    return json
  }

  /// Whether the run is gone.
  var isOver: Bool { hasEnded && !buffer.contains(0x0A) }

  private var ended: MillraceError {
    MillraceError("RUN_ENDED", "the run at '\(place.path)' ends and answers no more", fault: .external)
  }
}
