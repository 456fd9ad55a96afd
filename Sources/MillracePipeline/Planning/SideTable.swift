package import Millrace
import MillraceColumnar
package import MillraceCore
import MillraceFormats

/// What a pipeline's sink for dead letters or late rows holds, as a table.
///
/// A sink is read back by the source of its connector: folders, files and tables by the same path and table, files of a rotation by a
/// pattern around their common name.
package enum SideTable {
  /// The table under a name; `schema` is what the sink was given.
  package static func definition(
    of side: SideEntry, schema: Schema, name: String, catalog: PipelineCatalog, in session: SparkSession
  ) throws -> SourceDefinition {
    let spec = try catalog.connectors.connector(side.end.format).spec
    let encode = side.encode?.name ?? (spec.name == "csv" ? "csv" : "json")
    var given: SourceOptions
    switch spec.name {
    case "rotating-file":
      given = SourceOptions(format: "gzip-file")
      given.options["path"] = pattern(side.end.values["path"] ?? "")
    case "sqlite":
      given = SourceOptions(format: spec.name)
      for key in ["path", "table"] { given.options[key] = side.end.values[key] }
    case _ where spec.kinds.contains(.source) && spec.sourceFields.contains { $0.name == "path" }:
      given = SourceOptions(format: spec.name == "json" || spec.name == "csv" ? "text" : spec.name)
      given.options["path"] = side.end.values["path"]
    default:
      throw MillraceError(
        "SINK_NOT_READABLE", "what was written to '\(side.end.name)' (\(spec.name)) cannot be read back",
        hint: "use files, gzip-file, rotating-file or sqlite for it")
    }
    given.schema = schema
    if spec.name != "sqlite" {
      given.decode = encode
      let known = catalog.decoderFields(encode) ?? []
      let settings = (side.encode?.values ?? [:]).merging(side.encode == nil ? side.end.values : [:]) { own, _ in own }
      given.decodeOptions = settings.filter { setting in
        known.contains { $0.name.lowercased() == setting.key.lowercased() }
      }
    }
    return try SourceDefinition(
      name: name, given, isStreaming: false, connectors: session.connectors, environment: session.environment)
  }

  /// Whether anything was written yet.
  package static func exists(_ side: SideEntry, _ files: any FileSystem) throws -> Bool {
    guard let path = side.end.values["path"] else { return false }
    let shape = side.end.format == "rotating-file" ? pattern(path) : path
    if try files.status(path)?.isDirectory == true {
      return try files.list(path).contains { !$0.hasPrefix(".") && !$0.hasPrefix("_") }
    }
    return try !files.glob(shape).isEmpty
  }

  /// `out/a.log.gz` becomes `out/a*.log*.gz`: rotation puts numbers and times before the ending or behind it.
  private static func pattern(_ path: String) -> String {
    let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let folder = path[..<slash], file = path[slash...]
    guard let dot = file.firstIndex(of: ".") else { return "\(folder)\(file)*" }
    let isPacked = file.hasSuffix(".gz")
    let ending = file[dot...].dropLast(isPacked ? 3 : 0)
    return "\(folder)\(file[..<dot])*\(ending)*"
  }
}
