import ArgumentParser
import Millrace
import MillraceCore
import MillracePipeline
import MillraceStreaming

/// `millrace run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the pipelines of a file until they end, or until Ctrl-C.",
    discussion: """
      Ctrl-C or SIGTERM lets the batch in progress end and exits with 0; a second one ends at once, which is safe.

      Examples:
        millrace run
        millrace run my.json --pipeline traffic --pipeline word-count
        millrace run my.json --available-now      (what is there now, then the end)
      """)

  @OptionGroup var pipelines: PipelineOptions

  @Flag(help: "Read what is there now and end, whatever the file says about triggers.")
  var availableNow = false

  @Flag(
    name: .customLong("json"),
    help: "Write the progress of each batch to standard error as a line of JSON, in Spark's form.")
  var isJSON = false

  func run() throws {
    let context = CommandContext.current
    let running = RunningPipelines()
    // Before anything starts a thread: threads inherit which signals are blocked.
    StopSignals.watch { _ in running.stop() }
    let plans = try context.plan(pipelines)
    let display = ProgressDisplay(
      isInteractive: Terminal.isInteractive && !isJSON, now: { context.monotonicMicroseconds })
    for plan in plans {
      display.note(RunText.start(plan))
      let listener = ProgressListener(pipeline: plan.definition.name, display: display, isJSON: isJSON)
      let handle = try plan.start(trigger: availableNow ? .availableNow : nil, listeners: [listener])
      running.add(plan.definition.name, handle)
    }
    if let worst = running.awaitAll(display) { throw CommandFailure(status: worst) }
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
