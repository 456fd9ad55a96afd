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
    case general(Parts)
  }

  /// The parts of a pattern, texts as ranges of one array, so that a walk through them holds on to nothing.
  private struct Parts: Sendable {
    struct Part: BitwiseCopyable {
      enum Kind: UInt8, BitwiseCopyable { case text, one, many }
      var kind: Kind
      /// Where its text lies.
      var start = 0
      var count = 0
    }

    var texts: [UInt8] = []
    var parts: [Part] = []

    init(_ tokens: [Token]) {
      for token in tokens {
        switch token {
        case .text(let text):
          parts.append(Part(kind: .text, start: texts.count, count: text.count))
          texts += text
        case .one: parts.append(Part(kind: .one))
        case .many: parts.append(Part(kind: .many))
        }
      }
    }
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
    default: return .general(Parts(tokens))
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
    case .general(let pattern):
      return pattern.parts.withUnsafeBufferPointer { parts in
        pattern.texts.withUnsafeBytes { Walk(parts: parts, texts: $0, bytes: bytes).matches() }
      }
    }
  }

  /// Takes each `%` as short as possible and returns to the last one only, which suffices for such patterns.
  private struct Walk {
    let parts: UnsafeBufferPointer<Parts.Part>
    let texts: UnsafeRawBufferPointer
    let bytes: UnsafeRawBufferPointer

    func matches() -> Bool {
      var at = 0, part = 0
      var lastMany = -1, retry = 0
      while true {
        if part < parts.count, parts[part].kind == .many {
          guard let next = candidate(behind: part, at) else { return false }
          lastMany = part
          retry = next
          at = next
          part += 1
          continue
        }
        if part == parts.count {
          if at == bytes.count { return true }
        } else if let next = step(parts[part], at) {
          at = next
          part += 1
          continue
        }
        guard lastMany >= 0, retry < bytes.count else { return false }
        let behind = retry + utf8Length(bytes[retry])
        guard behind <= bytes.count, let next = candidate(behind: lastMany, behind) else { return false }
        retry = next
        at = next
        part = lastMany + 1
      }
    }

    private func text(_ part: Parts.Part) -> UnsafeRawBufferPointer { texts.part(part.start..<part.start + part.count) }

    /// Where what follows the `%` at `many` can begin, from `at` on. A text is searched for: trying each character costs a hundred
    /// times as much.
    private func candidate(behind many: Int, _ at: Int) -> Int? {
      guard many + 1 < parts.count, parts[many + 1].kind == .text else { return at }
      return bytes.offset(of: text(parts[many + 1]), from: at)
    }

    private func step(_ part: Parts.Part, _ at: Int) -> Int? {
      switch part.kind {
      case .text: bytes.matches(text(part), at: at) ? at + part.count : nil
      case .one: at < bytes.count ? min(at + utf8Length(bytes[at]), bytes.count) : nil
      case .many: at
      }
    }
  }
}
