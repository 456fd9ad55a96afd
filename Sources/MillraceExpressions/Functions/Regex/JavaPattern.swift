/// A `java.util.regex` pattern rewritten for PCRE2.
///
/// Spark's regular expressions are Java's. What differs in meaning is rewritten (class intersection, POSIX properties,
/// `\uXXXX`, `\b`, flags), and what Java knows and PCRE2 does not, or the other way round, is refused by name.
/// Two differences stay: U+0085, U+2028 and U+2029 do not end a line, and `(?i)` folds all letters of a text that is not ASCII.
struct JavaPattern {
  /// For texts with bytes above 127, compiled in UTF mode.
  var unicode: String
  /// For ASCII texts, compiled for bytes; characters above 127 are replaced by one that such a text cannot hold.
  var ascii: String
  /// Capturing groups, the whole match not counted.
  var groupCount: Int
  /// Numbers of named groups.
  var groupNames: [String: Int]
  /// Whether `(?U)` asks for Unicode classes.
  var usesUnicodeClasses: Bool

  /// Translates, or throws `INVALID_PARAMETER_VALUE.PATTERN`. Java's names of groups have no underscores, those of columns have.
  init(_ source: String, allowsUnderscores: Bool = false) throws {
    func translator(isASCII: Bool, allGroups: Int?) -> JavaPatternTranslator {
      var translator = JavaPatternTranslator(source, isASCII: isASCII)
      translator.allowsUnderscores = allowsUnderscores
      translator.allGroups = allGroups
      return translator
    }
    var first = translator(isASCII: false, allGroups: nil)
    unicode = try first.translate()
    groupCount = first.groupCount
    if first.highestReference > groupCount {
      var again = translator(isASCII: false, allGroups: groupCount)
      unicode = try again.translate()
    }
    var second = translator(isASCII: true, allGroups: groupCount)
    ascii = try second.translate()
    groupNames = first.groupNames
    usesUnicodeClasses = first.usesUnicodeClasses
  }
}

/// One pass over a pattern, writing the PCRE2 spelling.
struct JavaPatternTranslator {
  let source: String
  let isASCII: Bool
  let input: [Unicode.Scalar]
  var position = 0
  var output = ""
  var groupCount = 0
  var groupNames: [String: Int] = [:]
  var usesUnicodeClasses = false
  /// Whether names of groups may have underscores.
  var allowsUnderscores = false
  /// The groups of the whole pattern, where a pass before this one counted them.
  var allGroups: Int?
  /// The highest group that is referred to by number.
  var highestReference = 0

  init(_ source: String, isASCII: Bool) {
    self.source = source
    self.isASCII = isASCII
    input = Array(source.unicodeScalars)
  }

  func failure(_ reason: String, hint: String? = nil) -> MillracePatternError {
    MillracePatternError.refused(source, reason, hint: hint)
  }

