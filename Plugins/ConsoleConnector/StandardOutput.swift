import Glibc
import MillraceCore

/// The process's standard output.
enum StandardOutput {
  /// Writes all bytes, with one call as long as the system takes them so.
  static func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard let base = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let put = Glibc.write(STDOUT_FILENO, base + done, bytes.count - done)
      if put < 0 {
        if errno == EINTR { continue }
        throw MillraceError(
          "SINK_FAILED", "writing to standard output: \(String(cString: strerror(errno)))", fault: .external)
      }
      done += put
    }
  }
}
