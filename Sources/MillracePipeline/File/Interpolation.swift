import MillraceCore

/// Replaces `${env:NAME}`, `${env:NAME:-default}` and `${file:path}` inside string values, after parsing: what is put in
/// can never change the structure of the file. `$${` stands for `${` itself.
struct Interpolation {
  private let files: PipelineFiles

  init(_ files: PipelineFiles) { self.files = files }

  /// Resolves all references below a value.
  func resolve(_ node: LocatedJSON, _ diagnostics: DiagnosticCollector) -> LocatedJSON {
    var node = node
    switch node.value {
    case .null, .bool, .number: break
    case .string(let text):
      if text.contains("${") {
        let (resolved, replacements) = resolve(text, at: node.place, diagnostics)
        node.value = .string(resolved)
        node.hasReference = true
        node.replacements = replacements
      }
    case .array(let elements): node.value = .array(elements.map { resolve($0, diagnostics) })
    case .object(let members):
      node.value = .object(
        members.map { LocatedJSON.Member(key: $0.key, place: $0.place, value: resolve($0.value, diagnostics)) })
    }
    return node
  }

  private func resolve(
    _ text: String, at place: Place, _ diagnostics: DiagnosticCollector
  ) -> (String, [TextReplacement]) {
    var out = ""
    var replacements: [TextReplacement] = []
    func put(_ more: String, for spelled: Substring) {
      replacements.append(
        TextReplacement(
          start: out.unicodeScalars.count, count: more.unicodeScalars.count, spelledCount: spelled.unicodeScalars.count)
      )
      out += more
    }
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      out += rest[..<dollar]
      rest = rest[dollar...]
      if rest.hasPrefix("$${") {
        put("${", for: rest.prefix(3))
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("${") {
        guard let close = rest.firstIndex(of: "}") else {
          diagnostics.report(
            "PIPELINE_REFERENCE", "a reference '${' is not closed",
            hint: "close it with }, or write $${ for the characters themselves", at: place)
          return (text, [])
        }
        put(value(of: rest[..<close].dropFirst(2), at: place, diagnostics), for: rest[...close])
        rest = rest[rest.index(after: close)...]
      } else {
        out += "$"
        rest = rest.dropFirst()
      }
    }
    return (out + rest, replacements)
  }

  private func value(of reference: Substring, at place: Place, _ diagnostics: DiagnosticCollector) -> String {
    if reference.hasPrefix("env:") { return environmentValue(reference.dropFirst(4), at: place, diagnostics) }
    if reference.hasPrefix("file:") {
      do throws(any Error) {
        let path = String(reference.dropFirst(5))
        diagnostics.watch(path)
        let text = String(decoding: try files.bytes(path), as: UTF8.self)
        return text.last?.isNewline == true ? String(text.dropLast()) : text
      } catch let error as MillraceError {
        diagnostics.report("PIPELINE_FILE_UNREADABLE", error.message, hint: error.hint, at: place)
      } catch {
        diagnostics.report("PIPELINE_FILE_UNREADABLE", "\(error)", at: place)
      }
      return ""
    }
    diagnostics.report(
      "PIPELINE_REFERENCE", "there is no reference '${\(reference)}'",
      hint:
        "references are ${env:NAME}, ${env:NAME:-default} and ${file:path}; write $${ for the characters themselves",
      at: place)
    return ""
  }

  private func environmentValue(_ reference: Substring, at place: Place, _ diagnostics: DiagnosticCollector) -> String {
    let parts = reference.split(separator: ":-", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    if let value = files.variable(name), !(value.isEmpty && parts.count > 1) { return value }
    if parts.count > 1 { return String(parts[1]) }
    diagnostics.report(
      "PIPELINE_ENV_UNSET", "the environment variable \(name) is not set",
      hint: "set it, or give a default: ${env:\(name):-value}", at: place)
    return ""
  }
}
