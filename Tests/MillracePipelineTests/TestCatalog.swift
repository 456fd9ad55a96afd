import MillraceCore
import MillraceFormats

@testable import MillracePipeline

/// Connectors and formats that exist only as descriptions, so that the messages here do not change with the bundled ones.
struct SpecOnlyConnector: Connector {
  var spec: ConnectorSpec
}

enum TestCatalog {
  static let catalog = PipelineCatalog(
    connectors: ConnectorRegistry([
      SpecOnlyConnector(
        spec: ConnectorSpec(
          name: "socket", summary: "TCP", kinds: [.source, .sink],
          sourceFields: [
            OptionField("host", .string, "where it listens", isRequired: true),
            OptionField("port", .integer, "its port", isRequired: true, range: 1...65535),
            OptionField("password", .choice(["a-b-c", "d-e-f"]), "what lets us in", isSecret: true),
            OptionField("retry", .duration, "wait between attempts", default: "1 second"),
          ], sinkFields: [OptionField("host", .string, "where it listens", isRequired: true)])),
      SpecOnlyConnector(
        spec: ConnectorSpec(
          name: "gzip-file", summary: "gzip", kinds: [.source],
          sourceFields: [
            OptionField("path", .path, "glob of files", isRequired: true),
            OptionField("maxBytesPerTrigger", .byteCount, "bytes per batch", default: "256 MiB"),
            OptionField("order", .choice(["rotation", "name"]), "which file comes first", default: "rotation"),
            OptionField("maxBytes", .byteCount, "old name", deprecatedFor: "maxBytesPerTrigger"),
          ])),
      SpecOnlyConnector(
        spec: ConnectorSpec(
          name: "sqlite", summary: "SQLite", kinds: [.sink, .stateStore],
          sinkFields: [
            OptionField("path", .path, "database file", isRequired: true),
            OptionField("table", .string, "table", isRequired: true),
            OptionField("keys", .list(.string), "columns that identify a row"),
          ], stateStoreFields: [OptionField("cacheSize", .byteCount, "memory for pages", default: "64 MiB")])),
      SpecOnlyConnector(spec: ConnectorSpec(name: "console", summary: "screen", kinds: [.sink])),
    ]),
    decoders: ["text", "json", "combined"].map { name in
      DecoderFormat(name: name, summary: name) { _, _, _ in throw NotMade() }
    }
      + [
        DecoderFormat(name: "csv", summary: "csv", fields: [OptionField("header", .boolean, "first line has names")]) {
          _, _, _ in
          throw NotMade()
        }
      ],
    encoders: [EncoderFormat(name: "json", summary: "json") { _ in throw NotMade() }])

  struct NotMade: Error {}

  static func reader(_ variables: [String: String] = ["HOME": "/home/ada", "PORT": "9999", "YES": "true"])
    -> PipelineFileReader
  {
    reader(variables, files: ["secret.txt": "s3cret\n"])
  }

  /// A reader that sees these files.
  static func reader(_ variables: [String: String] = [:], files: [String: String]) -> PipelineFileReader {
    let seen = PipelineFiles(
      variable: { variables[$0] },
      bytes: { path in
        guard let text = files[path] else { throw MillraceError("IO_NOT_FOUND", "'\(path)' does not exist") }
        return Array(text.utf8)
      },
      matches: { pattern in
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        return files.keys.filter { $0.hasPrefix(parts[0]) && $0.hasSuffix(parts.last ?? "") }.sorted()
      })
    return PipelineFileReader(catalog: catalog, files: seen)
  }

  /// What reading a text complains of, one complaint after the other; empty if it can be read without a word.
  static func complaints(_ text: String) -> String {
    do {
      return try reader().read(Array(text.utf8), file: "p.json").warnings.map(\.description).joined(separator: "\n")
    } catch {
      return "\(error)"
    }
  }

  /// A file with one pipeline, whose parts a test replaces. Lines: version 1, sources 3, sinks 4, more 5.
  static func file(
    sources: String = #""lines": { "format": "socket", "options": { "host": "h", "port": 1 } }"#,
    sinks: String = #""screen": { "query": "SELECT * FROM lines", "format": "console" }"#, more: String = "",
    top: String = ""
  ) -> String {
    """
    { "version": 1,\(top)
      "pipelines": { "p": {
        "sources": { \(sources) },
        "sinks": { \(sinks) },
        \(more)
      } }
    }
    """
  }
}
