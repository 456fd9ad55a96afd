import ArgumentParser
import Millrace
import MillraceCore
import MillracePipeline

/// `millrace explain`.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Shows the plan of each query of a pipeline file.",
    discussion: """
      Examples:
        millrace explain
        millrace explain my.json --pipeline traffic
      """)

  @OptionGroup var pipelines: PipelineOptions

  func run() throws {
    for plan in try CommandContext.current.plan(pipelines) {
      Terminal.print(PipelineText(plan).text)
      for sink in plan.sinks {
        Terminal.print("\nplan of \(plan.definition.name).\(sink.name), \(sink.outputMode.rawValue)")
        let lines = try DataFrame(plan.session, sink.query).explain().split(separator: "\n")
        Terminal.print(lines.map { "  \($0)" }.joined(separator: "\n"))
      }
    }
  }
}
