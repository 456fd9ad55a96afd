/// What went wrong, for a person and for a program.
public struct MillraceError: Error, Sendable, CustomStringConvertible {
  /// Stable code, Spark's condition name where there is one, for instance `DIVIDE_BY_ZERO`.
  public var code: String
  /// What was attempted and what stood in the way, naming the object; lower case, no full stop.
  public var message: String
  /// What the reader can do about it.
  public var hint: String?
  /// Who can mend it; `.bug` asks the reader to report the error.
  public var fault: Fault
  /// Whether the same attempt may succeed later.
  public var isRetryable: Bool
  /// Where in a pipeline file, query or input: `file:line:column` or `file@offset`.
  public var location: String?
  /// The piece of a SQL text that it is about.
  public var fragment: SQLFragment?
  /// Lines that show the text at fault, the place marked.
  public var excerpt: String?
  /// The error that led to this one.
  public var cause: (any Error)?

  /// Who can mend it.
  public enum Fault: String, Sendable {
    /// The query, the pipeline file or the data.
    case user
    /// A file system, a peer, another process.
    case external
    /// Millrace itself.
    case bug
  }

  /// A piece of a SQL text. Whoever has the text makes a line and a column, or an excerpt, of it.
  public struct SQLFragment: Hashable, Sendable {
    /// UTF-8 offsets in the text.
    public var range: Range<Int>
    /// The view whose text is meant; nil for the text of the query itself.
    public var view: String?

    /// Makes a fragment.
    public init(_ range: Range<Int>, view: String? = nil) {
      self.range = range
      self.view = view
    }
  }

  /// Makes an error.
  public init(
    _ code: String, _ message: String, hint: String? = nil, fault: Fault = .user, isRetryable: Bool = false,
    location: String? = nil, cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.fault = fault
    self.isRetryable = isRetryable
    self.location = location
    self.cause = cause
  }

  /// `location: [CODE] message`, then the excerpt, the hint and the cause on lines of their own.
  public var description: String {
    var text = location.map { "\($0): " } ?? ""
    text += "[\(code)] \(message)"
    if let excerpt { text += "\n\(excerpt)" }
    if let hint { text += "\n  hint: \(hint)" }
    if let cause { text += "\n  cause: \(cause)" }
    return text
  }
}
