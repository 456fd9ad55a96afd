import MillraceCore

extension EndReader {
  /// A pipeline with the connectors that it uses, references resolved: the same text whatever the layout of the file, comments, or the
  /// order of keys where it does not count.
  func identity(of pipeline: LocatedJSON) -> String {
    let ends = ["sources", "tables", "sinks"].flatMap { pipeline[$0]?.members ?? [] }
    let sides = ["deadLetter", "lateRows"].compactMap { pipeline[$0] }
    let used = Set((ends.map(\.value) + sides).compactMap { $0["use"]?.string })
    let connectors = named.filter { used.contains($0.key) }.sorted { $0.key < $1.key }
    return ([pipeline] + connectors.map(\.value)).map { $0.text(sorts: true) }.joined(separator: "\n")
  }
}

extension LocatedJSON {
  /// The value as JSON in one line, keys in their order and numbers as they are spelt.
  var jsonText: String { text(sorts: false) }

  /// `sorts` orders the keys. The order of views counts, and so does that of sources and sinks in a checkpoint.
  fileprivate func text(sorts: Bool, isOrdered: Bool = false) -> String {
    switch value {
    case .null: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .number(let text): return text
    case .string(let text): return Self.quoted(text)
    case .array(let elements): return "[" + elements.map { $0.text(sorts: sorts) }.joined(separator: ",") + "]"
    case .object(let members):
      let parts = (sorts && !isOrdered ? members.sorted { $0.key < $1.key } : members).map { member in
        let isOrdered = ["sources", "tables", "views", "sinks"].contains(member.key)
        return "\(Self.quoted(member.key)):\(member.value.text(sorts: sorts, isOrdered: isOrdered))"
      }
      return "{" + parts.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var out = ""
    JSON.quote(text, into: &out)
    return out
  }
}
