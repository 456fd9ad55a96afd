import ArgumentParser
import MillraceCore
import MillracePipeline

/// `millrace fmt`.
struct FormatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fmt", abstract: "Lays out pipeline files in one style; comments stay.",
    discussion: """
      Files are changed in place, and those that were are named.

      Examples:
        millrace fmt
        millrace fmt pipelines/*.json
        millrace fmt --check              (changes nothing; exit status 1 where a file is laid out otherwise)
      """)

  @Argument(help: "The pipeline files.", completion: .file(extensions: ["json"]))
  var files: [String] = ["connectors.json"]

  @Flag(help: "Change nothing, name the files that would be.")
  var check = false

  func run() throws {
    let context = CommandContext.current
    var differing = 0
    for path in files {
      let bytes = try context.bytes(of: path)
      let text = Array(try PipelineFormatter.format(bytes, file: path).utf8)
      if text == bytes { continue }
      differing += 1
      Terminal.print(path)
      if !check { try write(text, to: path, context.environment.files) }
    }
    if check, differing > 0 { throw CommandFailure(status: .failed) }
  }

  private func write(_ text: [UInt8], to path: String, _ files: any FileSystem) throws {
    let file = try files.open(path, .update)
    defer { try? file.close() }
    try text.withUnsafeBytes { try file.write($0, at: 0) }
    try file.truncate(to: Int64(text.count))
    try file.sync()
  }
}
