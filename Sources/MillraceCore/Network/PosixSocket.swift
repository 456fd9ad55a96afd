import CKernels
import Glibc

/// A socket of the operating system.
final class PosixSocket: NetworkSocket, @unchecked Sendable {
  private(set) var descriptor: Int32
  private let transport: NetworkTransport
  /// The file of a listening Unix socket, removed with it.
  private var boundPath: String?

  init(_ descriptor: Int32, _ transport: NetworkTransport) {
    self.descriptor = descriptor
    self.transport = transport
  }

  deinit { close() }

  // MARK: Opening

  func connect(_ address: NetworkAddress, timeout: Int64, isCancelled: () -> Bool) throws {
    let status = address.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
    if status != 0 {
      if errno != EINPROGRESS { throw PosixNetwork.failure() }
      try waitForConnection(timeout, isCancelled)
    }
    if transport == .tcp {
      if localAddress == address { throw PosixNetwork.failure(ECONNREFUSED) }
      keepAlive()
    }
  }

  private func waitForConnection(_ timeout: Int64, _ isCancelled: () -> Bool) throws {
    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    var left = max(timeout / 1000, 1)
    while true {
      let ready = poll(&wait, 1, Int32(clamping: min(left, 50)))
      if ready > 0 { break }
      if ready < 0 && errno != EINTR { throw PosixNetwork.failure() }
      if isCancelled() { throw PosixNetwork.failure(ECANCELED) }
      left -= 50
      if left <= 0 { throw PosixNetwork.failure(ETIMEDOUT) }
    }
    let pending = pendingError()
    if pending != 0 { throw PosixNetwork.failure(pending) }
  }

  /// `isPrivate`: the file of a Unix socket is for this user alone; Linux gives it the rights of the socket.
  func listen(_ address: NetworkAddress, isPrivate: Bool = false) throws {
    if isPrivate, fchmod(descriptor, S_IRUSR | S_IWUSR) != 0 { throw PosixNetwork.failure() }
    if let path = address.path {
      try removeLeftover(path, address)
    } else {
      set(SOL_SOCKET, SO_REUSEADDR, 1)
    }
    if address.withSocketAddress({ bind(descriptor, $0, $1) }) != 0 { throw PosixNetwork.failure() }
    boundPath = address.path
    if !transport.isDatagram, Glibc.listen(descriptor, 1024) != 0 { throw PosixNetwork.failure() }
  }

  /// Removes the file of a socket that nobody listens at; anything else at the path stays.
  private func removeLeftover(_ path: String, _ address: NetworkAddress) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw PosixNetwork.failure(EEXIST) }
    let probe = socket(AF_UNIX, Int32((transport.isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue), 0)
    defer { Glibc.close(probe) }
    if address.withSocketAddress({ Glibc.connect(probe, $0, $1) }) == 0 || errno != ECONNREFUSED {
      throw PosixNetwork.failure(EADDRINUSE)
    }
    unlink(path)
  }

  /// A peer that vanished without a word is found after some minutes instead of never.
  private func keepAlive() {
    set(SOL_SOCKET, SO_KEEPALIVE, 1)
    set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private func pendingError() -> Int32 {
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno
  }

  var localAddress: NetworkAddress {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    withUnsafeMutablePointer(to: &storage) { pointer in
      _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    return withUnsafeBytes(of: storage) {
      NetworkAddress(bytes: UnsafeRawBufferPointer(rebasing: $0[..<min(Int(size), $0.count)]))
    }
  }

  // MARK: Receiving

  func accept() throws -> (socket: any NetworkSocket, peer: NetworkAddress)? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let accepted = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        ck_accept(descriptor, $0, &size)
      }
    }
    if accepted < 0 {
      switch errno {
      // The peer went away while it waited; the next one may be there.
      case EAGAIN, EINTR, ECONNABORTED, EPROTO: return nil
      default: throw PosixNetwork.failure()
      }
    }
    let socket = PosixSocket(accepted, transport)
    if transport == .tcp { socket.keepAlive() }
    let peer = withUnsafeBytes(of: storage) {
      NetworkAddress(bytes: UnsafeRawBufferPointer(rebasing: $0[..<min(Int(size), $0.count)]))
    }
    return (socket, peer)
  }

  func receive(into buffer: UnsafeMutableRawBufferPointer) -> NetworkTransfer {
    while true {
      let got = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if got > 0 { return .bytes(got) }
      if got == 0 { return .end }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      default: return .failed(PosixNetwork.failure())
      }
    }
  }

  func receive(into batch: DatagramBatch) throws -> Int {
    let got = batch.fill(descriptor)
    if got >= 0 { return got }
    switch errno {
    // Another datagram of ours met a closed port: none of this socket's business.
    case EAGAIN, EINTR, ECONNREFUSED: return 0
    default: throw PosixNetwork.failure()
    }
  }

  // MARK: Sending

  func send(_ bytes: UnsafeRawBufferPointer) -> NetworkTransfer {
    while true {
      let put = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if put >= 0 { return .bytes(put) }
      switch errno {
      case EINTR: continue
      case EAGAIN, ENOBUFS: return .wouldBlock
      default: return .failed(PosixNetwork.failure())
      }
    }
  }

  func unconfirmedByteCount() throws -> Int {
    var unsent: Int32 = 0
    if ioctl(descriptor, UInt(TIOCOUTQ), &unsent) != 0 { throw PosixNetwork.failure() }
    let pending = pendingError()
    if pending != 0 { throw PosixNetwork.failure(pending) }
    return Int(unsent)
  }

  // MARK: The rest

  func droppedDatagrams() -> Int64 {
    // SO_MEMINFO: nine numbers, of which the last counts what was dropped.
    var facts = [UInt32](repeating: 0, count: 9)
    var size = socklen_t(facts.count * 4)
    let status = getsockopt(descriptor, SOL_SOCKET, 55, &facts, &size)
    return status == 0 && size >= 36 ? Int64(facts[8]) : 0
  }

  func reserveReceiveBuffer(_ bytes: Int) { set(SOL_SOCKET, SO_RCVBUF, Int32(clamping: bytes)) }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() {
    if descriptor < 0 { return }
    Glibc.close(descriptor)
    descriptor = -1
    if let boundPath { unlink(boundPath) }
    boundPath = nil
  }
}
