import MillraceExecution

/// Which watermark counts where a query has several; Spark's `spark.sql.streaming.multipleWatermarkPolicy`.
public enum WatermarkPolicy: String, Sendable {
  /// The slowest input decides, so that no row is late that is in order in its own input.
  case min
  /// The fastest input decides.
  case max
}

/// The event-time watermark of a query: per definition the largest event time less the delay, in whole milliseconds, and over
/// all definitions the least or the greatest. It starts at the epoch and never goes back.
struct WatermarkTracker: Sendable {
  /// Microseconds by definition; nil before its first row.
  private(set) var values: [Int64?]
  /// In force for the next batch.
  private(set) var current: Int64 = 0
  private let delays: [Int64]

  private let policy: WatermarkPolicy

  init(delays: [Int64], policy: WatermarkPolicy = .min) {
    self.delays = delays
    self.policy = policy
    values = Array(repeating: nil, count: delays.count)
  }

  /// Goes on where a checkpoint stopped.
  mutating func restore(values: [Int64?], current: Int64) {
    if values.count == delays.count { self.values = values }
    self.current = current
  }

  /// Takes in the event times of a batch.
  mutating func observe(_ statistics: [EventTimeStatistics?]) {
    guard !delays.isEmpty else { return }
    for (index, seen) in statistics.enumerated() where index < delays.count {
      guard let seen, seen.count > 0 else { continue }
      let (value, overflow) = Self.wholeMilliseconds(seen.maximum).subtractingReportingOverflow(
        Self.wholeMilliseconds(delays[index]))
      if overflow { continue }
      values[index] = max(values[index] ?? value, value)
    }
    let known = values.map { $0 ?? 0 }
    let chosen = policy == .min ? known.min() : known.max()
    current = max(current, chosen ?? 0)
  }

  private static func wholeMilliseconds(_ micros: Int64) -> Int64 {
    let rest = micros % 1000
    return micros - (rest < 0 ? rest + 1000 : rest)
  }
}
