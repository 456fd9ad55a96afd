import MillraceCore
import MillraceFormats

/// The reference of connectors and formats as Markdown, made from their specs: a page for each connector, and one that lists them and has
/// the formats.
package struct ConnectorReference {
  /// Pages that people wrote about connectors, by connector, as seen from a connector's page.
  private static let guides = [
    "exec": "../../out-of-process.md#plain-commands", "rotating-file": "../../following-logs.md",
    "socket": "../../sockets.md", "sqlite": "../../sqlite.md",
  ]

  private let catalog: PipelineCatalog

  package init(_ catalog: PipelineCatalog) { self.catalog = catalog }

  /// The page that lists all.
  package var markdown: String {
    var text = """
      # Connectors and formats

      Made from the connectors' own descriptions by `scripts/docs`; `millrace describe NAME` prints the same.

      | connector | is a | what it is |
      | --- | --- | --- |

      """
    for spec in catalog.connectors.specs {
      let order: [ConnectorSpec.Kind] = [.source, .sink, .stateStore]
      let kinds = order.filter { spec.kinds.contains($0) }.map(\.rawValue).joined(separator: ", ")
      let maturity = spec.maturity == .stable ? "" : " (\(spec.maturity.rawValue))"
      text +=
        "| [\(spec.name)](connectors/\(spec.name).md)\(maturity) | \(kinds) | \(ConnectorPage.escaped(spec.summary)) |\n"
    }
    text += "\n"
    for decoder in catalog.decoders {
      text += section("Decoding: \(decoder.name)", summary(of: decoder), decoder.fields)
    }
    for encoder in catalog.encoders { text += section("Encoding: \(encoder.name)", encoder.summary, encoder.fields) }
    return text
  }

  /// A page for each connector, by the connector's name.
  package var pages: [(name: String, markdown: String)] {
    catalog.connectors.specs.map { ($0.name, ConnectorPage(spec: $0).markdown(guide: Self.guides[$0.name])) }
  }

  private func summary(of decoder: DecoderFormat) -> String {
    guard let own = decoder.ownSchema else { return decoder.summary }
    return "\(decoder.summary)\n\nColumns: `\(own.ddl)`"
  }

  private func section(_ title: String, _ summary: String, _ fields: [OptionField]) -> String {
    "## \(title)\n\n\(summary)\n\n" + (fields.isEmpty ? "" : ConnectorPage.table(fields))
  }
}

extension OptionField {
  /// The summary with range, example, secrecy and successor.
  package var remarks: String {
    var text = summary.hasSuffix(".") ? String(summary.dropLast()) : summary
    if let range, type == .integer { text += " (\(range.lowerBound) to \(range.upperBound))" }
    if let example { text += ", for instance `\(example)`" }
    if isSecret { text += "; kept secret" }
    if let deprecatedFor { text += "; going away, use `\(deprecatedFor)`" }
    return text + "."
  }
}
