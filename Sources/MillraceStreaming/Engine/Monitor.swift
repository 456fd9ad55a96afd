import Glibc

/// A value that threads share, with waiting for a change of it.
package final class Monitor<Value>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var value: Value
  /// Threads in `wait`; guarded by the mutex.
  private var waiting = 0

  package init(_ value: Value) {
    self.value = value
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Reads or changes the value and wakes whoever waits: after letting go of it, or they would at once wait again.
  package func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    let hasWaiters = waiting > 0
    defer {
      pthread_mutex_unlock(mutex)
      if hasWaiters { pthread_cond_broadcast(condition) }
    }
    return try body(&value)
  }

  /// Reads the value.
  package func read<Result>(_ body: (Value) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(value)
  }

  /// Waits until `body` gives a result, or the time is over (nil: without end); then gives nil.
  package func wait<Result>(microseconds: Int64?, _ body: (inout Value) throws -> Result?) rethrows -> Result? {
    var end = timespec()
    if let microseconds {
      clock_gettime(CLOCK_MONOTONIC, &end)
      let limited = min(max(microseconds, 0), 1 << 50)
      end.tv_sec += Int(limited / 1_000_000)
      end.tv_nsec += Int(limited % 1_000_000) * 1000
      if end.tv_nsec >= 1_000_000_000 {
        end.tv_sec += 1
        end.tv_nsec -= 1_000_000_000
      }
    }
    pthread_mutex_lock(mutex)
    waiting += 1
    defer {
      waiting -= 1
      pthread_mutex_unlock(mutex)
    }
    while true {
      if let result = try body(&value) { return result }
      if microseconds == nil {
        pthread_cond_wait(condition, mutex)
      } else if pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT {
        return try body(&value)
      }
    }
  }
}

/// Threads of our own: Swift's concurrency stays out of the data path.
package enum EngineThread {
  private final class Box {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Runs `body` on a new thread; `name` is for errors.
  package static func start(_ name: String, _ body: @escaping () -> Void) throws {
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    pthread_attr_init(attributes)
    defer {
      pthread_attr_destroy(attributes)
      attributes.deallocate()
    }
    pthread_attr_setstacksize(attributes, 8 << 20)
    pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let result = pthread_create(
      &thread, attributes,
      { pointer in
        if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
    if result != 0 {
      box.release()
      throw MillraceErrors.thread(name, result)
    }
  }
}
