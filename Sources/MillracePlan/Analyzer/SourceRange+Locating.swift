import MillraceColumnar
import MillraceSQL

extension SourceRange {
  /// Runs `body`. An error that has no place in the SQL text yet gets this one, so that the innermost piece of syntax is named.
  func locating<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch { throw located(error) }
  }

  /// The error with this place if it has none yet and this one was parsed.
  func located(_ error: any Error) -> any Error {
    guard var error = error as? MillraceError, error.fragment == nil, start < end else { return error }
    error.fragment = MillraceError.SQLFragment(Int(start)..<Int(end))
    return error
  }
}

extension MillraceError {
  /// The error as one in the text of a view, unless it is one in the text of a view under that one.
  func inView(_ name: String) -> MillraceError {
    var error = self
    if error.fragment?.view == nil { error.fragment?.view = name }
    return error
  }
}
