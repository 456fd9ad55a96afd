import MillraceCore
import MillraceSQL

/// Gathers what is wrong with one pipeline file.
final class DiagnosticCollector {
  let source: PipelineSource
  private(set) var diagnostics: [Diagnostic] = []

  init(_ source: PipelineSource) { self.source = source }

  var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }

  /// The complaints in the order of the file.
  var sorted: [Diagnostic] {
    diagnostics.enumerated().sorted { ($0.element.place.offset, $0.offset) < ($1.element.place.offset, $1.offset) }.map(
      \.element)
  }

  func report(
    _ code: String, _ message: String, hint: String? = nil, severity: Diagnostic.Severity = .error, at place: Place
  ) {
    let diagnostic = Diagnostic(code, message, hint: hint, severity: severity, file: source.file, place: place)
    add(diagnostic)
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
