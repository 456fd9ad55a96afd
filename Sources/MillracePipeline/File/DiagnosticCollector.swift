import MillraceCore
import MillraceSQL

/// Gathers what is wrong with one pipeline file and those that it includes, and what else is learnt while they are read.
final class DiagnosticCollector {
  var source: PipelineSource
  private(set) var diagnostics: [Diagnostic] = []
  /// Values of secret fields.
  private(set) var secrets: Set<String> = []
  /// Files, and patterns of files, that the outcome depends on.
  private(set) var watched: [String] = []

  init(_ source: PipelineSource) { self.source = source }

  var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// The complaints in the order of the files.
  var sorted: [Diagnostic] {
    func key(_ element: (offset: Int, element: Diagnostic)) -> (Int, Int, Int) {
      (source.number(of: element.element.file), element.element.place.offset, element.offset)
    }
    return diagnostics.enumerated().sorted { key($0) < key($1) }.map(\.element)
  }

  /// A value that must not be shown.
  func keepSecret(_ text: String) { secrets.insert(text) }

  /// The outcome depends on a file, or on the files of a pattern.
  func watch(_ pattern: String) {
    if !watched.contains(pattern) { watched.append(pattern) }
  }

  func report(
    _ code: String, _ message: String, hint: String? = nil, severity: Diagnostic.Severity = .error, at place: Place
  ) {
    let file = place.file.isEmpty ? source.file : place.file
    add(Diagnostic(code, message, hint: hint, severity: severity, file: file, place: place))
  }

  /// Takes a complaint that knows its place.
  func add(_ diagnostic: Diagnostic) {
    // A named connector that two entries use would complain twice in the same words.
    if !diagnostics.contains(diagnostic) { diagnostics.append(diagnostic) }
  }

  /// The tree of a SQL text, nil if it does not parse.
  func parse<Tree>(_ text: LocatedText, _ parse: (String) throws(SQLParseError) -> Tree) -> Tree? {
    do {
      return try parse(text.text)
    } catch {
      add(source.diagnostic(error, in: text))
      return nil
    }
  }

  /// Takes an error of another layer to a place of the file.
  func report(_ error: MillraceError, at place: Place) {
    report(error.code, error.message, hint: error.hint, at: place)
  }
}

/// Hints that name what was probably meant.
enum Hint {
  /// `did you mean 'x'?` if a known name is near, else the list of them.
  static func nearest(to name: String, among names: [String], otherwise what: String) -> String? {
    if let nearest = NearestName.of(name, among: names) { return "did you mean '\(nearest)'?" }
    return names.isEmpty ? nil : "\(what): \(names.joined(separator: ", "))"
  }
}
