import Glibc
import MillraceCore
import SocketConnector
import Testing

struct SocketConnectorTests {
  func source(_ port: UInt16, _ more: [String: String] = [:]) throws -> SourceHarness {
    try SourceHarness(["host": "localhost", "port": "\(port)"].merging(more) { $1 })
  }

  static func receive(_ source: SourceHarness) throws -> String { try source.receive() ?? "" }

  @Test func receivesUntilTheServerCloses() throws {
    let server = LoopbackServer()
    let source = try source(server.port)
    try source.source.connect()
    server.accept()
    server.send("apache spark\napa")
    #expect(try Self.receive(source) == "apache spark\n")
    server.send("che\ncut o")
    #expect(try Self.receive(source) == "apache\n")
    server.closePeer()
    #expect(try Self.receive(source) == "")
    #expect(source.metric("partialRecords") == "1")
    source.source.close()
  }

  @Test func nobodyListens() throws {
    let port = LoopbackServer().port
    let error = message { try source(port).source.connect() }
    #expect(error.contains("[SOCKET_CONNECT_FAILED] connecting to localhost:\(port): nobody listens there"))
    #expect(error.contains("hint: start the server first, for example 'nc -lk \(port)'"))
    let unknown = message { try source(1, ["host": "no-such-host.invalid"]).source.connect() }
    #expect(unknown.contains("[SOCKET_HOST_UNKNOWN] finding the address of 'no-such-host.invalid'"))
  }

  @Test func waitsForAServerThatComesLater() throws {
    let port = LoopbackServer().port
    let source = try source(port, ["connectRetry": "20 seconds"])
    let connecting = Worker { code { try source.source.connect() } }
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
    try source.source.connect()
    server.accept()
    let waiting = Worker { try? Self.receive(source) }
    usleep(50_000)
    source.source.close()
    #expect(waiting.join() == "")
    #expect(try Self.receive(source) == "")
  }

  @Test func closeEndsWaitingForAServer() throws {
    let source = try source(LoopbackServer().port, ["reconnect": "true"])
    let waiting = Worker { code { try source.source.connect() } }
    usleep(50_000)
    source.source.close()
    #expect(waiting.join() == "SOCKET_CONNECT_FAILED")
  }

  /// Half a line of the lost connection must not be continued by the next one.
  @Test(arguments: ["one\nhal", "one\n"])
  func reconnects(first: String) throws {
    let expected = ["one\n", "two\n"]
    let server = LoopbackServer()
    let source = try source(server.port, ["reconnect": "true"])
    try source.source.connect()
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
    try source.source.connect()
    server.accept()
    server.resetPeer()
    #expect(code { _ = try Self.receive(source) } == "SOCKET_RECEIVE_FAILED")
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
