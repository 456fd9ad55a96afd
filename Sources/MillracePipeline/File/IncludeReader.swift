import MillraceCore

/// Reads a pipeline file and those that it includes, each file once, references resolved.
///
/// A path behind `include` is relative to the file that it stands in, and may be a pattern.
struct IncludeReader {
  /// One file as it was read.
  struct Document {
    var file: String
    var root: LocatedJSON
  }

  /// Deepest chain of files that include each other; links between folders could make one without end.
  private static let depthLimit = 32

  private let files: PipelineFiles
  private let diagnostics: DiagnosticCollector
  private(set) var documents: [Document] = []
  private var seen: Set<String> = []

  init(_ files: PipelineFiles, _ diagnostics: DiagnosticCollector) {
    self.files = files
    self.diagnostics = diagnostics
  }

  /// Reads the main file's bytes, then what it includes, in order.
  mutating func read(_ bytes: [UInt8], file: String) {
    diagnostics.watch(file)
    read(bytes, file: file, chain: [ResourceNeed.normalized(file)])
  }

  private mutating func read(_ bytes: [UInt8], file: String, chain: [String]) {
    seen.insert(ResourceNeed.normalized(file))
    diagnostics.source.add(file, bytes)
    guard let parsed = LocatedJSONParser.parse(bytes, file: file, into: diagnostics) else { return }
    let root = Interpolation(files).resolve(parsed, diagnostics)
    documents.append(Document(file: file, root: root))
    guard let value = root["include"] else { return }
    for element in value.elements ?? [value] {
      guard let pattern = element.string, !pattern.isEmpty else {
        diagnostics.report(
          "PIPELINE_WRONG_TYPE", "'include' has \(element.string == nil ? element.kind : "an empty string")",
          hint: "it takes a file's name or a pattern, or an array of them", at: element.place)
        continue
      }
      include(Self.path(pattern, beside: file), at: element.place, chain: chain)
    }
  }

  private mutating func include(_ pattern: String, at place: Place, chain: [String]) {
    diagnostics.watch(pattern)
    do {
      let isPattern = pattern.contains { "*?[".contains($0) }
      let found = isPattern ? try files.matches(pattern) : [pattern]
      if found.isEmpty {
        diagnostics.report(
          "PIPELINE_INCLUDE_EMPTY", "no file matches '\(pattern)'", hint: "a file that appears later is included then",
          severity: .warning, at: place)
      }
      for path in found { try include(file: path, at: place, chain: chain) }
    } catch let error as MillraceError {
      diagnostics.report("PIPELINE_FILE_NOT_FOUND", error.message, hint: error.hint, at: place)
    } catch {
      diagnostics.report("PIPELINE_FILE_NOT_FOUND", "\(error)", at: place)
    }
  }

  private mutating func include(file: String, at place: Place, chain: [String]) throws {
    let name = ResourceNeed.normalized(file)
    if let start = chain.firstIndex(of: name) {
      let circle = (chain[start...] + [name]).joined(separator: " includes ")
      diagnostics.report(
        "PIPELINE_INCLUDE_CIRCLE", "'\(file)' is being read already", hint: "\(circle): remove one of them", at: place)
    } else if chain.count == Self.depthLimit {
      diagnostics.report(
        "PIPELINE_INCLUDE_CIRCLE", "more than \(Self.depthLimit) files include each other", at: place)
    } else if !seen.contains(name) {
      read(try files.bytes(file), file: file, chain: chain + [name])
    }
  }

  /// The path of a file that another one names.
  static func path(_ path: String, beside file: String) -> String {
    guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
    return String(file[...slash]) + path
  }
}

extension [IncludeReader.Document] {
  /// The members of the objects behind a key in all files, in order; a name that stands in two files is reported with both places.
  func entries(_ key: String, _ what: String, _ diagnostics: DiagnosticCollector)
    -> [LocatedJSON.Member]
  {
    var found: [LocatedJSON.Member] = []
    var places: [String: Place] = [:]
    for document in self {
      guard let reader = ObjectReader(quiet: document.root, diagnostics) else { continue }
      for member in reader.entries(key, what) {
        if let first = places[member.key] {
          diagnostics.report(
            "PIPELINE_DUPLICATE_NAME", "the \(what) '\(member.key)' is defined twice",
            hint: "\(first.file):\(first.line):\(first.column) has it, too: rename or remove one", at: member.place)
        } else {
          places[member.key] = member.place
          found.append(member)
        }
      }
    }
    return found
  }
}
