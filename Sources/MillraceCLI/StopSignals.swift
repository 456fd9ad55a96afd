import Glibc

/// SIGINT, SIGTERM and SIGHUP as a running command takes them.
///
/// The first SIGINT or SIGTERM asks for an orderly end, the second ends the process at once, which is safe because everything that counts
/// is in the commit log. SIGHUP asks for what a long-running program does at it: this is the one place where it arrives. When it comes
/// because the terminal is gone, nobody could see or stop the command any more, so that counts as a request to end.
///
/// The signals are blocked in the thread that makes this and so in all threads that it starts later; a thread of its own waits
/// for them. No handler runs in the middle of other code.
struct StopSignals {
  /// What the waiting thread needs.
  private final class Waiter: Sendable {
    let onFirst: @Sendable (Int32) -> Void
    let onHangUp: @Sendable () -> Void
    /// Whether the command was started from a terminal.
    let hadTerminal = StopSignals.hasTerminal

    init(onFirst: @escaping @Sendable (Int32) -> Void, onHangUp: @escaping @Sendable () -> Void) {
      self.onFirst = onFirst
      self.onHangUp = onHangUp
    }

    func wait() -> Never {
      var signals = StopSignals.set
      var number: Int32 = 0
      var hasAsked = false
      while true {
        guard sigwait(&signals, &number) == 0 else { continue }
        if number == SIGHUP, !hadTerminal || StopSignals.hasTerminal {
          onHangUp()
          continue
        }
        if hasAsked { _exit(ExitStatus.interrupted.rawValue) }
        hasAsked = true
        onFirst(number)
      }
    }
  }

  /// Begins to wait. Call it before anything starts threads; both closures are called on the waiting thread and must not block:
  /// `onFirst` once, `onHangUp` at each SIGHUP.
  static func watch(
    onFirst: @escaping @Sendable (Int32) -> Void, onHangUp: @escaping @Sendable () -> Void
  ) {
    var signals = set
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)
    var thread = pthread_t()
    let waiter = Unmanaged.passRetained(Waiter(onFirst: onFirst, onHangUp: onHangUp))
    let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
      if let argument { Unmanaged<Waiter>.fromOpaque(argument).takeRetainedValue().wait() }
      return nil
    }
    if pthread_create(&thread, nil, body, waiter.toOpaque()) == 0 { pthread_detach(thread) }
  }

  /// Whether the process has a terminal that it can be stopped from.
  private static var hasTerminal: Bool {
    let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
    if terminal >= 0 { close(terminal) }
    return terminal >= 0
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGHUP)
    return signals
  }
}
