import ArgumentParser
import MillraceCore
import MillracePipeline

/// `millrace schema`.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints the JSON schema of pipeline files, for editors.",
    discussion: """
      Examples:
        millrace schema > connectors.schema.json
        millrace schema --markdown            (the reference page of connectors and formats)
      """)

  @Flag(help: "Print the reference page of connectors and formats instead.")
  var markdown = false

  func run() throws {
    let catalog = CommandContext.current.catalog
    if markdown {
      Terminal.write(ConnectorReference(catalog).markdown, to: 1)
    } else {
      Terminal.print(PipelineSchema(catalog).json.prettyText)
    }
  }
}
