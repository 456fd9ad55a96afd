/// Lets what comes fast gather for a moment, as a network card holds its interrupts back: whoever receives as fast as others send would wake for
/// a little at a time, and wake the query for it. What comes slowly is never held back.
///
/// Datagrams gather in the system's buffer, which is not looked at meanwhile. Streams are received on, since their senders would wait for
/// room, and only handed on later.
struct ReceivePace {
  /// Over so long a time is measured how much comes, microseconds.
  private static let window: Int64 = 2000

  /// From the beginning of one gathering to its end, microseconds.
  let interval: Int64
  /// From so many bytes a second it comes fast.
  private let fastFrom: Int64
  private var windowStart: Int64 = 0
  private var bytesInWindow: Int64 = 0
  private var lookedAt: Int64 = 0
  /// Whether much comes.
  private(set) var isFast = false

  /// Nothing has come yet. A datagram costs much more than its bytes do in a stream.
  init(ofDatagrams isDatagram: Bool) {
    fastFrom = isDatagram ? 10_000_000 : 100_000_000
    interval = isDatagram ? 500 : 1000
  }

  /// At `now` the sockets were looked at, and gave so many bytes.
  mutating func took(_ bytes: Int, now: Int64) {
    lookedAt = now
    bytesInWindow += Int64(bytes)
    let passed = now - windowStart
    guard passed >= Self.window else { return }
    isFast = bytesInWindow >= fastFrom / 1000 * passed / 1000
    windowStart = now
    bytesInWindow = 0
  }

  /// How long to let what comes gather, microseconds.
  func pause(now: Int64) -> Int64 { isFast ? max(0, min(lookedAt + interval - now, interval)) : 0 }
}
