import MillraceCore
import MillracePipeline

/// What the process's exit status says.
enum ExitStatus: Int32 {
  case success = 0
  /// Something outside failed: a file system, a peer, another process; or Millrace itself.
  case failed = 1
  /// The command line was not understood.
  case usage = 2
  /// The pipeline file, a query or an option is wrong; nothing ran.
  case configuration = 3
  /// The data stopped a running query.
  case data = 4
  /// A second signal stopped the process before it had finished the batch in progress.
  case interrupted = 130

  /// The status for an error before anything runs; nil if the error is none of ours.
  init?(of error: any Error) {
    switch error {
    case is PipelineFileError: self = .configuration
    case let error as MillraceError: self = error.fault == .user ? .configuration : .failed
    default: return nil
    }
  }

  /// Errors about what a pipeline file says of a table.
  private static let aboutTables: Set<String> = [
    "SINK_KEYS_MISSING", "SINK_SCHEMA_MISMATCH", "SINK_TABLE_NOT_FOUND", "SOURCE_SCHEMA_MISMATCH",
    "SOURCE_TABLE_NOT_FOUND",
  ]

  /// The status for an error of a running query.
  init(running error: any Error) {
    guard let error = error as? MillraceError else {
      self = .failed
      return
    }
    // Paths and tables are looked at only when a query runs, but it is the pipeline file that is wrong; damaged input is nobody's fault
    // here.
    if error.code.hasPrefix("PATH_") || Self.aboutTables.contains(error.code) {
      self = .configuration
    } else if error.code.hasPrefix("GZIP_") {
      self = .data
    } else {
      self = error.fault == .user ? .data : .failed
    }
  }
}

/// The end of a command that has said already what went wrong.
struct CommandFailure: Error {
  var status: ExitStatus
}
