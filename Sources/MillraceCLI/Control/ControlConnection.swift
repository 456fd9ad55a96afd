import MillraceCore

/// One who asks. Used by the server's thread.
final class ControlConnection {
  /// Bytes that wait to be sent from which on no more rows are taken.
  private static let enough = 256 << 10

  let socket: any NetworkSocket
  /// What it looks at.
  var tap: TapSession?
  private let tag: Int
  private let poller: any NetworkPoller
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var sent = 0
  private var waitsForRoom = false

  init(_ socket: any NetworkSocket, tag: Int, _ poller: any NetworkPoller) {
    self.socket = socket
    self.tag = tag
    self.poller = poller
  }

  /// Whether something waits to be sent.
  var isSending: Bool { sent < output.count }

  /// The lines that have come; nil when the other side is gone or sends what is no request.
  func receive() -> [String]? {
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      switch room.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
      case .bytes(let count): input += room[..<count]
      case .wouldBlock: return lines()
      case .end, .failed: return nil
      }
      if input.count > ControlRequest.sizeLimit { return nil }
    }
  }

  private func lines() -> [String] {
    guard let end = input.lastIndex(of: 0x0A) else { return [] }
    let lines = input[..<end].split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    input.removeSubrange(...end)
    return lines
  }

  func send(_ json: JSON) { output += Array("\(Terminal.redacted(json.text))\n".utf8) }

  /// Sends what waits as far as the other side takes it; false when it is gone.
  func pump() -> Bool {
    if output.count - sent < Self.enough, let tap { output += tap.take() }
    while sent < output.count {
      let moved = output.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
      switch moved {
      case .bytes(let count): sent += count
      case .wouldBlock:
        if sent > Self.enough {
          output.removeFirst(sent)
          sent = 0
        }
        return watch(room: true)
      case .end, .failed: return false
      }
    }
    output.removeAll(keepingCapacity: true)
    sent = 0
    return watch(room: false)
  }

  private func watch(room: Bool) -> Bool {
    if room != waitsForRoom { poller.change(socket, tag: tag, room ? [.reading, .writing] : .reading) }
    waitsForRoom = room
    return true
  }
}
