import Glibc
import MillraceCore

/// The counters of one thread, by slot: a phase of the query or a step of an operator.
///
/// Time is charged to one slot at any moment, so the slots' times are disjoint and sum up to the thread's. Only the thread
/// itself writes, without locks; others look between two jobs, when the pool's mutex lies in between.
package final class ProfileLane: @unchecked Sendable {
  /// In memory of its own: fields of a class would be checked for exclusive access at each of several uses for each batch.
  private let state: UnsafeMutablePointer<State>
  private let clock: any Clock

  private struct State {
    /// By slot.
    var counters: UnsafeMutablePointer<ProfileCounters>
    /// By slot, where time in the state store of the slot's operator goes.
    var stateSlots: UnsafeMutablePointer<Int>
    var count = 0
    var capacity: Int
    /// The slot that time is charged to now.
    var slot = ProfilePhase.other.slot
    var since: Int64 = 0
    var isRunning = false

    init(capacity: Int) {
      self.capacity = capacity
      counters = .allocate(capacity: capacity)
      stateSlots = .allocate(capacity: capacity)
    }
  }

  init(clock: any Clock) {
    self.clock = clock
    state = .allocate(capacity: 1)
    state.initialize(to: State(capacity: 32))
  }

  deinit {
    state.pointee.counters.deallocate()
    state.pointee.stateSlots.deallocate()
    state.deallocate()
  }

  /// Makes room for one more slot. While nothing runs but planning.
  func addSlot() {
    let count = state.pointee.count
    if count == state.pointee.capacity { grow() }
    state.pointee.counters[count] = ProfileCounters()
    state.pointee.stateSlots[count] = count
    state.pointee.count = count + 1
  }

  private func grow() {
    let old = state.pointee
    var new = State(capacity: old.capacity * 2)
    new.counters.initialize(from: old.counters, count: old.count)
    new.stateSlots.initialize(from: old.stateSlots, count: old.count)
    (new.count, new.slot, new.since, new.isRunning) = (old.count, old.slot, old.since, old.isRunning)
    old.counters.deallocate()
    old.stateSlots.deallocate()
    state.pointee = new
  }

  /// Says where time in the state store of a slot's operator goes. While nothing runs but planning.
  func setStateSlot(_ stateSlot: Int, of slot: Int) { state.pointee.stateSlots[slot] = stateSlot }

  /// The slot that time is charged to now.
  var slot: Int { state.pointee.slot }

  /// Charges the time up to now, and from now on charges `next`; gives the slot before.
  @discardableResult
  func enter(_ next: Int) -> Int {
    let now = clock.monotonicNanoseconds()
    let outer = state.pointee.slot
    state.pointee.counters[outer].nanoseconds += now - state.pointee.since
    state.pointee.since = now
    state.pointee.slot = next
    return outer
  }

  /// Runs `body` on the lane's thread with its time charged to `slot`, as far as it does not enter others.
  package func charging<Result>(_ slot: Int, _ body: () throws -> Result) rethrows -> Result {
    let isOutermost = !state.pointee.isRunning
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
    state.pointee.counters[slot].rowsIn += Int64(rowsIn)
    state.pointee.counters[slot].rowsOut += Int64(rowsOut)
    state.pointee.counters[slot].batches += Int64(batches)
  }

  /// Counts bytes.
  func count(_ slot: Int, storedBytes: Int64, plainBytes: Int64) {
    state.pointee.counters[slot].storedBytes += storedBytes
    state.pointee.counters[slot].plainBytes += plainBytes
  }

  /// Charges time that was measured elsewhere.
  func charge(_ slot: Int, nanoseconds: Int64) { state.pointee.counters[slot].nanoseconds += nanoseconds }

  /// A copy of all counters. While the thread is between two jobs.
  var snapshot: [ProfileCounters] {
    Array(UnsafeBufferPointer(start: state.pointee.counters, count: state.pointee.count))
  }

  /// Time charged so far.
  var nanoseconds: Int64 { snapshot.reduce(0) { $0 + $1.nanoseconds } }

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
    return try lane.charging(lane.state.pointee.stateSlots[lane.slot], body)
  }

  private func start() -> UnsafeMutableRawPointer? {
    let bound = pthread_getspecific(Self.key)
    pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    state.pointee.isRunning = true
    state.pointee.since = clock.monotonicNanoseconds()
    return bound
  }

  private func stop(_ bound: UnsafeMutableRawPointer?) {
    state.pointee.isRunning = false
    pthread_setspecific(Self.key, bound)
  }
}
