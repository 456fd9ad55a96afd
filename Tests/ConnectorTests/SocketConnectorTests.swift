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

struct SocketConnectorTests {
  static let schema = Schema([StructField("value", .string)])

  func source(_ port: UInt16, _ more: [String: String] = [:]) throws -> any LiveSource {
    try SocketConnector().source(["host": "localhost", "port": "\(port)"].merging(more) { $1 }).liveSource
  }

  func sink(_ port: UInt16, _ more: [String: String] = [:]) throws -> any ByteSink {
    let sink = try SocketConnector().sink(["host": "127.0.0.1", "port": "\(port)"].merging(more) { $1 }, Self.schema)
      .byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    return sink
  }

  static func receive(_ source: any LiveSource) throws -> String {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
    defer { buffer.deallocate() }
    let count = try source.receive(into: buffer)
    return String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
  }

  static func write(_ text: String, to sink: any ByteSink) throws {
    var copy = text
    try copy.withUTF8 { bytes in
      try sink.write(EncodedBlock(bytes: UnsafeRawBufferPointer(bytes), rowCount: 1, plainByteCount: bytes.count))
    }
  }

  @Test func receivesUntilTheServerCloses() throws {
    let server = LoopbackServer()
    let source = try source(server.port)
    try source.connect()
    server.accept()
    server.send("apache spark\napa")
    #expect(try Self.receive(source) == "apache spark\napa")
    server.send("che")
    #expect(try Self.receive(source) == "che")
    server.closePeer()
    #expect(try Self.receive(source) == "")
    source.close()
  }

  @Test func nobodyListens() throws {
    let port = LoopbackServer().port
    let error = message { try source(port).connect() }
    #expect(error.contains("[SOCKET_CONNECT_FAILED] connecting to localhost:\(port): nobody listens there"))
    #expect(error.contains("hint: start the server first, for example 'nc -lk \(port)'"))
    #expect(code { _ = try sink(port, ["connectRetry": "100 ms"]) } == "SOCKET_CONNECT_FAILED")
    let unknown = message { try source(1, ["host": "no-such-host.invalid"]).connect() }
    #expect(unknown.contains("[SOCKET_HOST_UNKNOWN] finding the address of 'no-such-host.invalid'"))
  }

  @Test func waitsForAServerThatComesLater() throws {
    let port = LoopbackServer().port
    let source = try source(port, ["connectRetry": "20 seconds"])
    let connecting = Worker { code { try source.connect() } }
    usleep(120_000)
    let server = LoopbackServer(port: port)
    #expect(connecting.join() == "none")
    server.accept()
    server.send("late\n")
    #expect(try Self.receive(source) == "late\n")
  }

  @Test(arguments: [[:], ["reconnect": "true"]])
  func closeEndsAWaitingReceive(options: [String: String]) throws {
    let server = LoopbackServer()
    let source = try source(server.port, options)
    try source.connect()
    server.accept()
    let waiting = Worker { try? Self.receive(source) }
    usleep(50_000)
    source.close()
    #expect(waiting.join() == "")
    #expect(try Self.receive(source) == "")
  }

  @Test func closeEndsWaitingForAServer() throws {
    let source = try source(LoopbackServer().port, ["reconnect": "true"])
    let waiting = Worker { code { try source.connect() } }
    usleep(50_000)
    source.close()
    #expect(waiting.join() == "SOCKET_CONNECT_FAILED")
  }

  /// Half a line of the lost connection must not be continued by the next one.
  @Test(arguments: [("one\nhal", ["one\nhal", "\n", "two\n"]), ("one\n", ["one\n", "two\n"])])
  func reconnects(first: String, expected: [String]) throws {
    let server = LoopbackServer()
    let source = try source(server.port, ["reconnect": "true"])
    try source.connect()
    server.accept()
    server.send(first)
    var received = [try Self.receive(source)]
    server.closePeer()
    // The next connection is made inside of receive and waits in the queue; its bytes come from another thread.
    let peer = Worker {
      server.accept()
      server.send("two\n")
    }
    while received.count < expected.count { received.append(try Self.receive(source)) }
    #expect(received == expected)
    peer.join()
  }

  @Test func reset() throws {
    let server = LoopbackServer()
    let source = try source(server.port)
    try source.connect()
    server.accept()
    server.resetPeer()
    #expect(code { _ = try Self.receive(source) } == "SOCKET_RECEIVE_FAILED")
  }

  @Test func sends() throws {
    let server = LoopbackServer()
    let sink = try sink(server.port)
    server.accept()
    #expect(sink.guarantee == .atLeastOnce)
    #expect(try sink.recover(batchID: nil, token: nil) == nil)
    try sink.begin(batchID: 0)
    try Self.write("a\n", to: sink)
    try Self.write("b\n", to: sink)
    _ = try sink.commit(batchID: 0)
    #expect(server.receive(4) == "a\nb\n")
    try sink.close()
    #expect(server.receive(1) == "")
  }

  /// A batch that a broken connection swallowed is sent again from its start.
  @Test(arguments: [false, true])
  func sendsAgain(isReset: Bool) throws {
    let server = LoopbackServer()
    let sink = try sink(server.port)
    server.accept()
    try sink.begin(batchID: 0)
    try Self.write("first\n", to: sink)
    _ = try sink.commit(batchID: 0)
    #expect(server.receive(6) == "first\n")
    try sink.begin(batchID: 1)
    try Self.write("second\n", to: sink)
    if isReset { server.resetPeer() } else { server.closePeer() }
    try Self.write("third\n", to: sink)
    _ = try sink.commit(batchID: 1)
    server.accept()
    #expect(server.receive(13) == "second\nthird\n")
  }

  @Test func serverThatStaysAway() throws {
    var server: LoopbackServer? = LoopbackServer()
    let sink = try sink(server!.port, ["connectRetry": "150 ms"])
    server!.accept()
    server!.resetPeer()
    server = nil
    try sink.begin(batchID: 0)
    let error = code {
      try Self.write("lost\n", to: sink)
      _ = try sink.commit(batchID: 0)
    }
    #expect(error == "SOCKET_CONNECT_FAILED")
  }

  @Test(arguments: [
    (["host": "h"], "OPTION_MISSING"), (["port": "1"], "OPTION_MISSING"),
    (["host": "h", "port": "0"], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "70000"], "OPTION_OUT_OF_RANGE"), (["host": "h", "port": "http"], "OPTION_WRONG_TYPE"),
    (["host": "", "port": "1"], "OPTION_OUT_OF_RANGE"), (["host": "h", "prot": "1"], "OPTION_UNKNOWN"),
    (["host": "h", "port": "1", "reconnect": "often"], "OPTION_WRONG_TYPE"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { _ = try SocketConnector().source(options) } == expected)
  }
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

extension Worker: Runnable {
  func run() { result = body() }
}
