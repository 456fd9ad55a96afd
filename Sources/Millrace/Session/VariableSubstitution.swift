/// Spark's `${name}` in the text of a statement: the session's setting of that name, nothing where there is none.
enum VariableSubstitution {
  private static let prefixes: Set<Substring> = ["spark", "sparkconf", "hivevar", "hiveconf"]

  static func apply(to text: String, setting: (String) -> String?) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    var result = ""
    var rest = text[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[dollar...]
      guard let (name, end) = reference(rest), let value = value(of: name, setting) else {
        result.append(rest.removeFirst())
        continue
      }
      result += value
      rest = rest[end...]
    }
    return result + rest
  }

  /// The name in `${name}` at the start of the text, and where the reference ends.
  private static func reference(_ text: Substring) -> (Substring, String.Index)? {
    let name = text.dropFirst(2).prefix { $0 != "}" && !$0.isWhitespace }
    guard text.hasPrefix("${"), !name.isEmpty, name.endIndex < text.endIndex, text[name.endIndex] == "}" else {
      return nil
    }
    return (name, text.index(after: name.endIndex))
  }

  private static func value(of name: Substring, _ setting: (String) -> String?) -> String? {
    guard let colon = name.firstIndex(of: ":") else { return setting(String(name)) ?? "" }
    guard prefixes.contains(name[..<colon]) else { return nil }
    return setting(String(name[name.index(after: colon)...])) ?? ""
  }
}
