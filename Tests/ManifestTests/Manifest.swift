/// What Package.swift says about the targets, read as text: names of targets and of their dependencies.
struct Manifest {
  /// Dependencies of each target below Sources/ and Plugins/, as the manifest names them.
  private(set) var dependencies: [String: Set<String>] = [:]

  init(_ text: String) {
    let connectors = Self.strings(
      in: Self.body(of: text, after: "let connectors: [Target.Dependency] = ", open: "[", close: "]"))
    let tls = Self.strings(in: Self.body(of: text, after: "let tls: [Target.Dependency] = ", open: "[", close: "]"))
      .filter { $0.hasPrefix("NIO") }
    for call in ["module(", "connector(", ".target(", ".executableTarget(", ".systemLibrary("] {
      for start in text.indices(of: call) {
        let body = Self.body(of: text, at: start.upperBound, open: "(", close: ")")
        var strings = Self.strings(in: body)
        guard let name = strings.first, text[..<start.lowerBound].last != "c", !name.contains("\\") else { continue }
        if call == ".target(", dependencies[name] != nil { continue }  // a conditional dependency, not a target
        strings.removeFirst()
        if body.contains("connectors") { strings += connectors }
        if body.hasSuffix(", tls") { strings += tls }
        if call == "connector(" { strings += ["MillraceCore", "MillraceFormats", "MillraceColumnar"] }
        dependencies[name, default: []].formUnion(strings)
      }
    }
  }

  /// The text between brackets that begins after `marker`.
  private static func body(of text: String, after marker: String, open: Character, close: Character) -> Substring {
    guard let found = text.indices(of: marker + String(open)).first else { return "" }
    return body(of: text, at: found.upperBound, open: open, close: close)
  }

  /// The text from `start`, which stands behind an opening bracket, to the bracket that closes it.
  private static func body(of text: String, at start: String.Index, open: Character, close: Character) -> Substring {
    var depth = 1
    var index = start
    while index < text.endIndex {
      if text[index] == open { depth += 1 }
      if text[index] == close { depth -= 1 }
      if depth == 0 { break }
      index = text.index(after: index)
    }
    return text[start..<index]
  }

  /// The quoted strings of a text, in order.
  private static func strings(in text: Substring) -> [String] {
    let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
  }
}

extension String {
  /// Where `other` occurs.
  func indices(of other: String) -> [Range<String.Index>] {
    var found: [Range<String.Index>] = []
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(other) {
        found.append(index..<self.index(index, offsetBy: other.count))
      }
      index = self.index(after: index)
    }
    return found
  }
}
