/// Pauses between attempts: they double up to a limit, and each is cut by chance to between half and all of it, so that many clients of a
/// server that was away do not come back at the same moment.
struct Backoff {
  static let first: Int64 = 50_000
  private let limit: Int64
  private var pause = Backoff.first
  private var state: UInt64

  /// `limit` in microseconds; `seed` is for the chance.
  init(limit: Int64, seed: Int64) {
    self.limit = limit
    state = UInt64(bitPattern: seed) | 1
  }

  /// The next pause, microseconds.
  mutating func next() -> Int64 {
    let whole = min(pause, limit)
    pause = min(pause * 2, max(limit, 1))
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return whole / 2 + Int64(state % UInt64(whole / 2 + 1))
  }

  /// The next pause is the first again.
  mutating func reset() { pause = Backoff.first }
}
