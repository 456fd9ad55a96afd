import Glibc
import MillraceCore

/// The counters of one thread, by slot: a phase of the query or a step of an operator.
///
/// Time is charged to one slot at any moment, so the slots' times are disjoint and sum up to the thread's. Only the thread
/// itself writes, without locks; others look between two jobs, when the pool's mutex lies in between.
package final class ProfileLane: @unchecked Sendable {
  private var counters: [ProfileCounters] = []
  /// By slot, where time in the state store of the slot's operator goes.
  private var stateSlots: [Int] = []
  private let clock: any Clock
  /// The slot that time is charged to now.
  private(set) var slot = ProfilePhase.other.slot
  private var since: Int64 = 0
  private var isRunning = false

  init(clock: any Clock) { self.clock = clock }

  /// Makes room for one more slot. While nothing runs but planning.
  func addSlot(stateSlot: Int?) {
    counters.append(ProfileCounters())
    stateSlots.append(stateSlot ?? counters.count - 1)
  }

  /// Says where time in the state store of a slot's operator goes. While nothing runs but planning.
  func setStateSlot(_ stateSlot: Int, of slot: Int) { stateSlots[slot] = stateSlot }

  /// Charges the time up to now, and from now on charges `next`; gives the slot before.
  @discardableResult
  func enter(_ next: Int) -> Int {
    let now = clock.monotonicNanoseconds()
    counters[slot].nanoseconds += now - since
    since = now
    let outer = slot
    slot = next
    return outer
  }

  /// Runs `body` on the lane's thread with its time charged to `slot`, as far as it does not enter others.
  package func charging<Result>(_ slot: Int, _ body: () throws -> Result) rethrows -> Result {
    let isOutermost = !isRunning
    let bound = isOutermost ? start() : nil
    let outer = enter(slot)
    defer {
      enter(outer)
      if isOutermost { stop(bound) }
    }
    return try body()
  }

  /// Counts a batch of a step.
  func count(_ slot: Int, rowsIn: Int, rowsOut: Int, batches: Int = 1) {
    counters[slot].rowsIn += Int64(rowsIn)
    counters[slot].rowsOut += Int64(rowsOut)
    counters[slot].batches += Int64(batches)
  }

  /// Counts bytes.
  func count(_ slot: Int, storedBytes: Int64, plainBytes: Int64) {
    counters[slot].storedBytes += storedBytes
    counters[slot].plainBytes += plainBytes
  }

  /// Charges time that was measured elsewhere.
  func charge(_ slot: Int, nanoseconds: Int64) { counters[slot].nanoseconds += nanoseconds }

  /// A copy of all counters. While the thread is between two jobs.
  var snapshot: [ProfileCounters] { counters }

  /// Time charged so far.
  var nanoseconds: Int64 { counters.reduce(0) { $0 + $1.nanoseconds } }

  // MARK: The thread's lane

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// The lane of the thread that asks; nil where nobody measures.
  static var current: ProfileLane? {
    pthread_getspecific(key).map { Unmanaged<ProfileLane>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Runs `body`, which uses the state store of the operator that runs on this thread.
  static func usingState<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let lane = current else { return try body() }
    return try lane.charging(lane.stateSlots[lane.slot], body)
  }

  private func start() -> UnsafeMutableRawPointer? {
    let bound = pthread_getspecific(Self.key)
    pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    isRunning = true
    since = clock.monotonicNanoseconds()
    return bound
  }

  private func stop(_ bound: UnsafeMutableRawPointer?) {
    isRunning = false
    pthread_setspecific(Self.key, bound)
  }
}
