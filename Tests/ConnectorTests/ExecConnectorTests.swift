import Glibc
import MillraceColumnar
import MillraceCore
import ProcessConnector
import Testing

/// Commands as sources and sinks.
struct ExecConnectorTests {
  /// What a source has received when it ends, and what it said.
  struct Received {
    var records: [String] = []
    var dropped: Int64 = 0
    var notices: [String] = []
    var error: MillraceError?
  }

  private func receive(_ options: [String: String], log: LogProbe = LogProbe(), until enough: Int = .max) throws
    -> Received
  {
    guard case .liveRecords(let source) = try ExecConnector().source(options, environment: log.environment) else {
      throw MillraceError("TEST", "an exec source is live")
    }
    try source.connect()
    var received = Received()
    let inbox = LiveInbox()
    do {
      var goesOn = true
      while goesOn {
        inbox.removeAll()
        defer {
          received.records += AcceptanceTests.Subject.cut(Array(inbox.records.bytes))
          received.dropped += inbox.droppedRecords
          received.notices += inbox.notices
        }
        goesOn = try source.receive(into: inbox)
        if received.records.count >= enough { source.close() }
      }
    } catch let error as MillraceError { received.error = error }
    return received
  }

  @Test func linesAreRecords() throws {
    let log = LogProbe()
    let received = try receive(["command": "echo starts >&2; seq 1 100000; printf 'no end'"], log: log)
    #expect(received.records == (1...100_000).map(String.init) + ["no end"])
    #expect(received.error == nil)
    #expect(log.text == ["in: starts"])
  }

  @Test func aFailureIsAnError() throws {
    let received = try receive(["command": "echo one; echo 'no more' >&2; exit 4"])
    #expect(received.records == ["one"])
    let error = try #require(received.error)
    #expect(error.code == "EXEC_FAILED" && error.isRetryable)
    #expect(error.message.contains("ended with status 4") && error.hint == "the last it said is: no more", "\(error)")
  }

  @Test func aFailedCommandIsStartedAgain() throws {
    let folder = ScratchFolder()
    let command = "echo x >> tries; n=$(wc -l < tries); echo line $n; [ $n -ge 3 ]"
    let received = try receive([
      "command": command, "folder": folder.path, "restart": "onFailure", "restartDelay": "10 ms",
    ])
    #expect(received.records == ["line 1", "line 2", "line 3"])
    #expect(received.error == nil)
    #expect(received.notices.count == 2 && received.notices[0].contains("ended with status 1"), "\(received.notices)")
  }

  @Test func aCommandMayBeStartedForEver() throws {
    let received = try receive(["command": "echo tick", "restart": "always", "restartDelay": "1 ms"], until: 3)
    #expect(received.records.count >= 3 && Set(received.records) == ["tick"])
  }

  @Test func aLineThatIsTooLongIsLeftOut() throws {
    let received = try receive(["command": "echo short; printf '%0200d\\n' 1; echo last", "maxRecordBytes": "100"])
    #expect(received.records == ["short", "last"])
    #expect(received.dropped == 1)
  }

  // MARK: The sink

  private func write(_ options: [String: String], _ batches: [[String]]) throws {
    let sink = try ExecConnector().sink(options, SinkSchema.text).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    defer { try? sink.close() }
    _ = try sink.recover(batchID: nil, token: nil)
    for (number, records) in batches.enumerated() {
      try sink.begin(batchID: Int64(number))
      var text = records.map { $0 + "\n" }.joined()
      let size = text.utf8.count
      try text.withUTF8 {
        try sink.write(EncodedBlock(bytes: UnsafeRawBufferPointer($0), rowCount: records.count, plainByteCount: size))
      }
      _ = try sink.commit(batchID: Int64(number))
    }
  }

  private enum SinkSchema { static let text = Schema([StructField("value", .string)]) }

  @Test func eachBatchIsACommandOfItsOwn() throws {
    let folder = ScratchFolder()
    try write(
      ["command": "sed \"s/^/$MILLRACE_BATCH /\" >> rows", "folder": folder.path], [["a", "b"], ["c"]])
    #expect(folder.text("rows") == "0 a\n0 b\n1 c\n")
  }

  @Test func oneCommandMayServeTheQuery() throws {
    let folder = ScratchFolder()
    let command = "echo started >> rows; cat >> rows"
    try write(["command": command, "folder": folder.path, "lifetime": "query"], [["a", "b"], ["c"]])
    #expect(folder.text("rows") == "started\na\nb\nc\n")
  }

  static let failures: [(command: String, part: String)] = [
    ("cat > /dev/null; echo 'disk full' >&2; exit 2", "ended with status 2"),
    ("exit 3", "ended with status 3"), ("cat > /dev/null; sleep 60", "has not ended 300 ms after its input"),
    ("sleep 60", "300 ms"),
  ]

  @Test(arguments: failures.indices) func aBatchThatWasNotTakenIsAnError(index: Int) throws {
    let (command, part) = Self.failures[index]
    let records = [String(repeating: "x", count: 200_000)]
    let error = try #require(throws: MillraceError.self) {
      try write(["command": command, "timeout": "300 ms"], [records])
    }
    #expect(error.code == "EXEC_FAILED" && error.isRetryable)
    #expect(error.message.contains(part), "\(error)")
  }
}
