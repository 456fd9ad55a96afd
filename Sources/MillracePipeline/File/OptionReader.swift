import MillraceCore

/// Takes an `options` object and checks each of its members against the fields of a connector or format.
struct OptionReader {
  /// Who takes the options, for messages: `the source connector 'socket'`.
  let owner: String
  let fields: [OptionField]
  let diagnostics: DiagnosticCollector

  /// Options that were read.
  struct Result {
    var options: Options
    /// As given, by the fields' own names.
    var values: [String: String]
    /// In the order of the file, secrets as `***`.
    var shown: [(name: String, value: String)]
  }

  /// The options of `members`, nil if something is wrong with them. `place` is where a missing one is reported.
  func options(_ members: [LocatedJSON.Member], at place: Place) -> Result? {
    var values: [String: String] = [:]
    var shown: [(name: String, value: String)] = []
    var isComplete = true
    let members = flat(members)
    for member in members {
      guard let field = field(of: member), let text = text(of: member.value, field),
        check(text, field, member.value.place)
      else {
        isComplete = false
        continue
      }
      if values[field.name] != nil {
        diagnostics.report(
          "PIPELINE_DUPLICATE_KEY", "the option '\(member.key)' is given twice",
          hint: "the case of its letters does not count", at: member.place)
      }
      values[field.name] = text
      if field.isSecret { diagnostics.keepSecret(text) }
      shown.append((field.name, field.isSecret ? "***" : text))
    }
    let given = Set(members.map { $0.key.lowercased() })
    for field in fields where field.isRequired && !given.contains(field.name.lowercased()) {
      isComplete = false
      // One that is misspelt was complained about already.
      if members.contains(where: { NearestName.of($0.key, among: fields.map(\.name)) == field.name }) { continue }
      diagnostics.report("OPTION_MISSING", "\(owner) needs the option '\(field.name)'", hint: field.summary, at: place)
    }
    guard isComplete else { return nil }
    do {
      return Result(options: try Options(values, fields: fields, of: owner), values: values, shown: shown)
    } catch {
      diagnostics.report(error as? MillraceError ?? MillraceError("OPTION", "\(error)"), at: place)
      return nil
    }
  }

  /// The members with those of objects in their place, where options have names in parts: `"multiline": { "start": … }` is
  /// `multiline.start`.
  private func flat(_ members: [LocatedJSON.Member]) -> [LocatedJSON.Member] {
    members.flatMap { member -> [LocatedJSON.Member] in
      let prefix = "\(member.key).".lowercased()
      guard let inner = member.value.members, fields.contains(where: { $0.name.lowercased().hasPrefix(prefix) }) else {
        return [member]
      }
      return inner.map { LocatedJSON.Member(key: "\(member.key).\($0.key)", place: $0.place, value: $0.value) }
    }
  }

  private func field(of member: LocatedJSON.Member) -> OptionField? {
    guard let field = fields.first(where: { $0.name.lowercased() == member.key.lowercased() }) else {
      diagnostics.report(
        "OPTION_UNKNOWN", "\(owner) has no option '\(member.key)'",
        hint: Hint.nearest(to: member.key, among: fields.map(\.name), otherwise: "options are"), at: member.place)
      return nil
    }
    if let replacement = field.deprecatedFor {
      diagnostics.report(
        "OPTION_DEPRECATED", "the option '\(field.name)' is going away", hint: "use '\(replacement)'",
        severity: .warning,
        at: member.place)
    }
    return field
  }

  /// The value as options carry it: text, and lists with commas.
  private func text(of value: LocatedJSON, _ field: OptionField) -> String? {
    switch value.value {
    case .string(let text): return text
    case .number(let text): return text
    case .bool(let flag): return flag ? "true" : "false"
    case .array(let elements):
      guard case .list = field.type else { break }
      let texts = elements.compactMap { $0.members == nil && $0.elements == nil ? text(of: $0, field) : nil }
      guard texts.count == elements.count else { break }
      if let text = texts.first(where: { $0.contains(",") }) {
        diagnostics.report(
          "OPTION_WRONG_TYPE", "option '\(field.name)' has the value '\(text)'", hint: "its values hold no commas",
          at: value.place)
        return nil
      }
      return texts.joined(separator: ",")
    case .null, .object: break
    }
    diagnostics.report(
      "OPTION_WRONG_TYPE", "option '\(field.name)' is \(value.kind)", hint: "it takes \(field.type.phrase)",
      at: value.place)
    return nil
  }

  /// Whether the text fits the field by itself; reported at its place if not.
  private func check(_ text: String, _ field: OptionField, _ place: Place) -> Bool {
    let shown = field.isSecret ? "***" : text
    if case .list(let type) = field.type {
      var element = field
      element.type = type
      return text.split(separator: ",").allSatisfy { part in
        check(part.trimmingSpaces, element, place)
      }
    }
    if field.type == .number, Double(text) == nil {
      diagnostics.report(
        "OPTION_WRONG_TYPE", "option '\(field.name)' is '\(shown)'", hint: "it takes a number", at: place)
      return false
    }
    var alone = field
    alone.isRequired = false
    do {
      _ = try Options([field.name: text], fields: [alone], of: owner)
      return true
    } catch {
      var report = error as? MillraceError ?? MillraceError("OPTION", "\(error)")
      if field.isSecret { report.message = "option '\(field.name)' is ***" }
      if case .choice(let words) = field.type, let nearest = NearestName.of(text, among: words), !field.isSecret {
        report.hint = "did you mean '\(nearest)'? it takes one of: \(words.joined(separator: ", "))"
      }
      diagnostics.report(report, at: place)
      return false
    }
  }
}

extension Substring {
  /// Without blanks at both ends.
  fileprivate var trimmingSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}

extension OptionType {
  /// What a field of this type takes, for messages.
  package var phrase: String {
    switch self {
    case .string: "a string"
    case .integer: "a whole number"
    case .boolean: "true or false"
    case .number: "a number"
    case .duration: "a duration such as '10 seconds'"
    case .byteCount: "a size such as '64 MiB'"
    case .choice(let words): "one of: \(words.joined(separator: ", "))"
    case .path: "a path"
    case .list: "an array"
    }
  }
}
