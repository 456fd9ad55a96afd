import MillraceCore
import MillraceExecution
import MillracePipeline

/// Where `run --profile` writes to: a file for programs, or standard error for people.
enum ProfileFile {
  case standardError
  case file(path: String, any FileSystem)

  /// `-` is standard error. A file that cannot be written is complained about before anything runs.
  init(_ path: String, _ files: any FileSystem) throws {
    if path == "-" {
      self = .standardError
      return
    }
    try files.open(path, .update).close()
    self = .file(path: path, files)
  }

  /// Writes a document over what the file held, or the tree.
  func write(_ profile: RunProfile) throws {
    switch self {
    case .standardError: Terminal.error("\n\(profile.text)")
    case .file(let path, let files):
      let file = try files.open(path, .create)
      defer { try? file.close() }
      try Array("\(Terminal.redacted(profile.json.prettyText))\n".utf8).withUnsafeBytes { try file.write($0, at: 0) }
    }
  }
}
