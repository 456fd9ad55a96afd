import Glibc
import MillraceCore
import Synchronization

/// Gives records to a command as lines.
final class ExecSink: ByteSink, @unchecked Sendable {
  private static let tick: Int64 = 50_000

  private let settings: ExecSinkSettings
  private let name: String
  private let environment: Environment
  private var process: (any RunningProcess)?
  private var log: LogLines

  init(_ settings: ExecSinkSettings, name: String, _ environment: Environment) {
    self.settings = settings
    self.name = name
    self.environment = environment
    log = LogLines(name, environment)
  }

  var description: String { "exec[\(settings.command.words[2])]" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
  var compression: Compression? { nil }
  private var batchID: Int64 = 0

  func open(_ context: SinkContext) throws { if settings.lifetime == .query { try start() } }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }

  func begin(batchID: Int64) throws { self.batchID = batchID }

  private func start() throws {
    var command = settings.command
    if settings.lifetime == .batch { command.variables["MILLRACE_BATCH"] = String(batchID) }
    log = LogLines(name, environment)
    process = try environment.processes.start(command)
  }

  func write(_ block: EncodedBlock) throws {
    if process == nil { try start() }
    guard let process else { return }
    var rest = block.bytes
    var since = environment.clock.monotonicNanoseconds()
    while !rest.isEmpty {
      switch process.write(rest) {
      case .bytes(let count):
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        since = environment.clock.monotonicNanoseconds()
      case .end: throw ended(process, "takes no more")
      case .wouldBlock:
        look(process)
        let spent = (environment.clock.monotonicNanoseconds() - since) / 1000
        if spent > settings.timeout { throw ended(process, "took nothing for \(timeout)") }
        _ = process.wait(for: .input, microseconds: Self.tick)
      }
    }
    look(process)
  }

  /// Takes what the command says; its output is for the log, too.
  private func look(_ process: any RunningProcess) {
    log.drain(process)
    var room = [UInt8](repeating: 0, count: 4096)
    while case .bytes = room.withUnsafeMutableBytes({ process.readOutput(into: $0) }) {}
  }

  private var timeout: String { Quantity.duration(microseconds: settings.timeout) }

  func commit(batchID: Int64) throws -> JSON {
    if settings.lifetime == .batch, let process {
      process.closeInput()
      guard let end = ProcessStop.awaitEnd(of: process, &log, within: settings.timeout) else {
        throw ended(process, "has not ended \(timeout) after its input")
      }
      guard end.isSuccess else { throw ended(process, "ended \(end)") }
      process.close()
      self.process = nil
    } else if let process, let end = process.end(within: 0) {
      throw ended(process, "ended \(end)")
    }
    return .dictionary(["version": .int(1), "batch": .int(batchID)])
  }

  func close() throws {
    // A batch that is not whole must not end like one that is.
    if settings.lifetime == .batch { process?.signal(SIGTERM) }
    if let process { ProcessStop.run(process, &log, afterInput: settings.lifetime == .query ? settings.timeout : 0) }
    process = nil
  }

  private func ended(_ process: any RunningProcess, _ what: String) -> MillraceError {
    let end = ProcessStop.run(process, &log, afterInput: 100_000)
    self.process = nil
    let how = what == "takes no more" ? "ended \(end.map { "\($0)" } ?? "") before it had taken all records" : what
    return MillraceError(
      "EXEC_FAILED", "the command of '\(name)' (\(settings.command.words[2])) \(how)",
      hint: log.last.map { "the last it said is: \($0)" }, fault: .external, isRetryable: true)
  }
}
