import Glibc
import Synchronization

/// Watches folders by inotify, on a thread of its own.
///
/// After a change the thread rests for a moment, so that a file which is written without a pause wakes nobody more often than that.
final class PosixFolderWatch: FolderWatch {
  private struct State {
    /// Numbers of the watches by folder.
    var folders: [String: Int32] = [:]
    var isClosed = false
  }

  /// Microseconds between two calls.
  private static let rest: UInt32 = 1000
  private static let events = UInt32(
    IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

  private let descriptor: Int32
  /// Both ends of a pipe that tells the thread to end.
  private let stop: (read: Int32, write: Int32)
  private let changed: @Sendable () -> Void
  private let state = Mutex(State())
  private let thread: Mutex<pthread_t?>

  /// Nil where the system has no inotify, or no more of it.
  init?(_ changed: @escaping @Sendable () -> Void) {
    self.changed = changed
    thread = Mutex(nil)
    descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    var ends: [Int32] = [-1, -1]
    if descriptor < 0 || pipe(&ends) != 0 {
      stop = (-1, -1)
      if descriptor >= 0 { Glibc.close(descriptor) }
      return nil
    }
    stop = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var made = pthread_t()
    let status = pthread_create(
      &made, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<PosixFolderWatch>.fromOpaque(raw).takeRetainedValue().listen()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    if status != 0 {
      Unmanaged.passUnretained(self).release()
      closeDescriptors()
      return nil
    }
    thread.withLock { $0 = made }
  }

  func set(_ folders: Set<String>) -> Bool {
    state.withLock { state in
      if state.isClosed { return false }
      for (folder, number) in state.folders where !folders.contains(folder) {
        inotify_rm_watch(descriptor, number)
        state.folders[folder] = nil
      }
      for folder in folders {
        // Again for those that are known: one that was removed and made anew is another folder.
        let number = inotify_add_watch(descriptor, folder, Self.events)
        state.folders[folder] = number < 0 ? nil : number
      }
      return state.folders.count == folders.count
    }
  }

  func close() {
    let isFirst = state.withLock { state in
      defer { state.isClosed = true }
      return !state.isClosed
    }
    guard isFirst else { return }
    var byte: UInt8 = 0
    _ = Glibc.write(stop.write, &byte, 1)
    if let thread = thread.withLock({ $0 }) { pthread_join(thread, nil) }
    closeDescriptors()
  }

  private func closeDescriptors() {
    Glibc.close(descriptor)
    Glibc.close(stop.read)
    Glibc.close(stop.write)
  }

  private func listen() {
    var waited = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stop.read, events: Int16(POLLIN), revents: 0),
    ]
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      let count = poll(&waited, 2, -1)
      if count < 0 && errno != EINTR { return }
      if waited[1].revents != 0 { return }
      guard count > 0 else { continue }
      // What happened is not looked at: whoever is called looks at the files.
      while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
      changed()
      usleep(Self.rest)  // ok: a burst of events becomes one call
    }
  }
}
