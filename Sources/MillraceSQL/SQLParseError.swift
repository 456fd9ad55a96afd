/// What is wrong with a SQL text, and where.
public struct SQLParseError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Spark's condition name, for instance `PARSE_SYNTAX_ERROR`, with the sub-class after a dot.
  public var code: String
  /// The fact, in lower case.
  public var message: String
  /// What to do about it.
  public var hint: String?
  /// The token or text at fault, when there is one.
  public var token: String?
  /// Line and column of the fault.
  public var location: SourceLocation
  /// The line of the text that holds the fault, shortened where it is long.
  public var excerpt: Excerpt

  /// A piece of one line with the place of the caret under it.
  public struct Excerpt: Hashable, Sendable {
    /// The piece of the line.
    public var text: String
    /// How many characters stand before the fault.
    public var caret: Int
  }

  /// Line of the fault, from 1.
  public var line: Int { location.line }
  /// Column of the fault, from 1.
  public var column: Int { location.column }

  /// Makes an error at a UTF-8 offset of a text.
  public init(
    _ code: String, _ message: String, hint: String? = nil, token: String? = nil, at offset: Int, in text: String
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.token = token
    location = SourceLocation(offset: offset, in: text)
    excerpt = Excerpt(offset: offset, in: text)
  }

  /// Code, message and place, the line with a caret, and the hint.
  public var description: String {
    var result = "[\(code)] \(message) (line \(line), column \(column))\n"
    result += "  \(excerpt.text)\n  \(String(repeating: " ", count: excerpt.caret))^"
    if let hint { result += "\nhint: \(hint)" }
    return result
  }
}

extension SQLParseError.Excerpt {
  /// Cuts the line around an offset, at most 60 bytes to each side.
  public init(offset: Int, in text: String) {
    let bytes = Array(text.utf8.dropFirst(Swift.max(0, offset - 60)).prefix(120))
    let at = Swift.min(offset, 60, bytes.count)
    let before = bytes[..<at].lastIndex { $0 == 0x0A || $0 == 0x0D }.map { $0 + 1 } ?? 0
    let after = bytes[at...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
    let shown = bytes[before..<after].map { $0 == 0x09 ? 0x20 : $0 }
    self.text = String(decoding: shown, as: UTF8.self)
    caret = String(decoding: shown.prefix(at - before), as: UTF8.self).unicodeScalars.count
  }

  /// A line that marks what is `length` characters long at the fault, as far as the piece goes.
  public func mark(length: Int) -> String {
    let room = text.unicodeScalars.count - caret
    return String(repeating: " ", count: caret) + String(repeating: "^", count: Swift.max(1, Swift.min(length, room)))
  }
}
