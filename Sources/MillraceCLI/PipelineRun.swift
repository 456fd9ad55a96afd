import Millrace
import MillraceCore
import MillraceExecution
import MillracePipeline
import MillraceStreaming

/// Pipelines from their start to their end, as `run` and `explain --analyze` need it.
struct PipelineRun {
  private let context: CommandContext
  private let running = RunningPipelines()
  private let startedAt: Int64

  /// Begins to listen to signals. Call it before anything starts a thread: threads inherit which signals are blocked.
  init(_ context: CommandContext) {
    self.context = context
    startedAt = context.environment.clock.monotonicNanoseconds()
    let running = self.running
    StopSignals.watch(onFirst: { _ in running.stop() }, onHangUp: { PipelineRun.hangUp(context) })
  }

  /// What SIGHUP asks for. Called on the thread that waits for signals, so nothing here may block.
  private static func hangUp(_ context: CommandContext) {}

  /// Runs the chosen pipelines until they end, or until Ctrl-C; gives the worst exit status, nil if all ended well.
  func run(
    _ options: PipelineOptions, availableNow: Bool, isJSON: Bool = false, progress: ProgressFile? = nil
  ) throws -> ExitStatus? {
    let plans = try context.plan(options)
    let context = self.context
    let display = ProgressDisplay(
      isInteractive: Terminal.isInteractive && !isJSON, now: { context.monotonicMicroseconds })
    for plan in plans {
      display.note(RunText.start(plan))
      let listener = ProgressListener(pipeline: plan.definition.name, display: display, isJSON: isJSON)
      var listeners: [any StreamingQueryListener] = [listener]
      if let progress { listeners.append(progress) }
      let handle = try plan.start(trigger: availableNow ? .availableNow : nil, listeners: listeners)
      running.add(plan.definition.name, handle)
    }
    let worst = running.awaitAll(display)
    if let failure = progress?.failure {
      display.note("\(failure)")
      return worst ?? .failed
    }
    return worst
  }

  /// Where the time went. After the run.
  var profile: RunProfile {
    let wall = context.environment.clock.monotonicNanoseconds() - startedAt
    return RunProfile(wallNanoseconds: wall, queries: running.profiles)
  }
}

/// What `run` says around the batches.
enum RunText {
  /// The pipeline's ends and guarantee in a line.
  static func start(_ plan: PipelinePlan) -> String {
    let sources = plan.definition.sources.map { "\($0.name) (\($0.end.format))" }.joined(separator: ", ")
    let sinks = plan.definition.sinks.map { "\($0.name) (\($0.end.format))" }.joined(separator: ", ")
    return "\(plan.definition.name): \(sources) to \(sinks), \(plan.guarantee.rawValue)"
  }
}
