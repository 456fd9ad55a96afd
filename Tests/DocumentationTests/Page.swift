import Glibc

/// A page of the documentation, as this checkout has it.
struct Page {
  /// Path from the top of the repository.
  let path: String
  let text: String

  /// The folder that holds README.md.
  static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

  static let readme = Page("README.md")
  static let pipeline = Page("docs/pipeline.md")
  static let formats = Page("docs/formats.md")
  static let sockets = Page("docs/sockets.md")
  static let followingLogs = Page("docs/following-logs.md")
  static let programs = Page("docs/out-of-process.md")

  /// All pages that people write; the generated reference has tests of its own.
  static let all =
    [
      "README.md", "Sources/Millrace/Millrace.docc/Millrace.md", "docs/architecture.md", "docs/dependencies.md",
      "docs/following-logs.md", "docs/formats.md", "docs/known-bugs.md", "docs/out-of-process.md",
      "docs/own-connectors.md", "docs/pipeline.md",
      "docs/profile.md",
      "docs/sockets.md", "docs/streaming.md",
      "docs/decisions/commit-protocol.md",
    ].map { Page($0) }

  init(_ path: String) {
    self.path = path
    text = Page.read(path)
  }

  /// A text file of the repository; empty if it cannot be read.
  static func read(_ path: String) -> String {
    guard let file = fopen("\(root)/\(path)", "r") else { return "" }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func exists(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The contents of the fenced blocks that are marked with a language.
  func blocks(_ language: String) -> [String] {
    var found: [String] = []
    var block: [Substring]?
    for line in lines {
      if let inside = block {
        if line == "```" {
          found.append(inside.joined(separator: "\n") + "\n")
          block = nil
        } else {
          block = inside + [line]
        }
      } else if line == "```\(language)" {
        block = []
      }
    }
    return found
  }

  /// The texts between back-ticks outside of fenced blocks.
  var codes: [String] {
    var isFenced = false
    return lines.flatMap { line -> [String] in
      if line.hasPrefix("```") { isFenced.toggle() }
      if isFenced { return [] }
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
    }
  }

  /// Targets of links to places in the repository.
  var links: [String] {
    text.split(separator: "](", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
      rest.firstIndex(of: ")").map { String(rest[..<$0]) }
    }.filter { !$0.contains("://") && !$0.hasPrefix("#") }
  }
}
