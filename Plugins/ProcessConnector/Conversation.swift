import Glibc
import MillraceColumnar
import MillraceCore
import Synchronization

/// Talks with one program over its standard input and output: a call, then its answer, one after the other.
///
/// Nothing is kept of what the program says beyond one buffer and one line, so that a program that says too much has to wait.
final class Conversation: @unchecked Sendable {
  /// What a line of the program says.
  enum Answer {
    /// The call is done.
    case done(JSON)
    /// So many records follow as lines of their own.
    case records(Int64)
  }

  private static let roomSize = 256 << 10
  /// Longest line that is no record, and longest record.
  private static let lineLimit = 16 << 20
  private static let recordLimit = 64 << 20
  /// Between two looks at whether to go on, microseconds.
  private static let tick: Int64 = 100_000

  private let program: Program
  private let name: String
  private let clock: any Clock
  private let process: any RunningProcess
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Conversation.roomSize, alignment: 16)
  /// What of `room` is received and not taken.
  private var head = 0
  private var tail = 0
  private var log: LogLines
  /// Lines of the program so far, records included.
  private var lineNumber: Int64 = 0
  /// Records that were announced and not taken.
  private var awaited: Int64 = 0
  /// Bytes of the record that is being taken.
  private var recordBytes = 0
  private let isTaken = Mutex(false)
  /// From when on, by the monotonic clock, calls that wait fail.
  private let deadline = Mutex<Int64?>(nil)

  init(_ program: Program, name: String, _ environment: Environment) throws {
    self.program = program
    self.name = name
    clock = environment.clock
    log = LogLines(name, environment)
    process = try environment.processes.start(ProcessCommand(program.words, variables: program.variables))
  }

  deinit {
    stop()
    room.deallocate()
  }

  // MARK: Calls

  /// Makes a call that has no records in its answer, and gives what it says.
  func call(_ call: String, _ arguments: [JSON.Member] = []) throws -> JSON {
    try begin(call, arguments)
    guard case .done(let facts) = try answer(to: call) else {
      throw misbehaviour(call, "it gave records, which are for 'read'")
    }
    return facts
  }

  /// Makes a call whose answer is taken by `answer` and `records`.
  func begin(_ call: String, _ arguments: [JSON.Member] = []) throws {
    let text = JSON.object([.init("call", .string(call))] + arguments).text + "\n"
    try Array(text.utf8).withUnsafeBytes { try send($0, call) }
  }

  /// Sends bytes that belong to a call.
  func send(_ bytes: UnsafeRawBufferPointer, _ call: String) throws {
    var rest = bytes
    var since = clock.monotonicNanoseconds()
    while !rest.isEmpty {
      switch process.write(rest) {
      case .bytes(let count):
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        since = clock.monotonicNanoseconds()
      // What it has said before it ended tells more.
      case .end: return
      case .wouldBlock: try wait(for: .input, since, call)
      }
    }
  }

  /// The next line of the program's answer. Throws what the program says went wrong.
  func answer(to call: String) throws -> Answer {
    let line = try takeLine(call)
    let text = String(decoding: line, as: UTF8.self)
    guard let json = try? JSON(parsing: text), let members = json.members else { throw misbehaviour(call, text: text) }
    if let count = json["records"]?.int, count >= 0, members.count == 1 {
      awaited = count
      return .records(count)
    }
    if let error = json["error"] { throw failure(error, call) }
    guard let facts = json["ok"], members.count == 1, facts.members != nil else { throw misbehaviour(call, text: text) }
    return .done(facts)
  }

  /// Fills a buffer with whole records or pieces of them; nil, with what the program says at its end, when there are no more.
  func records(into target: UnsafeMutableRawBufferPointer, _ call: String) throws -> (count: Int, end: JSON?) {
    while awaited == 0 {
      if case .done(let facts) = try answer(to: call) { return (0, facts) }
    }
    if head == tail { try receive(call) }
    let window = UnsafeRawBufferPointer(rebasing: room[head..<min(tail, head + target.count)])
    var used = 0
    while awaited > 0, let base = window.baseAddress, let feed = memchr(base + used, 0x0A, window.count - used) {
      used = UnsafeRawPointer(feed) - base + 1
      awaited -= 1
      lineNumber += 1
      recordBytes = 0
    }
    let count = awaited == 0 ? used : window.count
    recordBytes += count - used
    if recordBytes > Self.recordLimit {
      throw misbehaviour(call, "a record is longer than \(Self.recordLimit >> 20) MiB")
    }
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: window[..<count]))
    head += count
    return (count, nil)
  }

  // MARK: Turns

  /// Takes the conversation for a call and its whole answer; another thread that wants it waits, at most as long as calls may take.
  func take(_ call: String) throws {
    let start = clock.monotonicNanoseconds()
    while !isTaken.withLock({ taken in
      if taken { return false }
      taken = true
      return true
    }) {
      if (clock.monotonicNanoseconds() - start) / 1000 > program.timeout {
        throw MillraceError(
          "PROGRAM_BUSY", "'\(call)' waits for a reader of '\(name)' that does not end", fault: .bug)
      }
      clock.sleep(microseconds: 100)
    }
  }

  /// Gives it back.
  func giveBack() { isTaken.withLock { $0 = false } }

  /// A call with its answer, as a turn of its own.
  func turn(_ call: String, _ arguments: [JSON.Member] = []) throws -> JSON {
    try take(call)
    defer { giveBack() }
    return try self.call(call, arguments)
  }

  /// Makes calls fail that still wait after so long. From any thread.
  func cancel(after microseconds: Int64 = 0) {
    let end = clock.monotonicNanoseconds() + microseconds * 1000
    deadline.withLock { $0 = min($0 ?? .max, end) }
  }

  /// Ends the program: its input ends, and if that does not help it is asked and then killed.
  func stop() {
    cancel()
    ProcessStop.run(process, &log)
  }

  // MARK: Receiving

  private func takeLine(_ call: String) throws -> [UInt8] {
    var line: [UInt8] = []
    while true {
      if head == tail { try receive(call) }
      let window = UnsafeRawBufferPointer(rebasing: room[head..<tail])
      let feed = window.baseAddress.flatMap { base in
        memchr(base, 0x0A, window.count).map { UnsafeRawPointer($0) - base }
      }
      line.append(contentsOf: window[..<(feed ?? window.count)])
      head += feed.map { $0 + 1 } ?? window.count
      if line.count > Self.lineLimit {
        throw misbehaviour(call, text: String(decoding: line.prefix(200), as: UTF8.self))
      }
      if feed != nil {
        lineNumber += 1
        return line
      }
    }
  }

  /// Receives a byte at least.
  private func receive(_ call: String) throws {
    let since = clock.monotonicNanoseconds()
    (head, tail) = (0, 0)
    while true {
      switch process.readOutput(into: room) {
      case .bytes(let count):
        tail = count
        return
      case .end: throw ended(call)
      case .wouldBlock: try wait(for: .output, since, call)
      }
    }
  }

  private func wait(for stream: ProcessStreams, _ since: Int64, _ call: String) throws {
    if let end = deadline.withLock({ $0 }), clock.monotonicNanoseconds() >= end {
      throw MillraceError("PROGRAM_STOPPED", "'\(call)' of \(title) was given up: the query ends", fault: .external)
    }
    let ready = process.wait(for: log.hasEnded ? stream : [stream, .error], microseconds: Self.tick)
    if ready.contains(.error) { log.drain(process) }
    guard ready.isEmpty, (clock.monotonicNanoseconds() - since) / 1000 > program.timeout else { return }
    process.signal(SIGKILL)
    throw MillraceError(
      "PROGRAM_TIMEOUT",
      "\(title) has not answered '\(call)' for \(Quantity.duration(microseconds: program.timeout))",
      hint: "it was killed; where a call may take longer, set 'timeout' of the plug-in\(said)", fault: .external,
      isRetryable: true)
  }

  // MARK: Errors

  private var title: String { "the program of '\(name)' (\(program.text))" }

  private var said: String { log.last.map { "; the last it said is: \($0)" } ?? "" }

  private func ended(_ call: String) -> MillraceError {
    let end = ProcessStop.run(process, &log, afterInput: 1_000_000)
    let how = end.map { " \($0)" } ?? ""
    return MillraceError(
      "PROGRAM_ENDED", "\(title) ended\(how) instead of answering '\(call)'",
      hint: log.last.map { "the last it said is: \($0)" } ?? "it said nothing on standard error", fault: .external,
      isRetryable: true)
  }

  private func misbehaviour(_ call: String, text: String) -> MillraceError {
    misbehaviour(call, "line \(lineNumber) of its output is no answer: '\(String(text.prefix(200)))'")
  }

  private func misbehaviour(_ call: String, _ reason: String) -> MillraceError {
    MillraceError(
      "PROGRAM_ANSWER", "\(title) did not keep to the protocol at '\(call)': \(reason)",
      hint:
        "standard output is for answers alone, and must be flushed; what is for people belongs on standard error\(said)",
      fault: .external)
  }

  /// What the program itself says went wrong.
  /// The code of an error or of a rejected row, if it is one.
  static func code(in error: JSON) -> String? {
    guard let text = error["code"]?.string, !text.isEmpty,
      text.utf8.allSatisfy({ $0 == 0x5F || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) })
    else { return nil }
    return text
  }

  private func failure(_ error: JSON, _ call: String) -> MillraceError {
    MillraceError(
      Self.code(in: error) ?? "PROGRAM_FAILED",
      "\(title) refused '\(call)': \(error["message"]?.string ?? error.string ?? error.text)",
      hint: error["hint"]?.string, fault: .external, isRetryable: error["retryable"]?.bool ?? false)
  }
}
