public import MillraceCore
public import MillraceSQL

extension MillraceError {
  /// A parse error with its place in the query.
  public init(_ error: SQLParseError) {
    self.init(error.code, error.message, hint: error.hint)
    excerpt = Self.excerpt(error.excerpt, at: error.location, length: error.token?.unicodeScalars.count ?? 1)
  }

  /// The error with the line of the text that it is about, as Spark shows it.
  func shown(in text: String) -> MillraceError {
    guard let fragment, excerpt == nil else { return self }
    var error = self
    if let view = fragment.view {
      error.excerpt = "== SQL of the view `\(view)` =="
    } else {
      let start = fragment.range.lowerBound
      error.excerpt = Self.excerpt(
        SQLParseError.Excerpt(offset: start, in: text), at: SourceLocation(offset: start, in: text),
        length: fragment.length(in: text))
    }
    return error
  }

  private static func excerpt(_ excerpt: SQLParseError.Excerpt, at location: SourceLocation, length: Int) -> String {
    "== SQL (line \(location.line), position \(location.column)) ==\n\(excerpt.text)\n\(excerpt.mark(length: length))"
  }
}

extension MillraceError.SQLFragment {
  /// How many characters of the text's first line it has.
  package func length(in text: String) -> Int {
    let bytes = text.utf8.dropFirst(range.lowerBound).prefix(range.count).prefix { $0 != 0x0A && $0 != 0x0D }
    return bytes.count { $0 & 0xC0 != 0x80 }
  }
}
