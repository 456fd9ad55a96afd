import MillraceColumnar
import MillraceCore

/// Reads `settings` of a pipeline: those of Spark's session settings that have a meaning here.
struct SettingsReader {
  /// What a setting takes.
  enum Form {
    case timeZone, flag
    case words([String])
  }

  /// All that there are, with what they do.
  static let known: [(name: String, form: Form, summary: String)] = [
    ("spark.sql.session.timeZone", .timeZone, "the time zone of dates and times in queries; UTC by default"),
    (
      "spark.sql.ansi.enabled", .flag,
      "whether overflow, failing casts and division by zero are errors (the default) or give NULL"
    ),
    (
      "spark.sql.streaming.multipleWatermarkPolicy", .words(["min", "max"]),
      "which watermark counts where there are several"
    ),
  ]

  private let diagnostics: DiagnosticCollector

  init(_ diagnostics: DiagnosticCollector) { self.diagnostics = diagnostics }

  /// The settings, as text; what is wrong is reported.
  func settings(_ node: LocatedJSON?) -> [SettingEntry] {
    let names = Self.known.map(\.name)
    guard let node, let reader = ObjectReader(node, "the object of settings", keys: names, diagnostics) else {
      return []
    }
    return (reader.node.members ?? []).compactMap { member in
      guard let form = Self.known.first(where: { $0.name == member.key })?.form,
        let text = text(member.value, member.key, form)
      else { return nil }
      return SettingEntry(name: member.key, value: text, place: member.place)
    }
  }

  private func text(_ node: LocatedJSON, _ key: String, _ form: Form) -> String? {
    let text: String
    switch node.value {
    case .string(let string): text = string
    case .bool(let flag): text = flag ? "true" : "false"
    default: return refuse(node, key, node.kind, Self.phrase(form))
    }
    let isTaken =
      switch form {
      case .timeZone: TimeZoneRules.named(text) != nil
      case .flag: ["true", "false"].contains(text)
      case .words(let words): words.contains(text)
      }
    return isTaken ? text : refuse(node, key, "'\(text)'", Self.phrase(form))
  }

  private func refuse(_ node: LocatedJSON, _ key: String, _ what: String, _ wanted: String) -> String? {
    diagnostics.report("PIPELINE_WRONG_VALUE", "'\(key)' is \(what)", hint: "it takes \(wanted)", at: node.place)
    return nil
  }

  private static func phrase(_ form: Form) -> String {
    switch form {
    case .timeZone: "a time zone such as \"Europe/Berlin\" or \"+02:00\""
    case .flag: "true or false"
    case .words(let words): "one of: \(words.joined(separator: ", "))"
    }
  }
}
