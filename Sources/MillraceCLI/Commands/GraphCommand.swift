import ArgumentParser
import MillraceCore
import MillracePipeline

/// `millrace graph`.
struct GraphCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "graph", abstract: "Draws what flows where: sources, tables, views and sinks.",
    discussion: """
      Examples:
        millrace graph
        millrace graph my.json --pipeline traffic
        millrace graph --format mermaid
        millrace graph --format dot | dot -Tsvg > pipelines.svg
      """)

  @OptionGroup var pipelines: PipelineOptions

  @Option(help: "text, mermaid or dot.")
  var format = Format.text

  /// The forms.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, mermaid, dot
  }

  func run() throws {
    let file = try CommandContext.current.readPipelineFile(pipelines.file)
    let chosen = try pipelines.names.isEmpty ? file.pipelines : pipelines.names.map(file.pipeline)
    for pipeline in chosen {
      let graph = try PipelineGraph(pipeline)
      switch format {
      case .text: Terminal.print(graph.text)
      case .mermaid: Terminal.print(graph.mermaid)
      case .dot: Terminal.print(graph.dot)
      }
    }
  }
}
