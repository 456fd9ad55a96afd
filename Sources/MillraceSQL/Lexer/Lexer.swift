/// Splits SQL text into tokens in one pass.
struct Lexer {
  private let bytes: [UInt8]
  private var at = 0
  private var tokens: [Token] = []
  /// Whether a hint is open, so that `*/` closes it.
  private var isInHint = false

  /// Why a text cannot be split into tokens.
  struct Failure: Error {
    var code: String
    var message: String
    var hint: String?
    var start: Int
  }

  /// The tokens of a text, the last one `end`.
  static func tokens(of bytes: [UInt8]) throws(Failure) -> [Token] {
    guard bytes.count < Int(UInt32.max) else {
      throw Failure(code: "PARSE_SYNTAX_ERROR", message: "the SQL text is longer than 4 GiB", start: 0)
    }
    var lexer = Lexer(bytes: bytes)
    lexer.tokens.reserveCapacity(bytes.count / 4 + 8)
    while try lexer.skipBlanks() { try lexer.next() }
    lexer.add(.end, from: bytes.count)
    return lexer.tokens
  }

  private init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  private func byte(_ offset: Int = 0) -> UInt8 {
    at + offset < bytes.count ? bytes[at + offset] : 0
  }

  private mutating func add(_ kind: Token.Kind, from start: Int) {
    tokens.append(Token(kind: kind, start: UInt32(start), end: UInt32(at)))
  }

