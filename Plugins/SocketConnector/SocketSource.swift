import Glibc
import MillraceCore

/// Receives what a server sends. Used by the journal's thread, `close` excepted.
final class SocketSource: LiveSource, @unchecked Sendable {
  private let dialer: SocketDialer
  private let reconnects: Bool
  private let connection = SocketConnection()
  /// Whether the last byte handed out was inside a line.
  private var isMidLine = false
  /// A lost connection left half a line: it is ended, so that the next connection's first line does not continue it.
  private var owesLineEnd = false

  init(_ dialer: SocketDialer, reconnects: Bool) {
    self.dialer = dialer
    self.reconnects = reconnects
  }

  var description: String { "socket[\(dialer.name)]" }

  func connect() throws {
    try dialer.connect(connection, patience: reconnects ? nil : dialer.connectRetry)
    if isMidLine { owesLineEnd = true }
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      if owesLineEnd, let base = buffer.baseAddress {
        base.storeBytes(of: UInt8(ascii: "\n"), as: UInt8.self)
        owesLineEnd = false
        isMidLine = false
        return 1
      }
      let got = connection.receive(into: buffer)
      if got > 0 {
        isMidLine = buffer[got - 1] != UInt8(ascii: "\n")
        return got
      }
      let reason = errno
      if connection.isEnded { return 0 }
      if reconnects {
        connection.disconnect()
        do { try connect() } catch {
          if connection.isEnded { return 0 }
          throw error
        }
        continue
      }
      if got == 0 { return 0 }
      throw MillraceError(
        "SOCKET_RECEIVE_FAILED", "receiving from \(dialer.name): \(String(cString: strerror(reason)))",
        hint: "set 'reconnect' to true to connect again", fault: .external, isRetryable: true)
    }
  }

  func close() { connection.end() }
}
