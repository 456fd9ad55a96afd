import MillraceCore

/// The reference page of one connector as Markdown, made from its spec.
struct ConnectorPage {
  let spec: ConnectorSpec

  /// A part of the page: what the connector is, and which options it takes as that.
  private struct Part {
    var kind: ConnectorSpec.Kind
    var title: String
    var fields: [OptionField]
  }

  private var parts: [Part] {
    let all = [
      Part(kind: .source, title: "As a source", fields: spec.sourceFields),
      Part(kind: .sink, title: "As a sink", fields: spec.sinkFields),
      Part(kind: .stateStore, title: "As a state store", fields: spec.stateStoreFields),
    ]
    return all.filter { spec.kinds.contains($0.kind) }
  }

  /// The page; `guide` is a page that people wrote about the connector, as seen from this one.
  func markdown(guide: String?) -> String {
    var text = "# \(spec.name)\n\n\(spec.summary)\n\n"
    if spec.maturity == .preview { text += "Preview: it may still change in ways that old files do not survive.\n\n" }
    if let guide { text += "More in [the guide](\(guide)).\n\n" }
    for part in parts {
      text += "## \(part.title)\n\n```json\n\(Self.example(part.kind, spec.name, part.fields))\n```\n\n"
      text += part.fields.isEmpty ? "It takes no options.\n\n" : Self.table(part.fields)
    }
    return text + "[All connectors and formats](../connectors.md)\n"
  }

  /// What must be said, and what most say.
  private static func example(_ kind: ConnectorSpec.Kind, _ format: String, _ fields: [OptionField]) -> String {
    let shown = fields.filter { $0.isRequired || ["table", "host", "port"].contains($0.name) }
    var options: [JSON.Member] = shown.map { .init($0.name, value($0)) }
    if options.isEmpty, let first = fields.first(where: { $0.example != nil }) {
      options = [.init(first.name, value(first))]
    }
    var members: [JSON.Member] = [.init("format", .string(format))]
    if kind == .sink { members.insert(.init("query", .string("SELECT * FROM input")), at: 0) }
    if !options.isEmpty { members.append(.init("options", .object(options))) }
    let entry = JSON.object(members)
    switch kind {
    case .source: return spaced(.dictionary(["sources": .dictionary(["input": entry])]))
    case .sink: return spaced(.dictionary(["sinks": .dictionary(["output": entry])]))
    case .stateStore: return spaced(.dictionary(["stateStore": entry]))
    }
  }

  /// The members of an object as they stand in a pipeline.
  private static func spaced(_ json: JSON) -> String { String(line(json).dropFirst(2).dropLast(2)) }

  private static func line(_ json: JSON) -> String {
    guard let members = json.members else { return json.text }
    return "{ " + members.map { "\(JSON.string($0.key).text): \(line($0.value))" }.joined(separator: ", ") + " }"
  }

  /// A value that the field takes.
  private static func value(_ field: OptionField) -> JSON {
    let text = field.example ?? field.defaultValue ?? field.name
    switch field.type {
    case .integer: return Int64(text).map { .int($0) } ?? .int(field.range?.lowerBound ?? 1)
    case .boolean: return .bool(text == "true")
    case .list: return .array(text.split(separator: ",").map { .string(String($0)) })
    case .string, .number, .duration, .byteCount, .choice, .path: return .string(text)
    }
  }

  /// A table of options.
  static func table(_ fields: [OptionField]) -> String {
    var text = "| option | takes | default | what it does |\n| --- | --- | --- | --- |\n"
    for field in fields { text += row(field) }
    return text + "\n"
  }

  private static func row(_ field: OptionField) -> String {
    let byDefault = field.isRequired ? "*required*" : field.defaultValue.map { "`\($0)`" } ?? ""
    let cells = ["`\(field.name)`", field.type.phrase, byDefault, field.remarks]
    return "| " + cells.map(escaped).joined(separator: " | ") + " |\n"
  }

  /// A cell's text: a bar would end the cell.
  static func escaped(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
