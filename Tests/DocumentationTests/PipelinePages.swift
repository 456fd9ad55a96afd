import Millrace
import MillraceCore
import MillraceFormats
import MillracePipeline

/// Reads texts of pipeline files as `millrace validate` does.
enum PipelinePages {
  static let catalog = PipelineCatalog(
    connectors: BundledConnectors.registry(), decoders: FormatRegistry.decoders,
    encoders: FormatRegistry.encoders)

  /// The plans of all pipelines of a text; throws what is wrong with it.
  static func plans(_ text: String, file name: String = "page.json") throws -> [PipelinePlan] {
    let file = try PipelineFileReader(
      catalog: catalog, files: PipelineFiles(variable: { _ in nil }, bytes: { _ in [] }, matches: { _ in [] })
    )
    .read(Array(text.utf8), file: name)
    return try file.pipelines.map { try PipelinePlanner(catalog, file, environment: .live).plan($0) }
  }

  /// All that `millrace validate` complains about.
  static func complaints(_ text: String, file name: String = "page.json") -> [String] {
    do {
      _ = try plans(text, file: name)
      return []
    } catch let error as PipelineFileError {
      return error.diagnostics.map { "\($0)" }
    } catch {
      return ["\(error)"]
    }
  }
}
