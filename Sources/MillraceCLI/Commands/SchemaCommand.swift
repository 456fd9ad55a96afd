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
        millrace schema --markdown                   (the reference page of connectors and formats)
        millrace schema --pages reference/           (a page for each connector)
        millrace schema --file connectors.json       (with what its plug-ins take)
      """)

  @OptionGroup var plugins: PluginOptions

  @Flag(help: "Print the reference page of connectors and formats instead.")
  var markdown = false

  @Option(
    help: ArgumentHelp("Write a reference page for each connector into this folder instead.", valueName: "folder"))
  var pages: String?

  func run() throws {
    let catalog = try plugins.context.catalog
    if let pages {
      try write(ConnectorReference(catalog).pages, to: pages, CommandContext.current.environment.files)
    } else if markdown {
      Terminal.write(ConnectorReference(catalog).markdown, to: 1)
    } else {
      Terminal.print(PipelineSchema(catalog).json.prettyText)
    }
  }

  private func write(_ pages: [(name: String, markdown: String)], to folder: String, _ files: any FileSystem) throws {
    try files.createDirectory(folder)
    for page in pages {
      let path = "\(folder)/\(page.name).md"
      let file = try files.open(path, .create)
      defer { try? file.close() }
      try Array(page.markdown.utf8).withUnsafeBytes { try file.write($0, at: 0) }
      Terminal.print(path)
    }
  }
}
