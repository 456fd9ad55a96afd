import Glibc
import MillraceCore
import SocketConnector
import Testing

/// A source that others connect to.
struct SocketListenTests {
  static func listening(_ more: [String: String] = [:]) throws -> (SourceHarness, UInt16) {
    try SourceHarness.listening(more)
  }

  @Test func tellsWhereItListens() throws {
    let folder = ScratchFolder()
    let (harness, port) = try Self.listening(["portFile": folder.file("port")])
    #expect(port > 0)
    #expect(folder.text("port") == "\(port)\n")
    #expect(harness.source.description == "socket[listens at 127.0.0.1:\(port)]")
    #expect(harness.inbox.notices == ["listens at 127.0.0.1:\(port) (tcp)"])
    let taken = message { try SourceHarness(["mode": "listen", "port": "\(port)"]).source.connect() }
    #expect(taken.contains("[SOCKET_LISTEN_FAILED] listening at 127.0.0.1:\(port): Address already in use"))
    #expect(taken.contains("hint: another program listens there: stop it, or take another port"))
    harness.source.close()
    #expect(try harness.receive() == nil)
    // The port is free again at once.
    try SourceHarness(["mode": "listen", "port": "\(port)"]).source.connect()
  }

  /// Pieces of records that come by turns are not mixed up.
  @Test func servesManyByTurns() throws {
    let (harness, port) = try Self.listening()
    let clients = (0..<20).map { _ in LoopbackClient(port: port) }
    for piece in 0..<30 {
      for (number, client) in clients.enumerated() { client.send("\(number):\(piece)" + (piece % 3 == 2 ? "\n" : ",")) }
    }
    let lines = try harness.lines(200)
    #expect(lines.count == 200)
    for number in 0..<20 {
      let expected = (0..<10).map { "\(number):\($0 * 3),\(number):\($0 * 3 + 1),\(number):\($0 * 3 + 2)" }
      #expect(lines.filter { $0.hasPrefix("\(number):") } == expected)
    }
    #expect(harness.metric("connections") == "20")
    harness.source.close()
  }

