import ArgumentParser
import MillraceCore
import MillracePipeline

/// `millrace validate`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Checks a pipeline file: everything that can be known without touching the world.",
    discussion: """
      Every complaint names file:line:column, the place in the file, a code, and what was probably meant.

      Examples:
        millrace validate
        millrace validate my.json --json
      """)

  @OptionGroup var pipelines: PipelineOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    do {
      let file = try CommandContext.current.readPipelineFile(pipelines.file)
      try succeed(file, try pipelines.names.isEmpty ? file.pipelines : pipelines.names.map(file.pipeline))
    } catch let error as PipelineFileError where output.isJSON {
      printJSON(isValid: false, error.diagnostics, [])
      throw CommandFailure(status: .configuration)
    }
  }

  private func succeed(_ file: PipelineFile, _ chosen: [PipelineDefinition]) throws {
    if output.isJSON {
      printJSON(isValid: true, file.warnings, chosen)
      return
    }
    for pipeline in chosen { Terminal.print(PipelineText(pipeline).text) }
    Terminal.print("\(file.path) is valid.")
  }

  private func printJSON(isValid: Bool, _ diagnostics: [Diagnostic], _ pipelines: [PipelineDefinition]) {
    let facts: JSON = .dictionary([
      "valid": .bool(isValid), "diagnostics": .array(diagnostics.map(\.json)),
      "pipelines": .array(pipelines.map { .string($0.name) }),
    ])
    Terminal.print(facts.text)
  }
}
