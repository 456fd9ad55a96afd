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
      connectors: BundledConnectors.registry(with: connectors), decoders: FormatRegistry.decoders,
      encoders: FormatRegistry.encoders, ownConnectors: connectors)
    self.environment = environment
    self.environment.log = { Terminal.error($0) }
    catalog.loader = Self.loader(self.environment)
  }

  /// Starts and loads what pipeline files name under `plugins`.
  private static func loader(_ environment: Environment) -> PluginLoader {
    PluginLoader(
      program: { program in
        try Plugins.program(
          program.words, timeout: program.timeout, variables: program.variables, environment: environment)
      },
      library: { try Plugins.library($0) })
  }

  /// The same with the connectors of a pipeline file's plug-ins; nil leaves it as it is.
  func with(pluginsOf path: String?) throws -> CommandContext {
    guard let path else { return self }
    var copy = self
    copy.catalog = catalog.adding(
      try PipelineFileReader(catalog: catalog, files: pipelineFiles).plugins(try bytes(of: path), file: path))
    return copy
  }

  /// Reads and checks a pipeline file.
  func readPipelineFile(_ path: String) throws -> PipelineFile {
    let file = try PipelineFileReader(catalog: catalog, files: pipelineFiles).read(try bytes(of: path), file: path)
    Terminal.keepSecret(file.secrets)
    for warning in file.warnings { Terminal.error("\(warning)") }
    return file
  }

  /// What pipeline files may lead to.
  private var pipelineFiles: PipelineFiles {
    PipelineFiles(
      variable: { name in getenv(name).map { String(cString: $0) } }, bytes: bytes(of:),
      matches: environment.files.glob)
  }

  /// Where a run of a pipeline file can be asked what it does.
  func control(of path: String) throws -> String? {
    try PipelineFileReader(catalog: catalog, files: pipelineFiles).control(try bytes(of: path), file: path)
  }

  /// Plans the chosen pipelines of a file; throws everything that is wrong with any of them.
  func plan(_ options: PipelineOptions) throws -> [PipelinePlan] {
    try plan(options, of: try readPipelineFile(options.file))
  }

  /// Plans the chosen pipelines of a file that was read.
  func plan(_ options: PipelineOptions, of file: PipelineFile) throws -> [PipelinePlan] {
    let chosen = try options.names.isEmpty ? file.pipelines : options.names.map(file.pipeline)
    return try plan(chosen, of: file)
  }

  /// Plans pipelines of a file.
  func plan(_ chosen: [PipelineDefinition], of file: PipelineFile) throws -> [PipelinePlan] {
    let planner = PipelinePlanner(catalog, file, environment: environment)
    var plans: [PipelinePlan] = []
    var diagnostics: [Diagnostic] = []
    for pipeline in chosen {
      do {
        plans.append(try planner.plan(pipeline))
      } catch let error as PipelineFileError {
        diagnostics += error.diagnostics
      }
    }
    if diagnostics.isEmpty { diagnostics = try ResourceClaims.conflicts(plans, file: file.path) }
    if !diagnostics.isEmpty { throw PipelineFileError(diagnostics) }
    return plans
  }

  /// Microseconds that never jump.
  var monotonicMicroseconds: Int64 { environment.clock.monotonicNanoseconds() / 1000 }

  /// Says what lies where a pipeline file was looked for.
  private func notFound(_ path: String) -> MillraceError {
    let isFolder = ((try? environment.files.status(path)) ?? nil)?.isDirectory == true
    let folder =
      isFolder ? path : path.contains("/") ? String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)) : "."
    let names = ((try? environment.files.list(folder.isEmpty ? "/" : folder)) ?? []).filter { $0.hasSuffix(".json") }
    let prefix = isFolder || path.contains("/") ? "\(folder)/" : ""
    let nearest = isFolder ? nil : NearestName.of(String(path.split(separator: "/").last ?? ""), among: names)
    let hint: String
    if let nearest {
      hint = "did you mean '\(prefix)\(nearest)'?"
    } else if !names.isEmpty {
      hint = "there \(names.count == 1 ? "is" : "are"): \(names.prefix(5).map { prefix + $0 }.joined(separator: ", "))"
    } else if path == "connectors.json" {
      hint =
        "name a pipeline file, run the command where a connectors.json lies, or begin one: "
        + "millrace create gzip-file/combined/sqlite > connectors.json"
    } else {
      hint = "a path is taken from the folder in which the command runs"
    }
    return MillraceError(
      "PIPELINE_FILE_NOT_FOUND", isFolder ? "'\(path)' is a folder, no pipeline file" : "there is no file '\(path)'",
      hint: hint)
  }

  /// All bytes of a pipeline file, or of one that it names.
  func bytes(of path: String) throws -> [UInt8] {
    guard let status = try environment.files.status(path), !status.isDirectory else { throw notFound(path) }
    let file = try environment.files.open(path, .read)
    defer { try? file.close() }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return Array(bytes[..<count])
  }
}