  func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    position + ahead < input.count ? input[position + ahead] : nil
  }

  mutating func translate() throws -> String {
    while let scalar = peek() {
      switch scalar {
      case "\\": try escape()
      case "[":
        position += 1
        output += try characterClass()
      case "(": try group()
      case "{": try repetition()
      case "$":
        position += 1
        output += Self.outsideCRLF("$")
      case "^":
        position += 1
        output += isBeforeQuantifier ? "(?:^)" : "^"
      case "*", "+", "?": quantifier()
      default:
        position += 1
        output += isASCII && scalar.value > 127 ? "\\x{ff}" : String(scalar)
      }
    }
    return output
  }

  /// Whether what was just read is repeated; PCRE2 wants no assertion to be.
  private var isBeforeQuantifier: Bool { peek().map { "*+?{".unicodeScalars.contains($0) } ?? false }

  /// `*`, `+` or `?`, and what makes it reluctant or possessive.
  private mutating func quantifier() {
    copy(1, prefix: "")
    quantifierEnd()
  }

  /// Java repeats nothing with a second quantifier in braces, and knows no other.
  private mutating func quantifierEnd() {
    if let scalar = peek(), scalar == "?" || scalar == "+" { copy(1, prefix: "") }
    if peek() == "{" { output += "(?:)" }
  }

  /// An end that is not between CR and LF, where PCRE2 finds a line that ends with LF.
  private static func outsideCRLF(_ end: String) -> String { #"(?:(?!(?<=\r)\n)\#(end))"# }

  /// `(`, and what Java allows behind it.
  private mutating func group() throws {
    position += 1
    guard peek() == "?" else {
      if peek() == "*" { throw failure("dangling meta character '*'") }
      groupCount += 1
      output += "("
      return
    }
    switch peek(1) {
    case ":", "=", "!", ">": copy(2, prefix: "(")
    case "<" where peek(2) == "=" || peek(2) == "!": copy(3, prefix: "(")
    case "<": try namedGroup()
    default: try flags()
    }
  }

  private mutating func copy(_ count: Int, prefix: String) {
    output += prefix
    for _ in 0..<count {
      output.unicodeScalars.append(input[position])
      position += 1
    }
  }

  private mutating func namedGroup() throws {
    position += 2
    var name = ""
    while let scalar = peek(), scalar != ">" {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    let isPlain = name.utf8.allSatisfy { isASCIIAlphanumeric($0) || allowsUnderscores && $0 == 0x5F }
    guard peek() == ">", isPlain, let head = name.utf8.first, head > 0x39 else {
      throw failure("capturing group name '\(name)' is not a letter followed by letters and digits")
    }
    position += 1
    groupCount += 1
    if groupNames.updateValue(groupCount, forKey: name) != nil { throw failure("group name <\(name)> is used twice") }
    output += "(?<\(name)>"
  }

  /// `(?idmsuxU-idmsuxU)` and `(?flags:`; `u` and `d` have no counterpart that changes what we match.
  private mutating func flags() throws {
    position += 1
    var kept = ""
    while let scalar = peek(), scalar != ")", scalar != ":" {
      switch scalar {
      case "i", "m", "s", "x", "-": kept.unicodeScalars.append(scalar)
      case "u", "d": break
      case "U":
        if output.isEmpty {
          usesUnicodeClasses = true
        } else {
          throw failure("flag U is understood only at the start of a pattern")
        }
      default:
        throw failure("unknown inline construct '(?\(scalar)'", hint: "Java knows neither recursion nor conditions")
      }
      position += 1
    }
    guard let end = peek() else { throw failure("unclosed group") }
    position += 1
    if kept == "-" { kept = "" }
    if end == ":" {
      output += "(?\(kept):"
    } else if !kept.isEmpty {
      output += "(?\(kept))"
    }
  }

  /// `{n}`, `{n,}`, `{n,m}`; any other `{` is an error in Java.
  private mutating func repetition() throws {
    var text = ""
    var ahead = 0
    while let scalar = peek(ahead), scalar != "}" {
      text.unicodeScalars.append(scalar)
      ahead += 1
    }
    let parts = text.dropFirst().split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
    let isNumber = { (part: Substring) in !part.isEmpty && part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
    guard peek(ahead) == "}", let first = parts.first, isNumber(first),
      parts.count == 1 || parts[1].isEmpty || isNumber(parts[1])
    else { throw failure("illegal repetition at '{'", hint: "write '\\\\{' for the character itself") }
    output += text + "}"
    position += ahead + 1
    quantifierEnd()
  }

  /// A backslash outside a class.
  private mutating func escape() throws {
    guard let next = peek(1) else { throw failure("unexpected end of the pattern after '\\'") }
    switch next {
    case "D" where !isASCII, "S" where !isASCII, "W" where !isASCII:
      // PCRE2's compiled code (10.42) takes no character beyond ASCII for one of these outside a class.
      output += "[\\\(next)]"
      position += 2
    case "d", "D", "s", "S", "w", "W", "h", "H", "v", "V", "R", "X", "A", "G", "z": copy(2, prefix: "")
    case "Z":
      position += 2
      output += Self.outsideCRLF(#"\Z"#)
    case "b" where peek(2) == "{" && peek(3) == "g": throw failure("\\b{g} is not supported")
    case "b", "B":
      position += 2
      let ofBytes = isBeforeQuantifier ? "(?:\\\(next))" : "\\\(next)"
      output += isASCII ? ofBytes : next == "b" ? Self.wordBoundary : "(?!\(Self.wordBoundary))"
    case "k": try namedReference()
    case "1"..."9": backReference()
    case "p", "P": output += "[\(try property())]"
    case "Q": for scalar in quoted() { output += literal(scalar) }
    default: output += literal(try escapedCharacter())
    }
  }

  /// Java's `\b` takes all letters and digits as word characters although `\w` does not.
  private static let wordBoundary =
    "(?:(?<=[\\p{L}\\p{Nd}_])(?![\\p{L}\\p{Nd}_])|(?<![\\p{L}\\p{Nd}_])(?=[\\p{L}\\p{Nd}_]))"

  private mutating func namedReference() throws {
    guard peek(2) == "<" else { throw failure("\\k is not followed by '<'") }
    position += 3
    var name = ""
    while let scalar = peek(), scalar != ">" {
      name.unicodeScalars.append(scalar)
      position += 1
    }
    position += 1
    guard let number = groupNames[name] else { throw failure("named group <\(name)> does not exist") }
    output += "\\g{\(number)}"
  }

  /// Takes further digits only while such a group has been opened, as Java does.
  private mutating func backReference() {
    var number = Int(input[position + 1].value - 0x30)
    position += 2
    while let scalar = peek(), scalar.value >= 0x30, scalar.value <= 0x39 {
      let longer = number * 10 + Int(scalar.value - 0x30)
      if longer > groupCount { break }
      number = longer
      position += 1
    }
    highestReference = max(highestReference, number)
    // A group that does not exist never matches.
    output += number > allGroups ?? number ? "(?!)" : "\\g{\(number)}"
  }

  /// The characters between `\Q` and `\E`.
  mutating func quoted() -> [Unicode.Scalar] {
    position += 2
    var result: [Unicode.Scalar] = []
    while let scalar = peek() {
      if scalar == "\\" && peek(1) == "E" {
        position += 2
        break
      }
      result.append(scalar)
      position += 1
    }
    return result
  }

  /// A backslash that stands for one character, in or outside a class.
  mutating func escapedCharacter() throws -> Unicode.Scalar {
    guard let next = peek(1) else { throw failure("unexpected end of the pattern after '\\'") }
    position += 2
    switch next {
    case "t": return "\t"
    case "n": return "\n"
    case "r": return "\r"
    case "f": return "\u{0C}"
    case "a": return "\u{07}"
    case "e": return "\u{1B}"
    case "0": return try octal()
    case "x" where peek() == "{":
      position += 1
      let digits = input[position...].prefix { $0 != "}" }
      position += digits.count + 1
      return try scalar(digits)
    case "x": return try hexadecimal(2)
    case "u": return try unicodeUnit()
    case "c":
      guard let control = peek(), control.value < 128 else { throw failure("illegal control escape") }
      position += 1
      return Unicode.Scalar(UInt8(control.value) ^ 64)
    default:
      if next.value < 128 && isASCIIAlphanumeric(UInt8(next.value)) {
        throw failure("illegal or unsupported escape sequence '\\\(next)'")
      }
      return next
    }
  }

  private mutating func octal() throws -> Unicode.Scalar {
    var value: UInt32 = 0
    var count = 0
    while count < 3, let digit = peek(), digit.value >= 0x30, digit.value <= 0x37,
      value * 8 + (digit.value - 0x30) <= 0o377
    {
      value = value * 8 + (digit.value - 0x30)
      count += 1
      position += 1
    }
    guard count > 0, let result = Unicode.Scalar(value) else { throw failure("illegal octal escape sequence") }
    return result
  }

  private func scalar(_ digits: ArraySlice<Unicode.Scalar>) throws -> Unicode.Scalar {
    var text = ""
    text.unicodeScalars.append(contentsOf: digits)
    guard let value = UInt32(text, radix: 16), let result = Unicode.Scalar(value) else {
      throw failure("illegal hexadecimal escape sequence '\(text)'")
    }
    return result
  }

  private mutating func hexadecimal(_ count: Int) throws -> Unicode.Scalar {
    let digits = input[position...].prefix(count)
    position += digits.count
    return try scalar(digits)
  }

  /// `\uXXXX`; two surrogates make one character.
  private mutating func unicodeUnit() throws -> Unicode.Scalar {
    var text = ""
    text.unicodeScalars.append(contentsOf: input[position...].prefix(4))
    guard let high = UInt32(text, radix: 16), text.utf8.count == 4 else {
      throw failure("illegal Unicode escape sequence")
    }
    position += 4
    if high >= 0xD800 && high < 0xDC00 && peek() == "\\" && peek(1) == "u" {
      var second = ""
      second.unicodeScalars.append(contentsOf: input[(position + 2)...].prefix(4))
      if let low = UInt32(second, radix: 16), low >= 0xDC00, low < 0xE000,
        let result = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      {
        position += 6
        return result
      }
    }
    guard let result = Unicode.Scalar(high) else { throw failure("lone surrogate in a Unicode escape sequence") }
    return result
  }

  /// A character that stands for itself, in or outside a class.
  func literal(_ scalar: Unicode.Scalar) -> String {
    if scalar.value > 127 { return isASCII ? "\\x{ff}" : "\\x{" + String(scalar.value, radix: 16) + "}" }
    if isASCIIAlphanumeric(UInt8(scalar.value)) { return String(scalar) }
    return scalar.value < 33 || scalar.value == 127 ? "\\x{" + String(scalar.value, radix: 16) + "}" : "\\\(scalar)"
  }
}

/// Whether a byte is an ASCII letter or digit.
func isASCIIAlphanumeric(_ byte: UInt8) -> Bool {
  byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A
}
