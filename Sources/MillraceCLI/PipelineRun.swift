import Millrace
import MillraceCore
import MillraceExecution
import MillracePipeline
import MillraceStreaming

/// Pipelines from their start to their end, as `run` and `explain --analyze` need it.
final class PipelineRun {
  /// How a run is to go.
  struct Options {
    /// Read what is there now and end, whatever the file says about triggers.
    var availableNow = false
    /// Show progress as lines of JSON.
    var isJSON = false
    /// Go on when all pipelines have ended, and look at the file for changes.
    var watches = false
    var progress: ProgressFile?
    /// The socket at which the run can be asked; nil: that of the file, if it has one.
    var control: String?
  }

  /// Microseconds between looks at queries that may have ended, and at the files that are watched.
  private static let tick: Int64 = 50_000
  private static let watchInterval: Int64 = 250_000
  /// Microseconds after which a reload that waits says for what.
  private static let patience: Int64 = 5_000_000

  private let context: CommandContext
  private let requests = RunRequests()
  private let startedAt: Int64
  private var pipelines: RunningPipelines?

  /// Begins to listen to signals. Call it before anything starts a thread: threads inherit which signals are blocked.
  init(_ context: CommandContext) {
    self.context = context
    startedAt = context.environment.clock.monotonicNanoseconds()
    let requests = self.requests
    StopSignals.watch(onFirst: { _ in requests.stop() }, onHangUp: { PipelineRun.hangUp(context, requests) })
  }

  /// What SIGHUP asks for. Called on the thread that waits for signals, so nothing here may block.
  private static func hangUp(_ context: CommandContext, _ requests: RunRequests) {
    context.environment.reopening.request()
    requests.reload()
  }

  /// Runs the chosen pipelines until they end, or until Ctrl-C; gives the worst exit status, nil if all ended well.
  func run(_ chosen: PipelineOptions, _ options: Options) throws -> ExitStatus? {
    let context = self.context
    let display = ProgressDisplay(
      isInteractive: Terminal.isInteractive && !options.isJSON, now: { context.monotonicMicroseconds })
    let file = try context.readPipelineFile(chosen.file)
    let plans = try context.plan(chosen, of: file)
    let control = try (options.control ?? file.control).map { try RunControl($0, file: file.path, context.environment) }
    defer { control?.close() }
    let pipelines = RunningPipelines(display) { plan in try Self.start(plan, display, options, control) }
    self.pipelines = pipelines
    try pipelines.begin(plans)
    var reloader = Reloader(chosen, file.watched, context, display)
    follow(pipelines, &reloader, options)
    if let failure = options.progress?.failure {
      display.note("\(failure)")
      return pipelines.exitStatus ?? .failed
    }
    return pipelines.exitStatus
  }

  private static func start(
    _ plan: PipelinePlan, _ display: ProgressDisplay, _ options: Options, _ control: RunControl?
  ) throws -> StreamingQueryHandle {
    display.note(RunText.start(plan))
    let listener = ProgressListener(pipeline: plan.definition.name, display: display, isJSON: options.isJSON)
    var listeners: [any StreamingQueryListener] = [listener]
    if let progress = options.progress { listeners.append(progress) }
    let trigger: Trigger? = options.availableNow ? .availableNow : nil
    guard let control else { return try plan.start(trigger: trigger, listeners: listeners) }
    return try control.start(plan, trigger: trigger, listeners: listeners)
  }

  /// Goes on until everything has ended, or, where files are watched, until it is told to stop.
  private func follow(_ pipelines: RunningPipelines, _ reloader: inout Reloader, _ options: Options) {
    var isStopping = false
    var lastLook = context.monotonicMicroseconds
    while true {
      pipelines.step()
      if requests.isStopping, !isStopping {
        isStopping = true
        pipelines.stop()
      }
      if pipelines.isDone, isStopping || !options.watches { return }
      let asks = requests.takeReload()
      let now = context.monotonicMicroseconds
      var hasChanged = false
      if options.watches, now - lastLook >= Self.watchInterval {
        lastLook = now
        hasChanged = reloader.hasChanged()
      }
      if !isStopping, asks || hasChanged { reloader.reload(pipelines, at: now) }
      reloader.remind(pipelines, at: now, after: Self.patience)
      pipelines.wait(requests, microseconds: Self.tick)
    }
  }

  /// Where the time went. After the run.
  var profile: RunProfile {
    let wall = context.environment.clock.monotonicNanoseconds() - startedAt
    return RunProfile(wallNanoseconds: wall, queries: pipelines?.profiles ?? [])
  }
}

/// What `run` says around the batches.
enum RunText {
  /// The pipeline's ends and guarantee in a line.
  static func start(_ plan: PipelinePlan) -> String {
    let sources = plan.definition.sources.map { "\($0.name) (\($0.end.format))" }.joined(separator: ", ")
    let sinks = plan.definition.sinks.map { "\($0.name) (\($0.end.format))" }.joined(separator: ", ")
    return "\(plan.definition.name): \(sources) to \(sinks), \(plan.delivery)"
  }
}
