/// One lexical unit with its place in the text.
struct Token {
  var kind: Kind
  var start: UInt32
  var end: UInt32

  /// What a token is.
  enum Kind: Equatable {
    /// An unquoted identifier, possibly a keyword.
    case word(Keyword?)
    /// A name in back-ticks.
    case quotedName
    /// A string in quotes; escapes are live unless `isRaw`.
    case string(isRaw: Bool)
    case number(NumberForm)
    case symbol(Symbol)
    /// `/*+`
    case hintStart
    /// `*/`
    case hintEnd
    case end
  }

  /// What the suffix and the shape of a number say.
  enum NumberForm: Equatable {
    case integer
    /// Digits with a point.
    case decimal
    /// An exponent without suffix: a double.
    case exponent
    /// Y, S, L.
    case tiny, small, big
    /// F, D, BD.
    case float, double, bigDecimal
  }
}

/// Punctuation and operators.
enum Symbol: String {
  case leftParen = "("
  case rightParen = ")"
  case leftBracket = "["
  case rightBracket = "]"
  case comma = ","
  case dot = "."
  case semicolon = ";"
  case colon = ":"
  case doubleColon = "::"
  case question = "?"
  case arrow = "->"
  case fatArrow = "=>"
  case pipeArrow = "|>"
  case bang = "!"
  case tilde = "~"
  case plus = "+"
  case minus = "-"
  case star = "*"
  case slash = "/"
  case percent = "%"
  case concat = "||"
  case bar = "|"
  case caret = "^"
  case ampersand = "&"
  case equal = "="
  case doubleEqual = "=="
  case nullSafeEqual = "<=>"
  case notEqual = "<>"
  case bangEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case shiftLeft = "<<"
  case shiftRight = ">>"
  case shiftRightUnsigned = ">>>"

  /// What remains when the first `>` closes a type's parameters; nil when nothing does.
  var afterClosing: Symbol?? {
    switch self {
    case .greater: .some(nil)
    case .shiftRight: .greater
    case .shiftRightUnsigned: .shiftRight
    case .greaterOrEqual: .equal
    default: nil
    }
  }
}
