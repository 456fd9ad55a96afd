import MillraceColumnar

/// A compiled LIKE pattern; the common shapes need no walk through its parts.
struct LikeMatcher: Sendable {
  private enum Token: Sendable, Equatable {
    case text([UInt8])
    case one
    case many
  }

  private enum Shape: Sendable {
    case equals([UInt8])
    case prefix([UInt8])
    case suffix([UInt8])
    case contains([UInt8])
    case prefixAndSuffix([UInt8], [UInt8])
    case general([Token])
  }

  private let shape: Shape

  /// Throws `INVALID_FORMAT.ESC_AT_THE_END` and `INVALID_FORMAT.ESC_IN_THE_MIDDLE`.
  init(_ pattern: String, escape: Unicode.Scalar) throws {
    var tokens: [Token] = []
    var text = ""
    func flush() {
      if !text.isEmpty { tokens.append(.text(Array(text.utf8))) }
      text = ""
    }
    var rest = pattern.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == escape {
        guard let next = rest.popFirst() else {
          throw MillraceError(
            "INVALID_FORMAT.ESC_AT_THE_END", "the pattern '\(pattern)' ends with its escape character")
        }
        guard next == "_" || next == "%" || next == escape else {
          throw MillraceError(
            "INVALID_FORMAT.ESC_IN_THE_MIDDLE", "the escape character of '\(pattern)' stands before '\(next)'",
            hint: "it may stand only before '_', '%' and itself")
        }
        text.unicodeScalars.append(next)
      } else if scalar == "%" {
        flush()
        if tokens.last != .many { tokens.append(.many) }
      } else if scalar == "_" {
        flush()
        tokens.append(.one)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    flush()
    shape = Self.shape(tokens)
  }

  private static func shape(_ tokens: [Token]) -> Shape {
    if tokens.isEmpty { return .equals([]) }
    if tokens == [.many] { return .prefix([]) }
    switch (tokens.count, tokens[0], tokens.count > 1 ? tokens[1] : .one, tokens.count > 2 ? tokens[2] : .one) {
    case (1, .text(let text), _, _): return .equals(text)
    case (2, .text(let text), .many, _): return .prefix(text)
    case (2, .many, .text(let text), _): return .suffix(text)
    case (3, .many, .text(let text), .many): return .contains(text)
    case (3, .text(let head), .many, .text(let tail)): return .prefixAndSuffix(head, tail)
    default: return .general(tokens)
    }
  }

  /// Whether the whole text matches.
  func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    switch shape {
    case .equals(let text): return bytes.count == text.count && text.withUnsafeBytes { bytes.matches($0, at: 0) }
    case .prefix(let text): return text.withUnsafeBytes { bytes.matches($0, at: 0) }
    case .suffix(let text): return text.withUnsafeBytes { bytes.matches($0, at: bytes.count - text.count) }
    case .contains(let text): return text.withUnsafeBytes { bytes.offset(of: $0) != nil }
    case .prefixAndSuffix(let head, let tail):
      return bytes.count >= head.count + tail.count && head.withUnsafeBytes { bytes.matches($0, at: 0) }
        && tail.withUnsafeBytes { bytes.matches($0, at: bytes.count - tail.count) }
    case .general(let tokens): return Self.walk(tokens, bytes)
    }
  }

  /// Takes each `%` as short as possible and returns to the last one only, which suffices for such patterns.
  private static func walk(_ tokens: [Token], _ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0, token = 0
    var lastMany = -1, retry = 0
    while true {
      if token < tokens.count, case .many = tokens[token] {
        guard let next = candidate(tokens, behind: token, bytes, at) else { return false }
        lastMany = token
        retry = next
        at = next
        token += 1
        continue
      }
      if token == tokens.count {
        if at == bytes.count { return true }
      } else if let next = step(tokens[token], bytes, at) {
        at = next
        token += 1
        continue
      }
      guard lastMany >= 0, retry < bytes.count else { return false }
      let behind = retry + utf8Length(bytes[retry])
      guard behind <= bytes.count, let next = candidate(tokens, behind: lastMany, bytes, behind) else { return false }
      retry = next
      at = next
      token = lastMany + 1
    }
  }

  /// Where what follows the `%` at `many` can begin, from `at` on. A text is searched for: trying each character costs a hundred
  /// times as much.
  private static func candidate(_ tokens: [Token], behind many: Int, _ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int?
  {
    guard many + 1 < tokens.count, case .text(let text) = tokens[many + 1] else { return at }
    return text.withUnsafeBytes { bytes.offset(of: $0, from: at) }
  }

  private static func step(_ token: Token, _ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int? {
    switch token {
    case .text(let text): return text.withUnsafeBytes { bytes.matches($0, at: at) } ? at + text.count : nil
    case .one: return at < bytes.count ? min(at + utf8Length(bytes[at]), bytes.count) : nil
    case .many: return at
    }
  }
}
