public import MillraceCore
import Synchronization

/// The clock of a query that replays archives: it shows the time of the events, and runs at the replay's speed.
///
/// Triggers, timers, `current_timestamp()` and idle timeouts of the query go by it, so that a replay computes what the query would have
/// computed when the events took place. At full speed time stands still while there is input to compute, and jumps to the end of every
/// wait; when the archives are at their end it goes on like a clock.
public final class ReplayClock: Clock {
  /// What holds the replay back.
  public enum Pace: Sendable {
    /// A batch has what came until now.
    case clock
    /// A batch has what came until its trigger's time; at full speed too.
    case trigger
    /// Nothing: one batch is to have everything.
    case none
  }

  private struct State {
    /// Where the clock is set: the event time of the first record, or where the last run was.
    var first: Int64?
    var resumed: Int64?
    var isRunning = false
    /// Replayed time, and the base's time at which it was.
    var event: Int64 = 0
    var base: Int64 = 0
    /// Sources that have something that is still to come.
    var ahead: Set<ObjectIdentifier> = []

    var start: Int64? { resumed ?? first }
  }

  /// The speed.
  public let speed: ReplaySpeed
  private let base: any Clock
  private let pace: Pace
  private let state = Mutex(State())

  /// A clock that takes the time that passes from `base`.
  public init(_ speed: ReplaySpeed, pace: Pace, base: any Clock) {
    self.speed = speed
    self.pace = pace
    self.base = base
  }

  /// The time of the events; the base's time as long as there was none.
  public func now() -> Int64 { state.withLock { time($0) } }

  private func time(_ state: State) -> Int64 {
    guard let start = state.start else { return base.now() }
    if !state.isRunning { return start }
    let passed = base.now() - state.base
    switch speed {
    case .factor(let factor): return state.event + Int64(Double(passed) * factor)
    case .max: return state.ahead.isEmpty ? state.event + passed : state.event
    }
  }

  /// Durations are real.
  public func monotonicNanoseconds() -> Int64 { base.monotonicNanoseconds() }

  /// Waits in real time.
  public func sleep(microseconds: Int64) { base.sleep(microseconds: microseconds) }

  // MARK: Sources

  /// A source begins with a record of this time. The clock begins at the earliest of all.
  func begin(at time: Int64) { state.withLock { $0.first = min($0.first ?? time, time) } }

  /// A source goes on where the clock was at this time.
  func resume(at time: Int64) { state.withLock { $0.resumed = max($0.resumed ?? time, time) } }

  /// Starts the clock unless it runs, and gives the time up to which a source may give records; nil: all.
  func bound() -> Int64? {
    state.withLock { state in
      if !state.isRunning, let start = state.start {
        state.isRunning = true
        state.event = start
        state.base = base.now()
      }
      switch (pace, speed) {
      case (.none, _), (.clock, .max): return nil
      case (.clock, .factor), (.trigger, _): return time(state)
      }
    }
  }

  /// Whether a source has records that are still to come.
  func note(_ source: AnyObject, isAhead: Bool) {
    state.withLock { state in
      let now = time(state)
      if isAhead {
        state.ahead.insert(ObjectIdentifier(source))
      } else {
        state.ahead.remove(ObjectIdentifier(source))
      }
      move(&state, to: now)
    }
  }

  /// Records up to this time were given. At full speed, where nothing else moves the clock, this does.
  func reached(_ time: Int64) {
    guard speed == .max, pace != .trigger else { return }
    state.withLock { state in
      if self.time(state) < time { move(&state, to: time) }
    }
  }

  /// Real microseconds until the replayed time is `time`. At full speed, with records to come, that time is reached at once.
  public func realTime(until time: Int64) -> Int64 {
    state.withLock { state in
      let left = time - self.time(state)
      if left <= 0 { return 0 }
      switch speed {
      case .factor(let factor): return Int64((Double(left) / factor).rounded(.up))
      case .max:
        if state.ahead.isEmpty || !state.isRunning { return left }
        move(&state, to: time)
        return 0
      }
    }
  }

  private func move(_ state: inout State, to time: Int64) {
    // At a fixed speed nothing but the passing time moves the clock.
    guard speed == .max, state.isRunning else { return }
    state.event = time
    state.base = base.now()
  }
}
