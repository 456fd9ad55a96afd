import Glibc
import Synchronization

/// One TCP connection at a time. All calls come from one thread except `end`, which stops the others at once.
///
/// Only the owning thread closes the descriptor; `end` shuts it down, so that its number cannot be reused under a waiting call.
final class SocketConnection: Sendable {
  private struct State {
    var descriptor: Int32 = -1
    var isEnded = false
  }

  private let state = Mutex(State())

  deinit { disconnect() }

  /// Whether `end` was called.
  var isEnded: Bool { state.withLock { $0.isEnded } }

  /// Whether there is a connection.
  var isConnected: Bool { descriptor >= 0 }

  private var descriptor: Int32 { state.withLock { $0.descriptor } }

  /// Connects to one address; gives 0 or the system's error number.
  func connect(_ address: addrinfo, timeout: Int64) -> Int32 {
    disconnect()
    let created = socket(
      address.ai_family, address.ai_socktype | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
      address.ai_protocol)
    if created < 0 { return errno }
    let isEnded = state.withLock { state in
      state.descriptor = created
      return state.isEnded
    }
    if isEnded { return ECANCELED }
    let failure = establish(created, address, timeout: timeout)
    if failure != 0 { disconnect() }
    return failure
  }

  private func establish(_ descriptor: Int32, _ address: addrinfo, timeout: Int64) -> Int32 {
    if Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen) != 0 {
      if errno != EINPROGRESS { return errno }
      var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let ready = poll(&wait, 1, Int32(clamping: timeout / 1000))
      if ready == 0 { return ETIMEDOUT }
      if ready < 0 { return errno }
      let failure = pendingError(descriptor)
      if failure != 0 { return failure }
    }
    let flags = fcntl(descriptor, F_GETFL)
    if fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0 { return errno }
    // A peer that vanished without a word is found after some minutes instead of never.
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    return 0
  }

  private func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private func pendingError(_ descriptor: Int32) -> Int32 {
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno
  }

  /// Waits for bytes; 0 when the peer closed or the connection was ended, negative on a failure with `errno` set.
  func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let got = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if got >= 0 { return got }
      if isEnded { return 0 }
      if errno != EINTR { return -1 }
    }
  }

  /// Sends all bytes; gives 0 or the system's error number.
  func send(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    guard let base = bytes.baseAddress else { return 0 }
    let descriptor = self.descriptor
    var done = 0
    while done < bytes.count {
      let put = Glibc.send(descriptor, base + done, bytes.count - done, Int32(MSG_NOSIGNAL))
      if put >= 0 {
        done += put
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }

  /// Waits until the peer's system has confirmed all bytes; gives 0 or the error number.
  func drain(pause: (Int64) -> Void) -> Int32 {
    let descriptor = self.descriptor
    var wait: Int64 = 20
    while true {
      var unsent: Int32 = 0
      if ioctl(descriptor, UInt(TIOCOUTQ), &unsent) != 0 { return errno }
      if unsent == 0 || isEnded { return pendingError(descriptor) }
      let failure = pendingError(descriptor)
      if failure != 0 { return failure }
      pause(wait)
      wait = min(wait * 2, 5000)
    }
  }

  /// Closes the connection.
  func disconnect() {
    let open = state.withLock { state in
      defer { state.descriptor = -1 }
      return state.descriptor
    }
    if open >= 0 { close(open) }
  }

  /// Stops waiting calls on other threads, for good.
  func end() {
    state.withLock { state in
      state.isEnded = true
      if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
    }
  }
}
