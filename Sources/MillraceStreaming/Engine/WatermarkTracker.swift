import MillraceExecution

/// The event-time watermark of a query: per definition the largest event time less the delay, in whole milliseconds, and over
/// all definitions the least (Spark's `min` policy). It starts at the epoch and never goes back.
struct WatermarkTracker: Sendable {
  /// Microseconds by definition; nil before its first row.
  private(set) var values: [Int64?]
  /// In force for the next batch.
  private(set) var current: Int64 = 0
  private let delays: [Int64]

  init(delays: [Int64]) {
    self.delays = delays
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
    let lowest = values.map { $0 ?? 0 }.min() ?? 0
    current = max(current, lowest)
  }

  private static func wholeMilliseconds(_ micros: Int64) -> Int64 {
    let rest = micros % 1000
    return micros - (rest < 0 ? rest + 1000 : rest)
  }
}
