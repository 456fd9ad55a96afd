import MillraceCore
import MillraceStreaming
import Synchronization

/// Where `run --progress` writes what each batch did: lines of JSON, appended to a file or on standard output.
final class ProgressFile: StreamingQueryListener {
  private struct Target: Sendable {
    /// Nil for standard output.
    var file: (any File)?
    var end: Int64 = 0
    var failure: (any Error)?
  }

  private let target: Mutex<Target>

  /// `-` is standard output. A file that cannot be written is complained about before anything runs.
  init(_ path: String, _ files: any FileSystem) throws {
    guard path != "-" else {
      target = Mutex(Target())
      return
    }
    let file = try files.open(path, .update)
    target = Mutex(Target(file: file, end: try file.status().size))
  }

  /// Why a line could not be written; queries do not stop for that.
  var failure: (any Error)? { target.withLock(\.failure) }

  /// Writes a line, with the others' at its side whole.
  func onQueryProgress(_ progress: StreamingQueryProgress) {
    let line = Terminal.redacted(progress.json.text)
    target.withLock { target in
      guard let file = target.file else { return Terminal.print(line) }
      if target.failure != nil { return }
      let bytes = Array("\(line)\n".utf8)
      do {
        try bytes.withUnsafeBytes { try file.write($0, at: target.end) }
        target.end += Int64(bytes.count)
      } catch {
        target.failure = error
      }
    }
  }
}
