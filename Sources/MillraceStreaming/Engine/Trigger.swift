/// When a query runs its batches.
public enum Trigger: Sendable, Hashable {
  /// As soon as the last batch is done and there is input.
  case asSoonAsPossible
  /// At multiples of an interval since the epoch; the first batch at once. Microseconds.
  case processingTime(Int64)
  /// What is there at the start, in as many batches as the limits ask for; then the query ends.
  case availableNow
  /// What is there at the start in one batch, whatever the limits; then the query ends.
  case once
  /// Whatever comes is computed at once, and committed at multiples of an interval since the epoch: at-least-once. Microseconds.
  case continuous(Int64)

  /// Whether the query ends by itself.
  var isFinite: Bool {
    switch self {
    case .availableNow, .once: true
    case .asSoonAsPossible, .processingTime, .continuous: false
    }
  }

  /// Whether rows go out before anything durable says so.
  public var isContinuous: Bool {
    if case .continuous = self { true } else { false }
  }

  /// Whether a batch begins as soon as the one before is done.
  public var followsAtOnce: Bool {
    switch self {
    case .asSoonAsPossible, .availableNow: true
    case .processingTime, .once, .continuous: false
    }
  }

  /// The moment of the next batch when the last began at `start`.
  func nextTime(after start: Int64) -> Int64 {
    guard case .processingTime(let interval) = self, interval > 0 else { return start }
    return start / interval * interval + interval
  }
}
