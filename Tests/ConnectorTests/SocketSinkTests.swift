import Glibc
import MillraceCore
import MillraceFormats
import SocketConnector
import Testing

struct SocketSinkTests {
  static let schema = Schema([StructField("value", .string)])

  static func sink(_ options: [String: String], repeatsExactly: Bool = true) throws -> any ByteSink {
    let sink = try SocketConnector().sink(options, schema).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s", repeatsExactly: repeatsExactly))
    return sink
  }

  func sink(_ port: UInt16, _ more: [String: String] = [:]) throws -> any ByteSink {
    try Self.sink(["host": "127.0.0.1", "port": "\(port)"].merging(more) { $1 })
  }

  static func write(_ text: String, to sink: any ByteSink) throws {
    var copy = text
    try copy.withUTF8 { bytes in
      try sink.write(EncodedBlock(bytes: UnsafeRawBufferPointer(bytes), rowCount: 1, plainByteCount: bytes.count))
    }
  }

  @discardableResult
  static func run(_ batchID: Int64, _ text: String, _ sink: any ByteSink) throws -> JSON {
    try sink.begin(batchID: batchID)
    try write(text, to: sink)
    return try sink.commit(batchID: batchID)
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

  @Test func nobodyListens() throws {
    let port = LoopbackServer().port
    #expect(code { _ = try sink(port, ["connectRetry": "100 ms"]) } == "SOCKET_CONNECT_FAILED")
  }

  /// Every framing that a sink writes, a source reads; what is no text of lines included.
  @Test(arguments: [
    ["framing": "newline"], ["framing": "delimiter", "delimiter": #"\x1E\n"#], ["framing": "octet-counted"],
    ["framing": "length", "lengthBytes": "1"], ["framing": "length", "lengthBytes": "2", "lengthOrder": "little"],
    ["framing": "length"],
  ])
  func framingsMeetTheirSource(options: [String: String]) throws {
    let (harness, port) = try SourceHarness.listening(options)
    let sink = try sink(port, options)
    let sending = Worker { code { try Self.run(0, "one\n2\n\nthree\n", sink) } }
    #expect(try harness.lines(4) == ["one", "2", "", "three"])
    #expect(sending.join() == "none")
    if options["lengthBytes"] == "1" {
      #expect(code { try Self.run(1, String(repeating: "x", count: 256) + "\n", sink) } == "SOCKET_RECORD_TOO_LONG")
    }
    try sink.close()
    harness.source.close()
  }

  @Test func datagramsGoOneByOne() throws {
    let (harness, port) = try SourceHarness.listening(["transport": "udp"])
    let sink = try sink(port, ["transport": "udp"])
    try Self.run(0, "one\ntwo\n", sink)
    #expect(try harness.lines(2) == ["one", "two"])
    harness.source.close()
    // Nobody takes them now: they are lost, and the query goes on.
    for batch in 1...3 { try Self.run(Int64(batch), "lost\n", sink) }
    try sink.close()
  }

  @Test(arguments: ["unix", "unixgram"])
  func localSockets(transport: String) throws {
    let folder = ScratchFolder()
    let options = ["transport": transport, "path": folder.file("socket")]
    let harness = try SourceHarness(options.merging(["mode": "listen"]) { $1 })
    try harness.source.connect()
    let sink = try Self.sink(options)
    let sending = Worker { code { try Self.run(0, "one\ntwo\n", sink) } }
    #expect(try harness.lines(2) == ["one", "two"])
    #expect(sending.join() == "none")
    try sink.close()
  }

  /// All who are connected get the same; who comes later gets what comes later.
  @Test func listensAndSendsToAll() throws {
    let folder = ScratchFolder()
    let sink = try Self.sink(["mode": "listen", "port": "0", "portFile": folder.file("port")])
    let port = try #require(folder.text("port").flatMap { UInt16($0.dropLast()) })
    #expect(sink.description == "socket[listens at 127.0.0.1:\(port)]")
    let first = LoopbackClient(port: port)
    let second = LoopbackClient(port: port)
    try Self.run(0, "one\n", sink)
    #expect(first.line() == "one")
    #expect(second.line() == "one")
    let third = LoopbackClient(port: port)
    try Self.run(1, "two\n", sink)
    for client in [first, second, third] { #expect(client.line() == "two") }
    try sink.close()
    #expect(first.line() == "")
  }

  /// Who reads too slowly is dropped, and nobody else waits for that; or all wait.
  @Test(arguments: ["drop", "block"])
  func slowClients(policy: String) throws {
    let folder = ScratchFolder()
    let sink = try Self.sink([
      "mode": "listen", "port": "0", "portFile": folder.file("port"), "clientBuffer": "64 KiB", "onSlowClient": policy,
    ])
    let port = try #require(folder.text("port").flatMap { UInt16($0.dropLast()) })
    let slow = LoopbackClient(port: port)
    let line = String(repeating: "x", count: 32_767) + "\n"
    let count = 400
    let sending = Worker { code { for batch in 0..<count { try Self.run(Int64(batch), line, sink) } } }
    if policy == "drop" { #expect(sending.join() == "none") }
    var received = 0
    while let text = slow.line(), !text.isEmpty {
      received += text.utf8.count == 32_767 ? 1 : 0
      if received == count { break }
    }
    if policy == "block" {
      #expect(sending.join() == "none")
      #expect(received == count)
    } else {
      #expect(received < count)
    }
    try sink.close()
  }

  /// A receiver that counts gets each record once, though it loses the connection in the middle and the sink starts again.
  @Test func numbersRecordsAndLeavesOutRepeatedOnes() throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true"])
    let isEnding = Flag()
    let receiving = Worker { () -> [String] in
      var all: [String] = []
      while let text = try? harness.receive() {
        all += text.split(separator: "\n").map(String.init)
        harness.source.acknowledge(harness.inbox.sequences)
        if isEnding.isSet, all.contains("last") { harness.source.close() }
      }
      return all
    }
    let first = try sink(port, ["acknowledge": "true"])
    #expect(try first.recover(batchID: nil, token: nil) == nil)
    let token = try Self.run(0, "a\nb\n", first)
    #expect(token["number"] == .int(2))
    try Self.run(1, "c\nd\n", first)
    try first.close()
    // A crash: the commit log has batch 0 only, and batch 1 is written again.
    let second = try sink(port, ["acknowledge": "true"])
    _ = try second.recover(batchID: 0, token: token)
    try Self.run(1, "c\nd\n", second)
    isEnding.set()
    try Self.run(2, "last\n", second)
    #expect(receiving.join() == ["a", "b", "c", "d", "last"])
    try second.close()
    #expect(
      code { _ = try Self.sink(["host": "h", "port": "1", "acknowledge": "true"], repeatsExactly: false) }
        == "ACKNOWLEDGE_NEEDS_MICRO_BATCH")
  }
}
