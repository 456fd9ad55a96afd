import Glibc
import MillraceCore

/// Errors of the engine itself.
enum MillraceErrors {
  static func thread(_ name: String, _ number: Int32) -> MillraceError {
    MillraceError(
      "THREAD_START_FAILED", "starting the thread '\(name)': \(String(cString: strerror(number)))", fault: .external)
  }
}
