import Glibc

/// SIGINT and SIGTERM as a running command takes them: the first asks for an orderly end, the second ends the process at once,
/// which is safe because everything that counts is in the commit log.
///
/// The signals are blocked in the thread that makes this and so in all threads that it starts later; a thread of its own waits
/// for them. No handler runs in the middle of other code.
struct StopSignals {
  /// What the waiting thread needs.
  private final class Waiter: Sendable {
    let onFirst: @Sendable (Int32) -> Void

    init(onFirst: @escaping @Sendable (Int32) -> Void) { self.onFirst = onFirst }

    func wait() -> Never {
      var signals = StopSignals.set
      var number: Int32 = 0
      var hasAsked = false
      while true {
        guard sigwait(&signals, &number) == 0 else { continue }
        if hasAsked { _exit(ExitStatus.interrupted.rawValue) }
        hasAsked = true
        onFirst(number)
      }
    }
  }

  /// Begins to wait. Call it before anything starts threads; `onFirst` is called on the waiting thread and must not block.
  static func watch(onFirst: @escaping @Sendable (Int32) -> Void) {
    var signals = set
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    var thread = pthread_t()
    let waiter = Unmanaged.passRetained(Waiter(onFirst: onFirst))
    let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
      if let argument { Unmanaged<Waiter>.fromOpaque(argument).takeRetainedValue().wait() }
      return nil
    }
    if pthread_create(&thread, nil, body, waiter.toOpaque()) == 0 { pthread_detach(thread) }
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    return signals
  }
}
