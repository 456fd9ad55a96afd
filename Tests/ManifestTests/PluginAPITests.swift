import Glibc
import Testing

/// Shared libraries are compiled against the protocols that connectors implement. Changing one makes older libraries crash, which no size tells: so
/// the requirements are kept as a text beside the number of the author's API, and a difference asks for a new number.
struct PluginAPITests {
  static let golden = "Tests/Golden/plugin-api.txt"

  /// The requirements of all public protocols of the modules that a connector's author sees, and the API's number in front.
  static var text: String {
    let facts = Repository.text("\(Repository.root)/Sources/MillraceCore/Plugins/PluginFacts.swift")
    let number =
      facts.indices(of: "apiNumber: Int64 {").first.map { facts[$0.upperBound...].prefix { $0 != "}" } } ?? ""
    var out = "author's API \(number.filter { $0 != " " })\n"
    for module in ["MillraceColumnar", "MillraceCore", "MillraceFormats"] {
      for file in Repository.files(under: "\(Repository.root)/Sources/\(module)") where file.hasSuffix(".swift") {
        out += requirements(Repository.text("\(Repository.root)/Sources/\(module)/\(file)"))
      }
    }
    return out
  }

  /// The public protocols of a source text, without comments.
  static func requirements(_ source: String) -> String {
    var out = ""
    var isInside = false
    for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("public protocol ") { isInside = true }
      guard isInside else { continue }
      let text = line.drop { $0 == " " }
      if !text.isEmpty, !text.hasPrefix("//") { out += line + "\n" }
      if line.hasPrefix("}") || line.hasSuffix("{}") { isInside = false }
    }
    return out
  }

  /// With `MILLRACE_UPDATE_GOLDEN` set the text is written anew.
  @Test func changedProtocolsHaveANewNumber() {
    let path = "\(Repository.root)/\(Self.golden)"
    let text = Self.text
    #expect(text.contains("public protocol Connector") && text.contains("func makeSource"))
    if getenv("MILLRACE_UPDATE_GOLDEN") != nil {
      if let file = fopen(path, "w") {
        fputs(text, file)
        fclose(file)
      }
      return
    }
    #expect(
      text == Repository.text(path),
      """
      a protocol that connectors implement has changed: raise PluginFacts.apiNumber, unless no released version has the present one yet,
      then write \(Self.golden) anew with MILLRACE_UPDATE_GOLDEN=1 swift test --filter PluginAPITests
      """)
  }
}
