import MillraceColumnar

/// A path such as `$.a[0]['b c'][*]` for `get_json_object`.
struct JSONPath: Sendable {
  enum Step: Sendable {
    case field([UInt8])
    case index(Int)
    /// `[*]`
    case allElements
    /// `.*`, which leads nowhere: Spark matches it with no value.
    case allFields
  }

  let steps: [Step]

  /// Reads a path; nil if it is none.
  init?(_ text: UnsafeRawBufferPointer) {
    guard text.first == 0x24 else { return nil }
    var steps: [Step] = []
    var at = 1
    while at < text.count {
      if text[at] == 0x2E {
        at += 1
        if at < text.count, text[at] == 0x2A {
          steps.append(.allFields)
          at += 1
          continue
        }
        let end = text[at...].firstIndex { $0 == 0x2E || $0 == 0x5B } ?? text.count
        guard end > at else { return nil }
        steps.append(.field(Array(text[at..<end])))
        at = end
      } else if text[at] == 0x5B {
        guard let end = Self.bracket(text, at, &steps) else { return nil }
        at = end
      } else {
        return nil
      }
    }
    self.steps = steps
  }

  /// Reads `[…]` and gives the position behind it.
  private static func bracket(_ text: UnsafeRawBufferPointer, _ start: Int, _ steps: inout [Step]) -> Int? {
    let at = start + 1
    guard at < text.count else { return nil }
    if text[at] == 0x27 {
      guard let close = text[(at + 1)...].firstIndex(of: 0x27), close + 1 < text.count, text[close + 1] == 0x5D,
        close > at + 1
      else {
        return nil
      }
      steps.append(.field(Array(text[(at + 1)..<close])))
      return close + 2
    }
    guard let close = text[at...].firstIndex(of: 0x5D) else { return nil }
    let inner = UnsafeRawBufferPointer(rebasing: text[at..<close])
    if inner.elementsEqual([0x2A]) {
      steps.append(.allElements)
    } else {
      guard inner.first != 0x2D, inner.first != 0x2B, let index = NumberParsing.integer(inner, as: Int.self) else {
        return nil
      }
      steps.append(.index(index))
    }
    return close + 1
  }
}

/// Writes what a path leads to. The rules for wildcards are Spark's: a single match stands alone, several make an array.
struct JSONPathReader {
  /// How a match is written.
  enum Style {
    /// Text of a string without quotes.
    case raw
    case quoted
    /// Elements of arrays one by one.
    case flat
  }

  enum Outcome {
    case found, absent, broken
  }

  private let steps: [JSONPath.Step]
  private let out: ByteBuffer

  init(_ path: JSONPath, _ out: ByteBuffer) {
    steps = path.steps
    self.out = out
  }

  /// Reads the next value and writes the match; nothing is left in the buffer unless found.
  func read(_ scanner: inout JSONScanner) -> Outcome {
    let start = out.count
    let outcome = read(&scanner, 0, .raw, 0)
    if outcome != .found { out.truncate(to: start) }
    return outcome
  }

  private func read(_ scanner: inout JSONScanner, _ at: Int, _ style: Style, _ depth: Int) -> Outcome {
    if depth > JSONScanner.depthLimit { return .broken }
    let kind = scanner.peek()
    if at == steps.count { return copy(&scanner, kind, style, depth) }
    switch (steps[at], kind) {
    case (.field(let name), .object): return field(&scanner, name, at, style, depth)
    case (.index(let index), .array): return element(&scanner, index, at, style, depth)
    case (.allElements, .array): return everyElement(&scanner, at, style, depth)
    default: return scanner.skipValue(depth: depth) ? .absent : .broken
    }
  }

  private func copy(_ scanner: inout JSONScanner, _ kind: JSONScanner.Kind, _ style: Style, _ depth: Int) -> Outcome {
    if kind == .string && style == .raw {
      guard let text = scanner.string() else { return .broken }
      text.append(to: out)
      return .found
    }
    if kind == .array && style == .flat {
      var isAny = false
      let isWhole = scanner.forEachElement { scanner in
        separate()
        let outcome = copy(&scanner, scanner.peek(), .flat, depth + 1)
        isAny = isAny || outcome == .found
        return outcome != .broken
      }
      return !isWhole ? .broken : isAny ? .found : .absent
    }
    if style == .flat { separate() }
    return scanner.copyValue(to: out, depth: depth) ? .found : .broken
  }

  /// A comma unless the last byte opened a list.
  private func separate() {
    guard let last = out.bytes.last, last != 0x5B, last != 0x2C else { return }
    out.append(UInt8(0x2C))
  }

  /// The first field of the name whose value leads on; the rest of the object must still be whole.
  private func field(_ scanner: inout JSONScanner, _ name: [UInt8], _ at: Int, _ style: Style, _ depth: Int) -> Outcome
  {
    var inner = scanner
    switch scanner.findMember(name) {
    case .absent: return .absent
    case .found(let place):
      inner.position = place
      return inner.peek() == .null ? .absent : read(&inner, at + 1, style, depth + 1)
    case .unknown: break
    }
    var isFound = false
    let isWhole = scanner.forEachField { scanner, field in
      if isFound || !field.equals(name) || scanner.peek() == .null { return scanner.skipValue(depth: depth + 1) }
      let outcome = attempt { read(&scanner, at + 1, style, depth + 1) }
      isFound = outcome == .found
      return outcome != .broken
    }
    return !isWhole ? .broken : isFound ? .found : .absent
  }

  private func element(_ scanner: inout JSONScanner, _ index: Int, _ at: Int, _ style: Style, _ depth: Int) -> Outcome {
    var position = 0
    var isFound = false
    var inner = style
    if at + 1 < steps.count, case .allElements = steps[at + 1] { inner = .quoted }
    let isWhole = scanner.forEachElement { scanner in
      defer { position += 1 }
      guard position == index else { return scanner.skipValue(depth: depth + 1) }
      let outcome = attempt { read(&scanner, at + 1, inner, depth + 1) }
      isFound = outcome == .found
      return outcome != .broken
    }
    return !isWhole ? .broken : isFound ? .found : .absent
  }

  private func everyElement(_ scanner: inout JSONScanner, _ at: Int, _ style: Style, _ depth: Int) -> Outcome {
    var next = at + 1
    var inner: Style = style == .raw ? .quoted : style
    var keepsArray = style == .quoted
    if next < steps.count, case .allElements = steps[next] {
      next += 1
      inner = .flat
      keepsArray = true
    }
    let start = out.count
    if style == .flat { separate() }
    out.append(UInt8(0x5B))
    var matches = 0
    let isWhole = scanner.forEachElement { scanner in
      let outcome = attempt {
        if inner != .flat { separate() }
        return read(&scanner, next, inner, depth + 1)
      }
      if outcome == .found { matches += 1 }
      return outcome != .broken
    }
    if !isWhole { return .broken }
    out.append(UInt8(0x5D))
    if matches == 0 { return .absent }
    if matches == 1 && !keepsArray { unwrap(from: start) }
    return .found
  }

  /// Takes the brackets off the array that begins at `start`.
  private func unwrap(from start: Int) {
    let inner = Array(out.bytes[(start + 1)..<(out.count - 1)])
    out.truncate(to: start)
    inner.withUnsafeBytes { out.append($0) }
  }

  /// Takes back what was written unless something was found.
  private func attempt(_ body: () -> Outcome) -> Outcome {
    let mark = out.count
    let outcome = body()
    if outcome != .found { out.truncate(to: mark) }
    return outcome
  }
}
