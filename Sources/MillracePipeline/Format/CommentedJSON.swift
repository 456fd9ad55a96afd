/// JSON with its comments: what a formatter must know of a text. Strings, numbers and comments keep their spelling.
struct CommentedJSON {
  /// What an element holds.
  indirect enum Value {
    /// A string, a number or a word.
    case scalar(String)
    case container(Container)
  }

  /// An object or an array.
  struct Container {
    var opening: String
    var closing: String
    var elements: [Element] = []
    /// Comments behind the opening bracket, on its line.
    var head: [String] = []
    /// Comments in front of the closing bracket.
    var tail: [Comment] = []
    /// Whether the author broke the line behind the opening bracket.
    var isBroken = false
  }

  /// A member of an object, or an element of an array.
  struct Element {
    /// Comments above it.
    var above: [Comment] = []
    /// The key as it is spelt; nil in an array.
    var key: String?
    /// Comments between the key, or the comma in front, and the value.
    var inside: [String] = []
    var value: Value
    /// Comments behind it, on its line.
    var behind: [String] = []
    /// Whether an empty line stands in front of it, or of the comments above it.
    var hasGap = false

    /// Adds comments behind it. After one that goes to the end of the line there is no room for more; they go above it.
    mutating func addBehind(_ comments: [String]) {
      if behind.last?.hasPrefix("//") == true {
        above += comments.map { Comment(text: $0, hasGap: false) }
      } else {
        behind += comments
      }
    }
  }

  /// A comment on a line of its own.
  struct Comment {
    var text: String
    var hasGap: Bool
  }

  var above: [Comment] = []
  var root: Value
  var below: [Comment] = []
  /// Whether a comma stands behind some last element: the author's habit.
  var hasTrailingCommas = false
}

/// Reads text whose syntax was checked.
struct CommentedJSONReader {
  private enum Token {
    /// One of `{}[]:,`.
    case sign(String)
    case scalar(String)
    case comment(String)
    case end
  }

  /// A token and what stood in front of it.
  private struct Placed {
    var token: Token
    var lineBreaks: Int
  }

  private let bytes: [UInt8]
  private var at = 0
  private var next: Placed
  private var hasTrailingCommas = false

  /// The tree of a text, which must be what `LocatedJSONParser` takes.
  static func read(_ bytes: [UInt8]) -> CommentedJSON {
    var reader = CommentedJSONReader(bytes)
    return reader.document()
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    next = Placed(token: .end, lineBreaks: 0)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    advance()
  }

  // MARK: Tokens

  private mutating func advance() {
    var lineBreaks = 0
    while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) {
      if bytes[at] == 0x0A { lineBreaks += 1 }
      at += 1
    }
    next = Placed(token: token(), lineBreaks: lineBreaks)
  }

  private mutating func token() -> Token {
    guard at < bytes.count else { return .end }
    let start = at
    switch bytes[at] {
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"),
      UInt8(ascii: ","):
      at += 1
      return .sign(text(start))
    case UInt8(ascii: "/"):
      let isBlock = at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "*")
      at += 2
      if isBlock {
        while at + 1 < bytes.count, !(bytes[at] == UInt8(ascii: "*") && bytes[at + 1] == UInt8(ascii: "/")) { at += 1 }
        at = min(at + 2, bytes.count)
        return .comment(text(start).replacing("\r\n", with: "\n"))
      }
      while at < bytes.count, bytes[at] != 0x0A { at += 1 }
      var comment = text(start)
      while let last = comment.last, last == " " || last == "\t" || last == "\r" { comment.removeLast() }
      return .comment(comment)
    case UInt8(ascii: "\""):
      at += 1
      while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
      at = min(at + 1, bytes.count)
      return .scalar(text(start))
    default:
      while at < bytes.count, !" \t\r\n{}[]:,/\"".utf8.contains(bytes[at]) { at += 1 }
      // What is no JSON is not here: the text was checked. Go on all the same.
      if at == start { at += 1 }
      return .scalar(text(start))
    }
  }

  private func text(_ start: Int) -> String { String(decoding: bytes[start..<at], as: UTF8.self) }

  private func isSign(_ sign: String) -> Bool { if case .sign(sign) = next.token { true } else { false } }

  private var isEnd: Bool { if case .end = next.token { true } else { false } }

  private var comment: String? { if case .comment(let text) = next.token { text } else { nil } }

  // MARK: Structure

  private mutating func document() -> CommentedJSON {
    let above = comments()
    let root = value()
    var below: [CommentedJSON.Comment] = []
    while let text = comment {
      below.append(CommentedJSON.Comment(text: text, hasGap: next.lineBreaks > 1))
      advance()
    }
    return CommentedJSON(above: above, root: root, below: below, hasTrailingCommas: hasTrailingCommas)
  }

  /// Comments up to the next token that is none.
  private mutating func comments() -> [CommentedJSON.Comment] {
    var found: [CommentedJSON.Comment] = []
    while let text = comment {
      found.append(CommentedJSON.Comment(text: text, hasGap: next.lineBreaks > 1))
      advance()
    }
    return found
  }

  /// Comments that begin on the line of the token before.
  private mutating func commentsOnLine() -> [String] {
    var found: [String] = []
    while let text = comment, next.lineBreaks == 0 {
      found.append(text)
      advance()
    }
    return found
  }

  private mutating func value() -> CommentedJSON.Value {
    switch next.token {
    case .sign(let opening) where opening == "{" || opening == "[": return .container(container(opening))
    case .scalar(let text):
      advance()
      return .scalar(text)
    case .sign, .comment, .end: return .scalar("null")
    }
  }

  private mutating func container(_ opening: String) -> CommentedJSON.Container {
    var container = CommentedJSON.Container(opening: opening, closing: opening == "{" ? "}" : "]")
    advance()
    container.head = commentsOnLine()
    container.isBroken = next.lineBreaks > 0
    var isAfterComma = false
    while !isEnd {
      let hasGap = next.lineBreaks > 1
      let above = comments()
      if isSign(container.closing) {
        container.tail = above
        if isAfterComma { hasTrailingCommas = true }
        break
      }
      container.elements.append(element(above, hasGap: hasGap, isMember: opening == "{"))
      isAfterComma = isSign(",")
      if !isAfterComma { continue }
      advance()
      container.elements[container.elements.count - 1].addBehind(commentsOnLine())
    }
    advance()
    return container
  }

  private mutating func element(_ above: [CommentedJSON.Comment], hasGap: Bool, isMember: Bool) -> CommentedJSON.Element
  {
    var element = CommentedJSON.Element(above: above, value: .scalar("null"), hasGap: hasGap)
    if isMember, case .scalar(let key) = next.token {
      element.key = key
      advance()
      element.inside += comments().map(\.text)
      if isSign(":") { advance() }
      element.inside += comments().map(\.text)
    }
    // A comment to the end of the line cannot stay in front of a value.
    let lines = element.inside.filter { $0.hasPrefix("//") || $0.contains("\n") }
    element.above += lines.map { CommentedJSON.Comment(text: $0, hasGap: false) }
    element.inside.removeAll { $0.hasPrefix("//") || $0.contains("\n") }
    element.value = value()
    element.behind = commentsOnLine()
    // Comments on lines of their own between a value and its comma, or the bracket behind it.
    element.above += comments()
    return element
  }
}
