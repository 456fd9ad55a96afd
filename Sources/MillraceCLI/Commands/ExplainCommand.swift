import ArgumentParser
import Millrace
import MillraceCore
import MillraceExecution
import MillracePipeline

/// `millrace explain`.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Shows the plan of each query of a pipeline file.",
    discussion: """
      With --analyze the pipelines run first, over what is there now: sinks are written and checkpoints go on, as in \
      `millrace run --available-now`.

      Examples:
        millrace explain
        millrace explain my.json --pipeline traffic
        millrace explain my.json --analyze
      """)

  @OptionGroup var pipelines: PipelineOptions

  @Flag(help: "Run the pipelines and show what their operators did: time, rows, bytes and threads.")
  var analyze = false

  @Flag(name: .customLong("json"), help: "With --analyze: print the document of `millrace run --profile`.")
  var isJSON = false

  func validate() throws {
    if isJSON && !analyze { throw ValidationError("--json goes with --analyze only") }
  }

  func run() throws {
    let context = CommandContext.current
    if analyze { return try self.analyze(context) }
    for plan in try context.plan(pipelines) {
      Terminal.print(PipelineText(plan).text)
      for sink in plan.sinks {
        Terminal.print("\nplan of \(plan.definition.name).\(sink.name), \(sink.outputMode.rawValue)")
        let lines = try DataFrame(plan.session, sink.query).explain().split(separator: "\n")
        Terminal.print(lines.map { "  \($0)" }.joined(separator: "\n"))
      }
    }
  }

  private func analyze(_ context: CommandContext) throws {
    let run = PipelineRun(context)
    let worst = try run.run(pipelines, PipelineRun.Options(availableNow: true))
    Terminal.print(isJSON ? run.profile.json.prettyText : run.profile.text)
    if let worst { throw CommandFailure(status: worst) }
  }
}
