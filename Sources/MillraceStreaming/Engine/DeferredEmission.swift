/// Which sinks may get rows later than with their batch, and when they get them.
///
/// Rows wait while more input does, at most for the time that the user allows, and only as long as giving them out with each batch would
/// take more than its share of the time: where that costs little, they come out at once.
struct DeferredEmission {
  /// Of so many parts of the time, giving rows out may take one.
  static let share: Int64 = 20
  /// Nanoseconds for each row that is due, before the first were given out.
  static let guessedCost: Int64 = 1000

  /// The sinks whose rows may wait.
  var sinks: Set<Int> = []
  /// Whether rows of committed batches wait.
  private(set) var isPostponed = false
  /// Nanoseconds.
  private let limit: Int64
  /// Rows that changed since rows were given out last, those that changed twice counted twice.
  private var changedRows: Int64 = 0
  /// When rows were given out last, or the first batch began; monotonic nanoseconds.
  private var lastTime: Int64?
  /// When the rows that are being given out were asked for.
  private var start: Int64?
  /// What that took the last time.
  private var cost: Int64?

  /// `limit` in microseconds.
  init(limit: Int64) { self.limit = limit.multipliedReportingOverflow(by: 1000).overflow ? .max : limit * 1000 }

  /// Whether rows ever wait.
  var isAllowed: Bool { limit > 0 }

  /// A batch begins.
  mutating func begin(_ now: Int64) { if lastTime == nil { lastTime = now } }

  /// A batch changed so many rows of the state.
  mutating func note(changedRows count: Int64) { changedRows += count }

  /// Whether rows must not wait any longer.
  func isDue(_ now: Int64) -> Bool {
    let expected = cost ?? changedRows * Self.guessedCost
    return now - (lastTime ?? now) >= min(limit, expected * Self.share)
  }

  /// The rows of the batch wait.
  mutating func postpone() { isPostponed = true }

  /// The rows are asked for.
  mutating func beginEmission(_ now: Int64) { start = now }

  /// The sinks have them.
  mutating func endEmission(_ now: Int64) {
    guard let start else { return }
    cost = now - start
    self.start = nil
    lastTime = now
    changedRows = 0
    isPostponed = false
  }
}
