import MillraceColumnar
import MillraceCore

/// A grok pattern written out as a regular expression with named groups.
struct GrokPattern {
  /// Java's dialect.
  let expression: String
  /// Types of the columns that have one; the others are STRING.
  let types: [String: DataType]

  /// Replaces each `%{NAME}`, `%{NAME:column}` and `%{NAME:column:type}`. `custom` adds patterns, a line each, that may use others.
  init(_ source: String, custom: String? = nil) throws {
    var expander = Expander(custom: try Self.definitions(custom ?? ""))
    expression = try expander.expand(source, depth: 0)
    types = expander.types
  }

  private static func definitions(_ text: String) throws -> [String: String] {
    var result: [String: String] = [:]
    for line in text.split(separator: "\n") where line.first != "#" {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else {
        throw MillraceError(
          "GROK_PATTERN_INVALID", "'\(line)' is no definition of a pattern",
          hint: "write its name, a blank and the expression")
      }
      result[String(parts[0])] = String(parts[1])
    }
    return result
  }

  private struct Expander {
    let custom: [String: String]
    var types: [String: DataType] = [:]
    private var columns: Set<String> = []

    init(custom: [String: String]) { self.custom = custom }

    mutating func expand(_ source: String, depth: Int) throws -> String {
      guard depth < 32 else {
        throw MillraceError(
          "GROK_PATTERN_INVALID", "a grok pattern contains itself",
          hint: "break the circle among the patterns of one's own")
      }
      var result = ""
      var rest = Substring(source)
      while let start = Self.opening(rest) {
        result += rest[..<start]
        guard let end = rest[start...].firstIndex(of: "}") else {
          throw MillraceError(
            "GROK_PATTERN_INVALID", "'\(rest[start...])' has no closing brace", hint: "write %{NAME:column}")
        }
        result += try reference(rest[rest.index(start, offsetBy: 2)..<end], depth)
        rest = rest[rest.index(after: end)...]
      }
      return result + rest
    }

    /// Where the next `%{` stands.
    private static func opening(_ text: Substring) -> Substring.Index? {
      var index = text.startIndex
      while let percent = text[index...].firstIndex(of: "%") {
        let next = text.index(after: percent)
        if next < text.endIndex && text[next] == "{" { return percent }
        index = next
      }
      return nil
    }

    private mutating func reference(_ text: Substring, _ depth: Int) throws -> String {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard let name = parts.first, parts.count <= 3, let definition = custom[name] ?? GrokLibrary.patterns[name] else {
        let known = Array(GrokLibrary.patterns.keys) + Array(custom.keys)
        throw MillraceError(
          "GROK_PATTERN_NOT_FOUND", "there is no grok pattern '\(parts.first ?? "")'",
          hint: NearestName.of(parts.first ?? "", among: known).map { "did you mean '\($0)'?" }
            ?? "define it in the option 'patterns'")
      }
      let inner = try expand(definition, depth: depth + 1)
      guard parts.count > 1, !parts[1].isEmpty else { return "(?:\(inner))" }
      let column = Self.groupName(parts[1])
      if parts.count == 3 { types[column] = try Self.type(parts[2]) }
      // A column that is named twice takes what the first of the two found.
      return columns.insert(column).inserted ? "(?<\(column)>\(inner))" : "(?:\(inner))"
    }

    /// Groups have letters, digits and underscores only: `[http][status]` and `http.status` become `httpStatus`.
    private static func groupName(_ text: String) -> String {
      var name = ""
      var isStart = false
      for character in text {
        if character.isASCII && (character.isLetter || character.isNumber || character == "_") {
          name += isStart && !name.isEmpty ? character.uppercased() : String(character)
          isStart = false
        } else {
          isStart = true
        }
      }
      return name
    }

    private static func type(_ word: String) throws -> DataType {
      switch word.lowercased() {
      case "int", "integer": return .integer
      case "long", "bigint": return .long
      case "float": return .float
      case "double": return .double
      case "bool", "boolean": return .boolean
      case "timestamp": return .timestamp
      case "string": return .string
      default:
        throw MillraceError(
          "GROK_TYPE_UNKNOWN", "grok has no type '\(word)'",
          hint: "one of: int, long, float, double, boolean, timestamp, string")
      }
    }
  }
}
