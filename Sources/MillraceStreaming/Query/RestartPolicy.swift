import MillraceCore

/// Whether a query that failed is started again, and how long after.
///
/// Only errors that may be gone by themselves count: those that say so (`MillraceError.isRetryable`), such as a peer that went away, a busy
/// database or a full disk. What is wrong with the query or its data would only fail again.
public struct RestartPolicy: Sendable, Hashable {
  /// Which failures are followed by a new start.
  public enum Condition: String, Sendable, CaseIterable {
    /// None.
    case never
    /// Those that may be gone by themselves.
    case transient
  }

  /// Which failures are followed by a new start.
  public var condition: Condition
  /// Starts in a row that may fail without a batch done in between; nil: any number.
  public var maxAttempts: Int?
  /// Pause before the first new start, in microseconds; it doubles with each start that fails.
  public var backoff: Int64
  /// The longest pause, in microseconds.
  public var maxBackoff: Int64

  /// A failure ends the query.
  public static let never = RestartPolicy(.never)

  /// Makes a policy.
  public init(
    _ condition: Condition, maxAttempts: Int? = nil, backoff: Int64 = 1_000_000, maxBackoff: Int64 = 60_000_000
  ) {
    self.condition = condition
    self.maxAttempts = maxAttempts
    self.backoff = backoff
    self.maxBackoff = maxBackoff
  }

  /// Microseconds until the next start after the `count`th failure in a row (from 1); nil where the query ends.
  func pause(after error: any Error, failures count: Int) -> Int64? {
    guard condition == .transient, (error as? MillraceError)?.isRetryable == true else { return nil }
    if let maxAttempts, count > maxAttempts { return nil }
    let doubled = backoff.multipliedReportingOverflow(by: 1 << Int64(min(count - 1, 40)))
    return doubled.overflow ? maxBackoff : min(doubled.partialValue, maxBackoff)
  }
}
