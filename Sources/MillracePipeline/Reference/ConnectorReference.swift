import MillraceCore
import MillraceFormats

/// The reference page of connectors and formats as Markdown, made from their specs.
package struct ConnectorReference {
  private let catalog: PipelineCatalog

  package init(_ catalog: PipelineCatalog) { self.catalog = catalog }

  /// The whole page.
  package var markdown: String {
    var text = """
      # Connectors and formats

      Made from the connectors' own descriptions by `scripts/docs`; `millrace describe NAME` prints the same.


      """
    for spec in catalog.connectors.specs { text += connector(spec) }
    for decoder in catalog.decoders {
      text += section("Decoding: \(decoder.name)", summary(of: decoder), [("", decoder.fields)])
    }
    for encoder in catalog.encoders {
      text += section("Encoding: \(encoder.name)", encoder.summary, [("", encoder.fields)])
    }
    return text
  }

  private func summary(of decoder: DecoderFormat) -> String {
    guard let own = decoder.ownSchema else { return decoder.summary }
    return "\(decoder.summary)\n\nColumns: `\(own.ddl)`"
  }

  private func connector(_ spec: ConnectorSpec) -> String {
    var groups: [(String, [OptionField])] = []
    if spec.kinds.contains(.source) { groups.append(("As a source", spec.sourceFields)) }
    if spec.kinds.contains(.sink) { groups.append(("As a sink", spec.sinkFields)) }
    if spec.kinds.contains(.stateStore) { groups.append(("As a state store", spec.stateStoreFields)) }
    let maturity = spec.maturity == .stable ? "" : " (\(spec.maturity.rawValue))"
    return section("\(spec.name)\(maturity)", spec.summary, groups)
  }

  private func section(_ title: String, _ summary: String, _ groups: [(title: String, fields: [OptionField])]) -> String
  {
    var text = "## \(title)\n\n\(summary)\n\n"
    for group in groups {
      if !group.title.isEmpty { text += "**\(group.title)**" + (group.fields.isEmpty ? ": no options.\n\n" : "\n\n") }
      if group.fields.isEmpty { continue }
      text += "| option | takes | default | what it does |\n| --- | --- | --- | --- |\n"
      for field in group.fields { text += row(field) }
      text += "\n"
    }
    return text
  }

  private func row(_ field: OptionField) -> String {
    let byDefault = field.isRequired ? "*required*" : field.defaultValue.map { "`\($0)`" } ?? ""
    let cells = ["`\(field.name)`", field.type.phrase, byDefault, field.remarks]
    return "| "
      + cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }.joined(
        separator: " | ") + " |\n"
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
