/// What the timers of `transformWithState` go by; Spark's words.
public enum TimeMode: String, Sendable, Hashable, CaseIterable {
  /// There are no timers, and nothing expires.
  case none
  /// The time of the batch. Timers fire in the first batch at or after their time, and one runs for them without input. State may expire.
  case processingTime
  /// The watermark. Timers fire when it reaches their time; late rows are left out.
  case eventTime
}
