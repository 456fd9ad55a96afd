import Glibc
import MillraceColumnar
package import MillraceCore
import Synchronization

/// Dedicated threads that run the same closure side by side. Kept between batches, so that a batch costs no thread start.
package final class WorkerPool: @unchecked Sendable {
  /// Number of workers, the calling thread included.
  package let count: Int
  /// Counts what the workers do.
  package let profiler: QueryProfiler
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>
  private let done: UnsafeMutablePointer<pthread_cond_t>
  // All guarded by `mutex`.
  private var job: (@Sendable (Int) -> Void)?
  /// What the control thread did when it gave out the job, which the workers do for it.
  private var jobSlot = ProfilePhase.other.slot
  private var generation = 0
  private var wanted = 0
  private var running = 0
  private var isClosed = false
  /// What idle threads do until it gives false.
  private var idleWork: (@Sendable () -> Bool)?
  private var idleWorkCount = 0
  private var threads: [pthread_t] = []

  /// A pool of `count` workers; threads start with the first job that needs them.
  package init(count: Int, clock: any Clock = SystemClock()) {
    self.count = max(count, 1)
    profiler = QueryProfiler(workers: self.count, clock: clock)
    mutex = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    done = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    pthread_cond_init(done, nil)
  }

  deinit {
    for pointer in [wake, done] {
      pthread_cond_destroy(pointer)
      pointer.deallocate()
    }
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Processors that this process may use.
  package static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Runs `body` with worker numbers `0 ..< workers` at the same time and returns when all are done. The caller is worker 0.
  package func run(workers: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let workers = min(workers, count)
    if workers > 1 { post(body, workers) }
    body(0)
    if workers > 1 { profiler.charging(.waitForWorkers) { awaitWorkers() } }
  }

  /// From the end of the next job on, threads without one call `work` again and again until it gives false once. What it does at a time must be
  /// short: a job waits for it.
  package func whileIdle(_ work: @escaping @Sendable () -> Bool) {
    pthread_mutex_lock(mutex)
    idleWork = work
    idleWorkCount += 1
    pthread_mutex_unlock(mutex)
  }

  private func awaitWorkers() {
    pthread_mutex_lock(mutex)
    while running > 0 { pthread_cond_wait(done, mutex) }
    job = nil
    pthread_mutex_unlock(mutex)
  }

  /// `body(index)` for indices `0 ..< count`, side by side where `isParallel`; results in order. Throws the error of the
  /// lowest index that has one.
  package func map<Result>(_ count: Int, isParallel: Bool, _ body: (Int) throws -> Result) throws -> [Result] {
    guard isParallel, count > 1, self.count > 1 else { return try (0..<count).map(body) }
    return try map(count, workers: min(count, self.count), beside: nil, body)
  }

  /// The same beside `main`, which the calling thread runs first. Throws what `main` throws, else what `body` does.
  @discardableResult
  package func map<Result>(_ count: Int, beside main: () throws -> Void, _ body: (Int) throws -> Result) throws
    -> [Result]
  {
    guard count > 0, self.count > 1 else {
      try main()
      return try (0..<count).map(body)
    }
    return try withoutActuallyEscaping(main) { main in
      try map(count, workers: min(count + 1, self.count), beside: main, body)
    }
  }

  private func map<Result>(
    _ count: Int, workers: Int, beside main: (() throws -> Void)?, _ body: (Int) throws -> Result
  ) throws -> [Result] {
    let results = UnsafeMutablePointer<Swift.Result<Result, any Error>?>.allocate(capacity: count)
    results.initialize(repeating: nil, count: count)
    defer {
      results.deinitialize(count: count)
      results.deallocate()
    }
    let next = NextIndex()
    let failure = Mutex<(any Error)?>(nil)
    withoutActuallyEscaping(body) { body in
      nonisolated(unsafe) let body = body
      nonisolated(unsafe) let main = main
      nonisolated(unsafe) let results = results
      run(workers: workers) { worker in
        if worker == 0, let main {
          do { try main() } catch { failure.withLock { $0 = error } }
        }
        while true {
          let index = next.take()
          if index >= count { break }
          results[index] = Swift.Result { try body(index) }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return try (0..<count).map { index in
      guard let result = results[index] else { preconditionFailure("every index was computed") }
      return try result.get()
    }
  }

  private final class NextIndex: Sendable {
    private let value = Atomic<Int>(0)
    func take() -> Int { value.wrappingAdd(1, ordering: .relaxed).oldValue }
  }

  private func post(_ body: @escaping @Sendable (Int) -> Void, _ workers: Int) {
    pthread_mutex_lock(mutex)
    while threads.count < count - 1 { startThread(threads.count + 1) }
    job = body
    jobSlot = profiler.control.slot
    wanted = workers
    running = workers - 1
    generation += 1
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  private func startThread(_ number: Int) {
    let start = ThreadStart(pool: self, number: number, generation: generation)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        let start = Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue()
        start.pool.loop(start.number, start.generation)
        return nil
      }, Unmanaged.passRetained(start).toOpaque())
    threads.append(thread)
  }

  private func loop(_ number: Int, _ startGeneration: Int) {
    var seen = startGeneration
    while true {
      pthread_mutex_lock(mutex)
      while generation == seen && !isClosed {
        if let work = idleWork {
          let number = idleWorkCount
          pthread_mutex_unlock(mutex)
          let isMore = work()
          pthread_mutex_lock(mutex)
          if !isMore && idleWorkCount == number { idleWork = nil }
        } else {
          pthread_cond_wait(wake, mutex)
        }
      }
      if isClosed {
        pthread_mutex_unlock(mutex)
        return
      }
      seen = generation
      let isWanted = number < wanted
      pthread_mutex_unlock(mutex)
      guard isWanted else { continue }
      perform(number)
      pthread_mutex_lock(mutex)
      running -= 1
      if running == 0 { pthread_cond_signal(done) }
      pthread_mutex_unlock(mutex)
    }
  }

  /// Runs the job. Its closure is let go before the thread counts as done: the caller of `run` may not let it live longer.
  @inline(never)
  private func perform(_ number: Int) {
    pthread_mutex_lock(mutex)
    let body = job
    let slot = jobSlot
    pthread_mutex_unlock(mutex)
    profiler.workers[number].charging(slot) { body?(number) }
  }

  /// Ends the threads. No job may run.
  package func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_broadcast(wake)
    let ended = threads
    threads = []
    pthread_mutex_unlock(mutex)
    for thread in ended { pthread_join(thread, nil) }
  }

  private final class ThreadStart {
    let pool: WorkerPool
    let number: Int
    let generation: Int
    init(pool: WorkerPool, number: Int, generation: Int) {
      self.pool = pool
      self.number = number
      self.generation = generation
    }
  }
}
