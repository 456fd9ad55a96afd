import Glibc
import MillraceCore
import SocketConnector
import Synchronization
import Testing

/// A server on the loopback interface. Connections wait in the system's queue until `accept`.
final class LoopbackServer {
  private let listener: Int32
  let port: UInt16
  private(set) var peer: Int32 = -1

  init(port wanted: UInt16 = 0) {
    let created = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    listener = created
    var one: Int32 = 1
    setsockopt(created, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = wanted.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        #expect(bind(created, pointer, size) == 0)
        getsockname(created, pointer, &size)
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    listen(listener, 8)
  }

  deinit {
    closePeer()
    close(listener)
  }

  func accept() { peer = Glibc.accept(listener, nil, nil) }
  func send(_ text: String) { text.withCString { _ = Glibc.send(peer, $0, strlen($0), Int32(MSG_NOSIGNAL)) } }

  /// What arrived, up to `count` bytes or the end.
  func receive(_ count: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let got = bytes.withUnsafeMutableBytes { recv(peer, $0.baseAddress! + done, count - done, 0) }
      if got <= 0 { break }
      done += got
    }
    return String(decoding: bytes[..<done], as: UTF8.self)
  }

  func closePeer() {
    if peer >= 0 { close(peer) }
    peer = -1
  }

  /// Closes so that the other side gets a reset.
  func resetPeer() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    closePeer()
  }
}

/// A client on the loopback interface or at a path.
final class LoopbackClient {
  let descriptor: Int32

  /// Connects to a port of this machine.
  init(port: UInt16, isDatagram: Bool = false) {
    descriptor = socket(AF_INET, Int32((isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    connect(&address)
  }

  /// Connects to a Unix socket.
  init(path: String, isDatagram: Bool = false) {
    descriptor = socket(AF_UNIX, Int32((isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    connect(&address)
  }

  deinit { close(descriptor) }

  private func connect<Address>(_ address: inout Address) {
    let size = socklen_t(MemoryLayout<Address>.size)
    withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { #expect(Glibc.connect(descriptor, $0, size) == 0) }
    }
    var patience = timeval(tv_sec: 5, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
  func send(_ text: String) { send(Array(text.utf8)) }
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The next line, without its end; empty at the end of the stream, nil when nothing comes in time.
  func line() -> String? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let got = recv(descriptor, &byte, 1, 0)
      if got < 0 { return errno == ECONNRESET ? "" : nil }
      if got == 0 || byte == 0x0A { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }
}

/// Calls a source as the journal does.
struct SourceHarness {
  let source: any LiveRecordSource
  let inbox = LiveInbox()

  init(_ options: [String: String], environment: Environment = .live) throws {
    source = try SocketConnector().source(options, environment: environment).liveRecords
  }

  /// Listens; gives the port.
  static func listening(_ more: [String: String] = [:]) throws -> (SourceHarness, UInt16) {
    let harness = try SourceHarness(["mode": "listen", "port": "0"].merging(more) { $1 })
    try harness.source.connect()
    // Tells where it listens.
    try harness.turn()
    return (harness, try #require(UInt16(harness.metric("address")?.split(separator: ":").last ?? "")))
  }

  /// What one call gives, or several until there is something; nil at the end.
  func receive() throws -> String? {
    while true {
      inbox.removeAll()
      let goesOn = try source.receive(into: inbox)
      if !inbox.records.bytes.isEmpty { return String(decoding: inbox.records.bytes, as: UTF8.self) }
      if !goesOn { return nil }
    }
  }

  /// Receives until so many lines have come.
  func lines(_ count: Int) throws -> [String] {
    var all: [String] = []
    while all.count < count {
      guard let text = try receive() else { break }
      all += text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }
    return all
  }

  /// One call, whatever comes of it.
  func turn() throws {
    inbox.removeAll()
    _ = try source.receive(into: inbox)
  }

  func metric(_ name: String) -> String? { source.metrics().first { $0.name == name }?.value }
}

/// A thread of its own, since blocking calls would take the test runner's threads away from each other.
final class Worker<Result>: @unchecked Sendable {
  private let body: () -> Result
  private var result: Result?
  private var thread = pthread_t()

  init(_ body: @escaping () -> Result) {
    self.body = body
    let context = Unmanaged.passRetained(self as AnyObject)
    pthread_create(
      &thread, nil,
      { context in
        (Unmanaged<AnyObject>.fromOpaque(context!).takeRetainedValue() as? any Runnable)?.run()
        return nil
      }, context.toOpaque())
  }

  /// Waits for the thread to end.
  func join() -> Result {
    pthread_join(thread, nil)
    return result!
  }
}

private protocol Runnable: AnyObject { func run() }

/// Something that a thread can be told.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

extension Worker: Runnable {
  func run() { result = body() }
}
