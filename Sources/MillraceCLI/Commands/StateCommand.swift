import ArgumentParser
import Millrace
import MillraceColumnar
import MillraceCore
import MillracePipeline

/// `millrace state`.
struct StateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "state", abstract: "Shows what the operators of a query keep, out of its checkpoint.",
    discussion: """
      Nothing is changed, and the query may run meanwhile. Version n is the state after batch n - 1; which versions there are \
      depends on the state store.

      Examples:
        millrace state out/checkpoints/traffic --list                    (the operators and the versions that are kept)
        millrace state out/checkpoints/traffic
        millrace state out/checkpoints/traffic --operator 1 --version 3 --json
        millrace sql "SELECT key.status, value.count FROM s" --table s=state:out/checkpoints/traffic
      """)

  @Argument(help: "The folder behind checkpointLocation.", completion: .directory)
  var checkpoint: String

  @Flag(help: "List the operators instead.")
  var list = false

  @Option(name: .customLong("operator"), help: ArgumentHelp("Which operator.", valueName: "number"))
  var operatorID = 0

  @Option(help: ArgumentHelp("Which version; by default the last one.", valueName: "number"))
  var version: Int64?

  @Option(
    name: .customLong("join-side"),
    help: ArgumentHelp("Of a join between streams: left or right.", valueName: "side"))
  var joinSide: String?

  @OptionGroup var output: JSONOption

  func run() throws {
    let context = CommandContext.current
    let session = SparkSession(connectors: context.catalog.ownConnectors, environment: context.environment)
    if list {
      let metadata = try StateArgument("state-metadata:\(checkpoint)")
      if let metadata { session.register(try metadata.definition(name: "state", in: session)) }
      return try QueryResult.print(try session.execute(statement: "SELECT * FROM state"), isJSON: output.isJSON)
    }
    let state = try StateArgument(
      checkpoint: checkpoint, operatorID: operatorID, version: version, joinSide: joinSide
    ).definition(name: "state", in: session)
    session.register(state)
    try QueryResult.print(
      try session.execute(statement: "SELECT \(Self.columns(state.schema)) FROM state"), isJSON: output.isJSON)
  }

  /// The parts of key and value side by side.
  private static func columns(_ schema: Schema) -> String {
    schema.fields.prefix(2).flatMap { part in
      (part.type.fields ?? []).map { field in "`\(part.name)`.`\(field.name)` AS `\(part.name).\(field.name)`" }
    }.joined(separator: ", ")
  }
}