  /// A record that the end of its connection cuts off is dropped and counted, or kept; never joined with another's.
  @Test(arguments: ["drop", "emit"])
  func partialRecords(policy: String) throws {
    let (harness, port) = try Self.listening(["partialRecord": policy])
    for text in ["one\ncut", "two\n"] {
      let client = LoopbackClient(port: port)
      client.send(text)
      client.finish()
      let expected = text.hasPrefix("two") || policy == "drop" ? 1 : 2
      #expect(try harness.lines(expected) == Array(text.split(separator: "\n").map(String.init).prefix(expected)))
    }
    if policy == "drop" { #expect(harness.metric("partialRecords") == "1") }
    harness.source.close()
  }

  @Test func longRecords() throws {
    let (harness, port) = try Self.listening(["maxRecordBytes": "5", "onLongRecord": "close"])
    let client = LoopbackClient(port: port)
    client.send("12345\n123456\n")
    #expect(try harness.lines(1) == ["12345"])
    #expect(client.line() == "")
    #expect(harness.inbox.notices.contains { $0.contains("a record is longer than 5 bytes (maxRecordBytes)") })
    harness.source.close()
  }

  /// Who is not allowed, or comes when there are enough, is refused and counted.
  @Test func refusesWhoMayNot() throws {
    let (closed, closedPort) = try Self.listening(["allow": "10.0.0.0/8, ::1"])
    let stranger = LoopbackClient(port: closedPort)
    try closed.turn()
    #expect(stranger.line() == "")
    #expect(closed.metric("connectionsRefused") == "1")
    closed.source.close()
    let (harness, port) = try Self.listening(["allow": "127.0.0.0/8", "maxConnections": "1"])
    let first = LoopbackClient(port: port)
    first.send("in\n")
    #expect(try harness.lines(1) == ["in"])
    let second = LoopbackClient(port: port)
    try harness.turn()
    #expect(second.line() == "")
    #expect(harness.inbox.notices.contains { $0.hasPrefix("refused 127.0.0.1:") })
    harness.source.close()
  }

  /// Slow clients do not hold a connection for ever: neither who says nothing nor who never ends a record.
  @Test(arguments: [("idleTimeout", ""), ("recordTimeout", "begun")])
  func timeouts(option: String, text: String) throws {
    let (harness, port) = try Self.listening([option: "60 ms"])
    let client = LoopbackClient(port: port)
    client.send("one\n" + text)
    #expect(try harness.lines(1) == ["one"])
    while harness.metric("connectionsTimedOut") == nil { try harness.turn() }
    #expect(client.line() == "")
    harness.source.close()
  }

  /// A connection that gives too much too fast is not read for a while; nothing of it is lost, and others are read meanwhile.
  @Test func limitsTheRateOfAConnection() throws {
    let (harness, port) = try Self.listening(["maxBytesPerSecond": "20 KB"])
    let fast = LoopbackClient(port: port)
    for number in 0..<300 { fast.send("\(number) \(String(repeating: "x", count: 95))\n") }
    let start = SystemClock().monotonicNanoseconds()
    var lines: [String] = []
    while harness.metric("connectionsPaused") == nil { lines += try harness.lines(1) }
    let other = LoopbackClient(port: port)
    other.send("other\n")
    while lines.count < 301 { lines += try harness.lines(1) }
    #expect(lines.last != "other")
    #expect(lines.filter { $0 != "other" }.count == 300)
    // 30 KB at 20 KB in a second, of which the first second's are free.
    #expect(SystemClock().monotonicNanoseconds() - start > 300_000_000)
    harness.source.close()
  }

  @Test func origins() throws {
    let (harness, port) = try Self.listening(["metadata": "true", "includeTimestamp": "true"])
    #expect(harness.source.originColumns.map(\.name) == ["timestamp", "_peer", "_received"])
    let client = LoopbackClient(port: port)
    let before = SystemClock().now()
    client.send("a\nbc\n")
    _ = try harness.lines(2)
    let run = try #require(harness.inbox.runs.first)
    #expect(run.byteCount == 5)
    #expect(run.peer.hasPrefix("127.0.0.1:"))
    #expect(run.received >= before)
    harness.source.close()
  }

  @Test(arguments: [[:], ["framing": "newline"]])
  func datagrams(options: [String: String]) throws {
    let (harness, port) = try Self.listening(["transport": "udp", "metadata": "true"].merging(options) { $1 })
    let clients = [LoopbackClient(port: port, isDatagram: true), LoopbackClient(port: port, isDatagram: true)]
    for number in 0..<300 { clients[number % 2].send("message \(number)\n") }
    clients[0].send("two\nlines")
    let isEscaped = options.isEmpty
    let lines = try harness.lines(isEscaped ? 301 : 302)
    #expect(lines.prefix(300) == (0..<300).map { "message \($0)" }[...])
    #expect(lines.suffix(isEscaped ? 1 : 2) == (isEscaped ? ["two\u{1B}nlines"] : ["two", "lines"]))
    #expect(harness.inbox.runs.reduce(0) { $0 + $1.byteCount } == harness.inbox.records.count)
    #expect(harness.metric("datagramsReceived") == "301")
    harness.source.close()
  }

  /// Around the length up to which datagrams lie close together, and as long as they can be.
  @Test func datagramsOfAllLengths() throws {
    let (harness, port) = try Self.listening(["transport": "udp", "framing": "newline"])
    let client = LoopbackClient(port: port, isDatagram: true)
    let lengths = [1, 2046, 2047, 2048, 2049, 4096, 65_507, 3, 65_506]
    let sent = lengths.enumerated().map { number, length in
      String(decoding: (0..<length).map { UInt8(33 + ($0 &* 7 &+ number) % 90) }, as: UTF8.self)
    }
    for text in sent { client.send(text) }
    #expect(try harness.lines(sent.count) == sent)
    harness.source.close()
  }

  /// Much more than is taken in a turn, from several at a time and faster than pieces are taken one by one.
  @Test func fastStreamsComeWhole() throws {
    let (harness, port) = try Self.listening()
    let senders = (0..<3).map { number in
      Worker {
        let client = LoopbackClient(port: port)
        let lines = (0..<60_000).map { "\(number) \($0) \(String(repeating: "x", count: $0 % 61))\n" }
        let bytes = Array(lines.joined().utf8)
        var done = 0
        while done < bytes.count {
          let put = bytes[done...].withUnsafeBytes {
            Glibc.send(client.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
          }
          if put <= 0 { break }
          done += put
        }
      }
    }
    let lines = try harness.lines(180_000)
    for sender in senders { sender.join() }
    for number in 0..<3 {
      let mine = lines.filter { $0.hasPrefix("\(number) ") }
      #expect(mine == (0..<60_000).map { "\(number) \($0) \(String(repeating: "x", count: $0 % 61))" })
    }
    harness.source.close()
  }

  /// What the system drops because nobody takes it is counted.
  @Test func droppedDatagramsAreCounted() throws {
    let (harness, port) = try Self.listening(["transport": "udp", "receiveBuffer": "4 KiB"])
    let client = LoopbackClient(port: port, isDatagram: true)
    let text = String(repeating: "x", count: 1000)
    for _ in 0..<200 { client.send(text) }
    _ = try harness.receive()
    client.send("last")
    while try harness.receive()?.contains("last") == false {}
    let received = try #require(Int(harness.metric("datagramsReceived") ?? ""))
    let dropped = try #require(Int(harness.metric("datagramsDropped") ?? ""))
    #expect(received + dropped == 201)
    harness.source.close()
  }

  /// The file of a socket that nobody listens at any more is no obstacle; one that somebody listens at is, and any other file.
  @Test func leftOverSocketFiles() throws {
    let folder = ScratchFolder()
    let options = ["mode": "listen", "transport": "unix", "path": folder.file("socket")]
    // A process that was killed leaves its file.
    let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(folder.file("socket").utf8)) }
    withUnsafePointer(to: &address) { pointer in
      _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    close(dead)
    let harness = try SourceHarness(options)
    try harness.source.connect()
    let client = LoopbackClient(path: folder.file("socket"))
    client.send("one\n")
    #expect(try harness.lines(1) == ["one"])
    #expect(code { try SourceHarness(options).source.connect() } == "SOCKET_LISTEN_FAILED")
    harness.source.close()
    #expect(try harness.receive() == nil)
    try folder.write("text", to: "socket")
    #expect(code { try SourceHarness(options).source.connect() } == "SOCKET_LISTEN_FAILED")
    #expect(folder.text("socket") == "text")
  }

  @Test(arguments: [
    (["mode": "listen"], "OPTION_MISSING"), (["mode": "listen", "port": "70000"], "OPTION_OUT_OF_RANGE"),
    (["transport": "unix"], "OPTION_MISSING"),
    (["transport": "unix", "path": "p", "port": "1"], "OPTION_OUT_OF_RANGE"),
    (["transport": "udp", "mode": "connect", "host": "h", "port": "1"], "OPTION_OUT_OF_RANGE"),
    (["transport": "udp", "port": "0", "framing": "length"], "OPTION_OUT_OF_RANGE"),
    (["transport": "udp", "port": "0", "acknowledge": "true"], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "1", "framing": "datagram"], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "1", "framing": "delimiter", "delimiter": ""], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "1", "framing": "delimiter", "delimiter": #"\q"#], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "1", "portFile": "p"], "OPTION_OUT_OF_RANGE"),
    (["host": "h", "port": "1", "path": "p"], "OPTION_OUT_OF_RANGE"),
    (["mode": "listen", "port": "0", "allow": "10.0.0.0/33"], "OPTION_OUT_OF_RANGE"),
    (["mode": "listen", "port": "0", "allow": "everyone"], "OPTION_OUT_OF_RANGE"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { _ = try SocketConnector().source(options) } == expected)
  }
}

/// Senders that number their records.
struct SocketAcknowledgeTests {
  @Test func confirmsWhatIsDurable() throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true"])
    #expect(harness.source.acknowledges)
    let client = LoopbackClient(port: port)
    client.send("HELLO me\n1 one\n2 two\n")
    #expect(try harness.lines(2) == ["one", "two"])
    #expect(client.line() == "OK 0")
    #expect(harness.inbox.sequences == ["me": 2])
    // Nothing is confirmed before it is durable.
    harness.source.acknowledge(["me": 2])
    client.send("2 two\n3 three\n")
    #expect(try harness.lines(1) == ["three"])
    #expect(client.line() == "ACK 2")
    #expect(client.line() == "ACK 2")
    #expect(harness.metric("repeatedRecords") == "1")
    harness.source.close()
  }

