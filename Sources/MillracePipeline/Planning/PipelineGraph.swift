import MillraceSQL

/// What flows where in a pipeline: from sources and tables through views to sinks.
package struct PipelineGraph: Sendable {
  /// A source, table, view or sink.
  package struct Node: Sendable, Hashable {
    package var name: String
    package var kind: Kind
    /// The connector, nil for a view.
    package var format: String?
  }

  /// What a node is.
  package enum Kind: String, Sendable {
    case source, table, view, sink
  }

  /// The pipeline's name.
  package let name: String
  /// In the order of the file: sources, tables, views, sinks.
  package let nodes: [Node]
  /// Positions in `nodes`: rows of the first go into the second.
  package let edges: [(from: Int, to: Int)]

  /// The graph of a pipeline whose queries were parsed.
  package init(_ pipeline: PipelineDefinition) throws {
    name = pipeline.name
    let inputs =
      pipeline.sources.map { Node(name: $0.name, kind: .source, format: $0.end.format) }
      + pipeline.tables.map { Node(name: $0.name, kind: .table, format: $0.end.format) }
    let views = pipeline.views.map { Node(name: $0.name, kind: .view) }
    let sinks = pipeline.sinks.map { Node(name: $0.name, kind: .sink, format: $0.end.format) }
    nodes = inputs + views + sinks
    let queries = pipeline.views.map(\.query.text) + pipeline.sinks.map(\.query.text)
    let readable = nodes.prefix(inputs.count + views.count).map { $0.name.lowercased() }
    var edges: [(from: Int, to: Int)] = []
    for (index, query) in queries.enumerated() {
      let target = inputs.count + index
      for name in try SQLParser.relationNames(query) where name.count == 1 {
        // A view reads from those above it only.
        let known = readable.prefix(min(target, readable.count))
        if let from = known.firstIndex(of: name[0].lowercased()) { edges.append((from, target)) }
      }
    }
    self.edges = edges
  }

  // MARK: Forms

  /// An indented tree for each sink: what it reads stands below it.
  package var text: String {
    var lines = ["pipeline \(name)"]
    for (index, node) in nodes.enumerated() where node.kind == .sink { describe(index, depth: 1, into: &lines) }
    let used = Set(edges.map(\.from))
    for (index, node) in nodes.enumerated() where node.kind != .sink && !used.contains(index) {
      lines.append("  \(label(node)), which nothing reads")
    }
    return lines.joined(separator: "\n")
  }

  private func describe(_ index: Int, depth: Int, into lines: inout [String]) {
    lines.append(String(repeating: "  ", count: depth) + label(nodes[index]))
    for edge in edges where edge.to == index { describe(edge.from, depth: depth + 1, into: &lines) }
  }

  private func label(_ node: Node) -> String {
    "\(node.kind.rawValue) \(node.name)" + (node.format.map { " (\($0))" } ?? "")
  }

  /// For pages that show Mermaid.
  package var mermaid: String {
    var lines = ["flowchart LR", "  subgraph \(Self.quoted(name))"]
    for (index, node) in nodes.enumerated() {
      let text = Self.quoted(node.name + (node.format.map { "<br>\($0)" } ?? ""))
      let shape: (String, String) =
        switch node.kind {
        case .source: ("([", "])")
        case .table: ("[(", ")]")
        case .view: ("[", "]")
        case .sink: ("[[", "]]")
        }
      lines.append("    n\(index)\(shape.0)\(text)\(shape.1)")
    }
    lines += edges.map { "    n\($0.from) --> n\($0.to)" }
    return (lines + ["  end"]).joined(separator: "\n")
  }

  /// For Graphviz.
  package var dot: String {
    var lines = ["digraph \(Self.quoted(name)) {", "  rankdir=LR;"]
    for (index, node) in nodes.enumerated() {
      let shape =
        switch node.kind {
        case .source: "oval"
        case .table: "cylinder"
        case .view: "box"
        case .sink: "box3d"
        }
      let text = Self.quoted(node.name + (node.format.map { "\n\($0)" } ?? ""))
      lines.append("  n\(index) [label=\(text), shape=\(shape)];")
    }
    lines += edges.map { "  n\($0.from) -> n\($0.to);" }
    return (lines + ["}"]).joined(separator: "\n")
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in text {
      switch character {
      case "\"": result += "'"
      case "\n": result += "\\n"
      case "\\": result += "\\\\"
      default: result.append(character)
      }
    }
    return result + "\""
  }
}
