#if TLS
  import Glibc

  /// Does what it is asked on a thread of its own, while the caller waits. NIO's embedded channels belong to the thread that made them, and our
  /// sockets go from thread to thread.
  final class TLSThread: @unchecked Sendable {
    private final class State {
      let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
      let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
      // Guarded by `mutex`.
      var jobs: [(number: Int, body: () -> Void)] = []
      var asked = 0
      var done = 0
      var isEnding = false

      init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
      }

      deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
      }

      func serve() {
        pthread_mutex_lock(mutex)
        while true {
          while jobs.isEmpty && !isEnding { pthread_cond_wait(changed, mutex) }
          if jobs.isEmpty { break }
          let job = jobs.removeFirst()
          pthread_mutex_unlock(mutex)
          job.body()
          pthread_mutex_lock(mutex)
          done = job.number
          pthread_cond_broadcast(changed)
        }
        pthread_mutex_unlock(mutex)
      }
    }

    private let state = State()

    init() throws {
      let state = self.state
      try SocketThread.start { state.serve() }
    }

    deinit {
      pthread_mutex_lock(state.mutex)
      state.isEnding = true
      pthread_cond_broadcast(state.changed)
      pthread_mutex_unlock(state.mutex)
    }

    /// Runs `body` on the thread, after what was asked for before, and waits for it.
    func run<Result>(_ body: () throws -> Result) throws -> Result {
      var outcome: Swift.Result<Result, any Error>?
      withoutActuallyEscaping({ outcome = Swift.Result { try body() } }) { job in
        pthread_mutex_lock(state.mutex)
        state.asked += 1
        let number = state.asked
        state.jobs.append((number, job))
        pthread_cond_broadcast(state.changed)
        while state.done < number { pthread_cond_wait(state.changed, state.mutex) }
        pthread_mutex_unlock(state.mutex)
      }
      // It was set by the thread before `done` said so.
      return try outcome.unsafelyUnwrapped.get()
    }
  }
#endif
