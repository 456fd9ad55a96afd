public import MillraceCore
import MillraceFormats

/// The connectors `text`, `json` and `csv`: files of a folder or pattern as a source, a folder of part files as a sink, as in Spark.
///
/// The connector moves bytes; the decoder or encoder of the same name makes rows of them and takes the format's own options.
public struct FileConnector: Connector {
  /// The format whose name the connector has.
  public enum Format: String, Sendable, CaseIterable {
    case text, json, csv
  }

  private let format: Format

  /// Makes the connector of a format.
  public init(_ format: Format) { self.format = format }

  /// One connector for each format.
  public static var all: [FileConnector] { Format.allCases.map { FileConnector($0) } }

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: format.rawValue,
      summary:
        "Reads \(format.rawValue) files, gzip or not, as they appear; writes one \(format.rawValue) file per batch.",
      kinds: [.source, .sink],
      sourceFields: FileSourceSettings.fields(example: "in/*.\(format.rawValue)"),
      sinkFields: [
        OptionField("path", .path, "Folder for the part files.", isRequired: true, example: "out/\(format.rawValue)"),
        OptionField("compression", .choice(["none", "gzip"]), "How the files are compressed.", default: "none"),
      ])
  }

  /// A source of files in the order of their modification times.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    let settings = try FileSourceSettings(
      connector: format.rawValue, options: request.options, order: .modification)
    return .bytes(FileSource(settings, files: request.environment.files, warn: request.environment.warn))
  }

  /// A sink that adds a file per batch.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    let isCompressed = request.options.string("compression") == "gzip"
    return .bytes(
      DirectorySink(
        folder: try request.options.required("path"), format: format.rawValue, isCompressed: isCompressed,
        files: request.environment.files))
  }
}
