import MillraceCore

/// Names of the files that a sink writes: a number in front of the extension. A file keeps its name for ever, so rotating renames
/// nothing.
struct RotatingFileName: Sendable, Hashable {
  let directory: String
  private let stem: String
  private let suffix: String

  init(_ path: String, isGzip: Bool) throws {
    var file = Substring(path)
    if let slash = path.lastIndex(of: "/") {
      directory = slash == path.startIndex ? "/" : String(path[..<slash])
      file = path[path.index(after: slash)...]
    } else {
      directory = "."
    }
    if file.hasSuffix(".gz") { file = file.dropLast(3) }
    if let dot = file.lastIndex(of: "."), dot != file.startIndex {
      stem = String(file[..<dot])
      suffix = String(file[dot...]) + (isGzip ? ".gz" : "")
    } else {
      stem = String(file)
      suffix = isGzip ? ".gz" : ""
    }
    if stem.isEmpty || stem == ".." || path.utf8.contains(0) {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'path' is '\(path)'", hint: "it takes a file name, for instance 'out/app.log'")
    }
  }

  /// Path of the file with a number.
  func path(_ number: Int64) -> String {
    let digits = String(number)
    let zeros = String(repeating: "0", count: max(6 - digits.count, 0))
    return "\(directory)/\(stem).\(zeros)\(digits)\(suffix)"
  }

  /// Path of the note that says which query writes here.
  var ownerPath: String { "\(directory)/.\(stem)\(suffix).millrace" }

  /// The whole, for people.
  var pattern: String { "\(directory)/\(stem).*\(suffix)" }

  /// The number in a file's name, nil for other files.
  func number(_ file: String) -> Int64? {
    guard file.hasPrefix(stem + "."), file.hasSuffix(suffix) else { return nil }
    let digits = file.dropFirst(stem.count + 1).dropLast(suffix.count)
    guard digits.count >= 6, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    guard let number = Int64(digits), path(number) == "\(directory)/\(file)" else { return nil }
    return number
  }
}
