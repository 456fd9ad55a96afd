import ArgumentParser
import MillraceCore

/// `millrace new`.
struct NewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Makes what one begins with.",
    discussion: """
      Examples:
        millrace new connector weather
      """,
    subcommands: [NewConnectorCommand.self])
}

/// `millrace new connector`.
struct NewConnectorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connector",
    abstract: "Makes a Swift package with a source, a sink, tests that hold both to the contract, and a pipeline.",
    discussion: """
      The package builds and passes its tests as it is; its README says what to change. For connectors in other languages see
      docs/out-of-process.md.

      Examples:
        millrace new connector weather
        millrace new connector my-feed --at ../feeds --millrace https://example.com/millrace.git
      """)

  @Argument(help: "The word behind \"format\": small letters, digits and '-'.")
  var name: String

  @Option(help: ArgumentHelp("The folder; the name by default.", valueName: "folder"))
  var at: String?

  @Option(
    help: ArgumentHelp(
      "Where the package finds Millrace: the folder of a checkout, or the address of a repository. By default the checkout that this program was built in.",
      valueName: "path or address"))
  var millrace: String?

  func run() throws {
    let files = CommandContext.current.environment.files
    guard let place = millrace ?? ConnectorPackage.ownCheckout(files) else {
      throw MillraceError(
        "MILLRACE_NOT_FOUND", "this program does not lie in the checkout that it was built in",
        hint: "say with --millrace where the package is to find Millrace")
    }
    let package = try ConnectorPackage(name: name, millrace: place)
    let folder = at ?? name
    try package.write(to: folder, files)
    for file in package.files { Terminal.print("\(folder)/\(file.path)") }
    Terminal.print("\nNext: cd \(folder) && swift test")
  }
}
