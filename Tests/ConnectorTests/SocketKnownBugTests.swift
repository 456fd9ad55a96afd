import Glibc
import MillraceCore
import SocketConnector
import Testing

/// What users of other tools have reported of their sockets; `docs/known-bugs.md` lists all such tests.
struct SocketKnownBugTests {
  @Test("3.2 Fluent Bit #370, #10435, #736: one long line neither stops nor restarts the input")
  func longLineStopsNothing() throws {
    let (harness, port) = try SourceHarness.listening(["maxRecordBytes": "1 KiB"])
    let client = LoopbackClient(port: port)
    let sending = Worker {
      client.send("before\n")
      let piece = String(repeating: "x", count: 64 << 10)
      for _ in 0..<64 { client.send(piece) }
      client.send("\nbehind\n")
    }
    #expect(try harness.lines(2) == ["before", "behind"])
    sending.join()
    #expect(harness.metric("connections") == "1")
    harness.source.close()
  }

  @Test("3.2 Fluent Bit #11457: records that are left out are counted")
  func leftOutRecordsAreCounted() throws {
    let (harness, port) = try SourceHarness.listening(["maxRecordBytes": "5"])
    let client = LoopbackClient(port: port)
    client.send("123456\nok\n1234567\nok\n")
    #expect(try harness.lines(2) == ["ok", "ok"])
    #expect(harness.metric("longRecords") == "2")
    #expect(harness.inbox.droppedRecords == 2)
    harness.source.close()
  }

  @Test("8 Benthos #612: many records of one connection are in flight")
  func manyRecordsAreInFlight() throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true"])
    let client = LoopbackClient(port: port)
    client.send("HELLO me\n" + (1...500).map { "\($0) record \($0)\n" }.joined())
    // Nothing was confirmed, and all are taken.
    #expect(try harness.lines(500).last == "record 500")
    harness.source.acknowledge(["me": 500])
    harness.source.close()
    _ = try harness.receive()
    #expect(client.line() == "OK 0")
    #expect(client.line() == "ACK 500")
  }

  @Test("8 Benthos #263: what came right before the end of the input is not lost")
  func theLastRecordsArrive() throws {
    let server = LoopbackServer()
    let harness = try SourceHarness(["host": "127.0.0.1", "port": "\(server.port)"])
    try harness.source.connect()
    server.accept()
    server.send((0..<1000).map { "record \($0)\n" }.joined())
    server.closePeer()
    #expect(try harness.lines(1000).last == "record 999")
    #expect(try harness.receive() == nil)
  }

  @Test("8 logstash-input-http #48: nothing is confirmed before it is durable")
  func confirmsOnlyWhatIsDurable() throws {
    let (harness, port) = try SourceHarness.listening(["acknowledge": "true"])
    let client = LoopbackClient(port: port)
    client.send("HELLO me\n1 one\n2 two\n")
    _ = try harness.lines(2)
    #expect(client.line() == "OK 0")
    var patience = timeval(tv_sec: 0, tv_usec: 100_000)
    setsockopt(client.descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let looking = Worker { try? harness.receive() }
    #expect(client.line() == nil)
    harness.source.acknowledge(["me": 1])
    #expect(client.line() == "ACK 1")
    harness.source.close()
    _ = looking.join()
  }
}
