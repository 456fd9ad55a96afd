import Millrace
import MillraceCore
import Testing

/// The guide `Millrace.docc` says what is so, and every public declaration says what it is.
struct GuideTests {
  static let guide = Page("Sources/Millrace/Millrace.docc/Millrace.md")

  /// Each line of the examples, imports apart, stands in the compiled ones, in the same order.
  @Test func examplesAreTheOnesThatAreCompiled() {
    var source = Page("Tests/DocumentationTests/GuideExamples.swift").lines.map { $0.drop { $0 == " " } }[...]
    let wanted = Self.guide.blocks("swift").flatMap { $0.split(separator: "\n") }.map { $0.drop { $0 == " " } }
      .filter { !$0.hasPrefix("import ") }
    #expect(wanted.count > 50)
    for line in wanted {
      guard let place = source.firstIndex(of: line) else {
        Issue.record("the guide has '\(line)', the compiled examples have not")
        return
      }
      source = source[(place + 1)...]
    }
  }

  @Test func examplesRun() async throws {
    try await countsByRemainder()
    let spark = SparkSession()
    registerFunctions(spark)
    let words = try await spark.sql("SELECT longest(w), max(slug(w)) FROM VALUES ('a b'), ('c'), ('C d E') AS t(w)")
    #expect(try await words.collect() == [[.string("C d E"), .string("c-d-e")]])
    let requests = try await spark.sql(
      "SELECT timestamp'2024-01-01 00:00:30' AS time, status, 'h' AS host FROM VALUES (200), (500), (503) AS t(status)")
    #expect(try await errorsPerMinute(requests).select("errors").collect() == [[.integer(2)]])
    let clicks = try await spark.sql(
      "SELECT timestamp'2024-01-01 00:00:30' AS time, user FROM VALUES ('u'), ('u') AS t(user)")
    #expect(try await clicksPerVisit(clicks).collect() == [[.string("u"), .integer(2)]])
    let rows = await spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 3).load()
    let query = try await printBatches(rows)
    while query.lastProgress == nil { await Task.yield() }
    try await query.stop()
    #expect(query.exception == nil)
  }

  // MARK: Documentation comments

  static let modules = ["Millrace", "MillraceCore", "MillraceTesting", "MillraceColumnar", "MillraceStreaming"]

  /// Every public declaration, requirement of a public protocol and case of a public enum has a documentation comment.
  @Test(arguments: modules) func everyPublicDeclarationIsDocumented(module: String) {
    let files = SourceFile.all(of: module)
    #expect(files.count > 1)
    for file in files {
      for line in file.undocumented { Issue.record("\(file.path):\(line) has no documentation comment") }
    }
  }

  /// Links in two back-ticks name declarations that there are.
  @Test func linksNameDeclarations() {
    let files = Self.modules.flatMap { SourceFile.all(of: $0) }
    let names = files.reduce(into: Set(Self.modules)) { $0.formUnion($1.declared) }
    var count = 0
    for (path, text) in files.map({ ($0.path, $0.comments) }) + [(Self.guide.path, Self.guide.text)] {
      let parts = text.split(separator: "``", omittingEmptySubsequences: false)
      for index in parts.indices where index % 2 == 1 && !parts[index].contains("\n") {
        count += 1
        for part in parts[index].split(separator: "/") {
          let name = part.prefix { $0 != "(" }
          #expect(names.contains(String(name)), "\(path) links to ``\(parts[index])``")
        }
      }
    }
    #expect(count > 15)
  }
}

/// A Swift file, read line by line.
struct SourceFile {
  let path: String
  private let lines: [Substring]

  init(_ path: String) {
    self.path = path
    lines = Page(path).lines
  }

  static func all(of module: String) -> [SourceFile] { files(below: "Sources/\(module)") }

  private static func files(below folder: String) -> [SourceFile] {
    let names = (try? PosixFileSystem().list("\(Page.root)/\(folder)")) ?? []
    return names.flatMap { name -> [SourceFile] in
      if name.hasSuffix(".swift") { return [SourceFile("\(folder)/\(name)")] }
      return name.contains(".") ? [] : files(below: "\(folder)/\(name)")
    }
  }

  /// The documentation comments.
  var comments: String {
    lines.map { $0.drop { $0 == " " } }.filter { $0.hasPrefix("///") }.joined(separator: "\n")
  }

  /// Names that are declared somewhere in the file.
  var declared: Set<String> {
    var names: Set<String> = []
    for line in lines {
      let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "`" }
      for (keyword, name) in zip(words, words.dropFirst()) {
        if ["struct", "class", "enum", "protocol", "func", "var", "let", "case", "typealias"].contains(keyword) {
          names.insert(String(name.filter { $0 != "`" }))
        }
      }
      if words.contains("init") { names.insert("init") }
    }
    return names
  }

  private struct Scope {
    var depth: Int
    var keyword: Substring
    var isPublic: Bool
  }

  /// Numbers of lines, from 1, that declare something public without a comment before.
  var undocumented: [Int] {
    var found: [Int] = []
    var scopes: [Scope] = []
    var depth = 0
    for (index, line) in lines.enumerated() {
      let code = Self.code(of: line)
      let words = code.split(separator: " ")
      if let scope = scopes.last, scope.depth == depth, scope.isPublic, Self.isMember(words, of: scope.keyword) {
        if !isDocumented(index) { found.append(index + 1) }
      } else if words.contains("public"), !words.contains("import"), !words.contains("extension"),
        !isDocumented(index)
      {
        found.append(index + 1)
      }
      if code.contains("{"), let keyword = words.first(where: { ["enum", "protocol", "struct", "class"].contains($0) })
      {
        scopes.append(Scope(depth: depth + 1, keyword: keyword, isPublic: words.contains("public")))
      }
      depth += code.count { $0 == "{" } - code.count { $0 == "}" }
      while let scope = scopes.last, scope.depth > depth { scopes.removeLast() }
    }
    return found
  }

  /// Requirements and cases are public with their type, without the word.
  private static func isMember(_ words: [Substring], of keyword: Substring) -> Bool {
    let first = words.first { !["mutating", "static", "indirect"].contains($0) } ?? ""
    switch keyword {
    case "protocol": return ["func", "var", "associatedtype"].contains(first) || first.hasPrefix("init(")
    case "enum": return first == "case" && !words.contains { $0.hasSuffix(":") && $0.hasPrefix(".") }
    default: return false
    }
  }

  /// The line without comments and the contents of strings.
  private static func code(of line: Substring) -> String {
    var parts = line.split(separator: "\"", omittingEmptySubsequences: false)
    for index in parts.indices where index % 2 == 1 { parts[index] = "" }
    let text = parts.joined(separator: "\"")
    guard let comment = text.firstIndex(of: "/") else { return text }
    return text[comment...].hasPrefix("//") ? String(text[..<comment]) : text
  }

  private func isDocumented(_ index: Int) -> Bool {
    var before = index - 1
    while before >= 0 {
      let line = lines[before].drop { $0 == " " }
      if line.hasPrefix("///") { return true }
      guard line.hasPrefix("@") || line.hasPrefix("// swift-format") else { return false }
      before -= 1
    }
    return false
  }
}
