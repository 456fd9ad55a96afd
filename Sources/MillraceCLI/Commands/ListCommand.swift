import ArgumentParser
import MillraceCore
import MillraceFormats
import MillracePipeline

/// `millrace list`.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the connectors and formats that pipelines can name.",
    discussion: """
      Examples:
        millrace list
        millrace list --json
        millrace list --file connectors.json       (with those of its plug-ins)
      """)

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    let catalog = try plugins.context.catalog
    if output.isJSON {
      let facts: JSON = .dictionary([
        "connectors": .array(catalog.connectors.specs.map { Self.json($0) }),
        "decoders": .array(
          catalog.decoders.map { .dictionary(["name": .string($0.name), "summary": .string($0.summary)]) }),
        "encoders": .array(
          catalog.encoders.map { .dictionary(["name": .string($0.name), "summary": .string($0.summary)]) }),
      ])
      Terminal.print(facts.text)
      return
    }
    var connectors = TextTable(["CONNECTOR", "KINDS", "MATURITY", "WHAT IT IS"])
    for spec in catalog.connectors.specs {
      connectors.add([spec.name, Self.kinds(spec).joined(separator: ", "), spec.maturity.rawValue, spec.summary])
    }
    Terminal.print(connectors.text())
    for (title, formats) in [
      ("DECODER", catalog.decoders.map { [$0.name, $0.summary] }),
      ("ENCODER", catalog.encoders.map { [$0.name, $0.summary] }),
    ] {
      var table = TextTable([title, "WHAT IT IS"])
      for format in formats { table.add(format) }
      if !table.isEmpty { Terminal.print("\n" + table.text()) }
    }
    Terminal.print("\nmillrace describe NAME tells the options of one.")
  }

  /// The kinds in a fixed order.
  static func kinds(_ spec: ConnectorSpec) -> [String] {
    let order: [ConnectorSpec.Kind] = [.source, .sink, .stateStore]
    return order.filter { spec.kinds.contains($0) }.map(\.rawValue)
  }

  private static func json(_ spec: ConnectorSpec) -> JSON {
    .dictionary([
      "name": .string(spec.name), "kinds": .array(kinds(spec).map { .string($0) }),
      "maturity": .string(spec.maturity.rawValue), "summary": .string(spec.summary),
    ])
  }
}
