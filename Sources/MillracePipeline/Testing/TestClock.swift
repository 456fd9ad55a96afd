import MillraceCore
import Synchronization

/// A clock that stands still but when a test sets it; durations and waits are real.
final class TestClock: Clock {
  private let time: Mutex<Int64>
  private let real = SystemClock()

  init(_ time: Int64) { self.time = Mutex(time) }

  func now() -> Int64 { time.withLock { $0 } }

  func set(_ now: Int64) { time.withLock { $0 = now } }

  func monotonicNanoseconds() -> Int64 { real.monotonicNanoseconds() }

  func sleep(microseconds: Int64) { real.sleep(microseconds: microseconds) }
}
