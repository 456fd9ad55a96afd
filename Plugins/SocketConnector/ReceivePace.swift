/// Lets fast datagrams gather for a moment, as a network card holds its interrupts back: whoever receives as fast as others send would wake for
/// a few at a time, and wake the query for them. Slow ones are never held back. Connections are not either: their senders would wait for room.
struct ReceivePace {
  /// Over so long a time is measured how much comes, microseconds.
  private static let window: Int64 = 2000
  /// From so many bytes a second they are fast.
  private static let fastFrom: Int64 = 10_000_000
  /// From one look at the sockets to the next, where they are fast; the system's buffer holds what comes meanwhile.
  private static let interval: Int64 = 500

  private var windowStart: Int64 = 0
  private var bytesInWindow: Int64 = 0
  private var lookedAt: Int64 = 0
  private var isFast = false

  /// At `now` the sockets were looked at, and gave so many bytes.
  mutating func took(_ bytes: Int, now: Int64) {
    lookedAt = now
    bytesInWindow += Int64(bytes)
    let passed = now - windowStart
    guard passed >= Self.window else { return }
    isFast = bytesInWindow >= Self.fastFrom / 1000 * passed / 1000
    windowStart = now
    bytesInWindow = 0
  }

  /// How long to let what comes gather, microseconds.
  func pause(now: Int64) -> Int64 { isFast ? max(0, min(lookedAt + Self.interval - now, Self.interval)) : 0 }
}
