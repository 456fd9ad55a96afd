import MillraceCore
import Testing

@testable import MillracePipeline

/// Options whose names have parts can be written as objects.
struct OptionPartTests {
  static func pipeline(_ options: String) -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "s": { "format": "parts", "options": \(options) } },
      "sinks": { "o": { "query": "SELECT * FROM s", "format": "parts" } } } } }
    """
  }

  static let parts = SpecOnlyConnector(
    spec: ConnectorSpec(
      name: "parts", summary: "Takes options in parts.", kinds: [.source, .sink],
      sourceFields: [
        OptionField("path", .path, "Anything."), OptionField("join.start", .string, "A pattern."),
        OptionField("join.timeout", .duration, "A time."),
      ]))

  static func read(_ options: String) throws -> Options {
    let catalog = PipelineCatalog(connectors: ConnectorRegistry([parts]), decoders: [], encoders: [])
    let files = PipelineFiles(variable: { _ in nil }, bytes: { _ in [] }, matches: { _ in [] })
    let file = try PipelineFileReader(catalog: catalog, files: files).read(
      Array(pipeline(options).utf8), file: "p.json")
    return try #require(file.pipelines.first?.sources.first?.end.options)
  }

  @Test func objectsAndFlatNamesAreTheSame() throws {
    for text in [
      #"{ "path": "a", "join": { "start": "^a", "Timeout": "2 seconds" } }"#,
      #"{ "path": "a", "JOIN": { "start": "^a" }, "join.timeout": "2 seconds" }"#,
    ] {
      let options = try Self.read(text)
      #expect(options.string("join.start") == "^a")
      #expect(try options.duration("join.timeout") == 2_000_000)
    }
  }

  @Test(arguments: [
    (#"{ "join": { "strat": "x" } }"#, "did you mean 'join.start'?"),
    (#"{ "join": { "timeout": "soon" } }"#, "it takes a duration"),
    (#"{ "join": { "start": "a" }, "join.start": "b" }"#, "is given twice"),
    (#"{ "join": "a" }"#, "has no option 'join'"), (#"{ "path": { "a": 1 } }"#, "it takes a path"),
  ]) func whatIsWrongIsSaidAtItsPlace(options: String, complaint: String) {
    do {
      _ = try Self.read(options)
      Issue.record("\(options) was read")
    } catch {
      #expect("\(error)".contains(complaint) && "\(error)".contains("p.json:2:"), "\(error)")
    }
  }
}
