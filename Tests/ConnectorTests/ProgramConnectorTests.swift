import Glibc
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceTesting
import ProcessConnector
import Testing

/// Connectors that are programs of their own.
struct ProgramConnectorTests {
  // MARK: The contract

  @Test(.enabled(if: TestProgram.python != nil, "\(TestProgram.missingPython)"))
  func thePythonSourceKeepsTheContract() throws {
    let rows = (0..<20).map { "\([Value.integer(Int64($0)), .string("line \($0)")])" }
    let report = SourceAcceptance(
      try TestProgram.connector(TestProgram.example("counter")), options: ["limit": "20", "word": "line"],
      expected: rows
    ).run()
    #expect(report.failures.isEmpty, "\(report)")
    #expect(report.lines.count == 13, "\(report)")
  }

  /// With `MILLRACE_KILLS` set it is left at every place, not at every fourth.
  @Test(.enabled(if: TestProgram.python != nil, "\(TestProgram.missingPython)"))
  func thePythonSinkKeepsTheContract() throws {
    let folder = ScratchFolder()
    defer { withExtendedLifetime(folder) {} }
    let number = AcceptanceTests.Counter()
    let report = SinkAcceptance(
      try TestProgram.connector(TestProgram.example("appender")), stride: getenv("MILLRACE_KILLS") == nil ? 4 : 1
    ) {
      let name = "\(number.next())"
      return .init(options: ["path": folder.file(name)]) {
        (folder.text(name) ?? "").split(separator: "\n").map(String.init)
      }
    }.run()
    #expect(report.failures.isEmpty, "\(report)")
    #expect("\(report)".contains("lost 0, doubled 0"))
  }

