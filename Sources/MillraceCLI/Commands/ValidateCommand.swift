import ArgumentParser
import Millrace
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
      let context = CommandContext.current
      let file = try context.readPipelineFile(pipelines.file)
      let chosen = try pipelines.names.isEmpty ? file.pipelines : pipelines.names.map(file.pipeline)
      try succeed(file, try context.plan(chosen, of: file))
    } catch let error as PipelineFileError where output.isJSON {
      printJSON(isValid: false, error.diagnostics, [])
      throw CommandFailure(status: .configuration)
    }
  }

  private func succeed(_ file: PipelineFile, _ plans: [PipelinePlan]) throws {
    if output.isJSON {
      printJSON(isValid: true, file.warnings, plans)
      return
    }
    for plan in plans { Terminal.print(PipelineText(plan).text) }
    Terminal.print("\(file.path) is valid.")
  }

  private func printJSON(isValid: Bool, _ diagnostics: [Diagnostic], _ plans: [PipelinePlan]) {
    let facts: JSON = .dictionary([
      "valid": .bool(isValid), "diagnostics": .array(diagnostics.map(\.json)),
      "pipelines": .array(plans.map { Self.json($0) }),
    ])
    Terminal.print(facts.text)
  }

  private static func json(_ plan: PipelinePlan) -> JSON {
    .dictionary([
      "name": .string(plan.definition.name), "delivery": .string(plan.guarantee.rawValue),
      "fromJournalOn": .array(plan.journaled.map { .string($0) }),
    ])
  }
}
