import MillraceCore

/// Reads `control`, the path of the socket at which a run can be asked what it does.
struct ControlReader {
  /// Longest path of a Unix socket in bytes.
  static let pathLimit = 107

  private let diagnostics: DiagnosticCollector

  init(_ diagnostics: DiagnosticCollector) { self.diagnostics = diagnostics }

  /// The path; nil where none of the files has one. A run has one socket, so two paths are one too many.
  func path(_ documents: [IncludeReader.Document]) -> String? {
    var found: String?
    for document in documents {
      guard let reader = ObjectReader(quiet: document.root, diagnostics), let text = reader.text("control") else {
        continue
      }
      if text.text.isEmpty || text.text.utf8.count > Self.pathLimit {
        diagnostics.report(
          "PIPELINE_WRONG_VALUE",
          text.text.isEmpty ? "'control' is empty" : "'control' has \(text.text.utf8.count) bytes",
          hint: "name a path of at most \(Self.pathLimit) bytes: more no Unix socket can have", at: text.place)
      } else if let found, found != text.text {
        diagnostics.report(
          "PIPELINE_WRONG_VALUE", "'control' is '\(found)' in another file already",
          hint: "a run has one socket: say it in the main file", at: text.place)
      } else {
        found = text.text
      }
    }
    return found
  }
}
