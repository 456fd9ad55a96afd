import Glibc
import Millrace
import MillraceCore
import MillraceFormats
import MillracePipeline

/// What the commands of one process share: the connectors and formats they know, and the world they see.
struct CommandContext: Sendable {
  /// The context of the command that runs. Commands are made by the argument parser, which leaves no other way in.
  @TaskLocal static var current = CommandContext(connectors: [])

  var catalog: PipelineCatalog
  var environment: Environment

  init(connectors: [any Connector], environment: Environment = .live) {
    catalog = PipelineCatalog(
      connectors: ConnectorRegistry(BundledConnectors.all + connectors), decoders: FormatRegistry.decoders,
      encoders: FormatRegistry.encoders)
    self.environment = environment
  }

  /// Reads and checks a pipeline file.
  func readPipelineFile(_ path: String) throws -> PipelineFile {
    let reader = PipelineFileReader(
      catalog: catalog, variable: { name in getenv(name).map { String(cString: $0) } },
      contents: { String(decoding: try bytes(of: $0), as: UTF8.self) })
    let file = try reader.read(try bytes(of: path), file: path)
    for warning in file.warnings { Terminal.error("\(warning)") }
    return file
  }

  private func bytes(of path: String) throws -> [UInt8] {
    guard let status = try environment.files.status(path), !status.isDirectory else {
      throw MillraceError(
        "PIPELINE_FILE_NOT_FOUND", "there is no file '\(path)'",
        hint: path == "connectors.json" ? "name a pipeline file, or run the command where a connectors.json lies" : nil)
    }
    let file = try environment.files.open(path, .read)
    defer { try? file.close() }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return Array(bytes[..<count])
  }
}
