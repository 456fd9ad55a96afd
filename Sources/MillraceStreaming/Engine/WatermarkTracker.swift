import MillraceExecution
import MillracePlan

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
  private let settings: [WatermarkSettings]
  private let policy: WatermarkPolicy
  /// By definition, the clock of the last batch with a row; nil: none in this run.
  private var lastActive: [Int64?]
  /// The clock when this run first asked; a restart gives every stream its time anew.
  private var start: Int64?

  init(_ settings: [WatermarkSettings], policy: WatermarkPolicy = .min) {
    self.settings = settings
    self.policy = policy
    values = Array(repeating: nil, count: settings.count)
    lastActive = values
  }

  /// Definitions with a delay and nothing else.
  init(delays: [Int64], policy: WatermarkPolicy = .min) {
    self.init(delays.map { WatermarkSettings(delay: $0) }, policy: policy)
  }

  /// Goes on where a checkpoint stopped.
  mutating func restore(values: [Int64?], current: Int64) {
    if values.count == settings.count { self.values = values }
    self.current = current
  }

  /// Takes in the event times of a batch; `now` is the batch's clock.
  mutating func observe(_ statistics: [EventTimeStatistics?], at now: Int64 = 0) {
    guard !settings.isEmpty else { return }
    for (index, seen) in statistics.enumerated() where index < settings.count {
      guard let seen, seen.count > 0 else { continue }
      lastActive[index] = now
      let (value, overflow) = Self.wholeMilliseconds(seen.maximum).subtractingReportingOverflow(
        Self.wholeMilliseconds(settings[index].delay))
      if overflow { continue }
      values[index] = max(values[index] ?? value, value)
    }
    current = chosen { _ in true }
  }

  /// The watermark of a batch that is planned now: streams that were silent for their timeout do not hold it. When all are silent
  /// it stays.
  mutating func value(at now: Int64) -> Int64 {
    let start = self.start ?? now
    self.start = start
    return chosen { index in
      guard let timeout = settings[index].idleTimeout else { return true }
      return now - max(lastActive[index] ?? start, start) < timeout
    }
  }

  /// A batch had this watermark.
  mutating func raise(to watermark: Int64) { current = max(current, watermark) }

  private func chosen(_ isActive: (Int) -> Bool) -> Int64 {
    let known = values.indices.filter(isActive).map { values[$0] ?? 0 }
    return max(current, (policy == .min ? known.min() : known.max()) ?? current)
  }

  private static func wholeMilliseconds(_ micros: Int64) -> Int64 {
    let rest = micros % 1000
    return micros - (rest < 0 ? rest + 1000 : rest)
  }
}
