#if TLS
  import MillraceCore
  import NIOSSL
  import Synchronization

  /// Certificates and keys of one end, put together from their files, and again when a file has changed, so that those which are renewed
  /// every few weeks need no restart. Connections that there are keep what they have agreed on. Safe on any thread.
  final class TLSCredentials: Sendable {
    /// What a connection is made with.
    struct Current: Sendable {
      let context: NIOSSLContext
      let thread: TLSThread
    }

    private struct State {
      var current: Current?
      /// Of the files, when they were looked at last; nil for one that was not there.
      var seen: [FileStatus?] = []
    }

    private let settings: TLSSettings
    private let mode: SocketPlace.Mode
    private let files: any FileSystem
    private let tell: @Sendable (TLSNews) -> Void
    private let state = Mutex(State())

    /// `tell` hears what became of files that have changed.
    init(
      _ settings: TLSSettings, _ mode: SocketPlace.Mode, files: any FileSystem,
      tell: @escaping @Sendable (TLSNews) -> Void
    ) {
      self.settings = settings
      self.mode = mode
      self.files = files
      self.tell = tell
    }

    /// What the next connection is made with. Files that cannot be used are an error at the first call; later what was read before stays.
    func current() throws -> Current {
      let (current, news) = try state.withLock { state in
        // Before the files are read: what is changed meanwhile is read again the next time.
        let now = settings.files.map { try? files.status($0) }
        if let held = state.current {
          guard now != state.seen else { return (held, nil as TLSNews?) }
          let changed = zip(settings.files, zip(now, state.seen)).filter { $0.1.0 != $0.1.1 }.map(\.0)
          state.seen = now
          do {
            let fresh = Current(context: try makeContext(), thread: held.thread)
            state.current = fresh
            return (fresh, .readAgain(changed))
          } catch let error as MillraceError {
            // Certificate and key are two files: between the two changes they do not go together.
            return (held, .kept(error))
          }
        }
        let fresh = Current(context: try makeContext(), thread: try TLSThread())
        state = State(current: fresh, seen: now)
        return (fresh, nil)
      }
      if let news { tell(news) }
      return current
    }

    private func makeContext() throws -> NIOSSLContext { try TLSContext.make(settings, mode, files: files) }
  }
#endif
