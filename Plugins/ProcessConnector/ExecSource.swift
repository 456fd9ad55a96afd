import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization

/// The lines that a command writes to its standard output.
final class ExecSource: LiveRecordSource, @unchecked Sendable {
  private static let turnSize = 1 << 20
  /// Bytes taken with one call of the system, at most: twice what a pipe holds.
  private static let pieceSize = 128 << 10
  /// From so many bytes at a time more is awaited before they are handed on, for so many microseconds: each batch costs as much as some hundred
  /// kilobytes, and a pipe holds less.
  private static let gathersFrom = 16 << 10
  private static let gatherTime: Int64 = 1000
  /// Between two looks at whether to go on, microseconds.
  private static let tick: Int64 = 50_000

  private let settings: ExecSourceSettings
  private let environment: Environment
  private let name: String
  private let isClosed = Mutex(false)
  private let restarts = Mutex<Int64>(0)
  // The rest belongs to the thread that receives.
  private var process: (any RunningProcess)?
  private var log: LogLines
  private var framer: RecordFramer
  private var counted: Int64 = 0
  private var delay: Int64
  /// For bytes that have to be looked at before they are records.
  private lazy var room = MemoryBuffer(capacity: ExecSource.pieceSize)

  init(_ settings: ExecSourceSettings, name: String, _ environment: Environment) {
    self.settings = settings
    self.environment = environment
    self.name = name
    delay = settings.delay
    log = LogLines(name, environment)
    framer = RecordFramer(.newline, limit: settings.maxRecordBytes, policy: .skip)
  }

  var description: String { "exec[\(settings.command.words[2])]" }
  var originColumns: [OriginColumn] { [] }
  var escapesRecords: Bool { false }
  var acknowledges: Bool { false }
  var endsByItself: Bool { settings.restart != .always }
  func restore(_ sequences: [String: Int64]) {}
  func acknowledge(_ sequences: [String: Int64]) {}

  func metrics() -> [(name: String, value: String)] {
    let count = restarts.withLock { $0 }
    return count == 0 ? [] : [("restarts", String(count))]
  }

  func close() { isClosed.withLock { $0 = true } }

  func connect() throws { try start() }

  private func start() throws {
    log = LogLines(name, environment)
    process = try environment.processes.start(settings.command)
  }

  func receive(into inbox: LiveInbox) throws -> Bool {
    var began: Int64?
    while let process, !isClosed.withLock({ $0 }) {
      // Lines are received where they stay.
      let inPlace = framer.room(Self.pieceSize, in: inbox.records)
      switch process.readOutput(into: inPlace ?? UnsafeMutableRawBufferPointer(start: room.base, count: room.capacity))
      {
      case .bytes(let count):
        delay = settings.delay
        if inPlace == nil {
          try framer.add(UnsafeRawBufferPointer(start: room.base, count: count), to: inbox.records)
        } else {
          try framer.received(count, in: inbox.records)
        }
        countLosses(inbox)
        if inbox.records.count >= Self.turnSize { return true }
      case .wouldBlock:
        let now = environment.clock.monotonicNanoseconds() / 1000
        let gathers = inbox.records.count >= Self.gathersFrom && now - (began ?? now) < Self.gatherTime
        if inbox.records.count > 0, !gathers { return true }
        if inbox.records.count > 0, began == nil { began = now }
        let ready = process.wait(
          for: log.hasEnded ? .output : [.output, .error], microseconds: gathers ? Self.gatherTime : Self.tick)
        if ready.contains(.error) { log.drain(process) }
      case .end:
        _ = framer.finish(emits: true, to: inbox.records)
        return try hasEnded(process, inbox)
      }
    }
    if let process { ProcessStop.run(process, &log, afterInput: 0) }
    process = nil
    return false
  }

  private func countLosses(_ inbox: LiveInbox) {
    inbox.droppedRecords += framer.losses.skipped - counted
    counted = framer.losses.skipped
  }

  /// What follows the end of the command's output: whether there will be more.
  private func hasEnded(_ process: any RunningProcess, _ inbox: LiveInbox) throws -> Bool {
    var end: ProcessEnd?
    // A command may close its output and work on.
    while end == nil, !isClosed.withLock({ $0 }) {
      end = ProcessStop.awaitEnd(of: process, &log, within: Self.tick)
    }
    guard let end else { return true }
    process.close()
    self.process = nil
    let again = settings.restart == .always || settings.restart == .onFailure && !end.isSuccess
    guard again else {
      if end.isSuccess { return false }
      throw MillraceError(
        "EXEC_FAILED", "the command of '\(name)' (\(settings.command.words[2])) ended \(end)",
        hint: log.last.map { "the last it said is: \($0)" }
          ?? "set 'restart' to onFailure to start it again, or the pipeline's 'restart'", fault: .external,
        isRetryable: true)
    }
    inbox.notices.append("the command ended \(end); it is started again in \(Quantity.duration(microseconds: delay))")
    restarts.withLock { $0 += 1 }
    var left = delay
    delay = min(delay * 2, settings.maxDelay)
    while left > 0, !isClosed.withLock({ $0 }) {
      environment.clock.sleep(microseconds: min(left, Self.tick))
      left -= Self.tick
    }
    if !isClosed.withLock({ $0 }) { try start() }
    return true
  }
}
