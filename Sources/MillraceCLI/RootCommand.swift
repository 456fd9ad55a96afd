import ArgumentParser
import MillraceCore

/// `millrace`.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "millrace",
    abstract:
      "Runs streaming SQL pipelines: files and sockets in, databases, files and the screen out, nothing lost or doubled.",
    discussion: """
      Examples:
        millrace run                        (all of ./connectors.json)
        millrace run my.json --pipeline traffic
        millrace validate my.json
        millrace top                        (what runs, and how fast)
        millrace sql "SELECT count(*) FROM t" --table t=events.json.gz

      Exit status: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, 4 the data stopped a query, 130 interrupted.
      """,
    version: Version.number,
    subcommands: [
      RunCommand.self, ValidateCommand.self, CheckCommand.self, TestCommand.self, FormatCommand.self,
      CreateCommand.self, SQLCommand.self, ExplainCommand.self, GraphCommand.self,
      ListCommand.self,
      CheckpointCommand.self,
      DescribeCommand.self, DLQCommand.self, NewCommand.self, SchemaCommand.self, StateCommand.self, TapCommand.self,
      TopCommand.self, VersionCommand.self,
    ])
}

/// The release.
enum Version {
  static let number = "\(PluginFacts.versionText)"
  /// Versions of the pipeline file that are read.
  static let pipelineFile = 1
}

/// `--json`.
struct JSONOption: ParsableArguments {
  @Flag(name: .customLong("json"), help: "Print facts as JSON.")
  var isJSON = false
}

/// The pipeline file and the pipelines of it that are meant.
struct PipelineOptions: ParsableArguments {
  @Argument(help: "The pipeline file.", completion: .file(extensions: ["json"]))
  var file = "connectors.json"

  @Option(
    name: .customLong("pipeline"), parsing: .singleValue,
    help: ArgumentHelp("Only this pipeline; may be given several times.", valueName: "name"))
  var names: [String] = []
}

/// The pipeline file whose plug-ins are meant, too.
struct PluginOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A pipeline file: its plug-ins are loaded.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var file: String?

  /// The context with the connectors of the file's plug-ins.
  var context: CommandContext {
    get throws { try CommandContext.current.with(pluginsOf: file) }
  }
}
