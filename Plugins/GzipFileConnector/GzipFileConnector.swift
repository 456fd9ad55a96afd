import MillraceColumnar
public import MillraceCore
import MillraceFormats

/// The connector `gzip-file`: replays gzip archives as a source, appends to a gzip file as a sink.
public struct GzipFileConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public let spec = ConnectorSpec(
    name: "gzip-file",
    summary: "Reads gzip (or plain) files, oldest rotation first; appends to one gzip file, small commits joined.",
    kinds: [.source, .sink],
    sourceFields: FileSourceSettings.fields(example: "logs/access.log.*.gz") + RecordRules.fields,
    sinkFields: [
      OptionField("path", .path, "The file to append to.", isRequired: true, example: "out/errors.json.gz"),
      OptionField(
        "level", .integer,
        "Compression, 0 (none) to 9 (smallest); 1 and 2 are several times as fast as 6 and nearly as small.",
        default: "2", range: 0...9),
      OptionField(
        "memberSize", .byteCount,
        "Uncompressed size of the gzip members of the file; smaller commits are joined into one member.",
        default: "1 MiB", range: 1...1 << 30),
      OptionField(
        "ifExists", .choice(["fail", "overwrite"]),
        "What a new query does with a file that another one wrote: refuse to start, or empty it.", default: "fail"),
    ])

  /// A source of files.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    let settings = try FileSourceSettings(connector: spec.name, options: request.options, order: .rotation)
    return .bytes(FileSource(settings, files: request.environment.files, warn: request.environment.warn))
  }

  /// A sink that appends to one file.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .bytes(
      GzipFileSink(
        path: try request.options.required("path"), level: Int(try request.options.int("level") ?? 2),
        memberSize: try request.options.byteCount("memberSize") ?? 1 << 20,
        overwrites: request.options.string("ifExists") == "overwrite", files: request.environment.files))
  }
}
