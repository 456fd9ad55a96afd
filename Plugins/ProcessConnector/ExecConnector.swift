public import MillraceCore

/// Commands whose output lines are records, and commands that get records as lines.
public struct ExecConnector: Connector, CheckableConnector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "exec", summary: "The output lines of a command, or a command that gets records as lines.",
      kinds: [.source, .sink], maturity: .preview,
      sourceFields: Self.shared("journalctl --follow -o json") + Self.source,
      sinkFields: Self.shared("cat >> out/rows.json") + Self.sink)
  }

  private static func shared(_ example: String) -> [OptionField] {
    [
      OptionField("command", .string, "The command, which /bin/sh runs.", isRequired: true, example: example),
      OptionField("folder", .path, "The folder in which it works; without it that of this program.", example: "tools"),
    ]
  }

  private static let source = [
    OptionField(
      "restart", .choice(ExecRestart.allCases.map(\.rawValue)),
      "Whether the command is started again when it has ended: not at all (a failure is one of the query then), after a failure, or always.",
      default: ExecRestart.never.rawValue),
    OptionField(
      "restartDelay", .duration, "Pause before the command is started again; doubled each time that it gave nothing.",
      default: "1 second", range: 1000...3_600_000_000),
    OptionField(
      "maxRestartDelay", .duration, "The longest pause.", default: "1 minute", range: 1000...86_400_000_000),
    OptionField(
      "maxRecordBytes", .byteCount, "A longer line is left out and counted.", default: "16 MiB", range: 1...(1 << 30)),
  ]

  private static let sink = [
    OptionField(
      "lifetime", .choice(ExecLifetime.allCases.map(\.rawValue)),
      "Whether there is a command per batch, whose end with status 0 confirms it, or one for the query, which confirms nothing.",
      default: ExecLifetime.batch.rawValue),
    OptionField(
      "timeout", .duration,
      "Longest time in which the command takes nothing, and in which it must have ended once its input has.",
      default: "1 minute", range: 1000...86_400_000_000),
  ]

  /// Makes a source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .liveRecords(ExecSource(try ExecSourceSettings(request.options), name: request.name, request.environment))
  }

  /// Makes a sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .bytes(ExecSink(try ExecSinkSettings(request.options), name: request.name, request.environment))
  }

  /// The shell and the folder; the command itself is not run.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    [Self.need(request.options, request.environment)]
  }

  /// The shell and the folder; the command itself is not run.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    [Self.need(request.options, request.environment)]
  }

  private static func need(_ options: Options, _ environment: Environment) -> ResourceNeed {
    let folder = options.string("folder")
    return ResourceNeed("a shell starts\(folder.map { " in '\($0)'" } ?? "")") {
      let process = try environment.processes.start(
        ProcessCommand(["/bin/sh", "-c", ":"], folder: folder, takesInput: false))
      var log = LogLines("exec", environment)
      ProcessStop.run(process, &log)
    }
  }
}

/// Whether a command is started again.
enum ExecRestart: String, CaseIterable {
  case never, onFailure, always
}

/// How long a sink's command lives.
enum ExecLifetime: String, CaseIterable {
  case batch, query
}

/// Options of the source, read.
struct ExecSourceSettings {
  let command: ProcessCommand
  let restart: ExecRestart
  /// Microseconds.
  let delay: Int64
  let maxDelay: Int64
  let maxRecordBytes: Int

  init(_ options: Options) throws {
    command = ProcessCommand(
      ["/bin/sh", "-c", try options.required("command")], folder: options.string("folder"), takesInput: false)
    restart = options.string("restart").flatMap(ExecRestart.init(rawValue:)) ?? .never
    delay = try options.duration("restartDelay") ?? 1_000_000
    maxDelay = try options.duration("maxRestartDelay") ?? 60_000_000
    maxRecordBytes = Int(try options.byteCount("maxRecordBytes") ?? 16 << 20)
  }
}

/// Options of the sink, read.
struct ExecSinkSettings {
  let command: ProcessCommand
  let lifetime: ExecLifetime
  /// Microseconds.
  let timeout: Int64

  init(_ options: Options) throws {
    command = ProcessCommand(["/bin/sh", "-c", try options.required("command")], folder: options.string("folder"))
    lifetime = options.string("lifetime").flatMap(ExecLifetime.init(rawValue:)) ?? .batch
    timeout = try options.duration("timeout") ?? 60_000_000
  }
}
