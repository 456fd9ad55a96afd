import ArgumentParser
import MillracePipeline

/// `millrace create`.
struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Prints the first draft of a pipeline file, with every option and a word on each.",
    discussion: """
      What must be said is filled in with an example, what can be said stands in comments. `millrace list` has the words.

      Examples:
        millrace create gzip-file/combined/sqlite > connectors.json
        millrace create socket/sql/rotating-file --name lines
      """)

  @Argument(
    help: ArgumentHelp(
      "What reads, decodes and writes; sql in the middle for rows, or lines of text.", valueName: "source/decoder/sink")
  )
  var words: String

  @Option(help: "The pipeline's name.")
  var name = "my-pipeline"

  func run() throws {
    Terminal.write(try PipelineSketch(words, CommandContext.current.catalog).text(name: name), to: 1)
  }
}
