import Glibc
import MillraceColumnar
import MillraceCore

/// Reads ahead on a thread of its own into a ring of buffers, so that inflating one large file and computing from it
/// happen at the same time.
final class PrefetchReader: StoredByteReader, @unchecked Sendable {
  private static let slots = 4
  private let source: any ByteReader
  private let measured: (any StoredByteReader)?
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private let buffers: [MemoryBuffer]
  // All guarded by `mutex`.
  private var filled: [(slot: Int, count: Int)] = []
  private var free: [Int]
  private var failure: (any Error)?
  private var isEnded = false
  private var isClosed = false
  private var stored: Int64 = 0
  private var busyNanoseconds: Int64 = 0
  // The consumer's.
  private var present: (slot: Int, count: Int)?
  private var used = 0
  private var waitedNanoseconds: Int64 = 0
  private let clock: any Clock
  private var thread = pthread_t()

  init(_ source: any ByteReader, clock: any Clock) {
    self.source = source
    measured = source as? any StoredByteReader
    self.clock = clock
    mutex = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
    buffers = (0..<PrefetchReader.slots).map { _ in MemoryBuffer(capacity: WindowReader.windowSize) }
    free = Array(0..<PrefetchReader.slots)
    pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<PrefetchReader>.fromOpaque(raw).takeRetainedValue().fillLoop()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  private func fillLoop() {
    while true {
      pthread_mutex_lock(mutex)
      while free.isEmpty && !isClosed { pthread_cond_wait(changed, mutex) }
      if isClosed {
        pthread_mutex_unlock(mutex)
        return
      }
      let slot = free.removeFirst()
      pthread_mutex_unlock(mutex)
      var count = 0
      var problem: (any Error)?
      let start = clock.monotonicNanoseconds()
      do {
        count = try source.read(
          into: UnsafeMutableRawBufferPointer(start: buffers[slot].base, count: buffers[slot].capacity))
      } catch {
        problem = error
      }
      let spent = clock.monotonicNanoseconds() - start
      let fetched = measured?.storedByteCount
      pthread_mutex_lock(mutex)
      busyNanoseconds += spent
      stored = fetched ?? stored + Int64(count)
      if count > 0 { filled.append((slot, count)) }
      if count == 0 {
        failure = problem
        isEnded = true
      }
      pthread_cond_signal(changed)
      let stop = isEnded
      pthread_mutex_unlock(mutex)
      if stop { return }
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let target = buffer.baseAddress else { return 0 }
    if present == nil {
      pthread_mutex_lock(mutex)
      if filled.isEmpty && !isEnded { awaitBytes() }
      if !filled.isEmpty { present = filled.removeFirst() }
      let problem = failure
      pthread_mutex_unlock(mutex)
      used = 0
      if present == nil {
        if let problem { throw problem }
        return 0
      }
    }
    guard let (slot, count) = present else { return 0 }
    let taken = min(buffer.count, count - used)
    memcpy(target, buffers[slot].base + used, taken)
    used += taken
    if used == count {
      present = nil
      pthread_mutex_lock(mutex)
      free.append(slot)
      pthread_cond_signal(changed)
      pthread_mutex_unlock(mutex)
    }
    return taken
  }

  /// Waits until there are bytes or the end. `mutex` is held.
  private func awaitBytes() {
    let start = clock.monotonicNanoseconds()
    while filled.isEmpty && !isEnded { pthread_cond_wait(changed, mutex) }
    waitedNanoseconds += clock.monotonicNanoseconds() - start
  }

  /// Bytes that were fetched, also those that nobody asked for yet.
  var storedByteCount: Int64 {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return stored
  }

  /// How long reading ahead took and the consumer waited since the last call.
  func takeTimes() -> (busy: Int64, waited: Int64) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    defer { (busyNanoseconds, waitedNanoseconds) = (0, 0) }
    return (busyNanoseconds, waitedNanoseconds)
  }

  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_signal(changed)
    pthread_mutex_unlock(mutex)
    pthread_join(thread, nil)
    source.close()
  }
}