  /// A sender that comes again is told what is durable, and what it had sent besides is not taken twice.
  @Test func sendersComeAgain() throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true"])
    harness.source.restore(["me": 7])
    let first = LoopbackClient(port: port)
    first.send("HELLO me\n7 old\n8 new\n")
    #expect(try harness.lines(1) == ["new"])
    #expect(first.line() == "OK 7")
    // The first connection is dead and nobody knows yet.
    let second = LoopbackClient(port: port)
    second.send("HELLO me\n8 new\n9 newer\n")
    #expect(try harness.lines(1) == ["newer"])
    #expect(second.line() == "OK 7")
    harness.source.acknowledge(["me": 9])
    harness.source.close()
    _ = try harness.receive()
    #expect(second.line() == "ACK 7")
    #expect(second.line() == "ACK 9")
  }

  @Test(arguments: [
    ("1 one\n", "ERR the first record must be HELLO and a name"),
    ("HELLO a b\n", "ERR a name has 1 to 128 visible ASCII characters and no blank"),
    ("HELLO me\none\n", "ERR a record must begin with its number and a blank"),
    ("HELLO me\n99999999999999999999 x\n", "ERR a record must begin with its number and a blank"),
    ("HELLO other\n", "ERR there are 1 senders already (maxSenders)"),
  ])
  func faults(text: String, answer: String) throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true", "maxSenders": "1"])
    harness.source.restore(["me": 0])
    let client = LoopbackClient(port: port)
    client.send(text)
    try harness.turn()
    var line = client.line()
    if line == "OK 0" { line = client.line() }
    #expect(line == answer)
    #expect(client.line() == "")
    harness.source.close()
  }
}