  /// Skips blanks and comments; false at the end of the text.
  private mutating func skipBlanks() throws(Failure) -> Bool {
    while at < bytes.count {
      let width = blankWidth
      if width > 0 {
        at += width
      } else if byte() == UInt8(ascii: "-") && byte(1) == UInt8(ascii: "-") {
        skipLineComment()
      } else if byte() == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*") && byte(2) != UInt8(ascii: "+") {
        try skipBlockComment()
      } else {
        return true
      }
    }
    return false
  }

  /// Bytes of the blank at the current place: ASCII blanks, the no-break and ideographic spaces, the byte-order mark.
  private var blankWidth: Int {
    switch byte() {
    case 0x20, 0x09...0x0D: 1
    case 0xC2 where byte(1) == 0xA0: 2
    case 0xE3 where byte(1) == 0x80 && byte(2) == 0x80: 3
    case 0xEF where byte(1) == 0xBB && byte(2) == 0xBF: 3
    default: 0
    }
  }

  private mutating func skipLineComment() {
    while at < bytes.count && byte() != 0x0A && byte() != 0x0D {
      // A backslash before the line's end continues the comment.
      at += byte() == UInt8(ascii: "\\") && byte(1) == 0x0A ? 2 : 1
    }
  }

  private mutating func skipBlockComment() throws(Failure) {
    let start = at
    var depth = 0
    repeat {
      if at + 1 >= bytes.count {
        throw Failure(
          code: "UNCLOSED_BRACKETED_COMMENT", message: "a comment that begins with /* is not closed",
          hint: "close it with */; comments nest", start: start)
      }
      if byte() == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*") {
        depth += 1
        at += 2
      } else if byte() == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/") {
        depth -= 1
        at += 2
      } else {
        at += 1
      }
    } while depth > 0
  }

  private mutating func next() throws(Failure) {
    let first = byte()
    switch first {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): try string(isRaw: false)
    case UInt8(ascii: "`"): try quotedName()
    case UInt8(ascii: "r") where isQuote(byte(1)), UInt8(ascii: "R") where isQuote(byte(1)):
      at += 1
      try string(isRaw: true)
    case UInt8(ascii: "."):
      if isDigit(byte(1)) && !followsName { number() } else { try symbol() }
    case _ where isDigit(first): number()
    case _ where isWord(first): word()
    default: try symbol()
    }
  }

  /// Whether a point here selects a field of what stands right before it.
  private var followsName: Bool {
    guard let last = tokens.last, Int(last.end) == at else { return false }
    switch last.kind {
    case .word, .quotedName, .symbol(.rightParen), .symbol(.rightBracket): return true
    default: return false
    }
  }

  private mutating func word() {
    let start = at
    while isWord(byte()) { at += 1 }
    add(.word(keyword(start..<at)), from: start)
  }

  private func keyword(_ range: Range<Int>) -> Keyword? {
    guard range.count <= Keyword.maximumLength, bytes[range.lowerBound] < 0x80 else { return nil }
    let spelling = String(unsafeUninitializedCapacity: range.count) { buffer in
      for (index, byte) in bytes[range].enumerated() {
        buffer[index] = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
      }
      return range.count
    }
    return Keyword.bySpelling[spelling]
  }

  private mutating func quotedName() throws(Failure) {
    let start = at
    at += 1
    while at < bytes.count {
      if byte() == UInt8(ascii: "`") {
        if byte(1) != UInt8(ascii: "`") {
          at += 1
          return add(.quotedName, from: start)
        }
        at += 1
      }
      at += 1
    }
    throw Failure(
      code: "PARSE_SYNTAX_ERROR", message: "a name that begins with ` is not closed",
      hint: "end it with `; write `` for a back-tick inside", start: start)
  }

  private mutating func string(isRaw: Bool) throws(Failure) {
    let start = isRaw ? at - 1 : at
    let quote = byte()
    at += 1
    while at < bytes.count {
      if byte() == quote {
        if isRaw || byte(1) != quote {
          at += 1
          return add(.string(isRaw: isRaw), from: start)
        }
        at += 1
      } else if byte() == UInt8(ascii: "\\") && !isRaw {
        at += 1
      }
      at += 1
    }
    throw Failure(
      code: "PARSE_SYNTAX_ERROR", message: "a string is not closed",
      hint: "end it with the quote it begins with; double the quote to have one inside", start: start)
  }

  /// Reads digits with point, exponent and suffix; a name that begins with digits is a word.
  private mutating func number() {
    let start = at
    while isDigit(byte()) { at += 1 }
    let integerEnd = at
    var form = Token.NumberForm.integer
    if byte() == UInt8(ascii: ".") {
      at += 1
      while isDigit(byte()) { at += 1 }
      form = .decimal
    }
    if let width = exponentWidth {
      at += width
      form = .exponent
    }
    form = suffix(after: form)
    if isWord(byte()) {
      if integerEnd > start && bytes[start..<at].allSatisfy({ isWord($0) }) { at = start; return word() }
      // `1.a`: the point is not part of the number.
      if integerEnd > start { at = integerEnd; form = .integer }
    }
    add(.number(form), from: start)
  }

  private var exponentWidth: Int? {
    guard byte() | 0x20 == UInt8(ascii: "e") else { return nil }
    let sign = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-") ? 1 : 0
    guard isDigit(byte(1 + sign)) else { return nil }
    var width = 1 + sign
    while isDigit(byte(width)) { width += 1 }
    return width
  }

  private mutating func suffix(after form: Token.NumberForm) -> Token.NumberForm {
    let (result, width): (Token.NumberForm, Int) =
      switch (byte() | 0x20, byte(1) | 0x20) {
      case (UInt8(ascii: "b"), UInt8(ascii: "d")): (.bigDecimal, 2)
      case (UInt8(ascii: "d"), _): (.double, 1)
      case (UInt8(ascii: "f"), _): (.float, 1)
      case (UInt8(ascii: "l"), _) where form == .integer: (.big, 1)
      case (UInt8(ascii: "s"), _) where form == .integer: (.small, 1)
      case (UInt8(ascii: "y"), _) where form == .integer: (.tiny, 1)
      default: (form, 0)
      }
    if width == 0 || isWord(byte(width)) { return form }
    at += width
    return result
  }

  private mutating func symbol() throws(Failure) {
    let start = at
    if byte() == UInt8(ascii: "/") && byte(1) == UInt8(ascii: "*") {
      at += 3
      isInHint = true
      return add(.hintStart, from: start)
    }
    if isInHint && byte() == UInt8(ascii: "*") && byte(1) == UInt8(ascii: "/") {
      at += 2
      isInHint = false
      return add(.hintEnd, from: start)
    }
    let available = Swift.min(3, bytes.count - at)
    for length in stride(from: available, to: 0, by: -1) {
      if let symbol = Self.symbols[bytes[at..<at + length].reduce(0) { $0 << 8 | UInt32($1) }] {
        at += length
        return add(.symbol(symbol), from: start)
      }
    }
    throw Failure(
      code: "PARSE_SYNTAX_ERROR",
      message: "the character \(Character(UnicodeScalar(byte()))) has no meaning in SQL here",
      start: start)
  }

  /// Symbols by their bytes, big-endian; `!<` and `!>` are old spellings of comparisons.
  private static let symbols: [UInt32: Symbol] = {
    let spellings = [
      "(", ")", "[", "]", ",", ".", ";", ":", "::", "?", "->", "=>", "|>", "!", "~", "+", "-", "*", "/", "%", "||", "|",
      "^", "&", "=", "==", "<=>", "<>", "!=", "<", "<=", ">", ">=", "<<", ">>", ">>>",
    ]
    var table: [UInt32: Symbol] = [:]
    for spelling in spellings { table[code(spelling)] = Symbol(rawValue: spelling) }
    table[code("!<")] = .greaterOrEqual
    table[code("!>")] = .lessOrEqual
    return table
  }()

  private static func code(_ spelling: String) -> UInt32 { spelling.utf8.reduce(0) { $0 << 8 | UInt32($1) } }
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

private func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") }

/// Letters, digits, underscore and everything beyond ASCII.
private func isWord(_ byte: UInt8) -> Bool {
  isDigit(byte) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == 0x5F || byte >= 0x80
}
