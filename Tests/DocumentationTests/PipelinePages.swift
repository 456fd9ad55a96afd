import Millrace
import MillraceCore
import MillraceFormats
import MillracePipeline

/// Connectors of programs that pages describe.
enum ProgramPages {
  /// What a program has that gives such an answer to `spec`.
  static func connectors(answering spec: JSON) throws -> [any Connector] {
    let script = "read -r line; cat <<'END'\n\(JSON.dictionary(["ok": spec]).text)\nEND\ncat >/dev/null"
    return try Plugins.program(["/bin/sh", "-c", script])
  }
}

/// Reads texts of pipeline files as `millrace validate` does.
enum PipelinePages {
  static let catalog: PipelineCatalog = {
    var catalog = bundled
    // The programs of `docs/examples` are started.
    catalog.loader = PluginLoader(
      program: { program in
        try Plugins.program(program.words.map { $0.hasPrefix("docs/examples/") ? "\(Page.root)/\($0)" : $0 })
      }, library: { try Plugins.library($0) })
    return catalog
  }()

  private static let bundled = PipelineCatalog(
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
