import ArgumentParser
import MillraceCore
import MillraceFormats
import MillracePipeline

/// `millrace describe`.
struct DescribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Tells what a connector or format is and which options it takes.",
    discussion: """
      Examples:
        millrace describe gzip-file
        millrace describe csv --json
        millrace describe weather --file connectors.json       (of one of its plug-ins)
      """)

  @Argument(help: "The name of a connector or format; millrace list has them.")
  var name: String

  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: JSONOption

  /// One group of options: those of the source, of the sink, or of a format.
  private struct Group {
    var title: String
    var key: String
    var fields: [OptionField]
  }

  func run() throws {
    let catalog = try plugins.context.catalog
    let formats = formatGroups(catalog)
    if formats.groups.isEmpty {
      let spec = try connector(catalog).spec
      try show(spec.name, spec.summary, connectorGroups(spec), kinds: ListCommand.kinds(spec))
    } else {
      try show(name, formats.summary, formats.groups, kinds: formats.groups.map(\.key))
    }
  }

  /// The connector of the name; where there is none, formats may have been meant as well.
  private func connector(_ catalog: PipelineCatalog) throws -> any Connector {
    do {
      return try catalog.connectors.connector(name)
    } catch var error as MillraceError {
      let formats = Set(catalog.decoders.map(\.name) + catalog.encoders.map(\.name)).sorted()
      error.message = "there is no connector or format '\(name)'"
      if let nearest = NearestName.of(name, among: formats + catalog.connectors.specs.map(\.name)) {
        error.hint = "did you mean '\(nearest)'?"
      } else if error.hint?.hasPrefix("did you mean") != true {
        error.hint = "millrace list has them all"
      }
      throw error
    }
  }

  private func connectorGroups(_ spec: ConnectorSpec) -> [Group] {
    var groups: [Group] = []
    if spec.kinds.contains(.source) {
      groups.append(Group(title: "As a source", key: "source", fields: spec.sourceFields))
    }
    if spec.kinds.contains(.sink) { groups.append(Group(title: "As a sink", key: "sink", fields: spec.sinkFields)) }
    if spec.kinds.contains(.stateStore) {
      groups.append(Group(title: "As a state store", key: "stateStore", fields: spec.stateStoreFields))
    }
    return groups
  }

  /// Formats of the name, unless a connector has it: `json` and `csv` are both, and then the connector lists the format's options.
  private func formatGroups(_ catalog: PipelineCatalog) -> (summary: String, groups: [Group]) {
    if catalog.connectors.specs.contains(where: { $0.name == name }) { return ("", []) }
    var groups: [Group] = []
    var summary = ""
    if let decoder = catalog.decoders.first(where: { $0.name == name }) {
      groups.append(Group(title: "To decode", key: "decode", fields: decoder.fields))
      summary = decoder.summary
      if let own = decoder.ownSchema { summary += "\ncolumns: \(own.ddl)" }
    }
    if let encoder = catalog.encoders.first(where: { $0.name == name }) {
      groups.append(Group(title: "To encode", key: "encode", fields: encoder.fields))
      if summary.isEmpty { summary = encoder.summary }
    }
    return (summary, groups)
  }

  private func show(_ name: String, _ summary: String, _ groups: [Group], kinds: [String]) throws {
    if output.isJSON {
      var members: [JSON.Member] = [
        .init("name", .string(name)), .init("summary", .string(summary)),
        .init("kinds", .array(kinds.map { .string($0) })),
      ]
      members += groups.map { JSON.Member($0.key, .array($0.fields.map { Self.json($0) })) }
      Terminal.print(JSON.object(members).text)
      return
    }
    Terminal.print("\(name): \(summary)")
    for group in groups {
      Terminal.print("\n\(group.title)\(group.fields.isEmpty ? ": no options" : "")")
      if group.fields.isEmpty { continue }
      var table = TextTable(["OPTION", "TAKES", "DEFAULT", "WHAT IT DOES"])
      for field in group.fields { table.add(Self.row(field)) }
      Terminal.print(table.text(indent: "  "))
    }
  }

  private static func row(_ field: OptionField) -> [String] {
    return [field.name, field.type.phrase, field.isRequired ? "required" : field.defaultValue ?? "", field.remarks]
  }

  private static func json(_ field: OptionField) -> JSON {
    var members: [JSON.Member] = [
      .init("name", .string(field.name)), .init("takes", .string(field.type.phrase)),
      .init("summary", .string(field.summary)),
      .init("required", .bool(field.isRequired)),
    ]
    if let text = field.defaultValue { members.append(.init("default", .string(text))) }
    if let range = field.range {
      members.append(.init("range", .array([.int(range.lowerBound), .int(range.upperBound)])))
    }
    if case .choice(let words) = field.type { members.append(.init("choices", .array(words.map { .string($0) }))) }
    if let example = field.example { members.append(.init("example", .string(example))) }
    if field.isSecret { members.append(.init("secret", .bool(true))) }
    if let other = field.deprecatedFor { members.append(.init("deprecatedFor", .string(other))) }
    return .object(members)
  }
}