  /// A program's description is one, as far as the kit can tell, whoever wrote it.
  @Test func aDescriptionHasEveryKindOfOption() throws {
    let spec = #"""
      {"protocol":1,"connectors":[{"name":"all-kinds","summary":"Takes anything.","maturity":"stable","sink":{"options":[
      {"name":"text","summary":"A text.","default":"x"},{"name":"count","type":"integer","summary":"A count.","range":[1,9],"default":3},
      {"name":"share","type":"number","summary":"A share.","example":0.5},{"name":"flag","type":"boolean","summary":"A flag.","default":false},
      {"name":"pause","type":"duration","summary":"A pause.","default":"2 seconds"},{"name":"size","type":"bytes","summary":"A size.","default":"1 KiB"},
      {"name":"names","type":"list","summary":"Names.","default":"a,b"},{"name":"word","choices":["one","two"],"summary":"A word.","default":"one"},
      {"name":"key","summary":"A secret.","secret":true,"required":true}]}}]}
      """#.split(separator: "\n").joined()
    let folder = ScratchFolder()
    let connector = try TestProgram.connector(
      TestProgram.shell(spec, #"*'"call":"open"'*) echo "$line" > \#(folder.file("open")); echo '{"ok":{}}' ;;"#))
    #expect(SpecAcceptance(connector).run().failures.isEmpty)
    #expect(connector.spec.sinkFields.count == 9 && connector.spec.maturity == .stable)
    #expect(connector.spec.sinkFields.first { $0.name == "key" }?.isSecret == true)
    let sink = try connector.sink(["key": "k", "Size": "2 KiB"], SinkAcceptance.schema).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    try sink.close()
    let open = try JSON(parsing: folder.text("open") ?? "")
    let options =
      #"{"text":"x","count":3,"flag":false,"pause":2.0,"size":2048,"names":["a","b"],"word":"one","key":"k"}"#
    #expect(open["options"]?.text == options)
    #expect(open["columns"] == .string(SinkAcceptance.schema.ddl))
  }

  // MARK: What programs do wrong

  static let wrongSpecs: [(spec: String, code: String, part: String)] = [
    (#"{"protocol":2,"connectors":[]}"#, "PROGRAM_PROTOCOL", "speaks version 2"),
    (#"{"connectors":[]}"#, "PROGRAM_PROTOCOL", "(none)"),
    (#"{"protocol":1,"connectors":[]}"#, "PROGRAM_SPEC", "no connectors"),
    (#"{"protocol":1,"connectors":[{"name":"x","summary":"X."}]}"#, "PROGRAM_SPEC", "neither source nor sink"),
    (#"{"protocol":1,"connectors":[{"name":"X y","summary":"X.","sink":{}}]}"#, "PROGRAM_SPEC", "'X y'"),
    (#"{"protocol":1,"connectors":[{"name":"x","sink":{}}]}"#, "PROGRAM_SPEC", "'summary'"),
    (#"{"protocol":1,"connectors":[{"name":"x","summary":"X.","snk":{}}]}"#, "PROGRAM_SPEC", "did you mean 'sink'?"),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","sink":{"options":[{"name":"n","type":"int","summary":"N."}]}}]}"#,
      "PROGRAM_SPEC", "of type 'int'"
    ),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","sink":{"options":[{"name":"n","type":"integer","default":"a","summary":"N."}]}}]}"#,
      "PROGRAM_SPEC", "the default of"
    ),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","sink":{"guarantee":"sometimes"}}]}"#, "PROGRAM_SPEC",
      "one of: transactional"
    ),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","source":{"replayable":true,"columns":"a LONGISH"}}]}"#,
      "PROGRAM_SPEC", "columns of"
    ),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","source":{"columns":"a BIGINT"}}]}"#, "PROGRAM_SPEC",
      "not replayable"
    ),
    (
      #"{"protocol":1,"connectors":[{"name":"x","summary":"X.","sink":{}},{"name":"x","summary":"X.","sink":{}}]}"#,
      "PROGRAM_SPEC", "two connectors 'x'"
    ),
  ]

  @Test(arguments: wrongSpecs.indices) func aWrongDescriptionIsRefused(index: Int) throws {
    let (spec, code, part) = Self.wrongSpecs[index]
    let error = try #require(throws: MillraceError.self) { try TestProgram.connectors(TestProgram.shell(spec)) }
    #expect(error.code == code)
    #expect("\(error)".contains(part), "\(error)")
  }

  /// What a source with this answer to `read` comes to.
  private func reading(_ read: String, timeout: Int64 = 5_000_000, log: LogProbe = LogProbe()) throws -> [String] {
    let connector = try TestProgram.connector(TestProgram.source(read, timeout: timeout), log.environment)
    guard case .bytes(let source) = try connector.source([:], environment: log.environment) else { return [] }
    try source.start(after: nil)
    defer { source.close() }
    guard let plan = try source.plan(after: nil, limit: ReadLimit()) else { return [] }
    let reader = try source.open(plan.splits[0])
    defer { reader.close() }
    return AcceptanceTests.Subject.cut(try bytes(reader))
  }

  @Test func recordsComeInPieces() throws {
    let read =
      #"echo '{"records":1}'; echo one; echo '{"records":0}'; echo '{"records":2}'; echo two; echo; echo '{"ok":{}}'"#
    #expect(try reading(read) == ["one", "two"])
  }

  @Test func linesOnStandardErrorAreLogged() throws {
    let log = LogProbe()
    #expect(try reading(#"echo 'about to read' >&2; printf 'no end' >&2; echo '{"ok":{}}'"#, log: log) == [])
    #expect(log.text == ["in: about to read", "in: no end"])
  }

  static let misdeeds: [(read: String, code: String, part: String)] = [
    ("echo 'Traceback: oh no' >&2; exit 3", "PROGRAM_ENDED", "ended with status 3 instead of answering 'read'"),
    ("echo 'Traceback: oh no' >&2; exit 3", "PROGRAM_ENDED", "the last it said is: Traceback: oh no"),
    ("kill -KILL $$", "PROGRAM_ENDED", "ended by signal 9"),
    (#"echo '{"records":2}'; echo one; exit 0"#, "PROGRAM_ENDED", "ended with status 0"),
    ("echo hello", "PROGRAM_ANSWER", "line 3 of its output is no answer: 'hello'"),
    (#"echo '{"ok":1}'"#, "PROGRAM_ANSWER", "is no answer"),
    (#"echo '{"ok":{},"more":1}'"#, "PROGRAM_ANSWER", "is no answer"),
    (#"echo '{"records":-1}'"#, "PROGRAM_ANSWER", "is no answer"),
    (
      #"echo '{"error":{"code":"WEATHER_DOWN","message":"no weather today","hint":"wait","retryable":true}}'"#,
      "WEATHER_DOWN", "no weather today"
    ),
    (#"echo '{"error":"plain words"}'"#, "PROGRAM_FAILED", "refused 'read': plain words"),
  ]

  @Test(arguments: misdeeds.indices) func aMisdeedIsNamed(index: Int) throws {
    let (read, code, part) = Self.misdeeds[index]
    let error = try #require(throws: MillraceError.self) { try reading(read) }
    #expect(error.code == code)
    #expect("\(error)".contains(part), "\(error)")
    #expect(error.fault == .external)
    #expect(error.isRetryable == (code == "PROGRAM_ENDED" || code == "WEATHER_DOWN"))
  }

  @Test func aProgramThatHangsIsKilled() throws {
    let error = try #require(throws: MillraceError.self) { try reading("sleep 60", timeout: 300_000) }
    #expect(error.code == "PROGRAM_TIMEOUT" && error.isRetryable)
    #expect(error.message.contains("has not answered 'read' for 300 ms"), "\(error)")
  }

  @Test func aProgramThatIsNotThereIsNamed() throws {
    let error = try #require(throws: MillraceError.self) { try Plugins.program(["/nowhere/weather"]) }
    #expect(error.code == "PROCESS_NOT_STARTED")
    #expect("\(error)".contains("'/nowhere/weather'") && "\(error)".contains("No such file"))
  }

  /// A reader that is closed early leaves the program where the next call finds it.
  @Test func aReaderThatIsClosedEarlyLeavesNothingBehind() throws {
    let read = #"echo '{"records":20000}'; seq 1 20000; echo '{"ok":{}}'"#
    let connector = try TestProgram.connector(TestProgram.source(read))
    guard case .bytes(let source) = try connector.source([:]) else { return }
    try source.start(after: nil)
    defer { source.close() }
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    for _ in 0..<3 {
      let reader = try source.open(plan.splits[0])
      var room = [UInt8](repeating: 0, count: 7)
      #expect(try room.withUnsafeMutableBytes { try reader.read(into: $0) } > 0)
      reader.close()
    }
    let all = try source.open(plan.splits[0])
    #expect(AcceptanceTests.Subject.cut(try bytes(all)).count == 20000)
    all.close()
  }

  /// A program that is faster than the query waits in its write.
  @Test func aProgramWaitsWhileNothingIsRead() throws {
    let folder = ScratchFolder()
    let read = "echo '{\"records\":1000000}'; seq 1 1000000 | tee \(folder.file("said")); echo '{\"ok\":{}}'"
    let connector = try TestProgram.connector(TestProgram.source(read))
    guard case .bytes(let source) = try connector.source([:]) else { return }
    try source.start(after: nil)
    defer { source.close() }
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    let reader = try source.open(plan.splits[0])
    var room = [UInt8](repeating: 0, count: 1000)
    #expect(try room.withUnsafeMutableBytes { try reader.read(into: $0) } > 0)
    SystemClock().sleep(microseconds: 300_000)
    let said = try PosixFileSystem().status(folder.file("said"))?.size ?? 0
    #expect(said > 0 && said < 1 << 20, "of 6.9 MB it has written \(said) bytes")
    #expect(try bytes(reader).split(separator: 0x0A).count > 900_000)
    reader.close()
  }

  /// A sink that takes nothing is given up.
  @Test func aProgramThatTakesNothingIsGivenUp() throws {
    let spec = #"{"protocol":1,"connectors":[{"name":"wall","summary":"A wall.","sink":{}}]}"#
    let connector = try TestProgram.connector(
      TestProgram.shell(spec, #"*'"call":"write"'*) sleep 60 ;;"#, timeout: 300_000))
    let sink = try connector.sink([:], SinkAcceptance.schema).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    defer { try? sink.close() }
    try sink.begin(batchID: 0)
    let records = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20) + [0x0A]
    let error = try #require(throws: MillraceError.self) {
      try records.withUnsafeBytes {
        try sink.write(EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: records.count))
      }
    }
    #expect(error.code == "PROGRAM_TIMEOUT", "\(error)")
  }

  // MARK: Records that come once

  /// What is durable is told before more is asked for, and a new life begins behind it.
  @Test func aLiveProgramIsToldWhatIsDurable() throws {
    let folder = ScratchFolder()
    let said = folder.file("said")
    let read = #"echo "$line" >> \#(said); echo '{"records":2}'; echo a; echo b; echo '{"ok":{"number":7}}'"#
    let spec = #"{"protocol":1,"connectors":[{"name":"queue","summary":"A queue.","source":{}}]}"#
    let script = """
      *'"call":"open"'*|*'"call":"commit"'*) echo "$line" >> \(said); echo '{"ok":{}}' ;;
      *'"call":"read"'*) \(read) ;;
      """
    let connector = try TestProgram.connector(TestProgram.shell(spec, script))
    guard case .liveRecords(let source) = try connector.source([:]) else {
      Issue.record("it is live")
      return
    }
    #expect(source.mayRepeat)
    source.restore(["program": 5])
    try source.connect()
    let inbox = LiveInbox()
    #expect(try source.receive(into: inbox))
    #expect(inbox.sequences == ["program": 7])
    #expect(AcceptanceTests.Subject.cut(Array(inbox.records.bytes)) == ["a", "b"])
    source.acknowledge(inbox.sequences)
    inbox.removeAll()
    #expect(try source.receive(into: inbox))
    source.close()
    #expect(try source.receive(into: inbox) == false)
    let calls = try (folder.text("said") ?? "").split(separator: "\n").map { try JSON(parsing: String($0)) }
    #expect(calls.map { $0["call"]?.string } == ["open", "read", "commit", "read"])
    #expect(calls[0]["after"] == .int(5) && calls[2]["position"] == .int(7))
  }

  /// A program that has no more is told of its last records when they are durable, and ends then.
  @Test func aLiveProgramMayEnd() throws {
    let folder = ScratchFolder()
    let spec = #"{"protocol":1,"connectors":[{"name":"queue","summary":"A queue.","source":{}}]}"#
    let script = """
      *'"call":"read"'*) echo '{"records":1}'; echo last; echo '{"ok":{"end":true,"number":3}}' ;;
      *'"call":"commit"'*) echo "$line" >> \(folder.file("said")); echo '{"ok":{}}' ;;
      """
    guard case .liveRecords(let source) = try TestProgram.connector(TestProgram.shell(spec, script)).source([:]) else {
      return
    }
    try source.connect()
    let inbox = LiveInbox()
    #expect(try source.receive(into: inbox) == false)
    #expect(AcceptanceTests.Subject.cut(Array(inbox.records.bytes)) == ["last"])
    source.acknowledge(inbox.sequences)
    #expect(folder.text("said") == #"{"call":"commit","position":3}"# + "\n")
    #expect(try source.receive(into: inbox) == false)
  }

  // MARK: Ends

  /// A program that heeds neither the end of its input nor a request is killed, and nothing of it is left.
  @Test func aProgramThatDoesNotEndIsKilled() throws {
    let folder = ScratchFolder()
    let connector = ExecConnector()
    guard
      case .liveRecords(let source) = try connector.source([
        "command": "echo $$ > \(folder.file("pid")); trap '' TERM HUP; echo up; while :; do sleep 0.05; done"
      ])
    else { return }
    try source.connect()
    let inbox = LiveInbox()
    #expect(try source.receive(into: inbox))
    let text = try #require(folder.text("pid")).split(separator: "\n").first
    let process = try #require(text.flatMap { pid_t($0) })
    #expect(kill(process, 0) == 0)
    source.close()
    #expect(try source.receive(into: inbox) == false)
    #expect(kill(process, 0) != 0)
  }
}
