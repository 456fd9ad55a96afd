package import MillraceCore

extension JSON {
  /// The value as JSON text over several lines; short arrays and objects of plain values stay on one.
  package var prettyText: String {
    var out = ""
    writePretty(into: &out, indent: "")
    return out
  }

  private func writePretty(into out: inout String, indent: String) {
    let line = text
    if line.utf8.count + indent.utf8.count <= 100 || (array ?? []).isEmpty && (members ?? []).isEmpty {
      out += line
      return
    }
    let inner = indent + "  "
    if let elements = array {
      out += "["
      for (index, element) in elements.enumerated() {
        out += (index > 0 ? ",\n" : "\n") + inner
        element.writePretty(into: &out, indent: inner)
      }
      out += "\n\(indent)]"
    } else if let members {
      out += "{"
      for (index, member) in members.enumerated() {
        out += (index > 0 ? ",\n" : "\n") + inner
        JSON.quote(member.key, into: &out)
        out += ": "
        member.value.writePretty(into: &out, indent: inner)
      }
      out += "\n\(indent)}"
    }
  }
}
