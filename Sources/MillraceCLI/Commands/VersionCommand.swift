import ArgumentParser
import MillraceCore

/// `millrace version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Prints the version.",
    discussion: """
      Examples:
        millrace version
        millrace version --json
      """)

  @OptionGroup var output: JSONOption

  func run() throws {
    guard output.isJSON else {
      Terminal.print("millrace \(Version.number)")
      return
    }
    let facts: JSON = .dictionary([
      "version": .string(Version.number), "pipelineFile": .int(Int64(Version.pipelineFile)),
    ])
    Terminal.print(facts.text)
  }
}
