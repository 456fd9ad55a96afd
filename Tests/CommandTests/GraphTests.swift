import Testing

/// `millrace graph`.
struct GraphTests {
  static let file = """
    { "version": 1, "pipelines": { "p": {
      "sources": { "requests": { "format": "text", "options": { "path": "x" } },
                   "unused": { "format": "text", "options": { "path": "y" } } },
      "tables": { "Hosts": { "format": "csv", "options": { "path": "z" }, "schema": "host STRING" } },
      "views": { "errors": "SELECT * FROM requests WHERE value LIKE 'x%'",
                 "named": "WITH h AS (SELECT * FROM hosts) SELECT e.* FROM errors e JOIN h ON e.value = h.host" },
      "sinks": { "out": { "query": "SELECT * FROM named", "format": "console" } } } } }
    """

  private func graph(_ format: String) async throws -> String {
    let sandbox = Sandbox()
    sandbox.write("connectors.json", Self.file)
    let outcome = try await Command.millrace(["graph", "--format", format], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    return outcome.output
  }

  @Test func drawsTrees() async throws {
    #expect(
      try await graph("text") == """
        pipeline p
          sink out (console)
            view named
              table Hosts (csv)
              view errors
                source requests (text)
          source unused (text), which nothing reads

        """)
  }

  @Test func drawsMermaidAndGraphviz() async throws {
    let mermaid = try await graph("mermaid")
    #expect(mermaid.hasPrefix("flowchart LR\n  subgraph \"p\"\n    n0([\"requests<br>text\"])\n"))
    #expect(mermaid.contains("    n3[\"errors\"]\n") && mermaid.contains("    n0 --> n3\n"))
    let dot = try await graph("dot")
    #expect(dot.hasPrefix("digraph \"p\" {\n  rankdir=LR;\n  n0 [label=\"requests\\ntext\", shape=oval];\n"))
    #expect(dot.contains("  n4 -> n5;\n") && dot.hasSuffix("}\n"))
  }

  @Test func refusesOtherForms() async throws {
    #expect(try await Command.millrace(["graph", "--format", "png"]).status == 2)
  }
}
