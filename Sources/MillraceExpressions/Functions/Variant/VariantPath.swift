import MillraceColumnar

/// A path into a VARIANT: `$` and any of `.name`, `['name']`, `["name"]` and `[index]`.
struct VariantPath: Sendable {
  private enum Step: Sendable {
    case field([UInt8])
    case index(Int)
  }

  private let steps: [Step]

  /// Reads a path; nil if it is none.
  init?(_ text: UnsafeRawBufferPointer) {
    guard text.first == 0x24 else { return nil }
    var steps: [Step] = []
    var at = 1
    while at < text.count {
      guard let (step, end) = Self.step(text, at) else { return nil }
      steps.append(step)
      at = end
    }
    self.steps = steps
  }

  private static func step(_ text: UnsafeRawBufferPointer, _ start: Int) -> (Step, end: Int)? {
    if text[start] == 0x2E {
      let end = text[(start + 1)...].firstIndex { $0 == 0x2E || $0 == 0x5B } ?? text.count
      return end > start + 1 ? (.field(Array(text[(start + 1)..<end])), end) : nil
    }
    guard text[start] == 0x5B, start + 1 < text.count else { return nil }
    let first = text[start + 1]
    if first == 0x27 || first == 0x22 {
      guard let close = text[(start + 2)...].firstIndex(of: first), close > start + 2, close + 1 < text.count,
        text[close + 1] == 0x5D
      else { return nil }
      return (.field(Array(text[(start + 2)..<close])), close + 2)
    }
    guard let close = text[start...].firstIndex(of: 0x5D), first >= 0x30, first <= 0x39,
      let index = NumberParsing.integer(
        UnsafeRawBufferPointer(rebasing: text[(start + 1)..<close]), as: Int32.self)
    else { return nil }
    return (.index(Int(index)), close + 1)
  }

  /// What stands at the path, nil if nothing does.
  func find(in root: VariantValue) -> VariantValue? {
    var value = root
    for step in steps {
      switch step {
      case .field(let name):
        guard let next = name.withUnsafeBytes({ value.field(named: $0) }) else { return nil }
        value = next
      case .index(let index):
        guard value.kind == .array, index < value.count else { return nil }
        value = value.element(index)
      }
    }
    return value
  }

  /// The path of `base:path`, where names may stand in back-ticks.
  static func text(ofExtraction path: String) -> String {
    var out = "$"
    var rest = path[...]
    var isFirst = true
    while let character = rest.first {
      if character == "`" || isFirst && character != "[" || character == "." {
        if character == "." { rest.removeFirst() }
        if rest.first == "`" {
          let name = rest.dropFirst().prefix { $0 != "`" }
          out += "[\"\(name)\"]"
          rest = rest.dropFirst(name.count + 2)
        } else {
          let name = rest.prefix { $0 != "." && $0 != "[" }
          out += ".\(name)"
          rest = rest.dropFirst(name.count)
        }
      } else {
        let index = rest.prefix { $0 != "]" }
        out += "\(index)]"
        rest = rest.dropFirst(index.count + 1)
      }
      isFirst = false
    }
    return out
  }

  static func malformed(_ text: String, _ function: String) -> MillraceError {
    MillraceError(
      "INVALID_VARIANT_GET_PATH", "'\(text)' is no path for `\(function)`",
      hint: "a path begins with $, followed by steps such as [123], .name, ['name'] or [\"name\"]")
  }
}
