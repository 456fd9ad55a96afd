/// Character classes: Java has unions and intersections inside brackets, PCRE2 has not.
extension JavaPatternTranslator {
  /// One side of `&&`: characters for one pair of brackets, and nested classes that cannot be merged into them.
  private struct Operand {
    var items = ""
    var nested: [String] = []

    var isEmpty: Bool { items.isEmpty && nested.isEmpty }

    var rendered: String {
      let all = (items.isEmpty ? [] : ["[\(items)]"]) + nested
      return all.count == 1 ? all[0] : "(?:" + all.joined(separator: "|") + ")"
    }
  }

  /// Reads behind `[` up to the matching `]` and gives an expression that matches one character.
  mutating func characterClass() throws -> String {
    let parsed = try parseClass()
    return render(parsed.operands, isNegated: parsed.isNegated)
  }

  private mutating func parseClass() throws -> (operands: [Operand], isNegated: Bool) {
    var operands = [Operand()]
    var isNegated = false
    if peek() == "^" {
      isNegated = true
      position += 1
    }
    while let scalar = peek() {
      let last = operands.count - 1
      if scalar == "]" && !(operands.count == 1 && operands[0].isEmpty) {
        position += 1
        return (operands.filter { !$0.isEmpty }, isNegated)
      }
      if scalar == "&" && peek(1) == "&" {
        position += 2
        operands.append(Operand())
      } else if scalar == "[" {
        position += 1
        let inner = try parseClass()
        if inner.operands.count == 1 && !inner.isNegated && inner.operands[0].nested.isEmpty {
          operands[last].items += inner.operands[0].items
        } else {
          operands[last].nested.append(render(inner.operands, isNegated: inner.isNegated))
        }
      } else {
        operands[last].items += try classItem()
      }
    }
    throw failure("unclosed character class")
  }

  private func render(_ operands: [Operand], isNegated: Bool) -> String {
    if operands.count == 1 && operands[0].nested.isEmpty { return "[\(isNegated ? "^" : "")\(operands[0].items)]" }
    guard let first = operands.first else { return isNegated ? "(?s:.)" : "(?!)" }
    let positive = operands.dropFirst().map { "(?=\($0.rendered))" }.joined() + first.rendered
    return isNegated ? "(?:(?!\(positive))(?s:.))" : "(?:\(positive))"
  }

  /// A character, a range, or a predefined class.
  private mutating func classItem() throws -> String {
    if peek() == "\\", let next = peek(1) {
      switch next {
      case "d", "D", "s", "S", "w", "W", "h", "H", "v", "V":
        position += 2
        return "\\\(next)"
      case "p", "P": return try property()
      case "Q": return quoted().map { literal($0) }.joined()
      default: break
      }
    }
    let low = try classCharacter()
    guard peek() == "-", let end = peek(1), end != "]", end != "[", !(end == "\\" && isClassEscape(peek(2))) else {
      return literal(low)
    }
    position += 1
    let high = try classCharacter()
    if high.value < low.value { throw failure("illegal character range '\(low)-\(high)'") }
    return literal(low) + "-" + literal(high)
  }

  private func isClassEscape(_ scalar: Unicode.Scalar?) -> Bool {
    guard let scalar else { return false }
    return "dDsSwWhHvVpPQ".unicodeScalars.contains(scalar)
  }

  private mutating func classCharacter() throws -> Unicode.Scalar {
    guard let scalar = peek() else { throw failure("unclosed character class") }
    if scalar == "\\" { return try escapedCharacter() }
    position += 1
    return scalar
  }

  /// `\p{…}` and `\P{…}` as items of a class.
  mutating func property() throws -> String {
    let isNegated = peek(1) == "P"
    position += 2
    var name = ""
    if peek() == "{" {
      position += 1
      while let scalar = peek(), scalar != "}" {
        name.unicodeScalars.append(scalar)
        position += 1
      }
      if peek() != "}" { throw failure("unclosed character family") }
      position += 1
    } else if let scalar = peek() {
      name = String(scalar)
      position += 1
    }
    if let posix = Self.posix[name] { return isNegated ? "[:^\(posix):]" : "[:\(posix):]" }
    if name == "ASCII" { return isNegated ? (isASCII ? "\\x{ff}" : "\\x{80}-\\x{10ffff}") : "\\x{0}-\\x{7f}" }
    if name.hasPrefix("In") || name.hasPrefix("java") || name.hasPrefix("blk=") || name.hasPrefix("block=") {
      throw failure(
        "\\p{\(name)} is not supported", hint: "name a script such as \\p{IsGreek} or a category such as \\p{L}")
    }
    var plain = name
    for prefix in ["general_category=", "gc=", "script=", "sc=", "Is"] where plain.hasPrefix(prefix) {
      plain.removeFirst(prefix.count)
      break
    }
    return "\\\(isNegated ? "P" : "p"){\(plain)}"
  }

  /// Java's POSIX classes, ASCII only as in Java.
  private static let posix = [
    "Lower": "lower", "Upper": "upper", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum", "Punct": "punct",
    "Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit", "Space": "space",
  ]
}
