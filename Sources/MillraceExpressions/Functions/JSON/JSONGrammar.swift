/// What JSON text may have beyond the standard; Spark's options `allow…`.
struct JSONGrammar: OptionSet {
  let rawValue: UInt8

  /// NaN, Infinity and -Infinity.
  static let nonNumericNumbers = JSONGrammar(rawValue: 1)
  static let singleQuotes = JSONGrammar(rawValue: 2)
  static let unquotedNames = JSONGrammar(rawValue: 4)
  /// Numbers such as 007.
  static let leadingZeros = JSONGrammar(rawValue: 8)
  /// As in Java.
  static let comments = JSONGrammar(rawValue: 16)
  /// A backslash before any character.
  static let anyEscape = JSONGrammar(rawValue: 32)
  /// Line ends and other control characters inside of strings.
  static let controlCharacters = JSONGrammar(rawValue: 64)

  /// That of functions that look for parts of a text.
  static let lookup: JSONGrammar = [.singleQuotes]
  /// That of records, unless options say otherwise.
  static let records: JSONGrammar = [.singleQuotes, .nonNumericNumbers]

  /// The grammar that options ask for; their names in lower case.
  init(_ options: [String: String]) {
    self = .records
    let names: [(String, JSONGrammar)] = [
      ("allownonnumericnumbers", .nonNumericNumbers), ("allowsinglequotes", .singleQuotes),
      ("allowunquotedfieldnames", .unquotedNames), ("allownumericleadingzeros", .leadingZeros),
      ("allowcomments", .comments), ("allowbackslashescapinganycharacter", .anyEscape),
      ("allowunquotedcontrolchars", .controlCharacters),
    ]
    for (name, part) in names {
      guard let value = options[name]?.lowercased() else { continue }
      if value == "true" { insert(part) } else { remove(part) }
    }
  }

  init(rawValue: UInt8) { self.rawValue = rawValue }
}
