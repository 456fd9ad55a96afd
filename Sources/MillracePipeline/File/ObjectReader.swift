import MillraceCore
import MillraceSQL

/// Takes the members of one object of a pipeline file, in typed form, and reports what does not fit.
struct ObjectReader {
  let node: LocatedJSON
  let diagnostics: DiagnosticCollector

  /// A reader of `node`, which must be an object with no other keys than `keys`; nil if it is no object.
  /// `what` names it in messages, for instance `a sink`.
  init?(_ node: LocatedJSON, _ what: String, keys: [String], _ diagnostics: DiagnosticCollector) {
    guard let members = node.members else {
      diagnostics.report("PIPELINE_WRONG_TYPE", "\(what) is \(node.kind)", hint: "it takes an object", at: node.place)
      return nil
    }
    self.node = node
    self.diagnostics = diagnostics
    for member in members where !keys.contains(member.key) {
      diagnostics.report(
        "PIPELINE_UNKNOWN_KEY", "\(what) has no key '\(member.key)'",
        hint: Hint.nearest(to: member.key, among: keys, otherwise: "keys are"), at: member.place)
    }
  }

  /// A reader of an object whose keys were looked at before; nil if it is no object.
  init?(quiet node: LocatedJSON, _ diagnostics: DiagnosticCollector) {
    if node.members == nil { return nil }
    self.node = node
    self.diagnostics = diagnostics
  }

  subscript(key: String) -> LocatedJSON? { node[key] }

  /// Reports that the object lacks a key.
  func reportMissing(_ key: String, _ what: String, hint: String? = nil) {
    diagnostics.report("PIPELINE_MISSING_KEY", "\(what) needs the key '\(key)'", hint: hint, at: node.place)
  }

  /// A string, nil when it is absent or something else.
  func text(_ key: String) -> LocatedText? {
    guard let value = node[key] else { return nil }
    guard let text = value.string else {
      wrongType(key, value, "a string")
      return nil
    }
    return LocatedText(text: text, place: value.place, replacements: value.replacements)
  }

  /// A boolean; a string counts if it came out of a reference.
  func flag(_ key: String) -> Bool? {
    guard let value = node[key] else { return nil }
    if case .bool(let flag) = value.value { return flag }
    if value.hasReference, let text = value.string, text == "true" || text == "false" { return text == "true" }
    wrongType(key, value, "true or false")
    return nil
  }

  /// SQL text with its tree, nil when it is absent or does not parse.
  func sql<Tree>(_ key: String, _ parse: (String) throws(SQLParseError) -> Tree) -> (text: LocatedText, tree: Tree)? {
    text(key).flatMap { text in diagnostics.parse(text, parse).map { (text, $0) } }
  }

  /// A duration in microseconds.
  func duration(_ key: String) -> Int64? {
    if case .number(let number)? = node[key]?.value, let value = node[key] {
      wrongType(key, value, "a duration in quotes, with its unit: \"\(number) seconds\"")
      return nil
    }
    guard let text = text(key) else { return nil }
    if let microseconds = DurationText.microseconds(text.text), microseconds >= 0 { return microseconds }
    diagnostics.report(
      "PIPELINE_WRONG_VALUE", "'\(key)' is '\(text.text)'", hint: "it takes a duration such as '10 seconds'",
      at: text.place)
    return nil
  }

  /// A whole number, 0 or more; a string counts if it came out of a reference.
  func count(_ key: String) -> Int? {
    guard let value = node[key] else { return nil }
    var text: String?
    if case .number(let number) = value.value { text = number }
    if value.hasReference { text = value.string }
    if let number = text.flatMap({ Int($0) }), number >= 0 { return number }
    wrongType(key, value, "a whole number, 0 or more")
    return nil
  }

  /// A number from 0 to 1; a string counts if it came out of a reference.
  func ratio(_ key: String) -> Double? {
    guard let value = node[key] else { return nil }
    var text: String?
    if case .number(let number) = value.value { text = number }
    if value.hasReference { text = value.string }
    if let number = text.flatMap({ Double($0) }), (0...1).contains(number) { return number }
    wrongType(key, value, "a number from 0 to 1")
    return nil
  }

  /// One of some words, whatever the case of its letters.
  func word<Word: CaseIterable & RawRepresentable>(_ key: String, _ type: Word.Type) -> Word?
  where Word.RawValue == String {
    guard let text = text(key) else { return nil }
    if let word = Word.allCases.first(where: { $0.rawValue.lowercased() == text.text.lowercased() }) { return word }
    let words = Word.allCases.map(\.rawValue)
    let nearest = NearestName.of(text.text, among: words).map { "did you mean '\($0)'? " } ?? ""
    diagnostics.report(
      "PIPELINE_WRONG_VALUE", "'\(key)' is '\(text.text)'",
      hint: "\(nearest)it takes one of: \(words.joined(separator: ", "))", at: text.place)
    return nil
  }

  /// A string or an array of strings.
  func texts(_ key: String) -> [LocatedText] {
    guard let value = node[key] else { return [] }
    return (value.elements ?? [value]).compactMap { element in
      if let text = element.string { return LocatedText(text: text, place: element.place) }
      wrongType(key, element, "a string or an array of strings")
      return nil
    }
  }

  /// The members of an object of named entries, in the order of the file; names that cannot be used are reported.
  func entries(_ key: String, _ what: String) -> [LocatedJSON.Member] {
    guard let value = node[key] else { return [] }
    guard let members = value.members else {
      wrongType(key, value, "an object with a name for each \(what)")
      return []
    }
    return members.filter { member in
      if Self.isName(member.key) { return true }
      diagnostics.report(
        "PIPELINE_WRONG_NAME", "'\(member.key)' cannot name a \(what)",
        hint: "names begin with a letter and go on with letters, digits, _ and -", at: member.place)
      return false
    }
  }

  private static func isName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.properties.isAlphabetic || first == "_" else { return false }
    return name.unicodeScalars.allSatisfy {
      $0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_" || $0 == "-"
    }
  }

  private func wrongType(_ key: String, _ value: LocatedJSON, _ wanted: String) {
    diagnostics.report("PIPELINE_WRONG_TYPE", "'\(key)' is \(value.kind)", hint: "it takes \(wanted)", at: value.place)
  }
}
