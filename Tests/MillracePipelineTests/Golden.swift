import Glibc

/// Files of expected outputs: cases that end in a line `====`, input and output parted by a line `----`.
enum Golden {
  struct Case {
    var input: String
    var output: String
  }

  static let isUpdating = getenv("MILLRACE_UPDATE_GOLDEN") != nil

  /// A file in `Tests/Golden`, seen from a source file one folder below `Tests`.
  static func path(_ source: String, _ name: String) -> String {
    source.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/") + "/Golden/"
      + name
  }

  static func read(_ path: String) -> [Case] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var cases: [Case] = []
    var parts: [[String]] = [[]]
    while let line = readLine(file) {
      switch line {
      case "----": parts.append([])
      case "====":
        cases.append(
          Case(input: parts[0].joined(separator: "\n"), output: parts.dropFirst().joined().joined(separator: "\n")))
        parts = [[]]
      default: parts[parts.count - 1].append(line)
      }
    }
    return cases
  }

  static func write(_ cases: [Case], to path: String) {
    guard let file = fopen(path, "w") else { return }
    for one in cases {
      fputs("\(one.input)\n----\n\(one.output.isEmpty ? "" : one.output + "\n")====\n", file)
    }
    fclose(file)
  }

  private static func readLine(_ file: UnsafeMutablePointer<FILE>) -> String? {
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    let count = getline(&line, &capacity, file)
    defer { free(line) }
    guard count >= 0, let line else { return nil }
    let text = String(cString: line)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}
