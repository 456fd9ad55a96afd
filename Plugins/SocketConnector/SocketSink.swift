import Glibc
import MillraceCore

/// Sends encoded lines to a server. A batch is done when the server's system has confirmed its bytes; when the connection breaks
/// before that, the whole batch is sent again over a new one, so lines may arrive twice.
final class SocketSink: ByteSink, @unchecked Sendable {
  /// Bytes of a batch that are kept for sending again; of a larger batch nothing is kept, and a break fails the batch.
  private static let resendLimit = 64 << 20
  private let dialer: SocketDialer
  private let connection = SocketConnection()
  private let sent = ByteBuffer(capacity: 64 << 10)
  private var canResend = true

  init(_ dialer: SocketDialer) { self.dialer = dialer }

  var description: String { "socket[\(dialer.name)]" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
  var compression: Compression? { nil }

  func open(_ context: SinkContext) throws { try dialer.connect(connection, patience: dialer.connectRetry) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }

  func begin(batchID: Int64) throws {
    sent.removeAll()
    canResend = true
  }

  func write(_ block: EncodedBlock) throws {
    if canResend && sent.count + block.bytes.count <= SocketSink.resendLimit {
      sent.append(block.bytes)
    } else {
      canResend = false
      sent.removeAll()
    }
    let failure = connection.isConnected ? connection.send(block.bytes) : ENOTCONN
    if failure != 0 { try sendAgain(failure) }
  }

  func commit(batchID: Int64) throws -> JSON {
    if sent.count > 0 || !canResend {
      let failure = connection.drain { dialer.clock.sleep(microseconds: $0) }
      if failure != 0 { try sendAgain(failure) }
    }
    sent.removeAll()
    return .dictionary(["version": .int(1), "batch": .int(batchID)])
  }

  /// Connects anew and sends the batch from its start until that has worked.
  private func sendAgain(_ failure: Int32) throws {
    var failure = failure
    let start = dialer.clock.monotonicNanoseconds()
    while failure != 0 {
      connection.disconnect()
      let spent = (dialer.clock.monotonicNanoseconds() - start) / 1000
      guard canResend, !connection.isEnded, spent <= dialer.connectRetry else {
        throw MillraceError(
          "SOCKET_SEND_FAILED", "sending to \(dialer.name): \(String(cString: strerror(failure)))",
          hint: canResend
            ? nil : "the batch is too large to be kept for sending again: lower the source's limits per batch",
          fault: .external, isRetryable: true)
      }
      try dialer.connect(connection, patience: dialer.connectRetry - spent)
      failure = connection.send(sent.bytes)
      if failure == 0 { failure = connection.drain { dialer.clock.sleep(microseconds: $0) } }
    }
  }

  func close() throws {
    connection.end()
    connection.disconnect()
  }
}
